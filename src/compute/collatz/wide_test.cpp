#include "compute/collatz/wide.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace kith::compute::collatz {
namespace {

U128 any_wide() {
  const U128 wide =
      (U128{*rc::gen::arbitrary<std::uint64_t>()} << 64) | *rc::gen::arbitrary<std::uint64_t>();
  return wide >> *rc::gen::inRange(0, 128);
}

TEST(Wide, ChecksAtTheEdge) {
  EXPECT_FALSE(checked_add(u128_max, 1));
  EXPECT_TRUE(checked_add(u128_max - 1, 1) == u128_max);
  EXPECT_FALSE(checked_mul(u128_max / 3 + 1, 3));
  EXPECT_TRUE(checked_mul(u128_max / 3, 3) == u128_max / 3 * 3);
  EXPECT_FALSE(checked_mul_add(u128_max / 3, 3, 1));  // 2^128 - 1 is a multiple of 3
  EXPECT_EQ(bit_width(u128_max), 128u);
  EXPECT_EQ(bit_width(U128{1} << 64), 65u);
  EXPECT_EQ(bit_width(U128{0}), 0u);
  // The last power of three that fits.
  EXPECT_FALSE(checked_mul(power3(power3_max), 3));
  EXPECT_TRUE(checked_mul(power3(power3_max - 1), 3) == power3(power3_max));
}

RC_GTEST_PROP(Wide, BigAgreesWithShorterIntegers, ()) {
  const U128 value = any_wide() >> 65;
  const auto factor = *rc::gen::arbitrary<std::uint32_t>();
  const auto addend = *rc::gen::arbitrary<std::uint32_t>();
  const unsigned shift = *rc::gen::inRange(0u, 127u);
  Big big(value);
  RC_ASSERT(big.mul_add(factor, addend));
  RC_ASSERT(big == Big(value * factor + addend));
  big.shift_right(shift);
  RC_ASSERT(big.small() == (value * factor + addend) >> shift);
  RC_ASSERT(big.bit_width() == bit_width((value * factor + addend) >> shift));
  const U128 other = any_wide() >> 2;
  RC_ASSERT((Big(value) < Big(other)) == (value < other));
  RC_ASSERT(parse_number(to_decimal(value + 1)).value() == value + 1);
}

RC_GTEST_PROP(Wide, BigProductsDivideBack, ()) {
  const U128 a = any_wide();
  const U128 b = any_wide();
  auto product = big_mul_add(a, b, 0);
  RC_ASSERT(product.has_value());
  const auto divisor = *rc::gen::nonZero<std::uint64_t>();
  Big scaled = *product;
  RC_ASSERT(scaled.mul_add(divisor, divisor - 1));
  RC_ASSERT(scaled.divide(divisor) == divisor - 1);
  RC_ASSERT(scaled == *product);
  if (const auto small = checked_mul(a, b); small) {
    RC_ASSERT(product->small() == small);
  } else {
    RC_ASSERT(product->bit_width() > 128);
  }
}

TEST(Wide, BigSaysWhenItIsFull) {
  Big value(U128{1});
  for (unsigned i = 0; i < Big::bits_max - 1; ++i) ASSERT_TRUE(value.mul_add(2, 0));
  EXPECT_EQ(value.bit_width(), Big::bits_max);
  const Big before = value;
  EXPECT_FALSE(value.mul_add(2, 0));
  EXPECT_FALSE(value.add(before));
  EXPECT_EQ(value, before);
  value.shift_right(Big::bits_max - 1);
  EXPECT_EQ(value, Big(U128{1}));
}

TEST(Wide, ReadsNumbersAsTheyAreWritten) {
  const std::pair<const char*, U128> good[] = {
      {"1", 1},
      {"1000000", 1000000},
      {"1e6", 1000000},
      {"12e2", 1200},
      {"2^71", U128{1} << 71},
      {"2^71+5", (U128{1} << 71) + 5},
      {"2^71-1", (U128{1} << 71) - 1},
      {"10^3", 1000},
      {"2^126", U128{1} << 126},
      {"170141183460469231731687303715884105727", (U128{1} << 127) - 1}};
  for (const auto& [text, value] : good) {
    const auto read = parse_number(text);
    ASSERT_TRUE(read) << text;
    EXPECT_TRUE(*read == value) << text;
  }
  for (const char* text : {"",
                           "0",
                           "-1",
                           "+1",
                           "1.5",
                           "1e",
                           "e5",
                           "1e400",
                           "2^",
                           "2^127",
                           "2^128",
                           "2^999999999999",
                           "1 ",
                           " 1",
                           "0x10",
                           "1e6+1",
                           "2^5-32",
                           "2^5-33",
                           "2^71+",
                           "2^71+-1",
                           "2^7^2",
                           "1e2e2",
                           "999999999999999999999999999999999999999999",
                           "nan",
                           "2^71+5+5",
                           "1,000"}) {
    const auto read = parse_number(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::usage);
    EXPECT_TRUE(read.error().message.find(text) != std::string::npos) << text;
  }
}

}  // namespace
}  // namespace kith::compute::collatz
