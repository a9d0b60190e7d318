// Faults and lies in a network that gossips (attack rows A30 to A33 of the list in
// gossip/attack_test.cpp, in small; tests/scenario has them large), partitions, churn.
#include "sim/scenario_gossip_net.h"

#include <gtest/gtest.h>

#include "base/sanitizer_test_util.h"

namespace kith::sim {
namespace {

constexpr Duration tail = 16s;  // until the last message is judged

void expect_honest_unharmed(GossipNet& net) {
  EXPECT_EQ(net.honest_banned(), 0u);
  EXPECT_EQ(net.honest_warned(), 0u);
}

/// Messages from `from` on for `span`, and what became of them.
GossipTally& heard(GossipNet& net, Duration span, Duration period = 500ms) {
  const Instant from = net.world().now();
  net.tally() = {};
  net.publish_every(period, from, from + span);
  net.world().run_until(from + span + tail);
  return net.tally();
}

TEST(GossipNet, WithoutLiesAllHearAll) {
  GossipNet net(usual_gossip_net(30, 1));
  net.world().run_until(net.ready_at());
  const GossipTally& tally = heard(net, 20s);
  EXPECT_EQ(tally.messages, 40u);
  EXPECT_EQ(tally.expected, 40u * 29);
  EXPECT_EQ(tally.delivered, tally.expected);
  expect_honest_unharmed(net);
}

// A31, covert flash: four in five behave until they do not.
TEST(GossipNet, LiarsThatTurnAreFoundOut) {
  GossipNetConfig config = usual_gossip_net(100, 2);
  config.liars = 80;
  config.lie = Lie::forwards_at_first;
  config.honest_dial_liars = false;  // or the honest ones may not be one network
  GossipNet net(config);
  net.world().run_until(net.ready_at());
  const double before = heard(net, 40s).latency_ms(0.99);
  net.liars_turn();
  const GossipTally& at_once = heard(net, 30s);
  EXPECT_GE(at_once.share(), 0.999);
  GossipTally& later = heard(net, 20s);
  EXPECT_EQ(later.share(), 1);
  EXPECT_LE(later.latency_ms(0.99), 2 * before);
  expect_honest_unharmed(net);
}

// A32, cold boot: the liars are there first, four to one, and dial the honest ones as they come.
TEST(GossipNet, AColdBootAmongLiars) {
  GossipNetConfig config = usual_gossip_net(100, 3);
  config.liars = 80;
  config.lie = Lie::forwards_nothing;
  config.honest_dial_liars = false;
  config.liars_head_start = 30s;
  GossipNet net(config);
  net.world().run_until(net.ready_at() + 30s);
  EXPECT_GE(heard(net, 30s).share(), 0.999);
  expect_honest_unharmed(net);
}

// A09 and A39 in a network: one in five says that it has each message, and gives it to nobody.
TEST(GossipNet, AnnouncersThatNeverDeliver) {
  const auto latency = [](std::uint32_t liars) {
    GossipNetConfig config = usual_gossip_net(60, 9);
    config.liars = liars;
    config.lie = Lie::announces_only;
    GossipNet net(config);
    net.world().run_until(net.ready_at());
    heard(net, 30s);
    GossipTally& tally = heard(net, 30s);
    EXPECT_EQ(tally.share(), 1);
    expect_honest_unharmed(net);
    return tally.latency_ms(0.99);
  };
  EXPECT_LE(latency(12), 2 * latency(0));
}

// A33, eclipse: every liar is connected to one node and hands on nothing that it publishes.
TEST(GossipNet, AnEclipsedNodeIsHeard) {
  GossipNetConfig config = usual_gossip_net(100, 4);
  config.liars = 70;
  config.lie = Lie::censors_a_victim;
  config.prey = 0;
  config.liar_dials = 2;
  config.honest_dial_liars = false;
  GossipNet net(config);
  net.world().run_until(net.ready_at() + 20s);
  for (int i = 0; i < 20; ++i) {
    net.world().at(net.world().now() + i * Duration(500ms), [&] { net.publish(0); });
  }
  net.world().run_for(10s + tail);
  EXPECT_EQ(net.tally().messages, 20u);
  EXPECT_EQ(net.tally().share(), 1);
  expect_honest_unharmed(net);
}

TEST(GossipNet, APartitionHeals) {
  GossipNet net(usual_gossip_net(40, 5));
  World& world = net.world();
  world.run_until(net.ready_at());
  const double before = heard(net, 20s).latency_ms(0.99);
  std::vector<std::uint32_t> half(20);
  for (std::uint32_t i = 0; i < 20; ++i) half[i] = i;
  for (const Cut cut : {Cut::both_ways, Cut::a_to_b}) {
    const PartitionId partition = world.topology().isolate(half, cut);
    net.publish_every(1s, world.now(), world.now() + 30s, false);
    world.run_for(30s);
    world.topology().heal(partition);
    world.run_for(30s);  // packets are repeated after pauses that grow to as much
    GossipTally& after = heard(net, 20s);
    EXPECT_EQ(after.share(), 1);
    EXPECT_LE(after.latency_ms(0.99), 2 * before);
  }
  expect_honest_unharmed(net);
}

GossipNetConfig churning(std::uint32_t nodes, std::uint64_t seed) {
  GossipNetConfig config = usual_gossip_net(nodes, seed);
  config.node.host.peers_min = 8;
  config.node.peer_exchange.interval = 30s;
  return config;
}

TEST(GossipNet, ChurnLosesNothingOfThoseWhoStay) {
  GossipNet net(churning(60, 6));
  net.world().run_until(net.ready_at());
  const double before = heard(net, 20s).latency_ms(0.99);
  constexpr Duration span = test::less_if_sanitized(180s, 90s);
  net.churn(0.05, 10s, net.world().now(), net.world().now() + span);
  GossipTally& tally = heard(net, span, 1s);
  EXPECT_GE(tally.share(), 0.999);
  EXPECT_LE(tally.latency_ms(0.99), 2 * before);
  EXPECT_GE(net.world().report().crashes, test::less_if_sanitized(5U, 2U));
  expect_honest_unharmed(net);
}

TEST(GossipNet, OneSeedGivesOneTrace) {
  const auto run = [](std::uint64_t seed) {
    GossipNetConfig config = churning(20, seed);
    config.liars = 5;
    config.lie = Lie::forwards_at_first;
    config.world.link.loss = 0.01;
    GossipNet net(config);
    net.world().run_until(net.ready_at());
    net.churn(0.5, 5s, net.world().now(), net.world().now() + 30s);
    net.publish_every(500ms, net.world().now(), net.world().now() + 30s);
    net.world().run_for(15s);
    net.liars_turn();
    net.world().run_for(31s);
    return std::pair(net.world().trace_hash(), net.tally().took_us);
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7).first, run(8).first);
}

}  // namespace
}  // namespace kith::sim
