#include "sim/datagram.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace kith::sim {
namespace {

struct Fixture {
  explicit Fixture(const LinkModel& model, const DatagramConfig& config = {})
      : topology(model), net(config, topology, queue, rng) {
    topology.add_host();
    topology.add_host();
  }
  void send(Instant now, ByteView bytes) { ASSERT_TRUE(net.send(now, {0, 7}, {1, 9}, bytes)); }
  template <class Visit>
  void deliver(Visit&& visit) {
    while (const auto event = queue.pop()) {
      if (const auto datagram = net.on_event(event->at, *event)) visit(event->at, *datagram);
    }
  }

  Topology topology;
  EventQueue queue;
  SeededRng rng{42};
  DatagramNet net;
};

TEST(DatagramNet, DeliversAfterTheLatency) {
  Fixture f({.latency = 30ms});
  f.send(Instant{1s}, base::as_bytes("ping"));
  int count = 0;
  f.deliver([&](Instant at, const Datagram& datagram) {
    ++count;
    EXPECT_EQ(at, Instant{1030ms});
    EXPECT_EQ(datagram.from, (Endpoint{0, 7}));
    EXPECT_EQ(datagram.to, (Endpoint{1, 9}));
    EXPECT_EQ(base::as_text(datagram.bytes), "ping");
  });
  EXPECT_EQ(count, 1);
}

TEST(DatagramNet, LosesDoublesReordersAndDamagesAsTheModelSays) {
  Fixture f({.latency = 30ms, .loss = 0.1, .duplicate = 0.05, .reorder = 0.2, .corrupt = 0.02});
  constexpr std::uint32_t count = 10'000;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::array<std::uint8_t, 8> bytes{};
    std::memcpy(bytes.data(), &i, sizeof i);
    f.send(Instant{i * 1ms}, bytes);
  }
  std::uint32_t last = 0;
  std::uint64_t overtaken = 0;
  std::uint64_t damaged = 0;
  f.deliver([&](Instant, const Datagram& datagram) {
    std::uint64_t number = 0;
    std::memcpy(&number, datagram.bytes.data(), sizeof number);
    if (number >= count) {
      ++damaged;
      return;
    }
    overtaken += number < last;
    last = std::max(last, static_cast<std::uint32_t>(number));
  });
  const DatagramStats& stats = f.net.stats();
  EXPECT_NEAR(static_cast<double>(stats.lost), 1000, 120);
  EXPECT_NEAR(static_cast<double>(stats.duplicated), 450, 90);
  EXPECT_NEAR(static_cast<double>(stats.corrupted), 190, 60);
  EXPECT_GT(overtaken, 1000U);
  EXPECT_GT(damaged, 50U);
  EXPECT_EQ(stats.delivered, stats.sent - stats.lost + stats.duplicated);
}

TEST(DatagramNet, TheMtuAndTheSocketsLimit) {
  Fixture f({.latency = 1ms});
  f.send(Instant{}, Bytes(1473));
  f.send(Instant{}, Bytes(1472));
  EXPECT_EQ(f.net.stats().dropped_too_large, 1U);
  EXPECT_EQ(f.net.send(Instant{}, {0, 1}, {1, 1}, Bytes(65508)).error().code, Code::too_large);
  int count = 0;
  f.deliver([&](Instant, const Datagram& datagram) { count += datagram.bytes.size() == 1472; });
  EXPECT_EQ(count, 1);
  f.send(Instant{1s}, {});
  f.deliver([&](Instant, const Datagram& datagram) { count += datagram.bytes.empty(); });
  EXPECT_EQ(count, 2);
}

TEST(DatagramNet, ASlowWireHasAShortQueue) {
  Fixture f({.latency = 1ms, .bandwidth_bytes_per_s = 100'000}, {.queue_max = 100ms});
  for (int i = 0; i < 100; ++i) f.send(Instant{}, Bytes(1000));  // 10 ms each
  EXPECT_EQ(f.net.stats().dropped_queue_full, 89U);
  Instant last;
  f.deliver([&](Instant at, const Datagram&) { last = at; });
  EXPECT_EQ(last, Instant{111ms});
}

TEST(DatagramNet, APartitionCutsOneWay) {
  Fixture f({.latency = 1ms});
  const std::array<std::uint32_t, 1> a{0};
  const std::array<std::uint32_t, 1> b{1};
  f.topology.partition(a, b, Cut::a_to_b);
  f.send(Instant{}, base::as_bytes("x"));
  ASSERT_TRUE(f.net.send(Instant{}, {1, 1}, {0, 1}, base::as_bytes("y")));
  std::string seen;
  f.deliver([&](Instant, const Datagram& d) { seen += base::as_text(d.bytes); });
  EXPECT_EQ(seen, "y");
}

}  // namespace
}  // namespace kith::sim
