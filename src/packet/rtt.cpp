#include "packet/rtt.h"

#include <algorithm>

namespace kith::packet {

RttEstimator::RttEstimator(const RttConfig& config)
    : config_(config), smoothed_(config.initial), variation_(config.initial / 2) {}

void RttEstimator::on_sample(Duration round_trip, Duration peer_delay, Duration peer_delay_max) {
  if (round_trip <= Duration::zero()) return;
  latest_ = round_trip;
  if (!has_sample_) {
    has_sample_ = true;
    least_ = round_trip;
    smoothed_ = round_trip;
    variation_ = round_trip / 2;
    return;
  }
  least_ = std::min(least_, round_trip);
  // What the peer claims may not make a round trip shorter than it ever was.
  const Duration claimed = std::clamp(peer_delay, Duration::zero(), peer_delay_max);
  const Duration sample = round_trip - claimed >= least_ ? round_trip - claimed : round_trip;
  const Duration distance = sample > smoothed_ ? sample - smoothed_ : smoothed_ - sample;
  variation_ = (3 * variation_ + distance) / 4;
  smoothed_ = (7 * smoothed_ + sample) / 8;
}

Duration RttEstimator::probe_timeout(Duration peer_delay_max, std::uint32_t in_a_row) const {
  Duration timeout = smoothed_ + std::max(4 * variation_, config_.granularity) + peer_delay_max;
  for (; in_a_row > 0 && timeout < config_.probe_timeout_max; --in_a_row) timeout *= 2;
  return std::min(timeout, config_.probe_timeout_max);
}

Duration RttEstimator::loss_delay() const {
  const Duration longest = std::max(smoothed_, latest_);
  return std::max(longest + longest / 8, config_.granularity);
}

}  // namespace kith::packet
