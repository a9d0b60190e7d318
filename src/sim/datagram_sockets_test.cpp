#include "sim/datagram_sockets.h"

#include <gtest/gtest.h>

#include "sim/test_machine.h"
#include "sim/world.h"

namespace kith::sim {
namespace {

using base::IpPort;

constexpr std::uint16_t packet_port = 4771;

codec::Multiaddr packet_address(std::uint32_t node) {
  return host::datagram_address(datagram_address_of(node, packet_port));
}

/// Bytes of which each packet of `size` begins with its number.
Bytes numbered(std::size_t count, std::size_t size) {
  Bytes bytes(count * size, 0x5a);
  for (std::size_t i = 0; i < count; ++i) bytes[i * size] = static_cast<std::uint8_t>(i);
  return bytes;
}

class SimulatedSockets : public ::testing::Test {
 protected:
  explicit SimulatedSockets(const WorldConfig& config = {.link = {.latency = 20ms}})
      : world(config) {
    for (int i = 0; i < 3; ++i) {
      world.add_node([](NodeContext& context) {
        auto machine = std::make_unique<PuppetMachine>();
        machine->listen(packet_address(context.index));
        return machine;
      });
    }
    world.run_for(1s);
  }
  PuppetMachine& at(std::uint32_t node) {
    return static_cast<PuppetMachine&>(*world.machine(node));
  }
  void tell(std::uint32_t node, const std::function<void(PuppetMachine&)>& what) {
    ASSERT_TRUE(world.mutate(node, [&](host::WorldMachine& machine, Instant) {
      what(static_cast<PuppetMachine&>(machine));
    }));
  }
  void send(std::uint32_t from, const IpPort& to, ByteView bytes, std::size_t segment_bytes = 1400,
            base::Ecn ecn = base::Ecn::none) {
    tell(from, [&](PuppetMachine& p) { p.send_packets(to, bytes, segment_bytes, ecn); });
  }
  static IpPort address(std::uint32_t node) { return datagram_address_of(node, packet_port); }

  World world;
};

TEST_F(SimulatedSockets, OpenWithTheirRealPortAndOnce) {
  ASSERT_EQ(at(0).sockets.size(), 1U);
  EXPECT_EQ(at(0).sockets[0].bound, packet_address(0));
  EXPECT_EQ(at(0).sockets[0].socket, base::SocketId{1});
  const auto parse = [](const char* text) { return codec::Multiaddr::parse(text).value(); };
  tell(0, [&](PuppetMachine& p) {
    p.listen(parse("/ip4/0.0.0.0/udp/0/kith"));
    p.listen(parse("/ip4/0.0.0.0/udp/4771/kith"));
    p.listen(parse("/ip6/::1/udp/4771/kith"));
    p.listen(parse("/ip4/10.0.0.2/udp/7/kith"));
  });
  world.run_for(1s);
  ASSERT_EQ(at(0).sockets.size(), 2U);
  EXPECT_EQ(at(0).sockets[1].bound, parse("/ip4/0.0.0.0/udp/49152/kith"));
  EXPECT_EQ(at(0).sockets[1].socket, base::SocketId{2});
  ASSERT_EQ(at(0).listen_failed.size(), 3U);
  EXPECT_EQ(at(0).listen_failed[0].error.code, Code::exists);
  EXPECT_EQ(at(0).listen_failed[1].error.code, Code::unsupported);
  EXPECT_EQ(at(0).listen_failed[2].error.code, Code::io);
}

TEST_F(SimulatedSockets, CutABatchAndJoinItAgain) {
  Bytes bytes = numbered(10, 1400);
  bytes.resize(bytes.size() - 1000);  // the last one is shorter
  send(0, address(1), bytes, 1400, base::Ecn::ect0);
  world.run_for(1s);
  ASSERT_EQ(at(1).packets.size(), 10U);
  EXPECT_EQ(at(1).batches, std::vector<std::size_t>{10});
  for (std::size_t i = 0; i < 10; ++i) {
    const auto& packet = at(1).packets[i];
    EXPECT_EQ(packet.bytes.size(), i == 9 ? 400U : 1400U);
    EXPECT_EQ(packet.bytes[0], i);
    EXPECT_EQ(packet.from, address(0));
    EXPECT_EQ(packet.ecn, base::Ecn::ect0);
    EXPECT_EQ(packet.at, Instant{1s + 20ms});
  }
}

TEST_F(SimulatedSockets, AShorterPacketOrAnotherSenderOrMarkEndsABatch) {
  send(0, address(2), numbered(2, 1400));
  send(0, address(2), numbered(1, 300), 300);
  send(0, address(2), numbered(2, 1400));
  send(0, address(2), numbered(2, 1400), 1400, base::Ecn::ect1);
  send(1, address(2), numbered(2, 1400));
  world.run_for(1s);
  EXPECT_EQ(at(2).packets.size(), 9U);
  EXPECT_EQ(at(2).batches, (std::vector<std::size_t>{3, 2, 2, 2}));
}

TEST_F(SimulatedSockets, OfferAgainWhatWasNotTaken) {
  tell(1, [](PuppetMachine& p) { p.takes_packets = 3; });
  send(0, address(1), numbered(8, 100), 100);
  world.run_for(1s);
  EXPECT_EQ(at(1).batches, (std::vector<std::size_t>{3, 3, 2}));
  ASSERT_EQ(at(1).packets.size(), 8U);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(at(1).packets[i].bytes[0], i);
}

class OneByOne : public SimulatedSockets {
 protected:
  OneByOne() : SimulatedSockets({.link = {.latency = 20ms}, .datagrams = {.coalesces = false}}) {}
};

TEST_F(OneByOne, EveryPacketIsABatch) {
  send(0, address(1), numbered(5, 100), 100);
  world.run_for(1s);
  EXPECT_EQ(at(1).batches, std::vector<std::size_t>(5, 1));
}

TEST_F(SimulatedSockets, ANatMovesAndTheOldAddressIsDead) {
  const IpPort first{{192, 0, 2, 1}, 1000, false};
  const IpPort second{{192, 0, 2, 1}, 2000, false};
  tell(1, [](PuppetMachine& p) { p.echoes_packets = true; });
  world.datagrams().rebind(0, packet_port, first);
  send(0, address(1), numbered(1, 100), 100);
  world.run_for(1s);
  ASSERT_EQ(at(1).packets.size(), 1U);
  EXPECT_EQ(at(1).packets[0].from, first);
  EXPECT_EQ(at(0).packets.size(), 1U) << "the answer goes back through the NAT";

  send(1, address(0), numbered(1, 100), 100);  // its inside
  send(0, address(1), numbered(1, 100), 100);
  world.run_for(30ms);  // the answer is on its way
  world.datagrams().rebind(0, packet_port, second);
  world.run_for(1s);
  EXPECT_EQ(at(0).packets.size(), 1U);
  EXPECT_EQ(world.report().sockets.dropped_no_socket, 2U);

  send(0, address(1), numbered(1, 100), 100);
  world.run_for(1s);
  EXPECT_EQ(at(1).packets.back().from, second);
  EXPECT_EQ(at(0).packets.size(), 2U);
  send(1, first, numbered(1, 100), 100);
  world.run_for(1s);
  EXPECT_EQ(at(0).packets.size(), 2U);

  world.datagrams().rebind(0, packet_port, address(0));  // no NAT any more
  send(1, address(0), numbered(1, 100), 100);
  world.run_for(1s);
  EXPECT_EQ(at(0).packets.size(), 3U);
}

TEST_F(SimulatedSockets, AnMtuIsOfOnePathAndOneDirection) {
  world.datagrams().net().set_mtu(0, 1, 1300);
  for (const std::size_t size : {1300U, 1301U}) {
    send(0, address(1), numbered(1, size), size);
    send(1, address(0), numbered(1, size), size);
    send(0, address(2), numbered(1, size), size);
  }
  world.run_for(1s);
  EXPECT_EQ(at(1).packets.size(), 1U);
  EXPECT_EQ(at(0).packets.size(), 2U);
  EXPECT_EQ(at(2).packets.size(), 2U);
  EXPECT_EQ(world.report().datagrams.dropped_too_large, 1U);
}

TEST_F(SimulatedSockets, OneBitIsTurnedWhereItWasAskedFor) {
  world.datagrams().net().turn_bit(0, 1, 2, 8 * 50 + 3);
  send(2, address(1), numbered(3, 100), 100);  // another path
  world.run_for(1s);
  tell(1, [](PuppetMachine& p) { p.packets.clear(); });
  const Bytes bytes = numbered(4, 100);
  send(0, address(1), bytes, 100);
  world.run_for(1s);
  ASSERT_EQ(at(1).packets.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    Bytes expected = base::to_bytes(ByteView(bytes).subspan(i * 100, 100));
    if (i == 2) expected[50] ^= 8;
    EXPECT_EQ(at(1).packets[i].bytes, expected) << i;
  }
  EXPECT_EQ(world.report().datagrams.corrupted, 1U);
}

TEST_F(SimulatedSockets, APathChangesUnderWay) {
  world.after(1s, [&] { world.topology().set_pair(0, 1, {.latency = 70ms}); });
  send(0, address(1), numbered(1, 100), 100);
  world.run_for(2s);
  const Instant sent = world.now();
  send(0, address(1), numbered(1, 100), 100);
  world.run_for(1s);
  ASSERT_EQ(at(1).packets.size(), 2U);
  EXPECT_EQ(at(1).packets[0].at, Instant{1s + 20ms});
  EXPECT_EQ(at(1).packets[1].at, sent + 70ms);
}

TEST_F(SimulatedSockets, APausedProcessReadsLaterAndACrashedOneNever) {
  world.pause(1);
  send(0, address(1), numbered(2, 100), 100);
  world.run_for(1s);
  EXPECT_TRUE(at(1).packets.empty());
  world.resume(1);
  world.run_for(1s);
  EXPECT_EQ(at(1).packets.size(), 2U);

  world.pause(1);
  send(0, address(1), numbered(2, 100), 100);
  world.run_for(1s);
  world.restart(1);
  world.run_for(1s);
  EXPECT_TRUE(at(1).packets.empty());
  EXPECT_EQ(world.report().sockets.dropped_no_socket, 2U);
  ASSERT_EQ(at(1).sockets.size(), 1U) << "the port is free again";
  send(0, address(1), numbered(2, 100), 100);
  world.run_for(1s);
  EXPECT_EQ(at(1).packets.size(), 2U);
}

class SmallBuffer : public SimulatedSockets {
 protected:
  SmallBuffer()
      : SimulatedSockets({.link = {.latency = 20ms}, .datagrams = {.receive_bytes_max = 1000}}) {}
};

TEST_F(SmallBuffer, WhatDoesNotFitIsLost) {
  send(0, address(1), numbered(10, 100), 100);
  world.run_for(1s);
  EXPECT_EQ(at(1).packets.size(), 10U);
  send(0, address(1), numbered(11, 100), 100);
  world.run_for(1s);
  EXPECT_EQ(at(1).packets.size(), 20U);
  EXPECT_EQ(world.report().sockets.dropped_unread, 1U);
}

class SlowWire : public SimulatedSockets {
 protected:
  SlowWire()
      : SimulatedSockets({.link = {.latency = 1ms, .bandwidth_bytes_per_s = 100'000},
                          .datagrams = {.queue_max = 100ms, .queue_marks = 50ms}}) {}
};

TEST_F(SlowWire, MarksBeforeItDrops) {
  send(0, address(1), numbered(9, 1000), 1000, base::Ecn::ect0);  // 10 ms each
  send(2, address(1), numbered(9, 1000), 1000);                   // without leave to mark
  world.run_for(1s);
  const DatagramStats stats = world.report().datagrams;
  EXPECT_EQ(stats.marked, 3U);
  EXPECT_EQ(stats.dropped_queue_full, 0U);
  std::size_t marked = 0;
  for (const auto& packet : at(1).packets) marked += packet.ecn == base::Ecn::congested ? 1 : 0;
  EXPECT_EQ(marked, 3U);
  send(0, address(1), numbered(20, 1000), 1000, base::Ecn::ect0);
  world.run_for(1s);
  EXPECT_EQ(world.report().datagrams.dropped_queue_full, 9U);
}

TEST_F(SimulatedSockets, CloseWhenAskedAndSaySo) {
  send(0, address(1), numbered(1, 100), 100);
  tell(1, [](PuppetMachine& p) { p.outputs.push_back(host::StopListening{packet_address(1)}); });
  world.run_for(1s);
  EXPECT_TRUE(at(1).packets.empty());
  ASSERT_EQ(at(1).sockets_closed.size(), 1U);
  EXPECT_EQ(at(1).sockets_closed[0].socket, base::SocketId{1});
  EXPECT_EQ(at(1).sockets_closed[0].error.code, Code::closed);
  send(1, address(0), numbered(1, 100), 100);  // from a socket that is gone
  world.run_for(1s);
  EXPECT_TRUE(at(0).packets.empty());
}

TEST_F(SimulatedSockets, ReachThemselvesByLoopback) {
  tell(0, [](PuppetMachine& p) {
    p.listen(codec::Multiaddr::parse("/ip4/127.0.0.1/udp/9/kith").value());
  });
  world.run_for(1s);
  send(0, {{127, 0, 0, 1}, packet_port, false}, numbered(1, 10), 10);
  send(1, {{10, 0, 0, 1}, 9, false}, numbered(1, 10), 10);  // bound to loopback alone
  world.run_for(1s);
  ASSERT_EQ(at(0).packets.size(), 1U);
  EXPECT_EQ(at(0).packets[0].from, (IpPort{{127, 0, 0, 1}, 9, false}));
}

std::uint64_t weather_hash(std::uint64_t seed, std::size_t turned_bit = SIZE_MAX) {
  World world({.seed = seed,
               .link = {.latency = 20ms,
                        .jitter = 5ms,
                        .bandwidth_bytes_per_s = 1'000'000,
                        .loss = 0.05,
                        .duplicate = 0.05,
                        .reorder = 0.1,
                        .corrupt = 0.01}});
  for (int i = 0; i < 5; ++i) {
    world.add_node([](NodeContext& context) {
      auto machine = std::make_unique<PuppetMachine>();
      machine->listen(packet_address(context.index));
      machine->echoes_packets = true;
      machine->send_packets(datagram_address_of((context.index + 1) % 5, packet_port),
                            numbered(20, 500), 500, base::Ecn::ect0);
      return machine;
    });
  }
  if (turned_bit != SIZE_MAX) world.datagrams().net().turn_bit(0, 1, 5, turned_bit);
  world.after(500ms, [&] {
    world.datagrams().rebind(2, packet_port, {{192, 0, 2, 9}, 99, false});
    world.datagrams().net().set_mtu(3, 4, 400);
  });
  world.run_for(3s);
  EXPECT_GT(world.report().datagrams.delivered, 1000U);
  return world.trace_hash();
}

TEST(SimulatedWeather, OneSeedOneTrace) {
  EXPECT_EQ(weather_hash(7), weather_hash(7));
  EXPECT_NE(weather_hash(7), weather_hash(8));
  EXPECT_EQ(weather_hash(7, 77), weather_hash(7, 77));
  EXPECT_NE(weather_hash(7, 77), weather_hash(7, 78)) << "the trace sees each bit";
}

}  // namespace
}  // namespace kith::sim
