#include "compute/collatz/sieve.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "compute/collatz/units_test_util.h"

namespace kith::compute::collatz {
namespace {

std::vector<std::uint64_t> live_residues(const Unit& unit) {
  const Plan plan(unit);
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
  std::vector<std::uint64_t> expected;
  for (std::uint64_t low = 0; low < (std::uint64_t{1} << unit.free_bits); ++low) {
    const std::uint64_t b = (unit.fixed << unit.free_bits) | low;
    if (is_live(unit.map, b, unit.sieve_bits)) expected.push_back(b);
  }
  RC_ASSERT(live_residues(unit) == expected);
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

// Soundness: whatever is sieved falls below itself, or meets its smaller neighbour.
RC_GTEST_PROP(Sieve, SievedNumbersNeedNoTest, ()) {
  const unsigned bits = *rc::gen::inRange(1u, 40u);
  const std::uint64_t b = *rc::gen::arbitrary<std::uint64_t>() & ((std::uint64_t{1} << bits) - 1);
  const Map map{*rc::gen::element<std::uint64_t>(1, 5, 7)};
  RC_PRE(!is_live(map, b, bits));
  for (std::uint64_t a = 1; a < 20; ++a) {
    const U128 n = (U128{a} << bits) + b;
    U128 at = n;
    U128 neighbour = n - 1;
    bool is_settled = false;
    for (unsigned k = 0; k < bits && !is_settled; ++k) {
      at = step(map, at);
      neighbour = step(map, neighbour);
      is_settled = at < n || at == neighbour;
    }
    RC_ASSERT(is_settled);
  }
}

TEST(Sieve, LivesAsOftenAsOthersFound) {
  // Residues of 28 bits under 3n + 1 with merging of direct neighbours.
  const Unit unit{28, 28, 10, 0, 1, 1, {}};
  const Plan plan(unit);
  std::uint64_t live = 0;
  std::uint64_t largest = 0;
  for (std::uint32_t slice = 0; slice < unit.slices(); ++slice) {
    std::uint64_t of_slice = 0;
    LeafWalk walk(plan, slice);
    for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
      of_slice += leaves.size();
    }
    live += of_slice;
    largest = std::max(largest, of_slice);
  }
  EXPECT_EQ(live, 2890278u);
  EXPECT_LT(largest * unit.slices(), 2 * live);  // no slice is twice the mean
}

TEST(Sieve, UnitsOfARegionAreAllOfIt) {
  std::uint64_t in_parts = 0;
  for (std::uint64_t fixed = 0; fixed < 64; ++fixed) {
    in_parts += live_residues({18, 12, 2, fixed, 1, 1, {}}).size();
  }
  EXPECT_EQ(in_parts, live_residues({18, 18, 0, 0, 1, 1, {}}).size());
}

}  // namespace
}  // namespace kith::compute::collatz
