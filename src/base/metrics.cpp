#include "base/metrics.h"

#include "base/assert.h"

namespace kith::base {

namespace {
constexpr auto relaxed = std::memory_order_relaxed;
constexpr std::uint64_t first_bound_max = std::uint64_t{1} << 35;  // times 2^27 fits 64 bits
}  // namespace

void Latency::record(Duration value) {
  const std::int64_t ns = value.count() < 0 ? 0 : value.count();
  count_.fetch_add(1, relaxed);
  sum_ns_.fetch_add(ns, relaxed);
  // Two threads at once may leave one of two values out of the average: it is an estimate, and a
  // loop here would make recording as slow as its most eager reader.
  const std::int64_t average = average_ns_.load(relaxed);
  average_ns_.store(average < 0 ? ns : average + (ns - average) / average_share, relaxed);
  std::int64_t max = max_ns_.load(relaxed);
  while (ns > max && !max_ns_.compare_exchange_weak(max, ns, relaxed)) {
  }
}

Latency::Snapshot Latency::snapshot() const {
  const std::int64_t average = average_ns_.load(relaxed);
  return {count_.load(relaxed), Duration(sum_ns_.load(relaxed)),
          Duration(average < 0 ? 0 : average), Duration(max_ns_.load(relaxed))};
}

Latency::Snapshot Latency::reset() {
  const std::int64_t average = average_ns_.exchange(-1, relaxed);
  return {count_.exchange(0, relaxed), Duration(sum_ns_.exchange(0, relaxed)),
          Duration(average < 0 ? 0 : average), Duration(max_ns_.exchange(0, relaxed))};
}

Histogram::Histogram(std::uint64_t first_bound) : shift_(std::countr_zero(first_bound)) {
  ASSERT(std::has_single_bit(first_bound) && first_bound <= first_bound_max);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot taken{.first_bound = std::uint64_t{1} << shift_};
  for (std::size_t i = 0; i < buckets_.size(); ++i) taken.buckets[i] = buckets_[i].load(relaxed);
  taken.sum = sum_.load(relaxed);
  return taken;
}

Histogram::Snapshot Histogram::reset() {
  Snapshot taken{.first_bound = std::uint64_t{1} << shift_};
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    taken.buckets[i] = buckets_[i].exchange(0, relaxed);
  }
  taken.sum = sum_.exchange(0, relaxed);
  return taken;
}

std::uint64_t Histogram::Snapshot::count() const {
  std::uint64_t count = 0;
  for (const std::uint64_t bucket : buckets) count += bucket;
  return count;
}

std::optional<std::uint64_t> Histogram::Snapshot::quantile(double q) const {
  const std::uint64_t all = count();
  if (all == 0) return std::nullopt;
  const double wanted = q * static_cast<double>(all);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < histogram_buckets; ++i) {
    seen += buckets[i];
    if (seen != 0 && static_cast<double>(seen) >= wanted) return bound(i);
  }
  return UINT64_MAX;
}

void Histogram::Snapshot::add(const Snapshot& other) {
  ASSERT(first_bound == other.first_bound);
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
  sum += other.sum;
}

std::optional<double> per_second(std::uint64_t before, std::uint64_t after, Duration passed) {
  if (passed <= Duration::zero()) return std::nullopt;
  const std::uint64_t more = after >= before ? after - before : after;
  return static_cast<double>(more) * 1e9 / static_cast<double>(passed.count());
}

std::optional<double> success_rate(std::uint64_t good, std::uint64_t bad) {
  if (good == 0 && bad == 0) return std::nullopt;
  return static_cast<double>(good) / (static_cast<double>(good) + static_cast<double>(bad));
}

}  // namespace kith::base
