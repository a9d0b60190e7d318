#include "base/metrics.h"

#include <rapidcheck.h>

namespace kith::base {
namespace {

TEST(Metrics, CountersAndGauges) {
  Counter counter;
  counter.add();
  counter.add(41);
  EXPECT_EQ(counter.value(), 42u);
  EXPECT_EQ(counter.reset(), 42u);
  EXPECT_EQ(counter.value(), 0u);
  Gauge gauge;
  gauge.add(3);
  gauge.sub(5);
  EXPECT_EQ(gauge.value(), -2);
  gauge.set(7);
  EXPECT_EQ(gauge.value(), 7);
}

TEST(Latency, KeepsAverageLargestAndMean) {
  Latency latency;
  EXPECT_FALSE(latency.snapshot().mean());
  latency.record(100ms);
  EXPECT_EQ(latency.snapshot().average, 100ms);  // the first is no average with nothing
  latency.record(200ms);
  EXPECT_EQ(latency.snapshot().average, 110ms);
  latency.record(-5ms);
  const auto seen = latency.reset();
  EXPECT_EQ(seen.count, 3u);
  EXPECT_EQ(seen.max, 200ms);
  EXPECT_EQ(seen.sum, 300ms);
  EXPECT_EQ(seen.mean(), 100ms);
  EXPECT_EQ(seen.average, 99ms);
  EXPECT_EQ(latency.snapshot().count, 0u);
  latency.record(1s);
  EXPECT_EQ(latency.snapshot().average, 1s);
}

TEST(Histogram, ABoundBelongsToItsBucket) {
  Histogram histogram(1024);
  for (const std::uint64_t value : {0ull, 1ull, 1024ull}) histogram.record(value);
  histogram.record(1025);
  histogram.record(2048);
  histogram.record(UINT64_MAX / 2);
  const auto seen = histogram.snapshot();
  EXPECT_EQ(seen.buckets[0], 3u);
  EXPECT_EQ(seen.buckets[1], 2u);
  EXPECT_EQ(seen.buckets[histogram_buckets], 1u);
  EXPECT_EQ(seen.count(), 6u);
  EXPECT_EQ(seen.bound(0), 1024u);
  EXPECT_EQ(seen.bound(1), 2048u);
}

TEST(Histogram, QuantilesAreBounds) {
  Histogram histogram(1);
  EXPECT_FALSE(histogram.snapshot().quantile(0.5));
  for (std::uint64_t value = 1; value <= 100; ++value) histogram.record(value);
  EXPECT_EQ(histogram.snapshot().quantile(0.5), 64u);
  EXPECT_EQ(histogram.snapshot().quantile(0.99), 128u);
  EXPECT_EQ(histogram.snapshot().quantile(0), 1u);
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.snapshot().quantile(1), UINT64_MAX);
}

TEST(Histogram, ResetGivesWhatItTakes) {
  Histogram histogram(8);
  histogram.record(3);
  histogram.record(9);
  auto sum = histogram.reset();
  EXPECT_EQ(sum.sum, 12u);
  EXPECT_EQ(histogram.snapshot().count(), 0u);
  histogram.record(9);
  sum.add(histogram.snapshot());
  EXPECT_EQ(sum.buckets[0], 1u);
  EXPECT_EQ(sum.buckets[1], 2u);
  EXPECT_EQ(sum.sum, 21u);
}

// The bucket that the shift finds is the one that comparing with each bound would find.
TEST(Histogram, FindsTheFirstBoundNotBelow) {
  EXPECT_TRUE(rc::check([](std::uint64_t value) {
    const auto shift = static_cast<int>(value % 36);
    value >>= value % 61;
    Histogram histogram(std::uint64_t{1} << shift);
    histogram.record(value);
    const auto seen = histogram.snapshot();
    std::size_t wanted = 0;
    while (wanted < histogram_buckets && seen.bound(wanted) < value) ++wanted;
    RC_ASSERT(seen.buckets[wanted] == 1u);
    RC_ASSERT(seen.count() == 1u);
  }));
}

TEST(Metrics, Rates) {
  EXPECT_DOUBLE_EQ(per_second(100, 350, 500ms).value(), 500);
  EXPECT_DOUBLE_EQ(per_second(100, 50, 1s).value(), 50);  // reset in between
  EXPECT_FALSE(per_second(1, 2, 0s));
  EXPECT_FALSE(success_rate(0, 0));
  EXPECT_DOUBLE_EQ(success_rate(3, 1).value(), 0.75);
  EXPECT_DOUBLE_EQ(success_rate(0, 4).value(), 0);
}

TEST(Timing, KeepsTheDistributionWhenTheRestIsForgotten) {
  Timing timing;
  timing.record(3ms);
  timing.record(5ms);
  timing.record(-1ms);
  EXPECT_EQ(timing.snapshot().latency.max, 5ms);
  EXPECT_EQ(timing.snapshot().histogram.count(), 3u);
  EXPECT_EQ(timing.snapshot().histogram.sum, 8'000'000u);
  timing.reset_latency();
  EXPECT_EQ(timing.snapshot().latency.count, 0u);
  EXPECT_EQ(timing.snapshot().histogram.count(), 3u);
}

}  // namespace
}  // namespace kith::base
