// A swarm's promises: that breaking one is seen, and a split that healed.
#include "sim/scenario_swarm.h"

#include <gtest/gtest.h>

#include <set>

namespace kith::sim {
namespace {

std::set<std::string> broken(Swarm& swarm) {
  std::set<std::string> names;
  for (const auto& violation : swarm.checker().violations()) names.insert(violation.invariant);
  return names;
}

std::vector<std::uint32_t> first(std::uint32_t count) {
  std::vector<std::uint32_t> nodes(count);
  for (std::uint32_t i = 0; i < count; ++i) nodes[i] = i;
  return nodes;
}

TEST(Swarm, SeesASplitNetworkAndALonelyNode) {
  const ScenarioOptions options{.nodes = 6, .seed = 1, .duration = 10min};
  Swarm swarm(options, usual_swarm(options));
  swarm.world().at(Instant{3min}, [&] { swarm.world().topology().isolate(first(1)); });
  swarm.run();
  EXPECT_EQ(broken(swarm), (std::set<std::string>{"nobody is alone", "the network is one"}));
  EXPECT_GE(swarm.checker().violations().front().at, Instant{3min});
  EXPECT_EQ(swarm.components(true).largest, 5u);
}

TEST(Swarm, AsksNothingOfASplitNetworkInBadWeather) {
  const ScenarioOptions options{.nodes = 6, .seed = 1, .duration = 10min};
  Swarm swarm(options, usual_swarm(options));
  swarm.world().at(Instant{3min}, [&] {
    swarm.begin_weather();
    swarm.world().topology().isolate(first(1));
  });
  swarm.run();
  EXPECT_EQ(broken(swarm), std::set<std::string>{});
  EXPECT_EQ(swarm.components(true).counted, 0u);
  EXPECT_EQ(swarm.components(false).largest, 5u);
}

TEST(Swarm, SeesFaultsUnlessTheyAreExcused) {
  for (const bool are_excused : {false, true}) {
    const ScenarioOptions options{.nodes = 6, .seed = 1, .duration = 5min};
    SwarmConfig config = usual_swarm(options);
    config.world.link.corrupt = 0.05;
    Swarm swarm(options, config);
    swarm.excuse_faults(are_excused);
    swarm.run();
    EXPECT_EQ(broken(swarm).contains("honest peers commit no fault"), !are_excused);
  }
}

TEST(Swarm, NodesKeepToSmallLimits) {
  const ScenarioOptions options{.nodes = 6, .seed = 1, .duration = 1min};
  SwarmConfig config = usual_swarm(options);
  config.node.host.limits.connections_max = 2;
  Swarm swarm(options, config);
  swarm.run();
  EXPECT_FALSE(broken(swarm).contains("limits hold"));
  EXPECT_LE(swarm.node(0)->host().link_count(), 2u);
}

TEST(Swarm, OneSideAloneSaysNothingOfAConnection) {
  const ScenarioOptions options{.nodes = 2, .seed = 1, .duration = 1min};
  Swarm swarm(options, usual_swarm(options));
  swarm.run();
  EXPECT_EQ(swarm.components(false).largest, 2u);
  // A power loss is silence: the other believes in the connection until its pings stay unanswered.
  swarm.crash(1, CrashKind::power);
  swarm.world().run_for(1s);
  swarm.start(1);
  EXPECT_EQ(swarm.node(0)->host().peer_count(), 1u);
  EXPECT_EQ(swarm.components(false).largest, 1u);
}

// 20 nodes on either side of a cut of five minutes: time to lose all links across it, and to find
// more than peers_min peers on one's own side.
TEST(Swarm, HalvesThatHavePeersEnoughGrowTogetherAgain) {
  const ScenarioOptions options{.nodes = 40, .seed = 1, .duration = 30min};
  Swarm swarm(options, usual_swarm(options));
  swarm.world().at(Instant{3min}, [&] {
    swarm.begin_weather();
    swarm.world().topology().isolate(first(20));
  });
  swarm.world().at(Instant{8min}, [&] {
    EXPECT_EQ(swarm.components(false).largest, 20u);
    swarm.world().topology().heal_all();
    swarm.end_weather();
  });
  swarm.run();
  EXPECT_EQ(broken(swarm), std::set<std::string>{});
}

}  // namespace
}  // namespace kith::sim
