#include "secure/pnet.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "crypto/xsalsa20.h"

namespace kith::secure {
namespace {

constexpr std::string_view digits =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

PresharedKey counting_key() {
  PresharedKey key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  return key;
}

std::string file(std::string_view encoding, std::string_view key, std::string_view end = "\n") {
  std::string text = "/key/swarm/psk/1.0.0/";
  text.append(end).append(encoding).append(end).append(key);
  return text;
}

Code error_of(std::string_view text) {
  const auto key = parse_swarm_key(text);
  EXPECT_FALSE(key.has_value()) << text;
  return key ? Code::internal : key.error().code;
}

TEST(SwarmKey, GoldenFiles) {
  for (const codec::GoldenLine& line : codec::golden_lines("swarm_key.txt")) {
    SCOPED_TRACE(line.back());
    const Bytes bytes = codec::unhex(line.back());
    const std::string text(base::as_text(bytes));
    if (line[0] == "bad") {
      EXPECT_EQ(error_of(text), Code::malformed);
      continue;
    }
    const auto key = parse_swarm_key(text);
    ASSERT_TRUE(key.has_value()) << base::to_string(key.error());
    EXPECT_EQ(base::to_hex(*key), line[1]);
    EXPECT_EQ(format_swarm_key(*key) == text, line[0] == "written");
  }
}

TEST(SwarmKey, RefusesWhatIsNone) {
  const std::string good(digits);
  EXPECT_EQ(error_of(""), Code::malformed);
  EXPECT_EQ(error_of("/key/swarm/psk/2.0.0/\n/base16/\n" + good), Code::malformed);
  EXPECT_EQ(error_of("/key/swarm/psk/1.0.0/"), Code::malformed);
  EXPECT_EQ(error_of("/key/swarm/psk/1.0.0/\n" + good), Code::malformed);
  EXPECT_EQ(error_of(file("/verybadbase/", "Have fun decoding that key")), Code::malformed);
  EXPECT_EQ(error_of(file("/base16/", "")), Code::malformed);
  EXPECT_EQ(error_of(file("/base16/", good.substr(1))), Code::malformed);
  EXPECT_EQ(error_of(file("/base16/", good.substr(2))), Code::malformed);
  EXPECT_EQ(error_of(file("/base16/", good + "00")), Code::malformed);
  EXPECT_EQ(error_of(file("/base16/", "g" + good.substr(1))), Code::malformed);
  EXPECT_EQ(error_of(file("/base16/", good.substr(0, 32) + "\n" + good.substr(32))),
            Code::malformed);
  EXPECT_EQ(error_of(file("/base64/", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")),
            Code::malformed);
  EXPECT_EQ(error_of(file("/base64/", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=")),
            Code::malformed);
  EXPECT_EQ(error_of(file("/base64/", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH*8=")),
            Code::malformed);
  EXPECT_EQ(error_of(file("/bin/", "too short")), Code::malformed);
}

TEST(SwarmKey, ErrorsNeverQuoteTheKey) {
  for (const std::string& text :
       {"/key/swarm/psk/1.0.0/\n" + std::string(digits), std::string(digits),
        file("/base16/", std::string(digits) + "x")}) {
    const auto key = parse_swarm_key(text);
    ASSERT_FALSE(key.has_value());
    EXPECT_EQ(key.error().message.find("0102"), std::string::npos) << key.error().message;
  }
}

// The stream's own vectors are crypto/xsalsa20_test.cpp's; here, that it is that stream under the
// nonce sent, from its first byte on.
TEST(PnetStream, IsXSalsa20UnderItsOwnNonce) {
  SeededRng rng(7);
  PnetStream stream(counting_key(), rng);
  ASSERT_EQ(stream.own_nonce().size(), pnet_nonce_bytes);
  std::array<std::uint8_t, pnet_nonce_bytes> nonce;
  std::copy_n(stream.own_nonce().begin(), nonce.size(), nonce.begin());
  const PresharedKey key = counting_key();
  crypto::XSalsa20 expected(key, nonce);
  Bytes ours(200);
  Bytes theirs(200);
  stream.seal(ours);
  expected.apply(theirs);
  EXPECT_EQ(ours, theirs);
}

struct Connected {
  SeededRng rng{3};
  PnetStream a;
  PnetStream b;

  Connected(const PresharedKey& key_a, const PresharedKey& key_b) : a(key_a, rng), b(key_b, rng) {
    a.take_nonce(b.own_nonce());
    b.take_nonce(a.own_nonce());
  }
};

TEST(PnetStream, CarriesAStreamCutAnywhereBothWays) {
  ASSERT_TRUE(rc::check([] {
    Connected pair(counting_key(), counting_key());
    const auto text = *rc::gen::arbitrary<Bytes>();
    for (int i = 0; i < 4; ++i) {
      PnetStream& from = i % 2 == 0 ? pair.a : pair.b;
      PnetStream& to = i % 2 == 0 ? pair.b : pair.a;
      Bytes bytes = text;
      const auto seal_at = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
      const auto open_at = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
      from.seal(ByteSpan(bytes).first(seal_at));
      from.seal(ByteSpan(bytes).subspan(seal_at));
      to.open(ByteSpan(bytes).first(open_at));
      to.open(ByteSpan(bytes).subspan(open_at));
      RC_ASSERT(bytes == text);
    }
  }));
}

TEST(PnetStream, TakesTheNonceInAnyPieces) {
  SeededRng rng(5);
  PnetStream a(counting_key(), rng);
  PnetStream b(counting_key(), rng);
  Bytes wire = base::to_bytes(a.own_nonce());
  Bytes text(100, 0x61);
  Bytes sealed = text;
  a.seal(sealed);
  base::append(wire, sealed);
  for (std::size_t i = 0; i < pnet_nonce_bytes - 1; ++i) {
    EXPECT_EQ(b.take_nonce(ByteView(wire).subspan(i, 1)), 1u);
    EXPECT_FALSE(b.has_peer_nonce());
  }
  // Of what comes with the last byte it takes no more than that byte.
  EXPECT_EQ(b.take_nonce(ByteView(wire).subspan(pnet_nonce_bytes - 1)), 1u);
  EXPECT_TRUE(b.has_peer_nonce());
  EXPECT_EQ(b.take_nonce(sealed), 0u);
  b.open(sealed);
  EXPECT_EQ(sealed, text);
}

TEST(PnetStream, AnotherKeyReadsNoise) {
  PresharedKey other = counting_key();
  other[31] ^= 1;
  Connected pair(counting_key(), other);
  const Bytes text = base::to_bytes("/multistream/1.0.0");
  Bytes bytes = text;
  pair.a.seal(bytes);
  EXPECT_NE(bytes, text);
  pair.b.open(bytes);
  EXPECT_NE(bytes, text);
}

TEST(PnetStream, TheTwoDirectionsDiffer) {
  Connected pair(counting_key(), counting_key());
  Bytes there(64);
  Bytes back(64);
  pair.a.seal(there);
  pair.b.seal(back);
  EXPECT_NE(there, back);
}

TEST(PnetStream, OpeningWithoutANonceIsOurBug) {
  SeededRng rng(1);
  PnetStream stream(counting_key(), rng);
  Bytes bytes(4);
  EXPECT_DEATH(stream.open(bytes), "has_peer_nonce");
}

}  // namespace
}  // namespace kith::secure
