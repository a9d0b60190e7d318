// Consensus for more than a thousand virtual hours and a million heights, in all weathers
// (sim/cluster_swarm.h), and more of the Twins scenarios than beside the source. In parts, so that
// they run side by side. `./run test --all` adds up the lines `simulated N hours, N final heights`.
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>

#include "base/format.h"
#include "sim/cluster_swarm.h"
#include "sim/cluster_twins.h"

namespace kith::sim {
namespace {

constexpr std::uint64_t parts = 8;

class ConsensusLong : public testing::TestWithParam<std::uint64_t> {};

TEST_P(ConsensusLong, AnyWeather) {
  constexpr double hours_wanted = 1000.0 / parts;
  constexpr std::uint64_t heights_wanted = 1'000'000 / parts;
  double hours = 0;
  std::uint64_t heights = 0;
  for (std::uint64_t seed = 1'000'000 * (GetParam() + 1);
       hours < hours_wanted || heights < heights_wanted; ++seed) {
    const SwarmResult result = run_cluster_swarm(seed);
    hours += std::chrono::duration<double, std::ratio<3600>>(result.lasted).count();
    heights += result.heights;
    ASSERT_TRUE(result.violations.empty()) << "seed " << seed << ": " << result.weather << "\n"
                                           << fmt::format("{}", fmt::join(result.violations, "\n"));
  }
  std::printf("simulated %.1f hours, %" PRIu64 " final heights\n", hours, heights);
}

TEST_P(ConsensusLong, Twins) {
  constexpr std::uint32_t views = 4;
  // Of all scenarios of four views a fifth; `./run sim twins` runs all.
  for (std::uint64_t id = GetParam(); id < twins_count(views); id += parts * 5) {
    if (!is_twins_canonical(id, views)) continue;
    const TwinsResult result = run_twins(id, views);
    ASSERT_TRUE(result.violations.empty())
        << "scenario " << id << ": " << fmt::format("{}", fmt::join(result.violations, "\n"));
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, ConsensusLong, testing::Range(std::uint64_t{0}, parts));

}  // namespace
}  // namespace kith::sim
