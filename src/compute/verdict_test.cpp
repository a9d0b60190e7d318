#include "compute/verdict.h"

#include <gtest/gtest.h>

#include "compute/workload_collatz.h"
#include "compute/workload_goldbach.h"

namespace kith::compute {
namespace {

using collatz::U128;

class Goes final : public Progress {
 public:
  bool go_on(std::uint64_t, std::uint64_t) override { return true; }
};

std::array<std::uint8_t, 16> bytes_of(U128 number) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 16; i-- > 0; number >>= 8) bytes[i] = static_cast<std::uint8_t>(number);
  return bytes;
}

VerdictPlace collatz_place(const CollatzParams& params, std::uint64_t task = 0,
                           std::uint16_t unit = 0, std::uint16_t slice = 0) {
  return {1, encode_params(params), {task}, unit, slice};
}
VerdictPlace goldbach_place(const GoldbachParams& params, std::uint16_t unit = 0,
                            std::uint16_t slice = 0) {
  return {2, encode_params(params), {0}, unit, slice};
}
GoldbachParams small_goldbach() {
  GoldbachParams params;
  params.first = 1'000;
  params.units = 4;
  params.slices = 2;
  params.unit_numbers = 8;
  params.numbers = 32;
  return params;
}

TEST(Verdict, IsWhatAnyHonestMachineComesTo) {
  const CollatzParams params{{11, 8, 2, 0, 9, 40, {}}, 4, 6};
  const CollatzWorkload reference(collatz::KernelKind::reference);
  Goes goes;
  const VerdictPlace place = collatz_place(params, 5, 3, 2);
  const Bytes unit = reference.unit_of(place.params, {5}, 3).value();
  EXPECT_EQ(verdict_on_slice(place).value(),
            reference.digest(unit, 2, reference.run(unit, 2, goes).value()));
  EXPECT_NE(verdict_on_slice(place).value(),
            verdict_on_slice(collatz_place(params, 5, 3, 1)).value());
  const GoldbachWorkload goldbach;
  const VerdictPlace even = goldbach_place(small_goldbach(), 2, 1);
  const Bytes even_unit = goldbach.unit_of(even.params, {0}, 2).value();
  EXPECT_EQ(verdict_on_slice(even).value(),
            goldbach.digest(even_unit, 1, goldbach.run(even_unit, 1, goes).value()));
}

TEST(Verdict, PlacesThatAreNoneHaveNone) {
  const CollatzParams params{{11, 8, 2, 0, 9, 40, {}}, 4, 6};
  EXPECT_EQ(verdict_on_slice(collatz_place(params, 6)).error().code, Code::usage);
  EXPECT_EQ(verdict_on_slice(collatz_place(params, 0, 4)).error().code, Code::usage);
  EXPECT_EQ(verdict_on_slice(collatz_place(params, 0, 0, 4)).error().code, Code::usage);
  EXPECT_EQ(verdict_on_slice({128, {}, {0}, 0, 0}).error().code, Code::unsupported);
  EXPECT_EQ(verdict_on_slice({3, {}, {0}, 0, 0}).error().code, Code::unsupported);
  EXPECT_FALSE(verdict_on_slice({1, {1, 2, 3}, {0}, 0, 0}));
  EXPECT_FALSE(verdict_on_find({2, {1, 2, 3}, {0}, 0, 0}, {}, Find::Kind::counterexample));
}

// Hostile parameters: each of these would keep a processor busy for hours or more.
TEST(Verdict, WhatWouldTakeTooLongIsNotBegun) {
  const auto code_of = [](const VerdictPlace& place) {
    return verdict_on_slice(place).error().code;
  };
  const std::uint64_t most = collatz::Unit::a_count_max;
  EXPECT_EQ(code_of(collatz_place({{36, 36, 0, 0, 1, most, {}}, 4, 1})), Code::limit);
  EXPECT_EQ(code_of(collatz_place({{36, 36, 0, 0, 1, 4, {}}, 4, 1})), Code::limit);
  EXPECT_EQ(code_of(collatz_place({{20, 20, 0, 0, 1, 1 << 10, {29}}, 4, 1})), Code::limit);
  GoldbachParams large = small_goldbach();
  large.unit_numbers = GoldbachParams::unit_numbers_max;
  large.numbers = 4ULL * large.unit_numbers;
  EXPECT_EQ(code_of(goldbach_place(large)), Code::limit);
}

// As docs/design/compute-ledger.md has it, and as `kith compute submit` makes them.
TEST(Verdict, UsualJobsAreWithinTheBounds) {
  const auto is_within = [](const collatz::Unit& unit) {
    const U128 numbers = unit.numbers() >> unit.slice_bits;
    return numbers >> (2 + unit.sieve_bits / 6) <= verdict_candidates_max;
  };
  EXPECT_TRUE(is_within({51, 26, 4, 0, U128{1} << 20, 1 << 14, {}}));
  EXPECT_TRUE(is_within(collatz::region_unit(51, U128{1} << 20, 0)));
  const auto range = collatz_params_of_range(U128{1} << 71, (U128{1} << 71) + (U128{1} << 40) - 1);
  ASSERT_TRUE(range.has_value());
  EXPECT_TRUE(is_within(range->first));
  GoldbachParams params;
  EXPECT_LE(params.unit_numbers / params.slices, verdict_even_numbers_max);
}

TEST(Verdict, ACounterexampleIsOneInItsUnitAlone) {
  const CollatzParams params{{8, 8, 1, 0, 8, 8, {29}}, 1, 2};
  const auto says = [&](std::uint64_t task, U128 number) {
    return verdict_on_find(collatz_place(params, task), bytes_of(number),
                           Find::Kind::counterexample)
        .value();
  };
  EXPECT_TRUE(says(0, 2531));  // the planted one (workload_test.cpp)
  EXPECT_FALSE(says(1, 2531)) << "of another unit: somebody else's find";
  EXPECT_FALSE(says(0, 2530));
  EXPECT_FALSE(says(0, 5)) << "below all units";
  EXPECT_FALSE(says(0, ~U128{0}));
  GoldbachParams low = small_goldbach();
  low.limit = 3;  // hides most primes
  EXPECT_TRUE(
      verdict_on_find(goldbach_place(low), bytes_of(1'002), Find::Kind::counterexample).value());
  EXPECT_FALSE(
      verdict_on_find(goldbach_place(low, 1), bytes_of(1'002), Find::Kind::counterexample).value());
  EXPECT_FALSE(
      verdict_on_find(goldbach_place(low), bytes_of(1'003), Find::Kind::counterexample).value());
  EXPECT_FALSE(
      verdict_on_find(goldbach_place(small_goldbach()), bytes_of(1'002), Find::Kind::counterexample)
          .value());
}

TEST(Verdict, ARecordPeaksAboveTheLastKnownOne) {
  // 2^100 - 1 climbs to 3^100 and beyond.
  const U128 high = (U128{1} << 100) - 1;
  const std::uint64_t task = (std::uint64_t{1} << 22) - 1;
  const CollatzParams params{{30, 8, 2, 0, high >> 30, 80, {}}, 1, task + 1};
  const auto says = [&](U128 number) {
    return verdict_on_find(collatz_place(params, task), bytes_of(number), Find::Kind::record)
        .value();
  };
  EXPECT_TRUE(says(high));
  EXPECT_FALSE(says(high + 0x3fff'ff01)) << "in the unit, and comes down soon";
  EXPECT_FALSE(
      verdict_on_find(goldbach_place(small_goldbach()), bytes_of(1'000), Find::Kind::record)
          .value());
}

}  // namespace
}  // namespace kith::compute
