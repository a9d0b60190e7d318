#include "packet/rtt.h"

#include <gtest/gtest.h>

namespace kith::packet {
namespace {

constexpr Duration no_delay{0};

TEST(Rtt, TheFirstSampleIsAll) {
  RttEstimator rtt;
  EXPECT_FALSE(rtt.has_sample());
  EXPECT_EQ(rtt.smoothed(), 333ms);
  EXPECT_EQ(rtt.probe_timeout(no_delay, 0), 333ms + 4 * 166'500us);
  rtt.on_sample(20ms, no_delay, no_delay);
  EXPECT_EQ(rtt.smoothed(), 20ms);
  EXPECT_EQ(rtt.variation(), 10ms);
  EXPECT_EQ(rtt.least(), 20ms);
  EXPECT_EQ(rtt.probe_timeout(5ms, 0), 65ms);
}

// Jacobson and Karels by hand: smoothed 7/8 20 + 1/8 28 = 21, variation 3/4 10 + 1/4 8 = 9.5 ms.
TEST(Rtt, LaterOnesAreSmoothed) {
  RttEstimator rtt;
  rtt.on_sample(20ms, no_delay, no_delay);
  rtt.on_sample(28ms, no_delay, no_delay);
  EXPECT_EQ(rtt.smoothed(), 21ms);
  EXPECT_EQ(rtt.variation(), 9'500us);
  EXPECT_EQ(rtt.least(), 20ms);
  EXPECT_EQ(rtt.latest(), 28ms);
}

TEST(Rtt, ThePeersDelayIsBelievedWithinReason) {
  RttEstimator rtt;
  rtt.on_sample(20ms, no_delay, no_delay);
  rtt.on_sample(28ms, 8ms, 25ms);
  EXPECT_EQ(rtt.smoothed(), 20ms);
  rtt.on_sample(28ms, 1000ms, 8ms);  // a lie: at most what was agreed
  EXPECT_EQ(rtt.smoothed(), 20ms);
  rtt.on_sample(28ms, 25ms, 25ms);  // would be 3 ms, where 20 is the least ever
  EXPECT_EQ(rtt.smoothed(), 21ms);
  rtt.on_sample(28ms, -5ms, 25ms);
  EXPECT_GT(rtt.smoothed(), 21ms);
}

TEST(Rtt, NoSampleIsNone) {
  RttEstimator rtt;
  rtt.on_sample(0ms, no_delay, no_delay);
  rtt.on_sample(-1ms, no_delay, no_delay);
  EXPECT_FALSE(rtt.has_sample());
}

TEST(Rtt, WaitingDoublesUpToAMinute) {
  RttEstimator rtt;
  rtt.on_sample(10ms, no_delay, no_delay);
  const Duration once = rtt.probe_timeout(no_delay, 0);
  EXPECT_EQ(once, 30ms);
  EXPECT_EQ(rtt.probe_timeout(no_delay, 1), 2 * once);
  EXPECT_EQ(rtt.probe_timeout(no_delay, 5), 32 * once);
  EXPECT_EQ(rtt.probe_timeout(no_delay, 11), 60s);
  EXPECT_EQ(rtt.probe_timeout(no_delay, 4'000'000'000), 60s);
}

TEST(Rtt, AFastPathWaitsAMillisecond) {
  RttEstimator rtt;
  for (int i = 0; i < 100; ++i) rtt.on_sample(50us, no_delay, no_delay);
  EXPECT_EQ(rtt.smoothed(), 50us);
  EXPECT_LT(rtt.variation(), 1us);
  EXPECT_EQ(rtt.probe_timeout(no_delay, 0), 1'050us);
  EXPECT_EQ(rtt.loss_delay(), 1ms);
}

TEST(Rtt, LossIsDecidedAfterNineEighths) {
  RttEstimator rtt;
  rtt.on_sample(16ms, no_delay, no_delay);
  EXPECT_EQ(rtt.loss_delay(), 18ms);
  rtt.on_sample(32ms, no_delay, no_delay);
  EXPECT_EQ(rtt.loss_delay(), 36ms);
}

TEST(Rtt, AnotherPathBeginsAnew) {
  RttEstimator rtt;
  rtt.on_sample(16ms, no_delay, no_delay);
  rtt.reset();
  EXPECT_FALSE(rtt.has_sample());
  EXPECT_EQ(rtt.least(), 0ms);
}

}  // namespace
}  // namespace kith::packet
