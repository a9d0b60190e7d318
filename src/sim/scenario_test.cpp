// Whole nodes in the simulator: small runs of the scenarios that `kith simulate` offers.
#include "sim/scenario.h"

#include <gtest/gtest.h>

namespace kith::sim {
namespace {

double figure(const ScenarioResult& result, std::string_view name) {
  for (const auto& [key, value] : result.figures) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "no figure " << name;
  return 0;
}

TEST(ScenarioPeers, NodesFindEachOtherAndStayTogetherUnderChurn) {
  const auto result = run_scenario({.name = "peers", .nodes = 40, .seed = 3, .duration = 10min});
  ASSERT_TRUE(result.has_value());
  for (const auto& violation : result->violations) ADD_FAILURE() << to_string(violation);
  EXPECT_GE(figure(*result, "peers_per_node_min"), 3);
  EXPECT_GT(figure(*result, "crashes"), 5);
  EXPECT_GT(figure(*result, "pings_answered"), 1000);
}

TEST(ScenarioPeers, OneSeedGivesOneTrace) {
  const ScenarioOptions options{.name = "peers", .nodes = 25, .seed = 7, .duration = 3min};
  const auto first = run_scenario(options);
  const auto second = run_scenario(options);
  EXPECT_EQ(first->trace_hash, second->trace_hash);
  EXPECT_EQ(first->events, second->events);
  ScenarioOptions other = options;
  other.seed = 8;
  EXPECT_NE(run_scenario(other)->trace_hash, first->trace_hash);
}

TEST(Scenario, WrongOptionsAreNamed) {
  EXPECT_EQ(run_scenario({.name = "nonsense"}).error().code, Code::not_found);
  EXPECT_EQ(run_scenario({.nodes = 0}).error().code, Code::usage);
}

}  // namespace
}  // namespace kith::sim
