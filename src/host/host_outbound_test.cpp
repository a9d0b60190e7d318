// Peers of a host's own choice, outbound_min of them: sought however many came, without dialling
// more than is of use.
#include <gtest/gtest.h>

#include "host/test_host.h"

namespace kith::host {
namespace {

class HostOutbound : public testing::Test, protected HostWorld {};

HostConfig seeking() {
  HostConfig config = HostWorld::quiet();
  config.peers_min = 2;
  config.feeler_interval = 0s;  // which would dial beyond what is wanted
  config.trim_grace = 5s;
  return config;
}

StoredPeer stored_at(const PeerId& peer, std::size_t port) {
  return {peer, {HostWorld::address(port)}, {}, {1}};
}

std::size_t outbound_of(const TestHost& host) {
  std::size_t outbound = 0;
  for (const auto& info : host.host.peers()) {
    outbound += info.connections.front().direction == Direction::outbound ? 1 : 0;
  }
  return outbound;
}

TEST_F(HostOutbound, PeersToDialAreSoughtHoweverManyCame) {
  for (const std::size_t peers_min : {2U, 0U}) {
    HostWorld fresh;
    HostConfig config = seeking();
    config.peers_min = peers_min;
    config.outbound_min = 2;
    fresh.add(config);
    for (std::size_t i = 1; i <= 6; ++i) fresh.add();
    for (std::size_t i = 1; i <= 3; ++i) fresh.dial(i, 0, 1);
    fresh.world.run_for(1s);
    PeersLoaded loaded;
    for (std::size_t i = 4; i <= 6; ++i) loaded.peers.push_back(stored_at(fresh.hosts[i]->id(), i));
    fresh.world.input(0, loaded);
    fresh.world.run_for(10min);
    const std::size_t wanted = peers_min == 0 ? 0 : 2;  // 0 never dials by itself
    EXPECT_EQ(outbound_of(*fresh.hosts[0]), wanted);
    EXPECT_EQ(fresh.hosts[0]->host.stats().links_dialed, wanted);
    EXPECT_EQ(fresh.hosts[0]->up.size(), 3 + wanted) << "nobody was there too many";
  }
}

// A crowd that comes again as often as it is trimmed: the peers that were sought stay, so that each
// is dialled once.
TEST_F(HostOutbound, AFullNodeSeeksPeersToDialOnce) {
  HostConfig config = seeking();
  config.peers_high = 12;
  config.peers_low = 8;
  add(config);
  constexpr std::size_t crowd = 16, others = 6;
  for (std::size_t i = 1; i <= crowd + others; ++i) add();
  std::uint64_t token = 0;
  const auto come = [&](std::size_t count) {
    for (std::size_t i = 1; i <= count; ++i) {
      if (!hosts[i]->up.contains(hosts[0]->id())) dial(i, 0, ++token);
    }
  };
  come(12);
  world.run_for(10s);
  ASSERT_EQ(hosts[0]->up.size(), 12U);
  PeersLoaded loaded;
  for (std::size_t i = crowd + 1; i <= crowd + others; ++i) {
    loaded.peers.push_back(stored_at(hosts[i]->id(), i));
  }
  world.input(0, loaded);
  for (int i = 0; i < 60; ++i) {
    come(crowd);
    world.run_for(10s);
  }
  EXPECT_GT(hosts[0]->host.stats().trimmed, 100U);
  EXPECT_EQ(outbound_of(*hosts[0]), 2U);
  EXPECT_EQ(hosts[0]->host.stats().links_dialed, 2U);
}

// Each wants links of its own choice, and each that a full node takes costs another its own. Would
// they seek half of their links and not a quarter, these dialled for ever.
TEST_F(HostOutbound, FullNodesThatSeekPeersComeToRest) {
  HostConfig config = seeking();
  config.peers_min = 4;
  config.peers_high = config.peers_low = 8;
  constexpr std::size_t count = 100;
  for (std::size_t i = 0; i < count; ++i) add(config);
  PeersLoaded all;
  for (std::size_t i = 0; i < count; ++i) all.peers.push_back(stored_at(hosts[i]->id(), i));
  SeededRng rng(77);
  for (std::size_t i = 0; i < count; ++i) {
    world.input(i, all);
    for (std::uint64_t token = 1; i % 5 == 0 && token <= 10; ++token) {
      dial(i, rng.below(count), token);
    }
    world.run_for(100ms);
  }
  world.run_for(5min);
  std::vector<std::uint64_t> dialed;
  for (const auto& host : hosts) dialed.push_back(host->host.stats().links_dialed);
  world.run_for(10min);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_GE(outbound_of(*hosts[i]), 2U) << i;
    EXPECT_LE(hosts[i]->up.size(), 8U) << i;
    EXPECT_EQ(hosts[i]->host.stats().links_dialed, dialed[i]) << i;
  }
}

TEST_F(HostOutbound, TheDeadAreSoughtNoMoreOftenThanBackOffAllows) {
  HostConfig config = seeking();
  add(config);
  for (std::size_t i = 1; i <= 2; ++i) {
    add();
    dial(i, 0, 1);
  }
  world.run_for(1s);
  PeersLoaded dead;
  for (std::uint8_t i = 100; i < 150; ++i) dead.peers.push_back(stored_at(test_peer(i), i));
  std::map<codec::Multiaddr, std::size_t> dials;
  world.on_dial = [&](std::size_t, const codec::Multiaddr& to) { ++dials[to]; };
  world.input(0, dead);
  world.run_for(10min);
  EXPECT_EQ(dials.size(), 50U);
  for (const auto& [address, count] : dials) {
    EXPECT_LE(count, 8U) << address.to_string();  // 5 s doubled seven times is more than 10 min
  }
}

TEST_F(HostOutbound, ANodeWithoutRoomForALinkBlamesNobody) {
  HostConfig config = seeking();
  config.limits.connections_max = 4;
  add(config);
  for (std::size_t i = 1; i <= 5; ++i) add();
  for (std::size_t i = 1; i <= 4; ++i) {
    if (i <= 2) {
      PeerStanding proven;  // or it has no slot
      proven.peer = hosts[i]->id();
      proven.is_proven = true;
      tell(0, proven);
      dial(i, 0, 1);
    } else {
      dial(0, i, i);
    }
    world.run_for(1s);
  }
  ASSERT_EQ(hosts[0]->host.link_count(), 4U);
  world.input(0, PeersLoaded{{stored_at(hosts[5]->id(), 5)}});
  world.run_for(1min);
  EXPECT_EQ(hosts[0]->host.book().find(hosts[5]->id())->failures, 0U);
  tell(0, Disconnect{hosts[1]->id()});
  world.run_for(10s);
  EXPECT_TRUE(are_connected(0, 5));
}

}  // namespace
}  // namespace kith::host
