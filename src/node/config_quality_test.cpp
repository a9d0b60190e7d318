// What the keys of how peers are kept and asked change, as in config_effect_test.cpp.
#include "node/test_config_effect.h"

namespace kith::node {
namespace {

using ConfigQuality = ConfigEffect;

TEST_F(ConfigQuality, MinOutboundPeers) {
  for (const bool is_changed : {false, true}) {
    restart();
    Sets sets = {{"max_peers", "10"}};
    if (is_changed) sets.emplace_back("min_outbound_peers", "1");
    add_with(sets);
    for (std::size_t i = 1; i <= 11; ++i) {
      const PeerId peer = add_with({}).id();
      if (i > 3) command(0, ProtectPeer{peer, true});
      connect(i <= 3 ? 0 : i, i <= 3 ? i : 0);
    }
    world_.run_for(1min);
    // Only the three that node 0 dialled may go, for one too many.
    EXPECT_EQ(members_[0]->node.host().peer_count(), is_changed ? 9U : 11U);
  }
}

TEST_F(ConfigQuality, MinOutboundPeersAreSought) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with({{"min_peers", "1"}, {"min_outbound_peers", is_changed ? "1" : "0"}});
    add_with({});
    add_with({});
    connect(1, 0);
    world_.run_for(1s);
    const auto other = members_[2]->id();
    world_.input(0, host::PeersLoaded{{{other, {address("/ip4/127.0.0.1/tcp/1002")}, {}, {1}}}});
    world_.run_for(10s);
    EXPECT_EQ(are_connected(0, 2), is_changed);
  }
}

// A person's ping of a peer that has fallen silent: how long until it is given up.
TEST_F(ConfigQuality, RequestTimeouts) {
  const auto given_up_within = [&](const Sets& sets, bool is_known, Duration span) {
    restart();
    Sets all = {
        {"ping.interval", "0"}, {"quality.probe_interval", "0"}, {"peer_exchange.interval", "0"}};
    all.insert(all.end(), sets.begin(), sets.end());
    add_with(all);
    add_with(all);
    connect(0, 1);
    world_.run_for(1s);
    for (int i = 0; is_known && i < 20; ++i) {
      command(0, PingPeer{Token{9}, members_[1]->id()});
      world_.run_for(100ms);
    }
    world_.on_wire = [](std::size_t from, std::size_t, Bytes& bytes) {
      if (from == 1) bytes.clear();
    };
    members_[0]->reports.clear();
    command(0, PingPeer{Token{10}, members_[1]->id()});
    world_.run_for(span);
    world_.on_wire = nullptr;
    return members_[0]->last<Pinged>() != nullptr;
  };
  EXPECT_FALSE(given_up_within({}, false, 2900ms));
  EXPECT_TRUE(given_up_within({}, false, 3100ms));
  EXPECT_FALSE(given_up_within({}, true, 900ms));
  EXPECT_TRUE(given_up_within({}, true, 1100ms)) << "its round trips are short";
  EXPECT_FALSE(given_up_within({{"quality.request_timeout_min", "5s"}}, true, 4900ms));
  EXPECT_TRUE(given_up_within({{"quality.request_timeout_max", "2s"}}, false, 2100ms));
}

TEST_F(ConfigQuality, RecommendInterval) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with({});
    add_with(is_changed ? Sets{{"quality.recommend_interval", "0"}} : Sets{});
    add_with({});
    for (std::size_t i = 1; i < 3; ++i) command(i, gossip::Subscribe{"news", {}});
    connect(0, 1);
    connect(1, 2);
    for (int i = 0; i < 90; ++i) {
      command(2, gossip::Publish{Token{99}, "news", Buffer(std::to_string(i)), {}});
      world_.run_for(1s);
    }
    world_.run_for(1min);
    ASSERT_GE(members_[1]->node.quality().standing(world_.now(), members_[2]->id()).reputation, 60);
    EXPECT_EQ(members_[0]->node.recommendations().received(), is_changed ? 0U : 1U);
  }
}

/// Opens streams of a protocol that the peer breaks off, and keeps why they failed.
class Asker final : public host::Service {
 public:
  std::vector<std::string> protocols() const override { return {}; }
  void on_input(Instant, host::ServiceEvent event) override {
    if (const auto* failed = std::get_if<host::StreamOpenFailed>(&event)) {
      errors.push_back(failed->error);
    }
  }
  void ask(const PeerId& peer) { say(host::Open{Token{1}, peer, {"/broken"}}); }
  std::vector<Error> errors;
};
class Breaker final : public host::Service {
 public:
  std::vector<std::string> protocols() const override { return {"/broken"}; }
  void on_input(Instant, host::ServiceEvent event) override {
    if (const auto* up = std::get_if<host::StreamUp>(&event)) {
      ++asked;
      if (is_broken) {
        say(host::Reset{up->stream});
      } else {
        say(host::Finish{up->stream});
      }
    }
  }
  bool is_broken = true;
  std::size_t asked = 0;
};

TEST_F(ConfigQuality, Breakers) {
  const std::vector<std::pair<Sets, std::size_t>> cases = {
      {{}, 6},                                // five, and a trial
      {{{"breaker.failures_max", "9"}}, 10},  // nine, and a trial
      {{{"breaker.open_for", "1m"}}, 5},      // no trial yet
  };
  for (const auto& [sets, asked] : cases) {
    restart();
    add_with(sets);
    add_with({});
    connect(0, 1);
    world_.run_for(1s);
    auto& asker =
        static_cast<Asker&>(members_[0]->node.add_service(world_.now(), std::make_unique<Asker>()));
    auto& breaker = static_cast<Breaker&>(
        members_[1]->node.add_service(world_.now(), std::make_unique<Breaker>()));
    const auto ask = [&] {
      asker.ask(members_[1]->id());
      members_[0]->node.touch(world_.now());
      world_.turn(0);
      world_.run_for(100ms);
    };
    for (int i = 0; i < 20; ++i) ask();
    world_.run_for(5s);
    ask();
    EXPECT_EQ(breaker.asked, asked);
    ASSERT_FALSE(asker.errors.empty());
    EXPECT_EQ(asker.errors[0].code, Code::refused);
    EXPECT_NE(asker.errors[0].message.find("failures in a row, asked again in"), std::string::npos);
  }
}

}  // namespace
}  // namespace kith::node
