#include "packet/pacer.h"

#include <gtest/gtest.h>

namespace kith::packet {
namespace {

constexpr std::uint64_t packet = 1000;
constexpr ByteRate rate = 40'000'000;  // 10,000 bytes in 250 us

std::uint64_t take_all(Pacer& pacer, Instant now) {
  std::uint64_t sum = 0;
  while (const std::uint64_t bytes = pacer.room(now, rate, packet).bytes / packet * packet) {
    pacer.on_sent(now, bytes, rate, packet);
    sum += bytes;
  }
  return sum;
}

TEST(Pacer, QuantumIsBetweenTwoPacketsAnd64KiB) {
  EXPECT_EQ(Pacer::quantum(1, packet), 2000u);
  EXPECT_EQ(Pacer::quantum(8'000'000, packet), 2000u);
  EXPECT_EQ(Pacer::quantum(8'004'000, packet), 2001u);
  EXPECT_EQ(Pacer::quantum(rate, packet), 10'000u);
  EXPECT_EQ(Pacer::quantum(262'140'000, packet), 65'535u);
  EXPECT_EQ(Pacer::quantum(1'000'000'000'000, packet), 65'536u);
  EXPECT_EQ(Pacer::quantum(rate, 60'000), 120'000u);  // two packets all the same
}

TEST(Pacer, AQuantumThenAWaitForTheNextWholeOne) {
  Pacer pacer;
  Instant now{};
  EXPECT_EQ(take_all(pacer, now), 10'000u);
  const Pacer::Room room = pacer.room(now, rate, packet);
  EXPECT_EQ(room.bytes, 0u);
  EXPECT_EQ(room.again_at, now + 250us);
  EXPECT_EQ(pacer.room(now + 250us - 1ns, rate, packet).bytes, 0u);
  EXPECT_EQ(take_all(pacer, now + 250us), 10'000u);
}

TEST(Pacer, WhoWasIdleHasOneQuantumAndNotMore) {
  Pacer pacer;
  take_all(pacer, Instant{});
  EXPECT_EQ(take_all(pacer, Instant{10ms}), 10'000u);
  EXPECT_EQ(take_all(pacer, Instant{1000s}), 10'000u);
}

/// Small writes do not wait while the quantum is not used up.
TEST(Pacer, PartOfAQuantumMayGoAtOnce) {
  Pacer pacer;
  Instant now{1s};
  pacer.on_sent(now, 100, rate, packet);
  EXPECT_EQ(pacer.room(now, rate, packet).bytes, 9900u);
  pacer.on_sent(now, 8900, rate, packet);
  EXPECT_EQ(pacer.room(now, rate, packet).bytes, 1000u);  // a packet, but not less
  pacer.on_sent(now, 1, rate, packet);
  EXPECT_EQ(pacer.room(now, rate, packet).bytes, 0u);
}

/// Timers overshoot; over a second that loses nothing.
TEST(Pacer, ATimerThatComesLateLosesNothing) {
  for (const Duration late : {0us, 40us, 240us}) {
    Pacer pacer;
    Instant now{1s};
    std::uint64_t sum = 0;
    while (now < Instant{2s}) {
      sum += take_all(pacer, now);
      now = pacer.room(now, rate, packet).again_at + late;
    }
    EXPECT_NEAR(static_cast<double>(sum), 40e6, 0.001 * 40e6) << late.count();
  }
}

TEST(Pacer, WhatWentBeyondIsOwed) {
  Pacer pacer;
  const Instant now{1s};
  pacer.on_sent(now, 20'000, rate, packet);
  EXPECT_EQ(pacer.room(now, rate, packet).again_at, now + 500us);
}

TEST(Pacer, SlowAndFastRatesKeepTheirPace) {
  for (const ByteRate slow_or_fast : {ByteRate{1}, ByteRate{1000}, ByteRate{5'600'000'000}}) {
    Pacer pacer;
    Instant now{1s};
    const std::uint64_t quantum = Pacer::quantum(slow_or_fast, packet);
    EXPECT_EQ(pacer.room(now, slow_or_fast, packet).bytes, quantum);
    pacer.on_sent(now, quantum, slow_or_fast, packet);
    const Instant again = pacer.room(now, slow_or_fast, packet).again_at;
    EXPECT_NEAR(static_cast<double>((again - now).count()),
                static_cast<double>(quantum) * 1e9 / static_cast<double>(slow_or_fast), 2.0);
    EXPECT_EQ(pacer.room(again, slow_or_fast, packet).bytes, quantum);
  }
}

}  // namespace
}  // namespace kith::packet
