// Faults and lies in networks that gossip, larger and longer than beside the scenario
// (sim/scenario_gossip_net_test.cpp): attacks with four liars an honest node, and a day.
#include <gtest/gtest.h>
#include <malloc.h>

#include "sim/scenario_gossip_net.h"

namespace kith::sim {
namespace {

constexpr Duration tail = 16s;

GossipTally& heard(GossipNet& net, Duration span, Duration period) {
  const Instant from = net.world().now();
  net.tally() = {};
  net.publish_every(period, from, from + span);
  net.world().run_until(from + span + tail);
  return net.tally();
}

// Four times as many liars as honest nodes, who dial nearly every one of these: an honest node has
// links to 180 liars and to 18 of its kind. With the host's default of 100 peers it would keep 80
// of those and seven of these, some nodes none at all: trimming does not tell them apart, and a
// node that others trimmed dials anew only while few of its peers are its own choice, honest or not
// (HostConfig::outbound_min). That is the host's weakness and not what is asked here.
GossipNetConfig besieged(std::uint64_t seed, Lie lie) {
  GossipNetConfig config = usual_gossip_net(250, seed);
  config.node.host.peers_high = 240;
  config.node.host.peers_low = 230;
  config.node.host.limits.connections_max = 320;
  config.liars = 200;
  config.lie = lie;
  config.liar_dials = 45;
  config.honest_dial_liars = false;
  return config;
}

TEST(GossipLong, CovertFlash) {
  GossipNet net(besieged(1, Lie::forwards_at_first));
  net.world().run_until(net.ready_at());
  const double before = heard(net, 2min, 500ms).latency_ms(0.99);
  net.liars_turn();
  EXPECT_GE(heard(net, 30s, 500ms).share(), 0.999);
  GossipTally& later = heard(net, 2min, 500ms);
  EXPECT_EQ(later.share(), 1);
  EXPECT_LE(later.latency_ms(0.99), 2.1 * before);  // measured: 2.0
  EXPECT_EQ(net.honest_banned(), 0u);
}

TEST(GossipLong, ColdBoot) {
  GossipNetConfig config = besieged(2, Lie::forwards_nothing);
  config.liars_head_start = 60s;
  GossipNet net(config);
  net.world().run_until(net.ready_at() + 60s);
  EXPECT_GE(heard(net, 2min, 500ms).share(), 0.999);
  EXPECT_EQ(net.honest_banned(), 0u);
}

TEST(GossipLong, EclipseOfOneByAThousand) {
  GossipNetConfig config = usual_gossip_net(1050, 3);
  config.liars = 1000;
  config.lie = Lie::censors_a_victim;
  config.prey = 0;
  config.liar_dials = 2;
  config.honest_dial_liars = false;
  GossipNet net(config);
  net.world().run_until(net.ready_at() + 30s);
  for (int i = 0; i < 60; ++i) {
    net.world().at(net.world().now() + i * Duration(1s), [&] { net.publish(0); });
  }
  net.world().run_for(60s + tail);
  EXPECT_EQ(net.tally().messages, 60u);
  EXPECT_EQ(net.tally().share(), 1);
  EXPECT_EQ(net.honest_banned(), 0u);
}

// Nothing grows: what is remembered, what links hold, and the heap.
TEST(GossipLong, ADayWithChurn) {
  GossipNetConfig config = usual_gossip_net(20, 4);
  config.node.host.peers_min = 8;
  config.node.peer_exchange.interval = 30s;
  GossipNet net(config);
  net.world().run_until(net.ready_at());
  const Instant begin = net.world().now();
  net.churn(0.05, 10s, begin, begin + 24h);
  net.publish_every(10s, begin, begin + 24h);
  const auto heap = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  net.world().run_until(begin + 1h);
  const std::size_t remembered = net.remembered();
  const std::size_t bytes = heap();
  net.world().run_until(begin + 24h);
  RecordProperty("share", std::to_string(net.tally().share()));
  EXPECT_GE(net.tally().share(), 0.999);
  EXPECT_LE(net.remembered(), remembered + remembered / 4);
  // The scenario's own list of what it sent is some 40 bytes a message.
  EXPECT_LE(heap(), bytes + bytes / 4 + (4U << 20));
  EXPECT_EQ(net.honest_banned(), 0u);
}

}  // namespace
}  // namespace kith::sim
