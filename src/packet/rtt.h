// How long a round trip takes and how long to wait for one: Jacobson and Karels (RFC 6298), as RFC
// 9002 section 5 has it. Karn's rule (no sample of what was sent twice) holds because no packet is:
// every number is used once.
//
// Integers of nanoseconds: the same on every machine.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace kith::packet {

struct RttConfig {
  Duration initial = 333ms;    // before the first sample: RFC 9002, 6.2.2
  Duration granularity = 1ms;  // timers come late by up to 40 us; below this is noise
  Duration probe_timeout_max = 60s;
};

class RttEstimator {
 public:
  explicit RttEstimator(const RttConfig& config = {});

  /// One sample: `round_trip` from sending to acknowledgement, of which the peer says it held the
  /// acknowledgement back for `peer_delay` (believed up to `peer_delay_max`). Samples of zero or
  /// less are none.
  void on_sample(Duration round_trip, Duration peer_delay, Duration peer_delay_max);
  /// Another path: as if new.
  void reset() { *this = RttEstimator(config_); }

  bool has_sample() const { return has_sample_; }
  Duration smoothed() const { return smoothed_; }
  Duration variation() const { return variation_; }
  Duration latest() const { return latest_; }
  /// The least since the start; 0 before a sample.
  Duration least() const { return least_; }

  /// How long after the last packet that wants an acknowledgement one sends again without news:
  /// doubled for each time in a row that this has happened.
  Duration probe_timeout(Duration peer_delay_max, std::uint32_t in_a_row) const;
  /// How long after a later packet was acknowledged an earlier one counts as lost: 9/8 of a round
  /// trip.
  Duration loss_delay() const;

 private:
  RttConfig config_;
  bool has_sample_ = false;
  Duration smoothed_;
  Duration variation_;
  Duration latest_{0};
  Duration least_{0};
};

}  // namespace kith::packet
