// Links, as two puppets at their ends see them.
#include "sim/network.h"

#include <gtest/gtest.h>

#include <array>

#include "sim/test_machine.h"

namespace kith::sim {
namespace {

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  SeededRng(size).fill(bytes);
  return bytes;
}

/// Node 0 dials node 1, which listens.
struct Two {
  explicit Two(WorldConfig config = {.link = {.latency = 50ms}}, bool listens = true)
      : world(config) {
    for (int i = 0; i < 2; ++i) {
      world.add_node([listens](NodeContext& context) {
        auto machine = std::make_unique<PuppetMachine>();
        if (context.index == 1 && listens) machine->listen(test_address(1));
        return machine;
      });
    }
  }
  PuppetMachine& puppet(std::uint32_t node) {
    return static_cast<PuppetMachine&>(*world.machine(node));
  }
  void tell(std::uint32_t node, const std::function<void(PuppetMachine&)>& what) {
    ASSERT_TRUE(world.mutate(
        node, [&](host::WorldMachine& m, Instant) { what(static_cast<PuppetMachine&>(m)); }));
  }
  void dial(Duration timeout = 10s) {
    tell(0, [&](PuppetMachine& p) { p.dial(here, test_address(1), timeout); });
  }
  void connect() {
    world.run_for(1s);
    dial();
    world.run_for(1s);
    ASSERT_EQ(puppet(0).opened.size(), 1U);
    ASSERT_EQ(puppet(1).opened.size(), 1U);
  }
  void cut(Cut way = Cut::both_ways) {
    const std::array<std::uint32_t, 1> a{0};
    const std::array<std::uint32_t, 1> b{1};
    world.topology().partition(a, b, way);
  }

  static constexpr LinkId here{2};
  static constexpr LinkId there{1};
  World world;
};

TEST(Network, AddressesFollowFromTheIndex) {
  EXPECT_EQ(ip_of(0), (Ipv4{10, 0, 0, 1}));
  EXPECT_EQ(ip_of(65535), (Ipv4{10, 1, 0, 0}));
}

TEST(Network, ADialTakesOneRoundTrip) {
  Two two;
  two.world.run_for(1s);
  two.dial();
  two.world.run_for(99ms);
  EXPECT_TRUE(two.puppet(0).opened.empty());
  two.world.run_for(1ms);
  ASSERT_EQ(two.puppet(0).opened.size(), 1U);
  EXPECT_EQ(two.puppet(0).opened[0].direction, Direction::outbound);
  EXPECT_EQ(two.puppet(0).opened[0].remote, test_address(1));
  EXPECT_TRUE(two.puppet(1).opened.empty());
  two.world.run_for(50ms);
  ASSERT_EQ(two.puppet(1).opened.size(), 1U);
  EXPECT_EQ(two.puppet(1).opened[0].link, Two::there);
  EXPECT_EQ(two.puppet(1).opened[0].remote, two.puppet(0).opened[0].local);
}

TEST(Network, ADialIsRefusedWhereNobodyListens) {
  Two two({.link = {.latency = 50ms}}, false);
  two.dial();
  two.world.run_for(1s);
  ASSERT_EQ(two.puppet(0).failed.size(), 1U);
  EXPECT_EQ(two.puppet(0).failed[0].code, Code::refused);
  EXPECT_EQ(two.puppet(0).failed[0].at, Instant{100ms});
  EXPECT_EQ(two.world.network().links_alive(), 0U);
}

TEST(Network, ADialOfASilentHostTimesOutAndADeadProcessRefuses) {
  Two two;
  two.world.run_for(1s);
  two.world.crash(1, CrashKind::process);
  two.dial();
  two.world.run_for(1s);
  ASSERT_EQ(two.puppet(0).failed.size(), 1U);
  EXPECT_EQ(two.puppet(0).failed[0].code, Code::refused);
  two.world.restart(1);
  two.world.crash(1, CrashKind::power);
  two.dial(5s);
  two.world.run_for(6s);
  ASSERT_EQ(two.puppet(0).failed.size(), 2U);
  EXPECT_EQ(two.puppet(0).failed[1].code, Code::timeout);
  EXPECT_EQ(two.puppet(0).failed[1].at, Instant{7s});
}

TEST(Network, ADialThroughAPartitionRepeatsItsRequest) {
  Two two;
  two.world.run_for(1s);
  two.cut(Cut::a_to_b);
  two.dial();
  two.world.after(2500ms, [&] { two.world.topology().heal_all(); });
  two.world.run_for(3s);
  EXPECT_TRUE(two.puppet(0).opened.empty());
  two.world.run_for(1s);  // repeated 1 and 3 s after the first
  EXPECT_EQ(two.puppet(0).opened.size(), 1U);
}

TEST(Network, OddAddressesFail) {
  Two two;
  two.tell(0, [](PuppetMachine& p) {
    p.dial(LinkId{4}, codec::Multiaddr::parse("/ip6/::1/tcp/1").value());
    p.dial(LinkId{6}, codec::Multiaddr::parse("/ip4/192.0.2.1/tcp/1").value(), 3s);
    p.listen(test_address(1));
    p.listen(codec::Multiaddr::parse("/ip4/0.0.0.0/tcp/0").value());
    p.listen(test_address(0, 80));
    p.listen(test_address(0, 80));
    p.listen(codec::Multiaddr::parse("/ip4/127.0.0.1/udp/7/quic-v1").value());
  });
  two.world.run_for(4s);
  ASSERT_EQ(two.puppet(0).failed.size(), 2U);
  EXPECT_EQ(two.puppet(0).failed[0].code, Code::unsupported);
  EXPECT_EQ(two.puppet(0).failed[1].code, Code::timeout);
  ASSERT_EQ(two.puppet(0).listening.size(), 2U);
  EXPECT_GE(codec::as_tcp(two.puppet(0).listening[0].bound)->port, 49152);
  ASSERT_EQ(two.puppet(0).listen_failed.size(), 3U);
  EXPECT_EQ(two.puppet(0).listen_failed[1].error.code, Code::exists);
}

TEST(Network, StopListeningRefusesAndANodeMayDialItself) {
  Two two;
  two.world.run_for(1s);
  two.tell(1, [](PuppetMachine& p) {
    p.dial(LinkId{8}, codec::Multiaddr::parse("/ip4/127.0.0.1/tcp/4770").value());
  });
  two.world.run_for(1s);
  EXPECT_EQ(two.puppet(1).opened.size(), 2U);
  two.tell(1, [](PuppetMachine& p) {
    p.outputs.push_back(host::StopListening{p.listening.at(0).bound});
  });
  two.dial();
  two.world.run_for(1s);
  ASSERT_EQ(two.puppet(0).failed.size(), 1U);
  EXPECT_EQ(two.puppet(0).failed[0].code, Code::refused);
}

TEST(Network, BytesArriveInOrderAndWholeWhateverIsTaken) {
  Two two({.link = {.latency = 5ms, .jitter = 30ms, .loss = 0.02}});
  two.connect();
  two.puppet(1).take_multiple = 1013;
  two.puppet(1).echoes = true;
  Bytes sent;
  for (int i = 0; i < 200; ++i) {
    const Bytes part = pattern(1 + static_cast<std::size_t>(i) * 37);
    two.tell(0, [&](PuppetMachine& p) { p.send(Two::here, part); });
    base::append(sent, part);
    two.world.run_for(3ms);
  }
  two.world.run_for(60s);
  const std::size_t whole = sent.size() / 1013 * 1013;
  EXPECT_TRUE(base::equal(two.puppet(1).received[Two::there], ByteView(sent).first(whole)));
  EXPECT_TRUE(base::equal(two.puppet(0).received[Two::here], ByteView(sent).first(whole)));
  EXPECT_GT(two.world.report().network.retransmissions, 10U);
}

TEST(Network, LatencyAndBandwidthAreTheModels) {
  Two two({.link = {.latency = 50ms, .bandwidth_bytes_per_s = 1'000'000}});
  two.connect();
  const Instant start = two.world.now();
  two.tell(0, [](PuppetMachine& p) { p.send(Two::here, Bytes(3'000'000)); });
  two.world.run_for(10s);
  const auto& arrived = two.puppet(1).arrived;
  ASSERT_EQ(two.puppet(1).received[Two::there].size(), 3'000'000U);
  EXPECT_EQ(arrived.back().at - start, 3s + 50ms);
  EXPECT_EQ(arrived.front().at - start, 50ms + Duration(1000 * arrived.front().bytes));
}

TEST(Network, AnUplinkIsSharedByAllLinks) {
  World world({.link = {.latency = 10ms}});
  for (std::uint32_t i = 0; i < 3; ++i) {
    world.add_node(
        [](NodeContext& context) {
          auto machine = std::make_unique<PuppetMachine>();
          machine->listen(test_address(context.index));
          return machine;
        },
        {.uplink_bytes_per_s = i == 0 ? 100'000U : 0U});
  }
  world.run_for(1s);
  const auto zero = [&](const std::function<void(PuppetMachine&)>& what) {
    world.mutate(0, [&](host::WorldMachine& m, Instant) { what(static_cast<PuppetMachine&>(m)); });
  };
  zero([](PuppetMachine& p) {
    p.dial(LinkId{2}, test_address(1));
    p.dial(LinkId{4}, test_address(2));
  });
  world.run_for(1s);
  const Instant start = world.now();
  zero([](PuppetMachine& p) {
    p.send(LinkId{2}, Bytes(50'000));
    p.send(LinkId{4}, Bytes(50'000));
  });
  world.run_for(3s);
  const auto& second = static_cast<PuppetMachine&>(*world.machine(2)).arrived;
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].at - start, 1s + 10ms);
}

TEST(Network, TheWindowLimitsWhatIsInFlight) {
  Two two;  // 100 ms round trip, 1 MiB: about 10 MB/s
  two.connect();
  const Instant start = two.world.now();
  two.puppet(1).keeps_bytes = false;
  two.tell(0, [](PuppetMachine& p) { p.send(Two::here, Bytes(20 << 20)); });
  two.world.run_for(60s);
  std::size_t total = 0;
  for (const auto& part : two.puppet(1).arrived) total += part.bytes;
  EXPECT_EQ(total, std::size_t{20 << 20});
  const double seconds =
      std::chrono::duration<double>(two.puppet(1).arrived.back().at - start).count();
  EXPECT_GT(seconds, 1.9);
  EXPECT_LT(seconds, 2.4);
  EXPECT_EQ(two.world.network().buffer_bytes(), 0U);
}

TEST(Network, LossCostsRetransmissionsAsOftenAsTheModelSays) {
  Two two({.seed = 5, .link = {.latency = 5ms, .loss = 0.1}});
  two.world.run_for(1s);
  two.dial();
  two.world.run_for(20s);
  const auto before = two.world.report().network.retransmissions;
  for (int i = 0; i < 2000; ++i) {
    two.tell(0, [](PuppetMachine& p) { p.send(Two::here, Bytes(100)); });
    two.world.run_for(10s);
  }
  const auto repeated = two.world.report().network.retransmissions - before;
  EXPECT_NEAR(static_cast<double>(repeated), 2000 * 0.1 / 0.9, 50);
  EXPECT_EQ(two.puppet(1).received[Two::there].size(), 200'000U);
}

TEST(Network, CorruptedBytesAreDelivered) {
  Two two({.link = {.latency = 5ms, .corrupt = 0.5}});
  two.connect();
  std::size_t damaged = 0;
  for (int i = 0; i < 100; ++i) {
    two.tell(0, [](PuppetMachine& p) { p.send(Two::here, Bytes(64)); });
    two.world.run_for(1s);
    auto& received = two.puppet(1).received[Two::there];
    ASSERT_EQ(received.size(), 64U);
    int bits = 0;
    for (const std::uint8_t byte : received) bits += std::popcount(byte);
    ASSERT_LE(bits, 1);
    damaged += bits == 1;
    received.clear();
  }
  EXPECT_NEAR(static_cast<double>(damaged), 50, 20);
}

TEST(Network, BackPressureReachesTheSenderAndMemoryStaysBounded) {
  Two two;
  two.connect();
  two.puppet(1).wants = false;
  two.tell(0, [](PuppetMachine& p) { p.send(Two::here, Bytes(16 << 20)); });
  two.world.run_for(60s);
  EXPECT_TRUE(two.puppet(1).arrived.empty());
  EXPECT_LE(two.puppet(0).bytes_sent, std::size_t{1 << 20});
  EXPECT_GE(two.puppet(0).bytes_sent, std::size_t{(1 << 20) - 65537 - 131074});
  EXPECT_LE(two.world.network().buffer_bytes(), std::size_t{5 << 19});
  // Only a transmit makes the shell ask again.
  two.puppet(1).wants = true;
  two.world.run_for(10s);
  EXPECT_TRUE(two.puppet(1).arrived.empty());
  two.tell(1, [](PuppetMachine& p) { p.send(Two::there, base::as_bytes("go on")); });
  two.world.run_for(60s);
  EXPECT_EQ(two.puppet(1).received[Two::there].size(), std::size_t{16 << 20});
}

TEST(Network, AFlushSendsEverythingBeforeTheEnd) {
  Two two;
  two.connect();
  const Bytes bytes = pattern(900'000);
  two.tell(0, [&](PuppetMachine& p) {
    p.send(Two::here, bytes);
    p.close(Two::here, true);
  });
  EXPECT_EQ(two.puppet(0).closed.size(), 0U);
  two.world.run_for(1ms);
  ASSERT_EQ(two.puppet(0).closed.size(), 1U);
  EXPECT_EQ(two.puppet(0).closed[0].code, Code::closed);
  two.world.run_for(1s);
  EXPECT_EQ(two.puppet(1).received[Two::there], bytes);
  ASSERT_EQ(two.puppet(1).closed.size(), 1U);
  EXPECT_EQ(two.puppet(1).closed[0].code, Code::closed);
  EXPECT_EQ(two.world.network().links_alive(), 0U);
  EXPECT_EQ(two.world.network().buffer_bytes(), 0U);
}

TEST(Network, AFlushThatCannotFinishIsCutAfterASecond) {
  Two two;
  two.connect();
  two.puppet(1).wants = false;
  two.tell(0, [&](PuppetMachine& p) {
    p.send(Two::here, Bytes(8 << 20));
    p.close(Two::here, true);
  });
  const Instant start = two.world.now();
  two.world.run_for(5s);
  ASSERT_EQ(two.puppet(0).closed.size(), 1U);
  EXPECT_EQ(two.puppet(0).closed[0].code, Code::timeout);
  EXPECT_EQ(two.puppet(0).closed[0].at - start, 1s);
}

TEST(Network, AnAbortDropsWhatIsNotOnTheWire) {
  Two two({.link = {.latency = 50ms, .bandwidth_bytes_per_s = 1'000'000}});
  two.connect();
  two.tell(0, [](PuppetMachine& p) { p.send(Two::here, Bytes(900'000)); });
  two.world.run_for(300ms);
  two.tell(0, [](PuppetMachine& p) { p.close(Two::here, false); });
  two.world.run_for(1s);
  ASSERT_EQ(two.puppet(0).closed.size(), 1U);
  ASSERT_EQ(two.puppet(1).closed.size(), 1U);
  EXPECT_EQ(two.puppet(1).closed[0].code, Code::reset);
  EXPECT_LT(two.puppet(1).received[Two::there].size(), 300'001U);
  EXPECT_GT(two.puppet(1).received[Two::there].size(), 100'000U);
  EXPECT_EQ(two.world.network().links_alive(), 0U);
  // A second close finds nothing, and says nothing.
  two.tell(0, [](PuppetMachine& p) { p.close(Two::here, false); });
  two.world.run_for(1s);
  EXPECT_EQ(two.puppet(0).closed.size(), 1U);
}

TEST(Network, ADialUnderWayCanBeCalledOff) {
  Two two;
  two.world.run_for(1s);
  two.dial();
  two.tell(0, [](PuppetMachine& p) { p.close(Two::here, false); });
  two.world.run_for(20s);
  EXPECT_TRUE(two.puppet(0).opened.empty());
  EXPECT_TRUE(two.puppet(0).failed.empty());
  ASSERT_EQ(two.puppet(0).closed.size(), 1U);
  EXPECT_EQ(two.puppet(0).closed[0].code, Code::canceled);
  EXPECT_TRUE(two.puppet(1).opened.empty());
  two.dial();  // the id is free again
  two.world.run_for(1s);
  EXPECT_EQ(two.puppet(0).opened.size(), 1U);
}

TEST(Network, BothEndsMayCloseAtOnce) {
  for (const bool flush : {false, true}) {
    Two two;
    two.connect();
    two.tell(0, [&](PuppetMachine& p) { p.close(Two::here, flush); });
    two.tell(1, [&](PuppetMachine& p) { p.close(Two::there, flush); });
    two.world.run_for(1s);
    EXPECT_EQ(two.puppet(0).closed.size(), 1U);
    EXPECT_EQ(two.puppet(1).closed.size(), 1U);
    EXPECT_EQ(two.world.network().links_alive(), 0U);
  }
}

TEST(Network, APartitionHoldsBytesBackAndHealingReleasesThem) {
  Two two;
  two.connect();
  two.cut(Cut::a_to_b);
  two.tell(0, [](PuppetMachine& p) { p.send(Two::here, base::as_bytes("to b")); });
  two.tell(1, [](PuppetMachine& p) { p.send(Two::there, base::as_bytes("to a")); });
  two.world.run_for(10s);
  EXPECT_TRUE(two.puppet(1).arrived.empty());
  EXPECT_EQ(two.puppet(0).arrived.size(), 1U) << "the other way is open";
  two.world.topology().heal_all();
  two.world.run_for(20s);
  EXPECT_EQ(base::as_text(two.puppet(1).received[Two::there]), "to b");
  EXPECT_TRUE(two.puppet(0).closed.empty());
}

TEST(Network, ASenderWithoutReceiptsGivesUpAtLast) {
  for (const Cut way : {Cut::both_ways, Cut::a_to_b}) {
    Two two;
    two.connect();
    two.cut(way);
    const std::uint32_t sender = way == Cut::both_ways ? 0 : 1;  // b's receipts are cut off
    const LinkId link = sender == 0 ? Two::here : Two::there;
    two.tell(sender, [&](PuppetMachine& p) { p.send(link, base::as_bytes("hello?")); });
    two.world.run_for(900s);
    EXPECT_TRUE(two.puppet(sender).closed.empty());
    two.world.run_for(300s);
    ASSERT_EQ(two.puppet(sender).closed.size(), 1U);
    EXPECT_EQ(two.puppet(sender).closed[0].code, Code::timeout);
    EXPECT_TRUE(two.puppet(1 - sender).closed.empty()) << "half-open";
  }
}

TEST(Network, APowerlessPeerIsSilentAndAnswersWithAResetOnceBack) {
  Two two;
  two.connect();
  two.world.crash(1);
  two.world.run_for(100s);
  EXPECT_TRUE(two.puppet(0).closed.empty());
  two.tell(0, [](PuppetMachine& p) { p.send(Two::here, base::as_bytes("hello?")); });
  two.world.run_for(10s);
  EXPECT_TRUE(two.puppet(0).closed.empty());
  two.world.restart(1);
  two.world.run_for(20s);
  ASSERT_EQ(two.puppet(0).closed.size(), 1U);
  EXPECT_EQ(two.puppet(0).closed[0].code, Code::reset);
  EXPECT_TRUE(two.puppet(1).opened.empty());
  EXPECT_TRUE(two.puppet(1).received.empty());
  EXPECT_EQ(two.world.network().links_alive(), 0U);
}

TEST(Network, AKilledProcessResetsItsLinks) {
  Two two;
  two.connect();
  two.world.crash(1, CrashKind::process);
  two.world.run_for(1s);
  ASSERT_EQ(two.puppet(0).closed.size(), 1U);
  EXPECT_EQ(two.puppet(0).closed[0].code, Code::reset);
  EXPECT_EQ(two.world.network().links_alive(), 0U);
}

TEST(Network, UnreadBytesOfACrashedPeerAreAnsweredWithAReset) {
  Two two;
  two.connect();
  two.puppet(1).wants = false;
  two.tell(0, [](PuppetMachine& p) { p.send(Two::here, Bytes(4 << 20)); });
  two.world.run_for(5s);
  two.world.restart(1);
  two.world.run_for(5s);
  ASSERT_EQ(two.puppet(0).closed.size(), 1U);
  EXPECT_EQ(two.puppet(0).closed[0].code, Code::reset);
  EXPECT_EQ(two.world.network().buffer_bytes(), 0U);
}

}  // namespace
}  // namespace kith::sim
