#include "packet/bbr.h"

#include <algorithm>

#include "base/assert.h"

namespace kith::packet {
namespace {

constexpr Duration least_kept = 10s;
constexpr Duration probe_round_trip_every = 5s;
constexpr Duration probe_round_trip_takes = 200ms;
constexpr std::uint64_t startup_gain_percent = 277;  // 4 ln 2
constexpr std::uint64_t window_gain_percent = 200;
constexpr std::uint64_t window_up_gain_percent = 225;
// What is in flight where ends work in batches: one that is sent, one that is taken, one under way.
constexpr std::uint64_t batches_in_flight = 3;
constexpr std::uint64_t batches_per_second = 1000;  // at the most, and
constexpr std::uint64_t host_batch_max = 64 * 1024;
constexpr std::uint64_t headroom_percent = 85;  // of the upper bound, for others to enter
constexpr std::uint64_t beta_percent = 70;
constexpr std::uint64_t loss_ppm = 20'000;   // of a round: the queue overflows
constexpr std::uint64_t heavy_percent = 20;  // of a round: a policer, or a path that is no use
constexpr std::uint32_t heavy_rounds_max = 3;
constexpr std::uint32_t flat_rounds_max = 3;
constexpr std::uint32_t bounded_rounds_max = 6;  // growth of 1 + 2 + 4… packets: 63 of them
constexpr std::uint64_t reno_rounds_max = 63;
constexpr std::uint64_t link_loss_ppm_max = 125'000;
constexpr std::uint64_t million = 1'000'000;

std::uint64_t percent(std::uint64_t value, std::uint64_t of_hundred) {
  return value * of_hundred / 100;
}
std::uint64_t micros(Duration duration) {
  return duration <= 0ns ? 0 : static_cast<std::uint64_t>(duration / 1us);
}

}  // namespace

Bbr::Bbr(const BbrConfig& config, Rng& rng)
    : packet_bytes_(config.packet_bytes),
      rng_(rng),
      window_(config.initial_packets * config.packet_bytes) {}

std::uint64_t Bbr::bdp(std::uint64_t gain_percent) const {
  // 2^34 bytes a second times 2^26 microseconds is within 64 bits.
  return percent(bandwidth() * micros(least_) / million, gain_percent);
}

/// What the path holds, and the batches at its ends: where a round trip takes hardly longer than to
/// wake up, the least one is far from what is needed to be never idle
/// (draft-ietf-ccwg-bbr, BBRQuantizationBudget).
std::uint64_t Bbr::pipe(std::uint64_t gain_percent) const {
  const std::uint64_t batch = std::min(bandwidth() / batches_per_second, host_batch_max);
  return std::max({bdp(gain_percent), batches_in_flight * batch, floor()});
}

// --- what acknowledgements teach -----------------------------------------------------------------

void Bbr::on_acked(const AckedBatch& acked) {
  smoothed_ = acked.smoothed;
  round_.delivered += acked.bytes;
  round_.is_limited_by_us = round_.is_limited_by_us || acked.is_application_limited;
  if (acked.marked_packets > 0) {
    const std::uint64_t marked = std::min(acked.bytes, acked.marked_packets * packet_bytes_);
    round_.lost_by_queue += marked;
  }
  learn(acked);
  learn_least(acked);
  learn_aggregation(acked);
  if (acked.marked_packets > 0 && is_overflowing()) {
    too_much_lost(acked.now, acked.in_flight + acked.bytes);
  }
  if (acked.delivered_when_sent >= round_ends_at_) end_round(acked);
  advance(acked);
  grow(acked);
}

void Bbr::learn(const AckedBatch& acked) {
  const std::uint64_t took = micros(acked.interval);
  // Shorter than any round trip is a burst of acknowledgements and not a rate.
  if (took == 0 || acked.interval < least_) return;
  const ByteRate rate = acked.delivered_bytes * million / took;
  if (rate >= bandwidth() || !acked.is_application_limited) {
    bandwidths_[0] = std::max(bandwidths_[0], rate);
  }
}

void Bbr::learn_least(const AckedBatch& acked) {
  if (acked.round_trip <= 0ns) return;
  const bool is_old = acked.now - least_at_ > least_kept;
  if (least_ == 0ns || acked.round_trip <= least_ || is_old) {
    least_ = acked.round_trip;
    least_at_ = acked.now;
  }
}

void Bbr::learn_aggregation(const AckedBatch& acked) {
  const std::uint64_t expected = bandwidth() * micros(acked.now - aggregate_at_) / million;
  if (aggregate_ <= expected) {
    aggregate_ = 0;
    aggregate_at_ = acked.now;
    aggregate_ += acked.bytes;
    return;
  }
  aggregate_ += acked.bytes;
  const std::uint64_t extra = std::min(aggregate_ - expected, window_);
  aggregated_[0] = std::max(aggregated_[0], extra);
}

void Bbr::end_round(const AckedBatch& acked) {
  const std::uint64_t all = round_.delivered + round_.lost;
  if (all > 0) {
    // Only a round with a short queue tells what the link loses.
    if (round_.lost_by_queue == 0) {
      link_loss_ppm_ = (7 * link_loss_ppm_ + round_.lost * million / all) / 8;
    }
    // Whoever had little to say was not held to a rate by anybody.
    const bool is_heavy = round_.lost * 100 >= all * heavy_percent && !round_.is_limited_by_us;
    heavy_rounds_ = is_heavy ? heavy_rounds_ + 1 : 0;
  }
  if (heavy_rounds_ >= heavy_rounds_max) {
    const std::uint64_t took = micros(acked.now - round_.started);
    if (took > 0) bandwidths_ = {round_.delivered * million / took, 0};
    heavy_rounds_ = 0;
    link_loss_ppm_ = 0;
  }
  // What startup or a probe overdid is lost for a round trip after its end, and was paid for.
  const bool is_probing = phase_ == Phase::refill || phase_ == Phase::up ||
                          phase_ == Phase::drain ||
                          (phase_ == Phase::down && rounds_in_phase_ == 0);
  if (is_full_ && !is_probing && is_overflowing()) {
    const std::uint64_t before = lower_.value_or(window_);
    lower_ = std::max({round_.delivered, percent(before, beta_percent), floor()});
  }
  look_for_full_pipe(acked);
  is_growing_ = bandwidth() * 8 > round_.bandwidth_before * 9;
  round_ = Round{};
  round_.started = acked.now;
  round_.bandwidth_before = bandwidth();
  round_ends_at_ = acked.delivered_total;
  ++rounds_in_phase_;
  ++rounds_since_up_;
  if (rounds_since_up_ % 5 == 0) aggregated_ = {0, aggregated_[0]};
}

void Bbr::look_for_full_pipe(const AckedBatch& acked) {
  if (is_full_ || acked.is_application_limited) return;
  if (bandwidth() * 4 >= full_bandwidth_ * 5) {
    full_bandwidth_ = bandwidth();
    flat_rounds_ = 0;
    return;
  }
  is_full_ = ++flat_rounds_ >= flat_rounds_max;
}

// --- what losses teach ---------------------------------------------------------------------------

void Bbr::on_lost(const LostBatch& lost) {
  round_.lost += lost.bytes;
  // Lost from a full queue: what was sent beside it took long.
  // A fifth of a round trip: with a quarter, whoever comes second to a queue of that length
  // starves.
  const Duration long_queue = std::max<Duration>(least_ / 5, 2ms);
  if (least_ == 0ns || lost.round_trip_near <= least_ + long_queue) return;
  round_.lost_by_queue += lost.bytes;
  if (is_overflowing()) too_much_lost(lost.now, lost.in_flight_when_sent);
}

/// More is lost from the queue than chance explains: 2 % of a round, and twice what the link loses.
/// Judged against a window's worth, so that the first loss of a round is not all of it.
bool Bbr::is_overflowing() const {
  const std::uint64_t all = std::max(round_.delivered + round_.lost, bdp(100));
  return round_.lost_by_queue > all * (loss_ppm + 2 * link_loss_ppm_) / million;
}

void Bbr::too_much_lost(Instant now, std::uint64_t in_flight) {
  switch (phase_) {
    case Phase::startup:
      is_full_ = true;
      upper_ = std::max({bdp(100), round_.delivered, floor()});
      return;
    case Phase::refill:
    case Phase::up:
      upper_ =
          std::max({percent(in_flight, beta_percent), percent(bdp(100), beta_percent), floor()});
      start_down(now);
      return;
    case Phase::drain:
    case Phase::down:
    case Phase::cruise:
    case Phase::probe_round_trip: return;  // end_round() lowers the lower bound
  }
  UNREACHABLE();
}

void Bbr::on_persistent_congestion(Instant) {
  window_ = floor();
  lower_.reset();
}

// --- the cycle -----------------------------------------------------------------------------------

void Bbr::go(Phase phase, Instant now) {
  phase_ = phase;
  phase_at_ = now;
  rounds_in_phase_ = 0;
}

void Bbr::start_down(Instant now) {
  bandwidths_ = {0, bandwidths_[0]};  // of the cycle that begins, and of the one that ends
  wait_ = 2s + Duration(static_cast<std::int64_t>(rng_.below(1'000'000'000)));
  rounds_since_up_ = static_cast<std::uint32_t>(rng_.below(2));
  go(Phase::down, now);
}

void Bbr::advance(const AckedBatch& acked) {
  const bool is_due = is_full_ && acked.now - least_at_ > probe_round_trip_every;
  if (is_due && phase_ != Phase::probe_round_trip) {
    probed_since_.reset();
    go(Phase::probe_round_trip, acked.now);
  }
  switch (phase_) {
    case Phase::startup:
      if (is_full_) go(Phase::drain, acked.now);
      return;
    case Phase::drain:
      if (acked.in_flight <= pipe(100)) start_down(acked.now);
      return;
    case Phase::probe_round_trip:
      if (!probed_since_ && acked.in_flight <= std::max(bdp(50), floor())) {
        probed_since_ = acked.now;
        rounds_in_phase_ = 0;
        least_ = acked.round_trip > 0ns ? std::min(least_ + least_ / 8, acked.round_trip) : least_;
      }
      if (!probed_since_ || rounds_in_phase_ == 0) return;
      if (acked.now - *probed_since_ < probe_round_trip_takes) return;
      least_at_ = acked.now;
      start_down(acked.now);
      return;
    case Phase::down:
    case Phase::cruise:
    case Phase::refill:
    case Phase::up: advance_cycle(acked); return;
  }
  UNREACHABLE();
}

void Bbr::advance_cycle(const AckedBatch& acked) {
  // As soon as a Reno flow of this size would have grown by a packet a round up to its next loss.
  const std::uint64_t reno_rounds = std::min(pipe(100) / packet_bytes_, reno_rounds_max);
  const bool is_time = acked.now - phase_at_ > wait_ || rounds_since_up_ >= reno_rounds;
  switch (phase_) {
    case Phase::down:
      if (is_time && rounds_in_phase_ > 0) {
        go(Phase::refill, acked.now);
      } else if (acked.in_flight <= std::min(pipe(100), bound())) {
        go(Phase::cruise, acked.now);
      }
      break;
    case Phase::cruise:
      if (is_time) go(Phase::refill, acked.now);
      break;
    case Phase::refill:
      lower_.reset();
      if (rounds_in_phase_ > 0) go(Phase::up, acked.now);
      break;
    case Phase::up:
      raise_upper_bound(acked);
      // Below a bound from earlier one goes on, up to it and beyond, until packets are lost or some
      // rounds have passed: all flows gain alike there and lose by their share, so that they come
      // to share alike.
      if (upper_ && rounds_in_phase_ < bounded_rounds_max) break;
      // The first round acknowledges what was sent before. While it grows it was slow for a while.
      if (rounds_in_phase_ < 2 || is_growing_) break;
      if (acked.now - phase_at_ > least_ && acked.in_flight >= pipe(125)) {
        start_down(acked.now);
      }
      break;
    case Phase::startup:
    case Phase::drain:
    case Phase::probe_round_trip: break;
  }
}

void Bbr::raise_upper_bound(const AckedBatch& acked) {
  if (!upper_ || !acked.is_window_limited) return;
  // 1, 2, 4… packets a round.
  const std::uint64_t step = packet_bytes_ << std::min(rounds_in_phase_, 10U);
  *upper_ += std::min(acked.bytes, step * acked.bytes / std::max(*upper_, packet_bytes_) + 1);
}

// --- what follows from it ------------------------------------------------------------------------

std::uint64_t Bbr::bound() const {
  std::uint64_t most = ~std::uint64_t{0} / 256;
  const bool is_probing = phase_ == Phase::refill || phase_ == Phase::up;
  if (upper_) {
    // Room for others to enter, but not out of what the path itself holds.
    const std::uint64_t path = bdp(100) + std::max(aggregated_[0], aggregated_[1]);
    const std::uint64_t cruise = std::max(percent(*upper_, headroom_percent), path);
    most = is_probing ? *upper_ : std::min(*upper_, cruise);
  }
  if (lower_ && !is_probing) most = std::min(most, *lower_);
  return std::max(most, floor());
}

void Bbr::grow(const AckedBatch& acked) {
  const std::uint64_t gain = phase_ == Phase::up ? window_up_gain_percent : window_gain_percent;
  const std::uint64_t target =
      std::max(bdp(gain) + std::max(aggregated_[0], aggregated_[1]), pipe(gain));
  if (is_full_) {
    window_ = std::min(window_ + acked.bytes, target);
  } else if (window_ < target || bandwidth() == 0) {
    window_ += acked.bytes;
  }
}

std::uint64_t Bbr::window() const {
  const std::uint64_t most = std::min(window_, bound());
  if (phase_ != Phase::probe_round_trip) return std::max(most, floor());
  return std::max(std::min(most, bdp(50)), floor());
}

std::optional<ByteRate> Bbr::pacing_rate() const {
  if (smoothed_ < unpaced_round_trip_max) return std::nullopt;
  std::uint64_t gain = 100;
  switch (phase_) {
    case Phase::startup: gain = startup_gain_percent; break;
    case Phase::drain: gain = 50; break;
    case Phase::down: gain = 90; break;
    case Phase::up: gain = 125; break;
    case Phase::cruise:
    case Phase::refill:
    case Phase::probe_round_trip: break;
  }
  if (bandwidth() == 0) return spread(percent(window_, gain), smoothed_, false);
  // What the link loses is sent again: to deliver a rate one sends as much more.
  const std::uint64_t repair = million + std::min(link_loss_ppm_, link_loss_ppm_max);
  // As the window, it never falls below some packets a round trip.
  const ByteRate least = spread(floor(), smoothed_, false).value_or(1);
  return std::max<ByteRate>(percent(bandwidth(), gain) / 1000 * (repair / 1000), least);
}

}  // namespace kith::packet
