#include "codec/peer_id.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "codec/public_key.h"
#include "crypto/hash.h"

namespace kith::codec {
namespace {

TEST(PeerId, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("peer_id.txt")) {
    SCOPED_TRACE(line.back());
    const auto from_last = peer_id_from_text(line.back());
    if (line[0] == "bad") {
      ASSERT_FALSE(from_last);
      EXPECT_EQ(from_last.error().code, Code::malformed);
      continue;
    }
    const std::size_t at = line[0] == "key" ? 2 : 1;  // where the id's bytes are
    const auto id = peer_id_from_bytes(unhex(line[at]));
    ASSERT_TRUE(id) << to_string(id.error());
    EXPECT_EQ(base::to_hex(id->bytes()), line[at]);
    EXPECT_EQ(to_text(*id), line[at + 1]);
    EXPECT_EQ(peer_id_from_text(line[at + 1]), *id);
    EXPECT_EQ(from_last, *id);
    if (line[0] != "key") continue;
    const auto key = decode_public_key(unhex(line[1]));
    ASSERT_TRUE(key) << to_string(key.error());
    EXPECT_EQ(peer_id_of(*key), *id);
    const auto inside = key_inside(*id);
    EXPECT_EQ(inside.has_value(), id->bytes()[0] == 0);
    if (inside) EXPECT_EQ(*inside, *key);
  }
}

TEST(PeerId, NodeIdIsTheHashOfTheRawKey) {
  const crypto::PublicKey key{crypto::KeyType::ed25519, Bytes(32, 9)};
  EXPECT_EQ(node_id_of(key).bytes, crypto::sha256(key.data));
  EXPECT_EQ(to_text(node_id_of(key)), base::to_hex(crypto::sha256(key.data)));
}

TEST(PeerId, BytesAreChecked) {
  EXPECT_FALSE(peer_id_from_bytes({}));
  Bytes bytes{0x00, 42};
  bytes.resize(44, 1);
  EXPECT_TRUE(peer_id_from_bytes(bytes));
  bytes[1] = 43;
  bytes.push_back(1);
  EXPECT_FALSE(peer_id_from_bytes(bytes));
  Bytes hash{0x12, 0x20};
  hash.resize(34, 1);
  EXPECT_TRUE(peer_id_from_bytes(hash));
  hash.push_back(1);
  EXPECT_FALSE(peer_id_from_bytes(hash));
  hash.resize(33);
  EXPECT_FALSE(peer_id_from_bytes(hash));
}

TEST(PeerId, NoKeyInsideWhatIsNone) {
  EXPECT_FALSE(key_inside(PeerId()));
  const auto id = peer_id_from_bytes(Bytes{0x00, 0x03, 1, 2, 3});
  ASSERT_TRUE(id);
  EXPECT_FALSE(key_inside(*id));
}

TEST(PeerId, HostileText) {
  EXPECT_FALSE(peer_id_from_text(std::string(1'000'000, '1')));
  EXPECT_FALSE(peer_id_from_text("Qm" + std::string(1'000'000, 'z')));
  EXPECT_FALSE(peer_id_from_text("b" + std::string(1'000'000, 'a')));
  EXPECT_FALSE(peer_id_from_text(std::string_view("\0\0", 2)));
  const auto id = peer_id_from_text("12D3\x1b[31m\n");
  ASSERT_FALSE(id);
  for (const char c : id.error().message) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
  const std::string good = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";
  EXPECT_TRUE(peer_id_from_text(good));
  EXPECT_FALSE(peer_id_from_text(" " + good));
  EXPECT_FALSE(peer_id_from_text(good + "\n"));
}

TEST(PeerId, RoundTrip) {
  ASSERT_TRUE(rc::check([] {
    Bytes bytes = *rc::gen::container<Bytes>(*rc::gen::inRange<std::size_t>(1, 43),
                                             rc::gen::arbitrary<std::uint8_t>());
    bytes.insert(bytes.begin(), {0x00, static_cast<std::uint8_t>(bytes.size())});
    const auto id = peer_id_from_bytes(bytes);
    RC_ASSERT(id.has_value());
    RC_ASSERT(peer_id_from_text(to_text(*id)).value() == *id);
  }));
}

}  // namespace
}  // namespace kith::codec
