#include "codec/multihash.h"

#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

TEST(Multihash, RoundTrip) {
  for (const auto& [code, size] : {std::pair(HashCode::identity, std::size_t{0}),
                                   std::pair(HashCode::identity, std::size_t{126}),
                                   std::pair(HashCode::sha2_256, std::size_t{32}),
                                   std::pair(HashCode::sha2_512, std::size_t{64})}) {
    const Bytes digest(size, 7);
    Bytes bytes;
    append_multihash(bytes, code, digest);
    const auto hash = decode_multihash(bytes);
    ASSERT_TRUE(hash);
    EXPECT_EQ(hash->code, code);
    EXPECT_TRUE(base::equal(hash->digest, digest));
    // Every cut and every addition is refused.
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_FALSE(decode_multihash(ByteView(bytes).first(cut))) << cut;
    }
    bytes.push_back(0);
    EXPECT_FALSE(decode_multihash(bytes));
  }
}

TEST(Multihash, A60GoldenVectorsAndRefusals) {
  for (const GoldenLine& line : golden_lines("multihash.txt")) {
    SCOPED_TRACE(line.back());
    const Bytes bytes = unhex(line.back());
    const auto hash = decode_multihash(bytes);
    if (line[0] == "bad") {
      ASSERT_FALSE(hash);
      EXPECT_EQ(base::name_of(hash.error().code), line[1]);
      continue;
    }
    ASSERT_TRUE(hash) << base::to_string(hash.error());
    EXPECT_EQ(static_cast<std::uint64_t>(hash->code), std::stoull(line[1]));
    EXPECT_EQ(base::to_bytes(hash->digest), unhex(line[2]));
    Bytes written;
    append_multihash(written, hash->code, hash->digest);
    EXPECT_EQ(written, bytes);
  }
}

}  // namespace
}  // namespace kith::codec
