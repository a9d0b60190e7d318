#include "compute/collatz/barina.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace kith::compute::collatz {
namespace {

std::uint64_t live_classes(unsigned bits) {
  const BarinaUnit unit(1, bits);
  const Plan plan(Unit{bits, bits, 0, 0, 1, 1, {}}, Ways::down);
  std::uint64_t live = 0;
  LeafWalk walk(plan, 0);
  for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
    live += static_cast<std::uint64_t>(
        std::ranges::count_if(leaves, [&](const Leaf& leaf) { return unit.is_live(leaf); }));
  }
  return live;
}

TEST(Barina, HisSieveHasItsCounts) {
  EXPECT_EQ(live_classes(16), 1720u);
  EXPECT_EQ(live_classes(24), 234156u);
}

TEST(Barina, TheNearestNeighboursAreAllThatMeet) {
  // Of 18 bits: every class against all smaller ones.
  constexpr unsigned bits = 18;
  std::map<std::pair<std::uint64_t, unsigned>, std::uint64_t> smallest;
  for (std::uint64_t b = 0; b < (std::uint64_t{1} << bits); ++b) {
    U128 n = b;
    unsigned odd = 0;
    for (unsigned i = 0; i < bits; ++i) {
      odd += static_cast<unsigned>(n & 1);
      n = step({}, n);
    }
    smallest.try_emplace({static_cast<std::uint64_t>(n), odd}, b);
  }
  const BarinaUnit unit(1, bits);
  const Plan plan(Unit{bits, bits, 0, 0, 1, 1, {}}, Ways::down);
  LeafWalk walk(plan, 0);
  for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
    for (const Leaf& leaf : leaves) {
      const std::uint64_t first = smallest.at({static_cast<std::uint64_t>(leaf.d), leaf.odd_steps});
      EXPECT_EQ(unit.is_live(leaf), first == leaf.b) << leaf.b;
    }
  }
}

/// His loop, in his words: runs of odd steps as n + 1 = 2^a m, runs of halvings, then a look.
std::uint64_t odd_steps_until_below(U128 n0, U128 n, U128& peak) {
  std::uint64_t sum = 0;
  bool is_even = (n & 1) == 0;
  while (true) {
    if (!is_even) {
      ++n;
      while ((n & 1) == 0) {
        n = n / 2 * 3;
        ++sum;
      }
      --n;
    }
    is_even = false;
    peak = std::max(peak, n);
    while ((n & 1) == 0) n /= 2;
    if (n < n0) return sum;
  }
}

TEST(Barina, CountsAsHisLoopDoes) {
  constexpr std::uint64_t id = std::uint64_t{1} << 31;  // the first unit above 2^71
  constexpr std::uint32_t slice = 5;
  const BarinaUnit unit(id, 24);
  const BarinaResult result = unit.run(slice);

  const Plan plan(Unit{24, 24, 10, 0, U128{id} << 16, 1 << 16, {}}, Ways::down);
  BarinaResult expected;
  LeafWalk walk(plan, slice);
  for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
    for (const Leaf& leaf : leaves) {
      if (!unit.is_live(leaf)) continue;
      for (std::uint64_t i = 0; i < (1 << 16); ++i) {
        const U128 a = (U128{id} << 16) + i;
        const U128 n0 = (a << 24) + leaf.b;
        const auto nine = static_cast<unsigned>(n0 % 9);
        if (nine == 2 || nine == 4 || nine == 5 || nine == 8) continue;
        ++expected.candidates;
        U128 peak = 0;
        expected.checksum +=
            leaf.odd_steps + odd_steps_until_below(n0, a * power3(leaf.odd_steps) + leaf.d, peak);
        if (peak <= expected.peak) continue;
        expected.peak = peak;
        expected.peak_offset = (i << 24) + leaf.b;
      }
    }
  }
  EXPECT_EQ(result.candidates, expected.candidates);
  EXPECT_EQ(result.checksum, expected.checksum);
  EXPECT_TRUE(result.peak == expected.peak);
  EXPECT_EQ(result.peak_offset, expected.peak_offset);
}

}  // namespace
}  // namespace kith::compute::collatz
