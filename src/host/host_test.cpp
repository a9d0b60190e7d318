// Hosts in one small world: who is connected to whom, for how long, and who is told.
#include "host/host.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <limits>

#include "host/test_host.h"

namespace kith::host {
namespace {

class HostTest : public testing::Test, protected HostWorld {};

TEST_F(HostTest, ADialReachesThePeerAndBothAreTold) {
  add();
  add();
  dial(0, 1, 5);
  world.run_for(1s);
  ASSERT_TRUE(hosts[0]->dial_done(5).has_value());
  EXPECT_EQ(*hosts[0]->dial_done(5), hosts[1]->id());
  EXPECT_TRUE(are_connected(0, 1));
  EXPECT_EQ(hosts[0]->host.peer(hosts[1]->id())->identity->agent_version, "kith");
}

TEST_F(HostTest, DialsOfOnePeerAreMerged) {
  add();
  add();
  std::size_t dials = 0;
  world.on_dial = [&](std::size_t, const codec::Multiaddr&) { ++dials; };
  for (std::uint64_t token = 1; token <= 20; ++token) dial(0, 1, token);
  world.run_for(1s);
  dial(0, 1, 21);
  EXPECT_EQ(dials, 1U);
  for (std::uint64_t token = 1; token <= 21; ++token) {
    ASSERT_TRUE(hosts[0]->dial_done(token).has_value()) << token;
    EXPECT_TRUE(hosts[0]->dial_done(token)->has_value()) << token;
  }
  EXPECT_EQ(hosts[0]->host.link_count(), 1U);
}

TEST_F(HostTest, AMergedDialBringsItsOwnAddresses) {
  add();
  add();
  tell(0, Dial{Token{1}, hosts[1]->id(), {address(77)}});  // nobody there
  dial(0, 1, 2);
  world.run_for(2s);
  EXPECT_TRUE(hosts[0]->dial_done(1)->has_value());
  EXPECT_TRUE(hosts[0]->dial_done(2)->has_value());
}

TEST_F(HostTest, ItselfIsNotDialled) {
  add();
  tell(0, Dial{Token{1}, hosts[0]->id(), {address(0)}});
  EXPECT_EQ(hosts[0]->dial_done(1)->error().code, Code::usage);
  // Not knowing whom it will meet:
  tell(0, Dial{Token{2}, std::nullopt, {address(0)}});
  world.run_for(2s);
  ASSERT_TRUE(hosts[0]->dial_done(2).has_value());
  EXPECT_FALSE(hosts[0]->dial_done(2)->has_value());
  EXPECT_TRUE(hosts[0]->ups.empty());
  EXPECT_EQ(hosts[0]->host.link_count(), 0U);
  EXPECT_EQ(hosts[0]->host.book().size(), 0U);
}

TEST_F(HostTest, ADisconnectedPeerIsToldOnBothSides) {
  add();
  add();
  dial(0, 1, 1);
  world.run_for(1s);
  tell(0, Disconnect{hosts[1]->id()});
  world.run_for(1s);
  EXPECT_EQ(hosts[0]->downs.size(), 1U);
  EXPECT_EQ(hosts[1]->downs.size(), 1U);
  EXPECT_EQ(hosts[0]->host.link_count() + hosts[1]->host.link_count(), 0U);
  EXPECT_EQ(hosts[0]->host.stats().faults, 0U) << "an end is no fault";
  EXPECT_EQ(hosts[1]->host.stats().faults, 0U);
}

// Both sides dial at once: no flapping, and in the end one connection.
TEST_F(HostTest, SimultaneousDialsEndInOneConnection) {
  for (int offset_ms = 0; offset_ms <= 60; offset_ms += 5) {
    HostWorld pair;
    pair.add();
    pair.add();
    pair.dial(0, 1, 1);
    pair.world.run_for(Duration(std::chrono::milliseconds(offset_ms)));
    pair.dial(1, 0, 2);
    pair.world.run_for(60s);
    for (const auto& host : pair.hosts) {
      EXPECT_EQ(host->ups.size(), 1U) << offset_ms;
      EXPECT_TRUE(host->downs.empty()) << offset_ms;
      EXPECT_EQ(host->host.link_count(), 1U) << offset_ms;
      for (const auto& [token, result] : host->dials) EXPECT_TRUE(result.has_value());
    }
  }
}

TEST_F(HostTest, ConnectionsOfOnePeerAreLimited) {
  HostConfig config = quiet();
  config.limits.per_peer_max = 2;
  add(config);
  // One identity with many sockets: the same key in several hosts.
  for (int i = 0; i < 5; ++i) {
    hosts.push_back(std::make_unique<TestHost>(std::uint8_t{50}, quiet()));
    const std::size_t index = hosts.size() - 1;
    world.add(*hosts.back());
    world.input(index, WallClock{{1}});
    hosts.back()->host.start(world.now());
    world.turn(index);
    world.run_for(1ms);
    dial(index, 0, 1);
    world.run_for(500ms);
  }
  EXPECT_EQ(hosts[0]->host.link_count(), 2U);
  EXPECT_EQ(hosts[0]->ups.size(), 1U);
  EXPECT_TRUE(hosts[0]->downs.empty());
}

TEST_F(HostTest, TooManyPeersAreTrimmedTheYoungestInboundFirst) {
  HostConfig config = quiet();
  config.peers_high = 6;
  config.peers_low = 4;
  add(config);
  for (std::size_t i = 1; i <= 8; ++i) add();
  dial(0, 1, 1);  // ours
  world.run_for(1s);
  for (std::size_t i = 2; i <= 6; ++i) {
    dial(i, 0, 1);
    world.run_for(1s);
  }
  tell(0, Protect{hosts[6]->id(), true});
  world.run_for(30s);
  EXPECT_EQ(hosts[0]->up.size(), 6U);
  dial(7, 0, 1);
  world.run_for(1s);
  // 7 of at most 6: down to 4. The protected one, the dialled one and the new one stay, and the
  // oldest of the others.
  EXPECT_EQ(hosts[0]->up,
            (std::set<PeerId>{hosts[1]->id(), hosts[2]->id(), hosts[6]->id(), hosts[7]->id()}));
  EXPECT_EQ(hosts[0]->host.stats().trimmed, 3U);
}

/// What a peer with so many points is worth.
PeerStanding standing_of(const PeerId& peer, std::int32_t reputation) {
  PeerStanding standing;
  standing.peer = peer;
  standing.reputation = reputation;
  standing.is_proven = reputation >= 10;
  standing.health = PeerHealth::healthy;
  return standing;
}

TEST_F(HostTest, TheLeastWorthyAreTrimmedFirst) {
  HostConfig config = quiet();
  config.peers_high = 6;
  config.peers_low = 3;
  config.outbound_min = 0;
  add(config);
  for (std::size_t i = 1; i <= 7; ++i) add();
  for (std::size_t i = 1; i <= 6; ++i) {
    if (i <= 3) {
      dial(0, i, i);
    } else {
      dial(i, 0, 1);
    }
    world.run_for(1s);
  }
  tell(0, standing_of(hosts[1]->id(), 500));
  tell(0, standing_of(hosts[3]->id(), 20));
  PeerStanding warned = standing_of(hosts[3]->id(), 600);
  warned.is_warned = true;
  tell(0, warned);
  PeerStanding silent = standing_of(hosts[2]->id(), 900);
  silent.health = PeerHealth::unhealthy;
  tell(0, silent);
  tell(0, standing_of(hosts[5]->id(), 30));
  world.run_for(30s);
  dial(7, 0, 1);
  world.run_for(1s);
  // Four of seven go: whoever does not answer, the warned one, and those that came and have proven
  // nothing; what peers have done weighs more than who dialled.
  EXPECT_EQ(hosts[0]->up, (std::set<PeerId>{hosts[1]->id(), hosts[5]->id(), hosts[7]->id()}));
}

// Four strangers for each peer that we chose, and they have even bought a name for themselves.
TEST_F(HostTest, SybilsDoNotPushOutThePeersThatWeChose) {
  HostConfig config = quiet();
  config.peers_high = 20;
  config.peers_low = 10;
  config.outbound_min = 5;
  config.trim_grace = 5s;
  add(config);
  constexpr std::size_t honest = 6;
  for (std::size_t i = 1; i <= honest; ++i) {
    add();
    dial(0, i, i);
    world.run_for(100ms);
  }
  for (std::size_t i = honest + 1; i <= 5 * honest; ++i) {
    add();
    dial(i, 0, 1);
    tell(0, standing_of(hosts[i]->id(), 200));
    world.run_for(1s);
  }
  world.run_for(1min);
  EXPECT_GT(hosts[0]->host.stats().trimmed, 0U);
  EXPECT_LE(hosts[0]->up.size(), 20U);
  std::size_t left = 0;
  for (std::size_t i = 1; i <= honest; ++i) left += hosts[0]->up.contains(hosts[i]->id()) ? 1 : 0;
  EXPECT_EQ(left, 5U);
}

TEST_F(HostTest, PeersThatHaveProvenNothingHaveHalfOfTheInboundSlots) {
  HostConfig config = quiet();
  config.limits.connections_max = 16;
  config.limits.outbound_reserve = 4;
  add(config);
  for (std::size_t i = 1; i <= 10; ++i) {
    add();
    if (i == 10) tell(0, standing_of(hosts[10]->id(), 60));
    dial(i, 0, 1);
    world.run_for(1s);
    EXPECT_EQ(are_connected(0, i), i <= 6 || i == 10) << i;
  }
  EXPECT_EQ(hosts[0]->host.stats().links_refused, 3U);
  dial(0, 7, 7);  // whom we choose needs no slot
  tell(0, Protect{hosts[8]->id(), true});
  dial(8, 0, 2);
  world.run_for(1s);
  EXPECT_TRUE(are_connected(0, 7) && are_connected(0, 8));
}

TEST_F(HostTest, TheBetterIsDialledMoreOften) {
  std::size_t best = 0, good = 0, warned = 0;
  for (std::uint8_t round = 0; round < 60; ++round) {
    HostWorld fresh;
    HostConfig config = quiet();
    config.peers_min = 1;
    config.outbound_min = 0;
    fresh.hosts.push_back(std::make_unique<TestHost>(static_cast<std::uint8_t>(round + 1), config));
    fresh.world.add(*fresh.hosts.back());
    fresh.world.input(0, WallClock{{1}});
    PeersLoaded loaded;
    for (std::uint8_t i = 0; i < 3; ++i) {
      const PeerId peer = test_peer(static_cast<std::uint8_t>(100 + i));
      loaded.peers.push_back({peer, {address(50U + i)}, {}, {1}});
      PeerStanding standing = standing_of(peer, i == 0 ? 900 : 0);
      standing.is_warned = i == 2;
      fresh.tell(0, standing);
    }
    std::vector<codec::Multiaddr> dials;
    fresh.world.on_dial = [&](std::size_t, const auto& to) { dials.push_back(to); };
    fresh.world.input(0, loaded);
    fresh.hosts[0]->host.start(fresh.world.now());
    fresh.world.turn(0);
    fresh.world.run_for(10ms);
    ASSERT_EQ(dials.size(), 1U);
    best += dials[0] == address(50) ? 1 : 0;
    good += dials[0] == address(51) ? 1 : 0;
    warned += dials[0] == address(52) ? 1 : 0;
  }
  EXPECT_GT(best, good);
  EXPECT_GT(good, warned);
  EXPECT_GT(warned, 0U) << "nobody is left out for ever";
}

TEST_F(HostTest, TrimmingDoesNotGoTwiceForOneExcess) {
  HostConfig config = quiet();
  config.peers_high = 6;
  config.peers_low = 4;
  config.trim_grace = 0s;
  add(config);
  for (std::size_t i = 1; i <= 8; ++i) add();
  for (std::size_t i = 1; i <= 8; ++i) dial(i, 0, 1);  // all in one instant
  world.run_for(5s);
  EXPECT_GE(hosts[0]->up.size(), 4U);
}

TEST_F(HostTest, PeersThatAreTooYoungAreTrimmedOnceTheyAreOld) {
  HostConfig config = quiet();
  config.peers_high = 3;
  config.peers_low = 3;
  add(config);
  for (std::size_t i = 1; i <= 6; ++i) {
    add();
    dial(i, 0, 1);
  }
  world.run_for(5s);
  EXPECT_EQ(hosts[0]->up.size(), 6U);
  world.run_for(30s);
  EXPECT_EQ(hosts[0]->up.size(), 3U);
}

TEST_F(HostTest, BootstrapPeersAreTriedAgainWithBackOff) {
  HostConfig config = quiet();
  config.peers_min = 1;
  for (const bool is_named : {true, false}) {
    HostWorld lonely;
    config.bootstrap = {is_named ? address(9).with_peer(test_peer(99)) : address(9)};
    std::vector<Instant> dials;
    lonely.world.on_dial = [&](std::size_t, const codec::Multiaddr&) {
      dials.push_back(lonely.world.now());
    };
    lonely.add(config);
    lonely.world.run_for(10min);
    ASSERT_GE(dials.size(), 8U) << is_named;
    EXPECT_LE(dials.size(), 60U) << is_named;
    EXPECT_GE(dials[1] - dials[0], 1s);
    EXPECT_LE(dials[1] - dials[0], 10s);
  }
}

TEST_F(HostTest, ASecondAddressOfABootstrapPeerIsTried) {
  add();
  HostConfig config = quiet();
  config.peers_min = 0;  // bootstrap peers are for whoever has no peer at all
  config.bootstrap = {
      codec::Multiaddr::parse("/dns6/nowhere.example/tcp/1")->with_peer(hosts[0]->id()),
      address(7).with_peer(hosts[0]->id()), address(0).with_peer(hosts[0]->id())};
  add(config);
  world.run_for(5s);
  EXPECT_TRUE(are_connected(0, 1));
}

TEST_F(HostTest, ABookFullOfTheDeadDoesNotKeepANodeFromItsBootstrapPeers) {
  add();
  HostConfig config = quiet();
  config.peers_min = 4;
  config.bootstrap = {address(0).with_peer(hosts[0]->id())};
  add(config);
  PeersLoaded loaded;
  for (std::uint8_t i = 100; i < 200; ++i) {
    loaded.peers.push_back({test_peer(i), {address(50)}, {}, {1}});
  }
  tell(0, Disconnect{hosts[1]->id()});
  HostWorld fresh;
  fresh.add();
  fresh.hosts.push_back(std::make_unique<TestHost>(std::uint8_t{2}, config));
  fresh.world.add(*fresh.hosts.back());
  fresh.world.input(1, WallClock{{1}});
  fresh.world.input(1, loaded);
  fresh.hosts[1]->host.start(fresh.world.now());
  fresh.world.turn(1);
  fresh.world.run_for(5s);
  EXPECT_TRUE(fresh.are_connected(0, 1));
}

TEST_F(HostTest, FullNodesStillReachBeyondTheirPeers) {
  HostConfig config = quiet();
  config.peers_min = config.peers_low = config.peers_high = 1;
  config.trim_grace = 5s;
  config.feeler_interval = 20s;
  for (int i = 0; i < 4; ++i) add(config);
  dial(0, 1, 1);
  dial(2, 3, 1);
  world.run_for(10s);
  ASSERT_TRUE(are_connected(0, 1) && are_connected(2, 3));
  bool has_met = false;
  world.input(0, PeersLoaded{{{hosts[2]->id(), {address(2)}, {}, {1}}}});
  for (int i = 0; i < 60 && !has_met; ++i) {
    world.run_for(1s);
    has_met = are_connected(0, 2);
  }
  EXPECT_TRUE(has_met);
  EXPECT_FALSE(are_connected(0, 1));  // made room
}

TEST_F(HostTest, ShuttingDownCallsOffDialsAndEndsOnce) {
  add();
  add();
  dial(0, 1, 1);
  world.run_for(1s);
  tell(0, Dial{Token{2}, test_peer(99), {address(50), address(51), address(52)}});
  tell(0, ShutDown{});
  std::size_t dials = 0;
  world.on_dial = [&](std::size_t, const codec::Multiaddr&) { ++dials; };
  world.run_for(20s);
  EXPECT_EQ(hosts[0]->stopped, 1U);
  EXPECT_EQ(dials, 0U);
  ASSERT_TRUE(hosts[0]->dial_done(2).has_value());
  EXPECT_FALSE(hosts[0]->dial_done(2)->has_value());
  EXPECT_EQ(hosts[0]->host.link_count() + hosts[1]->host.link_count(), 0U);
  dial(0, 1, 3);
  EXPECT_EQ(hosts[0]->dial_done(3)->error().code, Code::closed);
}

TEST_F(HostTest, StreamsToNobodyFail) {
  add();
  tell(0, FromService{1, Open{Token{1}, test_peer(9), {"/echo"}}});
  ASSERT_EQ(hosts[0]->open_failed.size(), 1U);
  EXPECT_EQ(hosts[0]->open_failed[0].code, Code::closed);
}

TEST_F(HostTest, AServicesFaultEndsTheConnections) {
  add();
  add();
  dial(0, 1, 1);
  world.run_for(1s);
  tell(0, FromService{1, Fault{hosts[1]->id(), {Code::protocol, "a lie"}}});
  world.run_for(1s);
  EXPECT_FALSE(are_connected(0, 1));
  EXPECT_EQ(hosts[0]->host.stats().faults, 1U);
}

// Whatever the clock says, at the start and when it jumps: a host works, and its own record never
// grows older.
TEST_F(HostTest, A103AnyWallClockServes) {
  using limits = std::numeric_limits<std::int64_t>;
  const std::int64_t dates[] = {limits::min(),         limits::min() + 1, -1, 0, 1,
                                std::int64_t{1} << 53, limits::max()};
  for (const std::int64_t start : dates) {
    HostWorld w;
    w.add();
    w.hosts.push_back(std::make_unique<TestHost>(std::uint8_t{2}, quiet()));
    w.world.add(*w.hosts.back());
    w.world.input(1, WallClock{{start}});
    w.hosts[1]->host.start(w.world.now());
    w.world.turn(1);
    w.world.run_for(1ms);
    w.dial(0, 1, 1);
    w.world.run_for(1s);
    ASSERT_TRUE(w.are_connected(0, 1)) << start;
    std::uint64_t last = 0;
    for (const std::int64_t date : dates) {
      w.world.input(1, WallClock{{date}});
      w.hosts[1]->host.add_protocol(w.world.now(), 1, "/new/" + std::to_string(date));
      w.world.turn(1);
      w.world.run_for(10s);
      const auto* entry = w.hosts[0]->host.book().find(w.hosts[1]->id());
      ASSERT_NE(entry, nullptr);
      EXPECT_GT(entry->sequence, last) << start << ' ' << date;
      last = entry->sequence;
    }
    EXPECT_TRUE(w.are_connected(0, 1)) << start;
  }
}

// Links break, peers dial, open streams and disconnect, in any order: each PeerDown follows its
// PeerUp, streams live within them (TestHost asserts both), and in the end nothing is left over.
TEST_F(HostTest, UpsAndDownsArePairedUnderRandomFailures) {
  const auto check = [](const std::vector<std::uint32_t>& operations) {
    HostWorld w;
    for (int i = 0; i < 4; ++i) w.add();
    std::uint64_t token = 0;
    for (const std::uint32_t operation : operations) {
      const std::size_t from = operation / 8 % 4;
      const std::size_t to = (from + 1 + operation / 32 % 3) % 4;
      const PeerId peer = w.hosts[to]->id();
      switch (operation % 6) {
        case 0: w.dial(from, to, ++token); break;
        case 1: w.tell(from, Disconnect{peer}); break;
        case 2: w.world.break_link(operation / 128 % 4); break;
        case 3:
        case 4: w.tell(from, FromService{1, Open{Token{++token}, peer, {"/echo"}}}); break;
        case 5: w.world.run_for(std::chrono::milliseconds(operation % 100)); break;
      }
    }
    w.world.run_for(30s);
    for (std::size_t a = 0; a < 4; ++a) {
      RC_ASSERT(w.hosts[a]->ups.size() == w.hosts[a]->downs.size() + w.hosts[a]->up.size());
      RC_ASSERT(w.hosts[a]->host.peer_count() == w.hosts[a]->up.size());
      for (std::size_t b = 0; b < 4; ++b) {
        const bool a_sees_b = w.hosts[a]->up.contains(w.hosts[b]->id());
        RC_ASSERT(a_sees_b == w.hosts[b]->up.contains(w.hosts[a]->id()));
      }
    }
    for (std::size_t i = 0; i < 4; ++i) w.tell(i, ShutDown{});
    w.world.run_for(5s);
    for (const auto& host : w.hosts) {
      RC_ASSERT(host->host.link_count() == 0U);
      RC_ASSERT(host->up.empty());
      RC_ASSERT(host->streams.empty());
      RC_ASSERT(host->stopped == 1U);
    }
  };
  ASSERT_TRUE(rc::check("ups and downs are paired", check));
}

}  // namespace
}  // namespace kith::host
