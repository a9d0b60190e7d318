// Hosts that speak sessions: over datagrams, over TCP beside libp2p, and what they tell of it.
#include "host/host_packets.h"

#include <gtest/gtest.h>

#include "host/test_host.h"

namespace kith::host {
namespace {

codec::Multiaddr at(const std::string& text) { return *codec::Multiaddr::parse(text); }
codec::Multiaddr udp_of(std::size_t index) {
  return at("/ip4/127.0.0.1/udp/" + std::to_string(1000 + index) + "/kith");
}
codec::Multiaddr tcp_kith_of(std::size_t index) {
  return at("/ip4/127.0.0.1/tcp/" + std::to_string(1000 + index) + "/kith");
}

class HostPackets : public testing::Test, protected HostWorld {
 protected:
  static HostConfig with_packets() {
    HostConfig config = quiet();
    config.listen.push_back(at("/ip4/127.0.0.1/udp/0/kith"));
    return config;
  }
  void dial_at(std::size_t from, std::size_t to, std::vector<codec::Multiaddr> addresses) {
    tell(from, Dial{Token{++token_}, hosts[to]->id(), std::move(addresses)});
  }
  std::optional<Result<PeerId>> last_dial(std::size_t from) {
    return hosts[from]->dial_done(token_);
  }
  ConnectionInfo connection(std::size_t from, std::size_t to) {
    return hosts[from]->host.peer(hosts[to]->id())->connections.front();
  }
  /// Sends `data` on a stream of its own, as room is told, and waits until it has come.
  void expect_delivered(std::size_t from, std::size_t to, const Bytes& data) {
    tell(from, FromService{1, Open{Token{1}, hosts[to]->id(), {"/echo"}}});
    ASSERT_EQ(hosts[from]->streams.size(), 1U);
    const StreamId stream = hosts[from]->streams.begin()->first;
    // Less than any first room, again and again.
    for (std::size_t sent = 0; sent < data.size();) {
      const std::size_t size = std::min<std::size_t>(data.size() - sent, 100'000);
      tell(from, FromService{1, Write{stream, Buffer(ByteView(data).subspan(sent, size))}});
      sent += size;
      ASSERT_TRUE(world.run_until([&] { return received(to) >= sent; })) << sent;
    }
    EXPECT_TRUE(hosts[to]->received.begin()->second == data);
  }
  std::size_t received(std::size_t host) {
    return hosts[host]->received.empty() ? 0 : hosts[host]->received.begin()->second.size();
  }
  static Bytes some_bytes(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 13 >> 2);
    return bytes;
  }

  std::uint64_t token_ = 100;
};

TEST_F(HostPackets, ADialOverDatagramsReachesThePeerAndStreamsFlow) {
  add(with_packets());
  add(with_packets());
  dial_at(0, 1, {udp_of(1)});
  world.run_for(1s);
  ASSERT_TRUE(last_dial(0).has_value());
  EXPECT_EQ(*last_dial(0), hosts[1]->id());
  ASSERT_TRUE(are_connected(0, 1));
  EXPECT_NE(hosts[0]->host.peer(hosts[1]->id())->identity, nullptr) << "identify went over it";
  EXPECT_EQ(connection(0, 1).remote, udp_of(1));
  expect_delivered(0, 1, some_bytes(300'000));
  const auto stats = connection(0, 1).session;
  ASSERT_TRUE(stats.has_value());
  EXPECT_EQ(stats->transport, "udp");
  EXPECT_EQ(stats->state, "ESTABLISHED");
  EXPECT_GT(stats->packets_sent, 200U);
  EXPECT_GE(stats->rtt_least, 20ms);
  EXPECT_LT(stats->rtt_least, 40ms);
}

TEST_F(HostPackets, ALossyPathDeliversTheSame) {
  add(with_packets());
  add(with_packets());
  SeededRng luck(3);
  world.on_datagram_batch = [&](std::size_t, std::size_t, Bytes&) { return luck.below(10) > 0; };
  dial_at(0, 1, {udp_of(1)});
  ASSERT_TRUE(world.run_until([&] { return are_connected(0, 1); }, 20s));
  expect_delivered(0, 1, some_bytes(400'000));
  EXPECT_GT(connection(0, 1).session->packets_lost, 0U);
}

TEST_F(HostPackets, TheLimitOfDownloadsHoldsPacketsToo) {
  constexpr std::uint64_t rate = 400'000;
  HostConfig config = with_packets();
  const std::uint64_t window = config.session.packet.services.window_initial;
  config.shaping.download = rate;
  add(with_packets());
  add(config);
  dial_at(0, 1, {udp_of(1)});
  world.run_for(1s);
  ASSERT_TRUE(are_connected(0, 1));
  // One window comes as it likes, and is owed.
  const Instant begin = world.now();
  const Bytes data = some_bytes(window + 2'000'000);
  expect_delivered(0, 1, data);
  const auto took_ms = base::to_ms(world.now() - begin);
  EXPECT_GE(took_ms, 2'000'000 * 900 / rate);
  EXPECT_LE(took_ms, data.size() * 1200 / rate);
  EXPECT_GT(hosts[1]->host.download().waits(), 0U);
}

TEST_F(HostPackets, BothKnowEachOthersDatagramAddresses) {
  add(with_packets());
  add(with_packets());
  const auto told = hosts[1]->host.addresses();
  EXPECT_NE(std::ranges::find(told, udp_of(1).with_peer(hosts[1]->id())), told.end());
  dial(0, 1, 1);
  world.run_for(1s);
  const PeerBook::Entry* known = hosts[0]->host.book().find(hosts[1]->id());
  ASSERT_NE(known, nullptr);
  EXPECT_NE(std::ranges::find(known->addresses, udp_of(1)), known->addresses.end());
}

TEST_F(HostPackets, AWildcardsSocketIsToldByItsInterfaces) {
  HostConfig config = with_packets();
  const auto asked = at("/ip4/0.0.0.0/udp/4771/kith");
  config.listen.push_back(asked);
  add(config);
  const std::vector<codec::Multiaddr> reachable = {at("/ip4/192.0.2.1/udp/4771/kith"),
                                                   at("/ip4/127.0.0.1/udp/4771/kith")};
  world.input(0, SocketOpened{asked, asked, base::SocketId{7}, reachable});
  const auto told = hosts[0]->host.addresses();
  for (const auto& address : reachable) {
    EXPECT_EQ(std::ranges::count(told, address.with_peer(hosts[0]->id())), 1);
  }
  EXPECT_EQ(std::ranges::count(told, asked.with_peer(hosts[0]->id())), 0);
}

TEST_F(HostPackets, OneWithoutASocketOpensOneToDialAndTellsNobody) {
  add();
  add(with_packets());
  dial_at(0, 1, {udp_of(1)});
  world.run_for(1s);
  EXPECT_TRUE(are_connected(0, 1));
  for (const auto& address : hosts[0]->host.addresses()) {
    EXPECT_FALSE(address.has(codec::AddrProtocol::udp)) << address.to_string();
  }
}

TEST_F(HostPackets, OfBothAddressesPacketsAreDialledFirst) {
  add(with_packets());
  add(with_packets());
  std::vector<codec::Multiaddr> links;
  world.on_dial = [&](std::size_t, const codec::Multiaddr& address) { links.push_back(address); };
  dial_at(0, 1, {address(1), udp_of(1)});
  world.run_for(200ms);
  EXPECT_TRUE(are_connected(0, 1));
  EXPECT_TRUE(links.empty()) << "it was there before TCP's turn";
  EXPECT_TRUE(connection(0, 1).session.has_value());
}

TEST_F(HostPackets, WherePacketsDoNotPassTcpComesAQuarterOfASecondLater) {
  add(with_packets());
  add(with_packets());
  world.on_datagram_batch = [](std::size_t, std::size_t, Bytes&) { return false; };
  std::vector<Instant> dials;
  world.on_dial = [&](std::size_t, const codec::Multiaddr&) { dials.push_back(world.now()); };
  const Instant begin = world.now();
  dial_at(0, 1, {address(1), udp_of(1)});
  world.run_for(1s);
  ASSERT_EQ(dials.size(), 1U);
  EXPECT_EQ(dials[0] - begin, 250ms);
  ASSERT_TRUE(are_connected(0, 1));
  EXPECT_FALSE(connection(0, 1).session.has_value());
  world.run_for(5s);
  EXPECT_EQ(hosts[0]->host.link_count(), 1U) << "the other attempt is over";
}

TEST_F(HostPackets, ASessionOverTcpSharesThePortWithLibp2p) {
  add();
  add();
  add();
  dial_at(0, 1, {tcp_kith_of(1)});
  world.run_for(1s);
  ASSERT_TRUE(are_connected(0, 1));
  EXPECT_EQ(connection(0, 1).session->transport, "tcp");
  EXPECT_EQ(connection(0, 1).remote, tcp_kith_of(1));
  ASSERT_TRUE(connection(1, 0).session.has_value());
  dial(2, 1, 1);
  world.run_for(1s);
  EXPECT_TRUE(are_connected(2, 1));
  EXPECT_FALSE(connection(2, 1).session.has_value());
  expect_delivered(0, 1, some_bytes(300'000));
}

TEST_F(HostPackets, ADisconnectedPeerIsToldOnBothSidesOverEach) {
  for (const bool is_tcp : {false, true}) {
    const std::size_t first = hosts.size();
    add(with_packets());
    add(with_packets());
    dial_at(first, first + 1, {is_tcp ? tcp_kith_of(first + 1) : udp_of(first + 1)});
    world.run_for(1s);
    ASSERT_TRUE(are_connected(first, first + 1)) << is_tcp;
    tell(first, Disconnect{hosts[first + 1]->id()});
    world.run_for(12s);
    EXPECT_EQ(hosts[first]->downs.size(), 1U) << is_tcp;
    EXPECT_EQ(hosts[first + 1]->downs.size(), 1U) << is_tcp;
    EXPECT_EQ(hosts[first]->host.link_count() + hosts[first + 1]->host.link_count(), 0U) << is_tcp;
    EXPECT_EQ(hosts[first]->host.stats().protocol_faults, 0U) << is_tcp;
    EXPECT_EQ(hosts[first + 1]->host.stats().protocol_faults, 0U) << is_tcp;
  }
}

TEST_F(HostPackets, AHostThatStopsSaysGoodbyeAndEndsWithin) {
  add(with_packets());
  add(with_packets());
  dial_at(0, 1, {udp_of(1)});
  world.run_for(1s);
  ASSERT_TRUE(are_connected(0, 1));
  tell(0, ShutDown{});
  world.run_for(3s);
  EXPECT_EQ(hosts[0]->stopped, 1U);
  EXPECT_EQ(hosts[1]->downs.size(), 1U) << "it has not to wait for a timeout";
}

TEST_F(HostPackets, LimitsHoldForDatagramsAsForLinks) {
  HostConfig config = with_packets();
  config.limits.connections_max = 1;
  config.limits.outbound_reserve = 0;
  add(config);
  add(with_packets());
  add(with_packets());
  tell(0, Protect{hosts[1]->id(), true});  // it needs no slot of those that have proven something
  dial_at(1, 0, {udp_of(0)});
  world.run_for(1s);
  EXPECT_TRUE(are_connected(0, 1));
  dial_at(2, 0, {udp_of(0)});
  world.run_for(12s);
  EXPECT_FALSE(are_connected(0, 2));
  ASSERT_TRUE(last_dial(2).has_value());
  EXPECT_FALSE(last_dial(2)->has_value());
  EXPECT_GE(hosts[0]->host.stats().links_refused, 1U);
  EXPECT_EQ(hosts[2]->host.link_count(), 0U);
}

TEST_F(HostPackets, APrivateNetworksSeedKeepsStrangersOut) {
  HostConfig secret = with_packets();
  secret.connection.network_key = secure::PresharedKey{5};
  add(secret);
  add(secret);
  add(with_packets());
  dial_at(0, 1, {udp_of(1)});
  world.run_for(1s);
  EXPECT_TRUE(are_connected(0, 1));
  dial_at(2, 1, {udp_of(1)});
  world.run_for(12s);
  EXPECT_FALSE(are_connected(2, 1));
  dial_at(0, 1, {tcp_kith_of(1)});
  // Over TCP both kinds pass too.
  add(secret);
  dial_at(3, 1, {tcp_kith_of(1)});
  world.run_for(1s);
  EXPECT_TRUE(are_connected(3, 1));
  add(secret);
  dial(4, 1, 1);
  world.run_for(1s);
  EXPECT_TRUE(are_connected(4, 1));
  EXPECT_FALSE(connection(4, 1).session.has_value());
}

TEST_F(HostPackets, WithoutSessionsNeitherIsSpoken) {
  HostConfig plain = quiet();
  plain.has_sessions = plain.dialer.has_sessions = false;
  add(plain);
  add(with_packets());
  dial_at(0, 1, {udp_of(1)});
  world.run_for(1s);
  ASSERT_TRUE(last_dial(0).has_value());
  EXPECT_EQ(last_dial(0)->error().code, Code::unsupported);
  dial_at(1, 0, {tcp_kith_of(0)});
  world.run_for(12s);
  EXPECT_FALSE(are_connected(0, 1));
}

}  // namespace
}  // namespace kith::host
