// Hours of storm over whole nodes (sim/scenario.h), more seeds and nodes than the tests beside the
// scenario have time for.
#include <gtest/gtest.h>

#include "sim/scenario.h"

namespace kith::sim {
namespace {

ScenarioResult storm(std::uint32_t nodes, std::uint64_t seed, Duration duration) {
  return run_scenario({.name = "storm", .nodes = nodes, .seed = seed, .duration = duration})
      .value();
}

TEST(StormLong, SmallNetworksAreOneAgainAfterEachGust) {
  for (const std::uint32_t nodes : {2U, 5U, 16U}) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      const ScenarioResult result = storm(nodes, seed, 6h);
      for (const auto& violation : result.violations) {
        ADD_FAILURE() << nodes << " nodes: " << to_string(violation);
      }
      EXPECT_GT(result.events, 10'000u);
    }
  }
}

TEST(StormLong, SoAreLargeOnes) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const ScenarioResult result = storm(100, seed, 4h);
    for (const auto& violation : result.violations) {
      ADD_FAILURE() << "seed " << seed << ": " << to_string(violation);
    }
    EXPECT_GT(result.events, 1'000'000u);
  }
}

}  // namespace
}  // namespace kith::sim
