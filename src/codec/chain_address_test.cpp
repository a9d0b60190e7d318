#include "codec/chain_address.h"

#include <rapidcheck.h>

#include "codec/bech32m.h"
#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

const Hash lock = test::identity(1).lock;

TEST(ChainAddress, GoldenVectors) {
  const auto lines = golden_lines("chain_address.txt");
  for (const GoldenLine& line : lines) {
    SCOPED_TRACE(line[2]);
    Hash bytes;
    std::ranges::copy(unhex(line[1]), bytes.begin());
    EXPECT_EQ(encode_address(line[0], bytes), line[2]);
    EXPECT_EQ(decode_address(line[0], line[2]).value(), bytes);
  }
}

TEST(ChainAddress, SaysWhatIsWrong) {
  const std::string good = encode_address("kith", lock);
  EXPECT_EQ(good.size(), 64u);
  EXPECT_EQ(decode_address("kith", good).value(), lock);
  const auto foreign = decode_address("kitht", good);
  ASSERT_FALSE(foreign);
  EXPECT_NE(foreign.error().message.find("\"kith\""), std::string::npos);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'q' ? 'p' : 'q';
    EXPECT_FALSE(decode_address("kith", bad)) << i;
  }
  std::vector<std::uint8_t> values = five_bits_of(lock);
  values.insert(values.begin(), 1);
  EXPECT_EQ(decode_address("kith", encode_bech32m({"kith", values})).error().code,
            Code::unsupported);
  values = five_bits_of(ByteView(lock).first(31));
  values.insert(values.begin(), 0);
  EXPECT_EQ(decode_address("kith", encode_bech32m({"kith", values})).error().code, Code::malformed);
  EXPECT_EQ(decode_address("kith", encode_bech32m({"kith", {}})).error().code, Code::malformed);
}

TEST(ChainAddress, AnyLockComesBack) {
  EXPECT_TRUE(rc::check([](const Hash& any, const std::string& noise) {
    RC_ASSERT(decode_address("kitht", encode_address("kitht", any)).value() == any);
    RC_ASSERT(!decode_address("kith", noise));
  }));
}

}  // namespace
}  // namespace kith::codec
