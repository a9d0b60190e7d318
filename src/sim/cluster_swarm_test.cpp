// A slice of what `./run test --all` and `./run sim ledger` run by the hour: a violation names the
// seed that shows it again (`cluster_check swarm SEED SEED+1`).
#include "sim/cluster_swarm.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "base/sanitizer_test_util.h"
#include "sim/cluster_twins.h"

namespace kith::sim {
namespace {

class ClusterSwarm : public testing::TestWithParam<std::uint64_t> {};

TEST_P(ClusterSwarm, AnyWeather) {
  constexpr std::uint64_t seeds = test::less_if_sanitized(40, 12);
  for (std::uint64_t seed = GetParam(); seed < GetParam() + seeds; ++seed) {
    const SwarmResult result = run_cluster_swarm(seed);
    EXPECT_TRUE(result.violations.empty()) << "seed " << seed << ": " << result.weather << "\n"
                                           << fmt::format("{}", fmt::join(result.violations, "\n"));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClusterSwarm,
                         testing::Range(std::uint64_t{1'000}, std::uint64_t{1'400},
                                        std::uint64_t{40}));

TEST(ClusterSwarm, OneSeedIsOneRun) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const SwarmResult once = run_cluster_swarm(seed, 0.3);
    const SwarmResult again = run_cluster_swarm(seed, 0.3);
    EXPECT_EQ(once.trace_hash, again.trace_hash) << seed;
    EXPECT_EQ(once.events, again.events) << seed;
  }
}

TEST(ClusterTwins, OfFour) {
  constexpr std::uint32_t views = 4;
  std::uint64_t runs = 0;
  std::uint64_t caught = 0;
  // A prime stride meets each place of the twins and each partition.
  for (std::uint64_t id = 0; id < twins_count(views); id += 397) {
    if (!is_twins_canonical(id, views)) continue;
    const TwinsResult result = run_twins(id, views);
    EXPECT_TRUE(result.violations.empty())
        << "scenario " << id << ": " << fmt::format("{}", fmt::join(result.violations, "\n"));
    ++runs;
    caught += result.is_caught ? 1 : 0;
  }
  EXPECT_GT(runs, 300u);
  EXPECT_GT(caught, runs / 2);
}

TEST(ClusterTwins, OfSeven) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const TwinsResult result = run_twins_sample(seed, 7, 6);
    EXPECT_TRUE(result.violations.empty())
        << "sample " << seed << ": " << fmt::format("{}", fmt::join(result.violations, "\n"));
  }
}

}  // namespace
}  // namespace kith::sim
