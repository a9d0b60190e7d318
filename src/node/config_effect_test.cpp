// What each key of the configuration changes in a running node: for every key of the table a run
// with its default and one with another value, which must end differently, in virtual time. Keys of
// the process (files, logs, sockets) are shown by tests/e2e/config_test.py in the same way.
#include <fstream>
#include <sstream>

#include "host/test_raw_peer.h"
#include "node/test_config_effect.h"

namespace kith::node {
namespace {

const std::string nowhere = "/ip4/127.0.0.1/tcp/1999";

TEST_F(ConfigEffect, Listen) {
  add_with({});
  EXPECT_EQ(members_[0]->node.host().addresses().size(), 1U);
  restart();
  add_with({{"listen", ""}});
  EXPECT_TRUE(members_[0]->node.host().addresses().empty());
}

TEST_F(ConfigEffect, Announce) {
  add_with({{"announce", "/ip4/198.51.100.1/tcp/4770"}});
  add_with({});
  connect(1, 0);
  world_.run_for(1s);
  const auto told = members_[1]->last<host::PeerIdentified>()->message->listen_addresses;
  EXPECT_EQ(std::ranges::count(told, address("/ip4/198.51.100.1/tcp/4770")), 1);
}

TEST_F(ConfigEffect, BootstrapAndItsBackoff) {
  for (const bool is_changed : {false, true}) {
    restart();
    Sets sets = {{"bootstrap", nowhere}, {"min_peers", "1"}};
    if (is_changed) {
      sets.push_back({"dial.bootstrap_backoff_min", "10s"});
      sets.push_back({"dial.bootstrap_backoff_max", "11s"});
    }
    add_with(sets);
    world_.run_for(1min);
    const auto dials = dials_ms();
    ASSERT_GE(dials.size(), 4U);
    EXPECT_EQ(dials[1] >= 10'000, is_changed) << dials[1];
    const auto last_wait = dials[dials.size() - 1] - dials[dials.size() - 2];
    EXPECT_EQ(last_wait <= 14'000, is_changed) << last_wait;
  }
  restart();
  add_with({{"min_peers", "1"}});
  world_.run_for(1min);
  EXPECT_TRUE(dialled_.empty()) << "nobody to begin with";
}

TEST_F(ConfigEffect, DialBackoff) {
  // A known peer that has gone: how long between two attempts.
  for (const bool is_changed : {false, true}) {
    restart();
    Sets sets = {{"min_peers", "1"}};
    if (is_changed) {
      sets.push_back({"dial.backoff_min", "40s"});
      sets.push_back({"dial.backoff_max", "40s"});
    }
    add_with(sets);
    SeededRng rng(77);
    const auto stranger = codec::peer_id_of(crypto::KeyPair::generate(rng).public_key());
    command(0, Connect{Token{1}, stranger, {address(nowhere)}});
    world_.run_for(1s);
    world_.input(0, host::PeersLoaded{{{stranger, {address(nowhere)}, {}, {1}}}});
    dialled_.clear();
    world_.run_for(10min);
    const auto dials = dials_ms();
    ASSERT_GE(dials.size(), 4U);
    EXPECT_EQ(dials[1] >= 40'000, is_changed) << dials[1];
    const auto last_wait = dials[dials.size() - 1] - dials[dials.size() - 2];
    EXPECT_EQ(last_wait <= 52'000, is_changed) << last_wait;
  }
}

TEST_F(ConfigEffect, MinPeers) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with({{"min_peers", is_changed ? "1" : "0"}});
    add_with({});
    const auto other = members_[1]->id();
    world_.input(0, host::PeersLoaded{{{other, {address("/ip4/127.0.0.1/tcp/1001")}, {}, {1}}}});
    world_.run_for(10s);
    EXPECT_EQ(are_connected(0, 1), is_changed);
  }
}

TEST_F(ConfigEffect, MaxPeers) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with(is_changed ? Sets{{"max_peers", "2"}} : Sets{});
    for (std::size_t i = 1; i <= 4; ++i) {
      add_with({});
      connect(i, 0);
    }
    world_.run_for(1min);
    EXPECT_EQ(members_[0]->node.host().peer_count(), is_changed ? 2U : 4U);
  }
}

TEST_F(ConfigEffect, PeerTimeout) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with({{"ping.interval", "0"}, {"peer_timeout", is_changed ? "6s" : "30s"}});
    add_with({{"ping.interval", "0"}, {"peer_timeout", "1h"}});
    connect(0, 1);
    world_.run_for(2s);
    ASSERT_TRUE(are_connected(0, 1));
    world_.on_wire = [](std::size_t from, std::size_t, Bytes& bytes) {
      if (from == 1) bytes.clear();  // the other machine hangs
    };
    world_.run_for(10s);
    EXPECT_EQ(are_connected(0, 1), !is_changed);
    world_.on_wire = nullptr;
  }
}

TEST_F(ConfigEffect, ConnectTimeout) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with({{"connect_timeout", is_changed ? "2s" : "10s"}});
    const LinkId silent = world_.connect_stranger(0);
    world_.run_for(3s);
    EXPECT_EQ(world_.stranger_closed(silent), is_changed);
    add_with({});
    world_.on_wire = [](std::size_t from, std::size_t, Bytes& bytes) {
      if (from == 1) bytes.clear();
    };
    connect(0, 1);
    world_.run_for(3s);
    EXPECT_EQ(members_[0]->last<Connected>() != nullptr, is_changed);
    world_.on_wire = nullptr;
  }
}

TEST_F(ConfigEffect, ConnectionsMax) {
  add_with({{"connections_max", "100"}});
  std::vector<LinkId> links;
  for (int i = 0; i < 100; ++i) {
    links.push_back(world_.connect_stranger(0, "198.51.100." + std::to_string(i)));
  }
  world_.run_for(1ms);
  const auto closed = [&] {
    return std::ranges::count_if(links, [&](LinkId link) { return world_.stranger_closed(link); });
  };
  const auto refused = closed();
  EXPECT_GT(refused, 0);
  restart();
  add_with({{"connections_max", "1000"}, {"handshakes_pending_max", "1000"}});
  links.clear();
  for (int i = 0; i < 100; ++i) {
    links.push_back(world_.connect_stranger(0, "198.51.100." + std::to_string(i)));
  }
  world_.run_for(1ms);
  EXPECT_EQ(closed(), 0);
}

TEST_F(ConfigEffect, ConnectionsOfStrangers) {
  for (const auto& [key, value] :
       Sets{{"connections_per_address", "2"}, {"handshakes_pending_max", "2"}}) {
    for (const bool is_changed : {false, true}) {
      restart();
      add_with(is_changed ? Sets{{key, value}} : Sets{});
      std::vector<LinkId> links;
      for (int i = 0; i < 4; ++i) links.push_back(world_.connect_stranger(0));
      world_.run_for(1ms);
      const auto closed =
          std::ranges::count_if(links, [&](LinkId link) { return world_.stranger_closed(link); });
      EXPECT_EQ(closed, is_changed ? 2 : 0) << key;
    }
  }
}

TEST_F(ConfigEffect, ConnectionsReserve) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with({{"connections_max", "100"},
              {"handshakes_pending_max", "1000"},
              {"connections_reserve", is_changed ? "0" : "50"}});
    std::vector<LinkId> links;
    for (int i = 0; i < 90; ++i) {
      links.push_back(world_.connect_stranger(0, "198.51.100." + std::to_string(i)));
    }
    world_.run_for(1ms);
    EXPECT_EQ(world_.stranger_closed(links.back()), !is_changed);
  }
}

TEST_F(ConfigEffect, ConnectionsBurstAndInterval) {
  const auto last_is_refused = [&](const Sets& sets, Duration pause) {
    restart();
    add_with(sets);
    LinkId last{};
    for (int i = 0; i < 4; ++i) {
      last = world_.connect_stranger(0);
      world_.run_for(pause);
    }
    return world_.stranger_closed(last);
  };
  EXPECT_FALSE(last_is_refused({}, 1ms));
  EXPECT_TRUE(last_is_refused({{"connections_burst", "3"}}, 1ms));
  EXPECT_FALSE(
      last_is_refused({{"connections_burst", "3"}, {"connections_interval", "100ms"}}, 100ms));
}

/// Opens streams of ping to a peer, and keeps what comes.
class Opener final : public host::Service {
 public:
  std::vector<std::string> protocols() const override { return {}; }
  void on_input(Instant, host::ServiceEvent event) override {
    if (const auto* up = std::get_if<host::StreamUp>(&event)) streams.push_back(up->stream);
    if (std::holds_alternative<host::StreamOpenFailed>(event)) ++failed;
  }
  void open(const PeerId& peer) {
    say(host::Open{Token{1}, peer, {std::string(host::identify_protocol)}});
  }
  std::vector<StreamId> streams;
  std::size_t failed = 0;
};

TEST_F(ConfigEffect, StreamsPerConnection) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with(is_changed ? Sets{{"streams_per_connection", "16"}} : Sets{});
    add_with({});
    auto& opener = static_cast<Opener&>(
        members_[0]->node.add_service(world_.now(), std::make_unique<Opener>()));
    connect(0, 1);
    world_.run_for(1s);
    for (int i = 0; i < 20; ++i) opener.open(members_[1]->id());
    members_[0]->node.touch(world_.now());
    EXPECT_EQ(opener.failed > 0, is_changed);
  }
}

/// Serves a stream without end, so that the reader's window grows as far as it may.
TEST_F(ConfigEffect, StreamWindowMax) {
  std::size_t under_way_max[2] = {};
  for (const bool is_changed : {false, true}) {
    restart();
    add_with(is_changed ? Sets{{"stream_window_max", "256KiB"}} : Sets{});
    add_with({{"perf.serve", "true"}});
    connect(0, 1);
    world_.run_for(1s);
    std::size_t in_round_trip = 0;
    Instant since = world_.now();
    world_.on_wire = [&](std::size_t from, std::size_t, Bytes& bytes) {
      if (from != 1) return;
      if (world_.now() - since >= 20ms) {
        since = world_.now();
        in_round_trip = 0;
      }
      in_round_trip += bytes.size();
      under_way_max[is_changed] = std::max(under_way_max[is_changed], in_round_trip);
    };
    command(0, PerfPeer{Token{2}, members_[1]->id(), 0, 20'000'000});
    world_.run_for(20s);
    ASSERT_NE(members_[0]->last<host::PerfResult>(), nullptr);
    EXPECT_FALSE(members_[0]->last<host::PerfResult>()->error.has_value());
    world_.on_wire = nullptr;
  }
  EXPECT_GT(under_way_max[false], 2 * under_way_max[true]);
}

TEST_F(ConfigEffect, DialFeelerInterval) {
  for (const char* interval : {"10s", "0"}) {
    restart();
    add_with({{"min_peers", "1"}, {"min_outbound_peers", "1"}, {"dial.feeler_interval", interval}});
    add_with({});
    add_with({});
    connect(0, 1);
    world_.run_for(1s);
    const auto other = members_[2]->id();
    world_.input(0, host::PeersLoaded{{{other, {address("/ip4/127.0.0.1/tcp/1002")}, {}, {1}}}});
    world_.run_for(1min);
    EXPECT_EQ(are_connected(0, 2), interval != std::string("0"));
  }
}

TEST_F(ConfigEffect, DialFailuresMaxAndPeerBook) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with(is_changed ? Sets{{"min_peers", "2"}, {"dial.failures_max", "2"}}
                        : Sets{{"min_peers", "2"}});
    add_with({});
    connect(0, 1);  // so that it is not our own network that fails
    SeededRng rng(77);
    const auto gone = codec::peer_id_of(crypto::KeyPair::generate(rng).public_key());
    world_.input(0, host::PeersLoaded{{{gone, {address(nowhere)}, {}, {1}}}});
    world_.run_for(1min);
    EXPECT_EQ(members_[0]->node.host().book().find(gone) == nullptr, is_changed);
  }
  restart();
  add_with({{"peer_book.peers_max", "3"}});
  std::vector<host::StoredPeer> many;
  SeededRng rng(78);
  for (int i = 0; i < 9; ++i) {
    many.push_back({codec::peer_id_of(crypto::KeyPair::generate(rng).public_key()),
                    {address(nowhere)},
                    {},
                    {1}});
  }
  world_.input(0, host::PeersLoaded{many});
  EXPECT_EQ(members_[0]->node.host().book().size(), 3U);
}

TEST_F(ConfigEffect, ConnectionsPerPeer) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with(is_changed ? Sets{{"connections_per_peer", "1"}} : Sets{});
    add_with({});
    connect(0, 1, 1);
    connect(1, 0, 1);  // at the same time: two connections, unless one is too many
    world_.run_for(1s);
    ASSERT_TRUE(are_connected(0, 1));
    EXPECT_EQ(members_[0]->node.host().peer(members_[1]->id())->connections.size(),
              is_changed ? 1U : 2U);
  }
}

TEST_F(ConfigEffect, PingInterval) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with(is_changed ? Sets{{"ping.interval", "0"}} : Sets{});
    add_with({{"ping.interval", "0"}});
    connect(0, 1);
    world_.run_for(1min);
    EXPECT_EQ(members_[0]->node.pings_answered() == 0, is_changed);
  }
}

TEST_F(ConfigEffect, PeerExchangeInterval) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with(is_changed ? Sets{{"peer_exchange.interval", "0"}} : Sets{});
    add_with({});
    add_with({});
    connect(2, 1);
    world_.run_for(1s);
    connect(0, 1);
    world_.run_for(2min);
    EXPECT_EQ(members_[0]->node.host().book().find(members_[2]->id()) == nullptr, is_changed);
  }
}

TEST_F(ConfigEffect, PerfServe) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_with(is_changed ? Sets{{"perf.serve", "true"}} : Sets{});
    add_with({});
    connect(1, 0);
    world_.run_for(1s);
    command(1, PerfPeer{Token{2}, members_[0]->id(), 1000, 1000});
    world_.run_for(5s);
    const auto* result = members_[1]->last<host::PerfResult>();
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(!result->error.has_value(), is_changed);
  }
}

/// Every key is shown by a test here, or by a method of a test of tests/e2e that names it.
TEST(ConfigEffects, NoKeyIsWithoutOne) {
  std::string text;
  for (const char* path :
       {"/src/node/config_effect_test.cpp", "/src/node/config_effect_peers_test.cpp",
        "/src/node/config_effect_chain_test.cpp", "/src/node/config_quality_test.cpp",
        "/src/node/config_effect_work_test.cpp", "/src/node/config_effect_transport_test.cpp",
        "/src/node/node_sync_test.cpp", "/tests/e2e/config_test.py",
        "/tests/e2e/transport_test.py"}) {
    std::ifstream file(KITH_SOURCE_DIR + std::string(path));
    std::stringstream whole;
    whole << file.rdbuf();
    text += whole.str();
  }
  for (const ConfigKey& key : config_keys()) {
    EXPECT_NE(text.find('"' + std::string(key.name) + '"'), std::string::npos) << key.name;
  }
}

}  // namespace
}  // namespace kith::node
