#include "compute/collatz/sieve.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "compute/collatz/units_test_util.h"

namespace kith::compute::collatz {
namespace {

std::vector<std::uint64_t> live_residues(const Plan& plan) {
  const Unit& unit = plan.unit();
  std::vector<std::uint64_t> live;
  for (std::uint32_t slice = 0; slice < unit.slices(); ++slice) {
    LeafWalk walk(plan, slice);
    for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
      for (const Leaf& leaf : leaves) {
        EXPECT_EQ(unit.slice_of(leaf.b), slice);
        live.push_back(leaf.b);
      }
    }
  }
  std::ranges::sort(live);
  return live;
}

RC_GTEST_PROP(Sieve, IsItsDefinitionBitByBit, ()) {
  const Unit unit = any_unit();
  const Ways ways = *rc::gen::element(Ways::back, Ways::back, Ways::down);
  std::vector<std::uint64_t> expected;
  for (std::uint64_t low = 0; low < (std::uint64_t{1} << unit.free_bits); ++low) {
    const std::uint64_t b = (unit.fixed << unit.free_bits) | low;
    if (is_live(unit.map, b, unit.sieve_bits, ways)) expected.push_back(b);
  }
  RC_ASSERT(live_residues(Plan(unit, ways)) == expected);
}

RC_GTEST_PROP(Sieve, LeavesKnowWhereTheirNumbersGo, ()) {
  const Unit unit = any_unit();
  const Plan plan(unit);
  LeafWalk walk(plan, 0);
  for (const Leaf& leaf : walk.next()) {
    U128 n = (U128{3} << unit.sieve_bits) + leaf.b;
    for (unsigned i = 0; i < unit.sieve_bits; ++i) n = step(unit.map, n);
    RC_ASSERT(n == 3 * power3(leaf.odd_steps) + leaf.d);
  }
}

/// Whether a number from 1 to below n comes to x by at most eight odd steps among any others; ways
/// that double so often that odd steps cannot bring them below n are not followed.
bool is_reached_from_below(const Map& map, U128 n, U128 x, unsigned odd_steps) {
  if (x < n) return true;
  U128 least = x;
  for (unsigned i = 0; i < odd_steps; ++i) least = (2 * least - std::min<U128>(2 * least, 79)) / 3;
  if (odd_steps == 0 || least >= n) return false;
  if (2 * x > map.increment && (2 * x - map.increment) % 3 == 0 &&
      is_reached_from_below(map, n, (2 * x - map.increment) / 3, odd_steps - 1)) {
    return true;
  }
  return is_reached_from_below(map, n, 2 * x, odd_steps);
}

// Soundness: what is sieved comes to the same number as a smaller one, whatever its a.
RC_GTEST_PROP(Sieve, SievedNumbersNeedNoTest, ()) {
  const unsigned bits = *rc::gen::inRange(1u, 40u);
  const std::uint64_t b = *rc::gen::arbitrary<std::uint64_t>() & ((std::uint64_t{1} << bits) - 1);
  const Map map{*rc::gen::element<std::uint64_t>(1, 5, 7, 79)};
  RC_PRE(!is_live(map, b, bits));
  for (std::uint64_t a = 1; a < 20; ++a) {
    const U128 n = (U128{a} << bits) + b;
    U128 at = n;
    U128 neighbour = n - 1;
    bool is_settled = false;
    for (unsigned k = 0; k < bits && !is_settled; ++k) {
      at = step(map, at);
      neighbour = step(map, neighbour);
      is_settled = at == neighbour || is_reached_from_below(map, n, at, back_steps_max);
    }
    RC_ASSERT(is_settled);
  }
}

std::uint64_t count_live(const Plan& plan, std::uint64_t& largest) {
  std::uint64_t live = 0;
  for (std::uint32_t slice = 0; slice < plan.unit().slices(); ++slice) {
    std::uint64_t of_slice = 0;
    LeafWalk walk(plan, slice);
    for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
      of_slice += leaves.size();
    }
    live += of_slice;
    largest = std::max(largest, of_slice);
  }
  return live;
}

TEST(Sieve, LivesAsOftenAsOthersFound) {
  // Residues of 28 bits under 3n + 1 with merging of direct neighbours, without ways back.
  const Unit unit{28, 28, 10, 0, 1, 1, {}};
  std::uint64_t largest = 0;
  EXPECT_EQ(count_live(Plan(unit, Ways::down), largest), 2890278u);
}

TEST(Sieve, WaysBackLeaveSevenOfTenClasses) {
  const Unit unit{28, 28, 10, 0, 1, 1, {}};
  std::uint64_t largest = 0;
  const std::uint64_t live = count_live(Plan(unit), largest);
  EXPECT_EQ(live, 2023854u);
  EXPECT_LT(10 * largest * unit.slices(), 21 * live);  // no slice is far from the mean
}

// What a plan takes from another is what it would have made itself.
RC_GTEST_PROP(Sieve, PlansShareWhatTheyMay, ()) {
  const Unit first = any_unit();
  Unit second = *rc::gen::arbitrary<bool>() ? first : any_unit();
  second.a_first += 1;
  if (*rc::gen::arbitrary<bool>() && second.sieve_bits > second.free_bits) second.fixed ^= 1;
  RC_ASSERT(live_residues(Plan(second, Plan(first))) == live_residues(Plan(second)));
}

TEST(Sieve, UnitsOfARegionAreAllOfIt) {
  std::uint64_t in_parts = 0;
  for (std::uint64_t fixed = 0; fixed < 64; ++fixed) {
    in_parts += live_residues(Plan({18, 12, 2, fixed, 1, 1, {}})).size();
  }
  EXPECT_EQ(in_parts, live_residues(Plan({18, 18, 0, 0, 1, 1, {}})).size());
}

}  // namespace
}  // namespace kith::compute::collatz
