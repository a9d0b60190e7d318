#include "sim/share_bound.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kith::sim {
namespace {

TEST(ShareBound, OfNothingFoundItIsTheRuleOfThree) {
  // (1 - p)^n = 0.05
  for (const std::uint64_t of : {1u, 7u, 100u, 40'000u}) {
    EXPECT_NEAR(upper_share(0, of), 1 - std::pow(0.05, 1.0 / static_cast<double>(of)), 1e-12) << of;
  }
  EXPECT_NEAR(upper_share(0, 1'000'000), 3.0e-6, 1e-8);
}

TEST(ShareBound, AgreesWithTables) {
  // Quantiles of the beta distribution at 0.95, of found + 1 and of - found.
  EXPECT_NEAR(upper_share(1, 10), 0.394163, 1e-6);
  EXPECT_NEAR(upper_share(5, 10), 0.777559, 1e-6);
  EXPECT_NEAR(upper_share(10, 100), 0.163718, 1e-6);
}

TEST(ShareBound, IsAboveWhatWasCountedAndComesNearerWithMore) {
  EXPECT_EQ(upper_share(3, 3), 1);
  EXPECT_EQ(upper_share(0, 0), 1);
  double before = 1;
  for (std::uint64_t of = 1'000; of <= 1'000'000'000; of *= 10) {
    const double bound = upper_share(of / 500, of);
    EXPECT_GT(bound, 0.002);
    EXPECT_LT(bound, before);
    before = bound;
  }
  EXPECT_NEAR(before, 0.002, 1e-5);
}

}  // namespace
}  // namespace kith::sim
