// AIMD and CUBIC: numbers worked out by hand, and a path of a fixed round trip on which they run.
#include "packet/congestion.h"

#include <gtest/gtest.h>

#include "packet/aimd.h"
#include "packet/cubic.h"

namespace kith::packet {
namespace {

constexpr std::uint64_t packet = 1000;
constexpr Duration round_trip = 100ms;

AckedBatch acked(Instant now, std::uint64_t bytes, std::uint64_t in_flight = packet) {
  return {.now = now,
          .bytes = bytes,
          .in_flight = in_flight,
          .round_trip = round_trip,
          .smoothed = round_trip,
          .sent_at = now - round_trip,
          .is_window_limited = true};
}
LostBatch lost(Instant now, Instant sent_at, std::uint64_t bytes = packet) {
  return {.now = now, .bytes = bytes, .in_flight = packet, .sent_at = sent_at};
}

/// A round trip in which the whole window was used and arrived.
void round(Congestion& congestion, Instant& now) {
  now += round_trip;
  congestion.on_acked(acked(now, congestion.window()));
}

// --- AIMD ----------------------------------------------------------------------------------------

TEST(Aimd, SlowStartDoublesUpToTheThreshold) {
  Aimd aimd({.packet_bytes = packet, .initial_packets = 1, .slow_start_threshold = 6000});
  Instant now{};
  EXPECT_EQ(aimd.window(), 1000u);
  round(aimd, now);
  EXPECT_EQ(aimd.window(), 2000u);
  round(aimd, now);
  EXPECT_EQ(aimd.window(), 4000u);
  EXPECT_TRUE(aimd.is_slow_start());
  round(aimd, now);  // 2,000 to the threshold; the other 2,000 do not make a window of 6,000
  EXPECT_EQ(aimd.window(), 6000u);
  EXPECT_FALSE(aimd.is_slow_start());
  round(aimd, now);
  EXPECT_EQ(aimd.window(), 7000u);  // then a packet a round trip
}

TEST(Aimd, AsDocumentedByDefault) {
  Aimd aimd(AimdConfig{});
  EXPECT_EQ(aimd.window(), 1400u);
  EXPECT_EQ(aimd.threshold(), 65'535u);
}

TEST(Aimd, MarksHalveOnceARoundTrip) {
  Aimd aimd({.packet_bytes = packet, .initial_packets = 20, .slow_start_threshold = 1});
  const Instant now{1s};
  for (const Duration later : {0ms, 10ms, 90ms}) {
    AckedBatch batch = acked(now + later, packet);
    batch.marked_packets = 1;
    aimd.on_acked(batch);
    EXPECT_EQ(aimd.threshold(), 10'000u) << later.count();
  }
  AckedBatch next = acked(now + 101ms, packet);
  next.marked_packets = 1;
  aimd.on_acked(next);
  EXPECT_LT(aimd.threshold(), 10'000u);
}

TEST(Aimd, LossHalvesOnceARoundTrip) {
  Aimd aimd({.packet_bytes = packet, .initial_packets = 20, .slow_start_threshold = 1});
  Instant now{1s};
  aimd.on_lost(lost(now, now - round_trip));
  EXPECT_EQ(aimd.threshold(), 10'000u);
  EXPECT_EQ(aimd.window(), 13'000u);  // and three packets, until recovery is over
  aimd.on_lost(lost(now + 10ms, now - 50ms));
  EXPECT_EQ(aimd.threshold(), 10'000u);
  aimd.on_acked(acked(now + 50ms, 5000));  // sent before the loss was known
  EXPECT_TRUE(aimd.is_recovering());
  EXPECT_EQ(aimd.window(), 13'000u);
  now += round_trip + 1ms;
  aimd.on_acked(acked(now, 1000));
  EXPECT_FALSE(aimd.is_recovering());
  EXPECT_EQ(aimd.window(), 10'000u);
  aimd.on_lost(lost(now + 1ms, now));
  EXPECT_EQ(aimd.threshold(), 5000u);
}

TEST(Aimd, ATimeoutBeginsWithOnePacket) {
  Aimd aimd({.packet_bytes = packet, .initial_packets = 20, .slow_start_threshold = 1});
  aimd.on_persistent_congestion(Instant{});
  EXPECT_EQ(aimd.window(), 1000u);
  EXPECT_EQ(aimd.threshold(), 10'000u);
  EXPECT_TRUE(aimd.is_slow_start());
  aimd.on_persistent_congestion(Instant{});
  EXPECT_EQ(aimd.threshold(), 2000u);  // never below two packets
}

TEST(Aimd, WhoDoesNotUseItsWindowGetsNoLargerOne) {
  Aimd aimd({.packet_bytes = packet, .initial_packets = 4, .slow_start_threshold = 65'535});
  AckedBatch batch = acked(Instant{1s}, 4000);
  batch.is_window_limited = false;
  aimd.on_acked(batch);
  EXPECT_EQ(aimd.window(), 4000u);
}

TEST(Aimd, AMarkIsALoss) {
  Aimd aimd({.packet_bytes = packet, .initial_packets = 20, .slow_start_threshold = 1});
  AckedBatch batch = acked(Instant{1s}, 4000);
  batch.marked_packets = 1;
  aimd.on_acked(batch);
  EXPECT_EQ(aimd.threshold(), 10'000u);
}

// --- CUBIC ---------------------------------------------------------------------------------------

TEST(Cubic, CubeRoots) {
  for (std::uint64_t root = 0; root < 3000; ++root) {
    const std::uint64_t cube = root * root * root;
    EXPECT_EQ(cube_root(cube), root);
    if (cube > 0) EXPECT_EQ(cube_root(cube - 1), root - 1);
  }
  EXPECT_EQ(cube_root(~std::uint64_t{0}), 2'642'245u);
}

TEST(Cubic, SlowStartThenSevenTenths) {
  Cubic cubic({.packet_bytes = packet, .initial_packets = 10});
  Instant now{};
  round(cubic, now);
  round(cubic, now);
  EXPECT_EQ(cubic.window(), 40'000u);
  cubic.on_lost(lost(now, now - 1ms));
  EXPECT_EQ(cubic.window(), 28'000u);
  cubic.on_lost(lost(now + 1ms, now - 2ms));  // of the same round trip
  EXPECT_EQ(cubic.window(), 28'000u);
  EXPECT_FALSE(cubic.is_slow_start());
}

// W_max 100 packets, W 70: K = cbrt(30 / 0.4) = 4.217 s; at 2 K the curve is 30 packets above.
TEST(Cubic, TheCurveIsFlatWhereTheLossWas) {
  Cubic cubic({.packet_bytes = packet, .initial_packets = 100});
  Instant now{1s};
  cubic.on_lost(lost(now, now));
  now += round_trip + 1ms;
  cubic.on_acked(acked(now, 1000));  // begins the epoch
  EXPECT_NEAR(static_cast<double>(cubic.curve(0ms)), 70'000, 50);
  EXPECT_NEAR(static_cast<double>(cubic.curve(4217ms)), 100'000, 50);
  EXPECT_NEAR(static_cast<double>(cubic.curve(8434ms)), 130'000, 50);
  EXPECT_GT(cubic.curve(3600s), 10'000'000u);  // capped, and no overflow
}

TEST(Cubic, FollowsTheCurve) {
  Cubic cubic({.packet_bytes = packet, .initial_packets = 1000});
  Instant now{1s};
  cubic.on_lost(lost(now, now));
  EXPECT_EQ(cubic.window(), 700'000u);
  now += 1ms;
  const Instant start = now + round_trip;
  std::uint64_t before = cubic.window();
  while (now - start < 9s) {  // K = 9.086 s
    round(cubic, now);
    EXPECT_GE(cubic.window(), before);
    before = cubic.window();
  }
  EXPECT_NEAR(static_cast<double>(cubic.window()), 1'000'000, 10'000);
  const std::uint64_t at_peak = cubic.window();
  for (int i = 0; i < 50; ++i) round(cubic, now);
  EXPECT_GT(cubic.window(), at_peak + 20'000);  // 0.4 * 5^3 = 50 packets, less the ramp
}

/// On a short, slow path the curve is slower than Reno: then Reno's share is taken.
TEST(Cubic, NeverSlowerThanReno) {
  Cubic cubic({.packet_bytes = packet, .initial_packets = 20});
  Instant now{1s};
  cubic.on_lost(lost(now, now));
  now += 1ms;
  for (int i = 0; i < 20; ++i) round(cubic, now);  // 2 s of round trips
  // 14 packets and some 0.53 a round trip.
  EXPECT_GE(cubic.window(), 22'000u);
}

TEST(Cubic, WhoFallsShortMakesRoom) {
  Cubic cubic({.packet_bytes = packet, .initial_packets = 100});
  Instant now{1s};
  cubic.on_lost(lost(now, now));
  now += round_trip + 1ms;
  cubic.on_acked(acked(now, 1000));
  cubic.on_lost(lost(now + 1ms, now));                          // at 70, below the 100 of last time
  EXPECT_NEAR(static_cast<double>(cubic.peak()), 59'500, 100);  // sought at 0.85 of them
}

TEST(Cubic, ATimeoutBeginsWithTwoPackets) {
  Cubic cubic({.packet_bytes = packet, .initial_packets = 100});
  cubic.on_persistent_congestion(Instant{1s});
  EXPECT_EQ(cubic.window(), 2000u);
  EXPECT_TRUE(cubic.is_slow_start());
}

// --- pacing --------------------------------------------------------------------------------------

TEST(Pacing, SpreadsAWindowOverARoundTrip) {
  EXPECT_EQ(spread(1'000'000, 100ms, false), 12'500'000u);
  EXPECT_EQ(spread(1'000'000, 100ms, true), 20'000'000u);
  EXPECT_EQ(spread(1'000'000, 999us, true), std::nullopt);
  EXPECT_EQ(spread(1, 60s, false), 1u);
}

}  // namespace
}  // namespace kith::packet
