// What the keys of peer quality, limits and gossip change in a running node; see
// config_effect_test.cpp.
#include "host/test_raw_peer.h"
#include "node/test_config_effect.h"

namespace kith::node {
namespace {

// 4 MB at 1 MB a second, a quarter of a second saved up, one write owed.
TEST_F(ConfigEffect, LimitsUploadAndDownload) {
  for (const char* key : {"limits.upload", "limits.download"}) {
    restart();
    add_with({});
    add_with({{key, "1000000"}, {"perf.serve", "true"}});
    connect(0, 1);
    world_.run_for(1s);
    const bool is_upload = key == std::string_view("limits.upload");
    const std::uint64_t size = 4'000'000;
    const Instant start = world_.now();
    command(0, PerfPeer{Token{2}, members_[1]->id(), is_upload ? 0 : size, is_upload ? size : 0});
    world_.run_until([&] { return members_[0]->last<host::PerfResult>() != nullptr; });
    ASSERT_NE(members_[0]->last<host::PerfResult>(), nullptr) << key;
    EXPECT_FALSE(members_[0]->last<host::PerfResult>()->error.has_value()) << key;
    EXPECT_GE(world_.now() - start, 3400ms) << key;
    EXPECT_LE(world_.now() - start, 4200ms) << key;
    const host::Host& shaped = members_[1]->node.host();
    EXPECT_EQ(shaped.upload().waits() > 0, is_upload);
    EXPECT_EQ(shaped.download().waits() > 0, !is_upload);
  }
}

/// Breaks a protocol of the peers it meets as often as asked.
class Accuser final : public host::Service {
 public:
  std::vector<std::string> protocols() const override { return {}; }
  void on_input(Instant, host::ServiceEvent) override {}
  void accuse(const PeerId& peer) { say(host::Fault{peer, {Code::protocol, "a test"}}); }
};

TEST_F(ConfigEffect, QualityWarnBanAndDecay) {
  const auto standing_after = [&](const Sets& sets, int faults, Duration later) {
    restart();
    add_with(sets);
    add_with({});
    auto& accuser = static_cast<Accuser&>(
        members_[0]->node.add_service(world_.now(), std::make_unique<Accuser>()));
    const PeerId peer = members_[1]->id();
    for (int i = 0; i < faults; ++i) {
      accuser.accuse(peer);
      members_[0]->node.touch(world_.now());
      world_.turn(0);
    }
    world_.run_for(later);
    return members_[0]->node.quality().standing(world_.now(), peer);
  };
  EXPECT_FALSE(standing_after({}, 4, 1s).is_warned);
  EXPECT_TRUE(standing_after({{"quality.warn_at", "80"}}, 4, 1s).is_warned);
  EXPECT_FALSE(standing_after({}, 20, 1s).is_banned);
  EXPECT_TRUE(standing_after({{"quality.ban_at", "400"}}, 20, 1s).is_banned);
  EXPECT_EQ(standing_after({}, 4, 10min).reputation, -70);
  EXPECT_EQ(standing_after({{"quality.decay", "40"}}, 4, 10min).reputation, -40);
  EXPECT_EQ(standing_after({{"quality.decay_interval", "5m"}}, 4, 10min).reputation, -60);
}

TEST_F(ConfigEffect, QualityProbes) {
  const auto health_after = [&](const Sets& sets, Duration silence) {
    restart();
    Sets all = {{"ping.interval", "0"}, {"peer_timeout", "1h"}};
    all.insert(all.end(), sets.begin(), sets.end());
    add_with(all);
    for (std::size_t i = 1; i < 6; ++i) {
      add_with({{"ping.interval", "0"}, {"peer_timeout", "1h"}});
      connect(i, 0);
    }
    world_.run_for(2s);
    world_.on_wire = [](std::size_t from, std::size_t, Bytes& bytes) {
      if (from == 1) bytes.clear();
    };
    world_.run_for(silence);
    world_.on_wire = nullptr;
    return members_[0]->node.quality().standing(world_.now(), members_[1]->id()).health;
  };
  EXPECT_EQ(health_after({}, 2min), PeerHealth::unhealthy);
  EXPECT_EQ(health_after({{"quality.failures_max", "50"}}, 2min), PeerHealth::healthy);
  EXPECT_EQ(health_after({{"quality.probe_interval", "0"}}, 2min), PeerHealth::healthy);
  EXPECT_EQ(health_after({{"quality.probe_interval", "1s"}}, 30s), PeerHealth::unhealthy);
  EXPECT_EQ(health_after({{"quality.probe_timeout", "1m"}}, 1min), PeerHealth::healthy);
  EXPECT_EQ(health_after({{"quality.stale_after", "20s"}}, 2min), PeerHealth::unknown)
      << "disconnected";
}

TEST_F(ConfigEffect, GossipEnabledAndFanout) {
  for (const char* enabled : {"true", "false"}) {
    restart();
    add_with({{"gossip.enabled", enabled}});
    add_with({});
    connect(0, 1);
    world_.run_for(5s);
    EXPECT_EQ(members_[1]->node.router()->peer_count(), enabled == std::string("true") ? 1U : 0U);
  }
  for (const bool is_changed : {false, true}) {
    restart();
    for (std::size_t i = 0; i < 6; ++i) {
      add_with(is_changed ? Sets{{"gossip.fanout", "1"}} : Sets{});
      command(i, gossip::Subscribe{"news", {}});
      if (i > 0) connect(i, 0);
    }
    world_.run_for(20s);
    EXPECT_EQ(members_[0]->node.router()->mesh_of("news").size() <= 2, is_changed);
  }
}

TEST_F(ConfigEffect, LimitsOfMessages) {
  const std::vector<Sets> changes = {
      {},
      {{"limits.peer_messages", "1"}, {"limits.peer_burst", "10"}},
      {{"limits.peer_messages", "1"}, {"limits.peer_burst", "100"}},
      {{"limits.messages", "1"}},
  };
  std::vector<std::size_t> heard;
  for (const Sets& change : changes) {
    restart();
    add_with({});
    add_with(change);
    for (std::size_t i = 0; i < 2; ++i) command(i, gossip::Subscribe{"news", {}});
    connect(1, 0);
    world_.run_for(5s);
    for (int i = 0; i < 150; ++i) {
      command(0, gossip::Publish{Token{99}, "news", Buffer(std::to_string(i)), {}});
    }
    world_.run_for(2s);
    heard.push_back(members_[1]->count<gossip::Deliver>());
  }
  EXPECT_EQ(heard[0], 150U);
  EXPECT_LT(heard[1], 20U);
  EXPECT_TRUE(heard[2] > 50U && heard[2] < 150U) << heard[2];
  EXPECT_LT(heard[3], 10U);
}

// Two nodes hear each other only by the one between them, which no program asked to listen.
TEST_F(ConfigEffect, GossipTopics) {
  for (const bool is_changed : {false, true}) {
    restart();
    const Sets alone = {{"peer_exchange.interval", "0"}, {"dial.feeler_interval", "0"}};
    Sets between = alone;
    if (is_changed) between.emplace_back("gossip.topics", "news,other");
    add_with(alone);
    add_with(between);
    add_with(alone);
    for (const std::size_t i : {0U, 2U}) command(i, gossip::Subscribe{"news", {}});
    connect(0, 1);
    connect(2, 1);
    world_.run_for(3s);
    command(1, gossip::Unsubscribe{"news"});  // some program that came and went
    world_.run_for(1s);
    command(0, gossip::Publish{Token{5}, "news", Buffer(Bytes{1}), {}});
    world_.run_for(3s);
    EXPECT_EQ(members_[2]->count<gossip::Deliver>(), is_changed ? 1U : 0U);
  }
}

TEST_F(ConfigEffect, GossipSign) {
  for (const bool is_changed : {false, true}) {
    restart();
    for (std::size_t i = 0; i < 2; ++i) {
      add_with(is_changed ? Sets{{"gossip.sign", "false"}} : Sets{});
      command(i, gossip::Subscribe{"news", {}});
    }
    connect(0, 1);
    world_.run_for(2s);
    command(0, gossip::Publish{Token{99}, "news", Buffer("hello"), {}});
    world_.run_for(1s);
    const auto* heard = members_[1]->last<gossip::Deliver>();
    ASSERT_NE(heard, nullptr);
    EXPECT_EQ(!heard->message.author && !heard->message.seqno, is_changed);
  }
}

// Node 0 has room for one of two peers who think highly of it: it recommends each to the other.
TEST_F(ConfigEffect, GossipPxPrivateAddresses) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with({{"gossip.fanout", "1"}});
    for (std::size_t i = 1; i < 3; ++i) {
      add_with(is_changed ? Sets{{"gossip.px_private_addresses", "true"}} : Sets{});
      connect(i, 0);
    }
    const auto all_subscribe = [&](const char* topic) {
      for (std::size_t i = 0; i < 3; ++i) command(i, gossip::Subscribe{topic, {}});
    };
    for (const char* topic : {"a", "b", "c"}) all_subscribe(topic);
    world_.run_for(5s);
    for (const char* topic : {"a", "b", "c"}) {
      for (int i = 0; i < 30; ++i) {
        command(0, gossip::Publish{Token{99}, topic, Buffer(std::to_string(i)), {}});
      }
    }
    world_.run_for(1s);
    all_subscribe("full");
    world_.run_for(5s);
    EXPECT_EQ(are_connected(1, 2), is_changed);
  }
}

TEST_F(ConfigEffect, GossipHeartbeat) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with(is_changed ? Sets{{"gossip.heartbeat", "20s"}} : Sets{});
    world_.run_for(5s);
    const auto next = members_[0]->node.router()->next_deadline();
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(*next - world_.now() > 1s, is_changed);
  }
}

TEST_F(ConfigEffect, GossipDedup) {
  const auto remembered = [&](const Sets& sets) {
    restart();
    add_with(sets);
    command(0, gossip::Subscribe{"news", {}});
    for (int i = 0; i < 200; ++i) {
      command(0, gossip::Publish{Token{99}, "news", Buffer(std::to_string(i)), {}});
    }
    world_.run_for(100s);
    return members_[0]->node.router()->seen_count();
  };
  EXPECT_EQ(remembered({}), 200U);
  EXPECT_EQ(remembered({{"gossip.dedup_entries", "100"}}), 100U);
  EXPECT_EQ(remembered({{"gossip.dedup_age", "10s"}}), 0U);
}

}  // namespace
}  // namespace kith::node
