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

TEST(Multihash, A60Refuses) {
  const auto code_of = [](const std::string& hex) {
    const auto hash = decode_multihash(unhex(hex));
    EXPECT_FALSE(hash) << hex;
    return hash ? Code::internal : hash.error().code;
  };
  EXPECT_EQ(code_of("-"), Code::truncated);
  EXPECT_EQ(code_of("1203010203"), Code::malformed);  // sha2-256 cut to 3 bytes
  EXPECT_EQ(code_of("1300"), Code::malformed);        // sha2-512 of nothing
  EXPECT_EQ(code_of("1101ff"), Code::unsupported);    // sha1
  EXPECT_EQ(code_of("b2200100"), Code::unsupported);  // blake2b
  EXPECT_EQ(code_of("000201"), Code::truncated);
  EXPECT_EQ(code_of("00010101"), Code::malformed);  // a byte too many
  EXPECT_EQ(code_of("800001ff"), Code::malformed);  // code not minimal
  EXPECT_EQ(code_of("00ffffffffffffffff7f"), Code::too_large);
  EXPECT_EQ(code_of("007f" + std::string(254, '0')), Code::too_large);  // 129 bytes
}

}  // namespace
}  // namespace kith::codec
