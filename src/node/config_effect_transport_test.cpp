// What the keys of packets and sessions change in a running node, as config_effect_test.cpp has it.
// Those of WebSockets and packet.spin_us are of the shell: tests/e2e/transport_test.py.
#include "node/test_config_effect.h"
#include "secure/session_testing.h"

namespace kith::node {
namespace {

class TransportEffect : public ConfigEffect {
 protected:
  /// A node that is quiet but for what its transport says, with a socket for packets.
  Member& add_quiet(const Sets& sets = {}) {
    Sets all = {{"packet.listen", "/ip4/127.0.0.1/udp/0/kith"},
                {"ping.interval", "0"},
                {"peer_exchange.interval", "0"},
                {"quality.probe_interval", "1h"},
                {"gossip.enabled", "false"},
                {"perf.serve", "true"}};
    all.insert(all.end(), sets.begin(), sets.end());
    return add_with(all);
  }
  /// Two of them, the first with the sets, and connected by packets.
  void add_pair(const Sets& sets, const Sets& others = {}) {
    restart();
    add_quiet(sets);
    add_quiet(others);
    connect_by("/udp/1001/kith");
    ASSERT_TRUE(world_.run_until([&] { return are_connected(0, 1) && are_connected(1, 0); }, 5s));
  }
  void connect_by(const std::string& transport) {
    command(0, Connect{Token{1}, members_[1]->id(), {address("/ip4/127.0.0.1" + transport)}});
  }
  host::SessionStats session(std::size_t from = 0) {
    const auto info = members_[from]->node.host().peer(members_[1 - from]->id());
    if (!info || !info->connections.front().session) {
      ADD_FAILURE() << "no session at " << from;
      return {};
    }
    return *info->connections.front().session;
  }
  /// How long it took to move as much from node 0 to node 1.
  Duration move(std::uint64_t bytes) {
    const Instant began = world_.now();
    const std::size_t before = members_[0]->count<host::PerfResult>();
    command(0, PerfPeer{Token{2}, members_[1]->id(), bytes, 0});
    const bool is_done =
        world_.run_until([&] { return members_[0]->count<host::PerfResult>() > before; }, 10min);
    EXPECT_TRUE(is_done && !members_[0]->last<host::PerfResult>()->error);
    return world_.now() - began;
  }
  bool listens_for_packets() {
    return std::ranges::any_of(members_[0]->node.host().addresses(), [](const auto& address) {
      return address.has(codec::AddrProtocol::udp);
    });
  }
};

TEST_F(TransportEffect, PacketEnabled) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_quiet(is_changed ? Sets{{"packet.enabled", "false"}} : Sets{});
    add_quiet();
    EXPECT_EQ(listens_for_packets(), !is_changed);
    for (const char* transport : {"/udp/1001/kith", "/tcp/1001/kith"}) {
      connect_by(transport);
      world_.run_for(15s);
      EXPECT_EQ(members_[0]->last<Connected>()->peer.has_value(), !is_changed) << transport;
    }
    // Nor may others begin one.
    const PeerId own = members_[0]->id();
    command(0, Disconnect{members_[1]->id()});
    world_.run_for(15s);
    ASSERT_FALSE(are_connected(1, 0));
    command(1, Connect{Token{3}, own, {address("/ip4/127.0.0.1/tcp/1000/kith")}});
    world_.run_for(15s);
    EXPECT_EQ(members_[1]->last<Connected>()->peer.has_value(), !is_changed);
  }
}

TEST_F(TransportEffect, PacketListen) {
  for (const bool is_changed : {false, true}) {
    restart();
    add_quiet(is_changed ? Sets{{"packet.listen", ""}} : Sets{});
    EXPECT_EQ(listens_for_packets(), !is_changed);
  }
}

TEST_F(TransportEffect, PacketMtuAndItsDiscovery) {
  const auto found = [&](const Sets& sets) {
    add_pair(sets);
    move(1'000'000);
    world_.run_for(10s);
    return session().mtu_bytes;
  };
  EXPECT_EQ(found({}), 1472U);
  EXPECT_EQ(found({{"packet.mtu_max", "1440"}}), 1432U);
  EXPECT_EQ(found({{"packet.mtu_discovery", "false"}}), 1400U);
  EXPECT_EQ(found({{"packet.mtu", "1300"}, {"packet.mtu_discovery", "false"}}), 1300U);
}

TEST_F(TransportEffect, PacketCongestion) {
  // On a path that loses one batch in fifty, bbr keeps its rate; what halves does not.
  std::map<std::string, Duration> took;
  for (const char* name : {"bbr", "cubic", "aimd"}) {
    add_pair({{"packet.congestion", name}});
    SeededRng luck(3);
    world_.on_datagram_batch = [&](std::size_t, std::size_t, Bytes&) { return luck.below(50) > 0; };
    took[name] = move(20'000'000);
    world_.on_datagram_batch = nullptr;
  }
  EXPECT_LT(2 * took["bbr"], took["cubic"]);
  EXPECT_LT(2 * took["bbr"], took["aimd"]);
  EXPECT_NE(took["cubic"], took["aimd"]);
}

TEST_F(TransportEffect, PacketIdleTimeout) {
  for (const bool is_changed : {false, true}) {
    add_pair(is_changed ? Sets{{"packet.idle_timeout", "5s"}, {"packet.keep_alive", "2s"}}
                        : Sets{});
    world_.on_datagram_batch = [](std::size_t from, std::size_t, Bytes&) { return from == 0; };
    world_.run_for(20s);
    EXPECT_EQ(are_connected(0, 1), !is_changed);
    world_.on_datagram_batch = nullptr;
  }
}

TEST_F(TransportEffect, PacketKeepAlive) {
  std::size_t said[2] = {};
  for (const bool is_changed : {false, true}) {
    add_pair(is_changed ? Sets{{"packet.keep_alive", "2s"}} : Sets{});
    world_.run_for(10s);
    world_.on_datagram_batch = [&](std::size_t from, std::size_t, Bytes&) {
      if (from == 0) ++said[is_changed];
      return true;
    };
    world_.run_for(2min);
    EXPECT_TRUE(are_connected(0, 1));
    world_.on_datagram_batch = nullptr;
  }
  EXPECT_GE(said[false], 4U);
  EXPECT_LE(said[false], 20U);
  EXPECT_GE(said[true], 50U);
}

TEST_F(TransportEffect, SessionRotateBytesAndInterval) {
  const auto rotations = [&](const Sets& sets) {
    add_pair(sets);
    move(3'500'000);
    world_.run_for(25s);
    return session().rotations;
  };
  EXPECT_EQ(rotations({}), 0U);
  EXPECT_GE(rotations({{"session.rotate_bytes", "1MB"}}), 1U);
  EXPECT_GE(rotations({{"session.rotate_interval", "10s"}}), 2U);
}

/// Services of the application send messages, and here is none: what a session of the node's
/// configuration makes of them.
TEST_F(TransportEffect, SessionRotateMessages) {
  for (const bool is_changed : {false, true}) {
    namespace testing = secure::session_testing;
    const Sets sets = {{"session.rotate_messages", "1000"}};
    testing::SessionNode first(1), second(2);
    const NodeConfig config = config_with(is_changed ? sets : Sets{});
    first.config.rotate_messages = config.host.session.session.rotate_messages;
    testing::SessionPair pair(first, second);
    pair.shake_hands();
    pair.settle();
    pair.now += 1s;
    pair.initiator.input(pair.now, secure::Sealed{.bytes = 0, .packets = 0, .messages = 999});
    EXPECT_EQ(pair.initiator.session.state(), secure::SessionState::active);
    pair.initiator.input(pair.now, secure::Sealed{.bytes = 0, .packets = 0, .messages = 1});
    EXPECT_EQ(pair.initiator.session.state() == secure::SessionState::key_rotating, is_changed);
  }
}

TEST_F(TransportEffect, SessionCiphers) {
  for (const char* name : {"aes-256-gcm", "chacha20-poly1305"}) {
    for (const Sets& others : {Sets{}, Sets{{"session.ciphers", name}}}) {
      add_pair({{"session.ciphers", name}}, others);
      EXPECT_EQ(session(0).cipher, name);
      EXPECT_EQ(session(1).cipher, name);
    }
  }
  // Two that have none in common have no session.
  restart();
  add_quiet({{"session.ciphers", "aes-256-gcm"}});
  add_quiet({{"session.ciphers", "chacha20-poly1305"}});
  connect_by("/udp/1001/kith");
  world_.run_for(15s);
  EXPECT_FALSE(are_connected(0, 1));
}

/// As above: what a connection of its configuration makes of a message.
TEST_F(TransportEffect, SessionCompress) {
  std::size_t sent[2] = {};
  for (const bool is_changed : {false, true}) {
    const auto config =
        config_with(is_changed ? Sets{{"session.compress", "true"}} : Sets{}).host.session.packet;
    packet::Services services(config.services, Direction::outbound);
    services.on_parameters(1'000'000, 1'000'000, 10, 10, 1200, true);
    Bytes text(50'000);
    SeededRng(3).fill(text);
    for (std::uint8_t& letter : text) letter = letter % 16U + 'a';
    ASSERT_TRUE(services.send_message({}, Buffer(text), {}));
    while (const auto fragment = services.next_fragment({}, 1400, 1400)) {
      sent[is_changed] += fragment->data.size();
    }
  }
  EXPECT_GE(sent[false], 49'000U);
  EXPECT_GT(sent[true], 0U);
  EXPECT_LT(10 * sent[true], 6 * sent[false]);
}

}  // namespace
}  // namespace kith::node
