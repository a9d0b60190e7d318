// How long to wait for an answer: Jacobson and Karels' estimate (RFC 6298) of round trips, in
// integer nanoseconds. The timeout is the smoothed round trip and four deviations, within limits;
// each one that runs out doubles it until an answer comes. The first is longer than RFC 6298's
// second, for a request is a stream, its protocol and an answer of several segments.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace kith::peer {

struct RttConfig {
  Duration first = 3s;         // before any answer
  Duration timeout_min = 1s;   // a lost segment is sent again within it (RFC 6298, 2.4)
  Duration timeout_max = 10s;  // also of the doubled ones
  Duration sample_max = 60s;   // longer ones count as that
};

class RttEstimator {
 public:
  void sample(const RttConfig& config, Duration rtt) {
    rtt = std::clamp(rtt, Duration::zero(), config.sample_max);
    doublings_ = 0;
    if (!has_sample_) {
      has_sample_ = true;
      smoothed_ = rtt;
      deviation_ = rtt / 2;
      return;
    }
    const Duration off = rtt > smoothed_ ? rtt - smoothed_ : smoothed_ - rtt;
    deviation_ += (off - deviation_) / 4;
    smoothed_ += (rtt - smoothed_) / 8;
  }
  void on_timeout() { doublings_ = std::min<std::uint8_t>(doublings_ + 1, doublings_max); }

  /// Smoothed; empty before the first answer.
  std::optional<Duration> rtt() const {
    return has_sample_ ? std::optional(smoothed_) : std::nullopt;
  }
  Duration timeout(const RttConfig& config) const {
    const Duration wanted = has_sample_ ? smoothed_ + 4 * deviation_ : config.first;
    const Duration base = std::clamp(wanted, config.timeout_min, config.timeout_max);
    return std::min(base * (std::int64_t{1} << doublings_), config.timeout_max);
  }

 private:
  static constexpr std::uint8_t doublings_max = 10;  // from the least timeout to beyond the most
  Duration smoothed_{};
  Duration deviation_{};
  bool has_sample_ = false;
  std::uint8_t doublings_ = 0;
};

}  // namespace kith::peer
