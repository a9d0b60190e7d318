// Injected time. Two clocks, two types:
//   Instant   monotonic, nanoseconds since an arbitrary start; what every machine works with.
//   WallTime  Unix milliseconds; may jump; only where a protocol or a person needs a date.
//
// MonotonicClock has no now() on purpose: whoever holds an Instant was given it by a caller. Only
// the shells (rt/, sim/) make one, so a protocol that reads the real clock does not compile.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>

namespace kith::base {

using Duration = std::chrono::nanoseconds;

struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, duration>;
  static constexpr bool is_steady = true;
};

using Instant = MonotonicClock::time_point;

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
struct WallTime {
  std::int64_t unix_ms = 0;
  friend auto operator<=>(WallTime, WallTime) = default;
};

/// The earlier of two optional deadlines; empty means "never".
constexpr std::optional<Instant> soonest(std::optional<Instant> a, std::optional<Instant> b) {
  if (!a) return b;
  if (!b) return a;
  return *a < *b ? a : b;
}

/// Whole milliseconds, rounded towards zero: for logs and JSON.
constexpr std::int64_t to_ms(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

}  // namespace kith::base

namespace kith {
using base::Duration;
using base::Instant;
using base::WallTime;
using namespace std::chrono_literals;
}  // namespace kith
