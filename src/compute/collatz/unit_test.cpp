#include "compute/collatz/unit.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compute/collatz/units_test_util.h"

namespace kith::compute::collatz {
namespace {

RC_GTEST_PROP(Unit, EncodingRoundTrips, ()) {
  const Unit unit = any_unit();
  RC_ASSERT(check_unit(unit).has_value());
  const Bytes bytes = encode_unit(unit);
  RC_ASSERT(bytes.size() == 44u);
  RC_ASSERT(decode_unit(bytes).value() == unit);
  const auto cut = static_cast<std::size_t>(*rc::gen::inRange(0, 44));
  RC_ASSERT(!decode_unit(ByteView(bytes).first(cut)));
  Bytes longer = bytes;
  longer.push_back(0);
  RC_ASSERT(!decode_unit(longer));
}

TEST(Unit, BytesAreWhatTheyWere) {
  EXPECT_EQ(base::to_hex(encode_unit(region_unit(51, U128{1} << 20, 12345))),
            "01331c0a0000000000003039000000000000000000000000001000000000000000012000"
            "0000000000000001");
}

TEST(Unit, RefusesWhatItCannotHold) {
  const Unit good{20, 20, 4, 0, 1, 100, {}};
  ASSERT_TRUE(check_unit(good));
  const auto refused = [&](auto change) {
    Unit unit = good;
    change(unit);
    const auto checked = check_unit(unit);
    return !checked && checked.error().code == Code::usage && !decode_unit(encode_unit(unit));
  };
  EXPECT_TRUE(refused([](Unit& u) { u.sieve_bits = 0; }));
  EXPECT_TRUE(refused([](Unit& u) { u.sieve_bits = 61; }));
  EXPECT_TRUE(refused([](Unit& u) { u.free_bits = 21; }));
  EXPECT_TRUE(refused([](Unit& u) { u.free_bits = 0; }));
  EXPECT_TRUE(refused([](Unit& u) { u.slice_bits = 11; }));
  EXPECT_TRUE(refused([](Unit& u) { u.fixed = 1; }));
  EXPECT_TRUE(refused([](Unit& u) { u.a_first = 0; }));
  EXPECT_TRUE(refused([](Unit& u) { u.a_first = u128_max; }));
  EXPECT_TRUE(refused([](Unit& u) { u.a_first = (U128{1} << 107) - 99; }));
  EXPECT_TRUE(refused([](Unit& u) { u.a_count = 0; }));
  EXPECT_TRUE(refused([](Unit& u) { u.map.increment = 2; }));
  EXPECT_TRUE(refused([](Unit& u) { u.map.increment = 3; }));
  EXPECT_TRUE(refused([](Unit& u) { u.map.increment = 83; }));
}

TEST(Unit, ConsecutiveUnitsAreBarinas) {
  const Unit unit = consecutive_unit(std::uint64_t{1} << 31);
  ASSERT_TRUE(check_unit(unit));
  EXPECT_TRUE(unit.start() == U128{1} << 71);
  EXPECT_TRUE(unit.numbers() == U128{1} << 40);
  EXPECT_TRUE(check_unit(region_unit(51, U128{1} << 20, 0)));
  EXPECT_TRUE(region_unit(51, U128{1} << 20, 0).numbers() == U128{9} << 41);
}

// Rule 2: what it removes is reached from a smaller number.
RC_GTEST_PROP(Unit, NumbersRemovedByNineHaveASmallerPredecessor, ()) {
  Unit unit = any_unit();
  const NinePatterns patterns = nine_patterns(unit);
  const std::uint64_t b = *rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << unit.free_bits);
  const U128 n = (unit.a_first << unit.sieve_bits) + b;
  const auto& kept = patterns[static_cast<std::size_t>(n % 9)].offsets;
  if (std::ranges::find(kept, 0) != kept.end()) return;
  const U128 q = unit.map.increment;
  RC_PRE(n > 2 * q);
  const U128 once = (2 * n - q) / 3;
  bool is_reached = once < n && step(unit.map, once) == n;
  // (8n - 5q) / 9, wherever within rounding.
  const U128 near = n / 9 * 8;
  for (U128 m = near > 60 ? near - 60 : 1; m < near + 9 && !is_reached; ++m) {
    is_reached = m < n && step(unit.map, step(unit.map, step(unit.map, m))) == n;
  }
  RC_ASSERT(is_reached);
}

}  // namespace
}  // namespace kith::compute::collatz
