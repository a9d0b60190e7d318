// What a program counts about itself: counters, gauges, latencies, histograms. Recording is a few
// relaxed atomic instructions: no lock, no allocation, below 10 ns (bench/metrics_bench.cpp), from
// any thread; reading is a snapshot of plain numbers, taken by whoever shows them
// (codec/prometheus.h writes them as text). A machine without threads may as well own a plain Stats
// struct that its shell reads: these are for what several threads record, and for distributions.
//
// A snapshot reads one number after the other: while others record, sum and count may be of
// slightly different moments. reset() gives what it takes away, so that nothing is lost between.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace kith::base {

/// Only goes up.
class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }
  /// Back to 0; what it was.
  std::uint64_t reset() { return value_.exchange(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

/// Goes up and down.
class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  void sub(std::int64_t count = 1) { value_.fetch_sub(count, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

/// A moving average (each value weighs a tenth), the largest, the sum and the number of values.
class Latency {
 public:
  struct Snapshot {
    std::uint64_t count = 0;
    Duration sum{};
    Duration average{};  // moving; of the first value it is that value
    Duration max{};
    std::optional<Duration> mean() const {
      if (count == 0) return std::nullopt;
      return Duration(sum.count() / static_cast<std::int64_t>(count));
    }
  };

  /// Below zero counts as zero.
  void record(Duration value);
  Snapshot snapshot() const;
  Snapshot reset();

 private:
  static constexpr std::int64_t average_share = 10;

  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<std::int64_t> sum_ns_ = 0;
  std::atomic<std::int64_t> average_ns_ = -1;  // -1: no value yet
  std::atomic<std::int64_t> max_ns_ = 0;
};

inline constexpr std::size_t histogram_buckets = 28;

/// How often values fell into which bucket. Bucket i holds values up to `first_bound · 2^i`, the
/// last one all others: the index is one instruction, and with first_bound = 1024 ns the bounds
/// reach from a microsecond to a minute, with 64 bytes from 64 B to 4 GiB.
class Histogram {
 public:
  struct Snapshot {
    std::uint64_t first_bound = 1;
    std::array<std::uint64_t, histogram_buckets + 1> buckets{};  // the last: above every bound
    std::uint64_t sum = 0;

    std::uint64_t count() const;
    /// The upper bound of bucket `index` < histogram_buckets.
    std::uint64_t bound(std::size_t index) const { return first_bound << index; }
    /// The bound that a share `q` (0…1) of the values does not exceed: exact to a factor of two.
    /// Empty without values; UINT64_MAX when it lies above every bound.
    std::optional<std::uint64_t> quantile(double q) const;
    /// Adds what another one of the same bounds saw.
    void add(const Snapshot& other);
  };

  /// `first_bound` is a power of two, at most 2^35.
  explicit Histogram(std::uint64_t first_bound);

  void record(std::uint64_t value) {
    buckets_[index_of(value)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }
  Snapshot snapshot() const;
  Snapshot reset();

 private:
  std::size_t index_of(std::uint64_t value) const {
    if (value == 0) return 0;
    const auto index = static_cast<std::size_t>(std::bit_width((value - 1) >> shift_));
    return index < histogram_buckets ? index : histogram_buckets;
  }

  const int shift_;
  std::array<std::atomic<std::uint64_t>, histogram_buckets + 1> buckets_{};
  std::atomic<std::uint64_t> sum_ = 0;
};

/// How long something takes: where the values lie, and what a single one tells at a glance.
class Timing {
 public:
  struct Snapshot {
    Histogram::Snapshot histogram;  // nanoseconds; bounds from a microsecond to two minutes
    Latency::Snapshot latency;
  };

  void record(Duration value) {
    histogram_.record(value.count() < 0 ? 0 : static_cast<std::uint64_t>(value.count()));
    latency_.record(value);
  }
  Snapshot snapshot() const { return {histogram_.snapshot(), latency_.snapshot()}; }
  /// Of the average and the largest only: the histogram is what others read the growth of.
  void reset_latency() { latency_.reset(); }

 private:
  Histogram histogram_{1024};
  Latency latency_;
};

/// The rate between two readings of a counter; empty when no time has passed. A counter that was
/// reset in between counts from zero.
std::optional<double> per_second(std::uint64_t before, std::uint64_t after, Duration passed);
/// good / (good + bad); empty before the first.
std::optional<double> success_rate(std::uint64_t good, std::uint64_t bad);

}  // namespace kith::base

namespace kith {
using base::Counter;
using base::Gauge;
using base::Histogram;
using base::Latency;
using base::Timing;
}  // namespace kith
