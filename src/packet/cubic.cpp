#include "packet/cubic.h"

#include <algorithm>
#include <limits>

namespace kith::packet {
namespace {

constexpr std::uint64_t window_packets_min = 2;
/// Beyond this the curve is so steep that the cap of half a window a round trip rules; and cubes of
/// it times a packet's bytes stay in 63 bits.
constexpr std::int64_t curve_ms_max = 60'000;

constexpr std::uint64_t beta_percent = 70;
constexpr std::uint64_t after_loss(std::uint64_t window) { return window * beta_percent / 100; }
/// 3 (1 - beta) / (1 + beta), with which Reno's share is equal although it falls by half.
constexpr std::uint64_t reno_alpha_permille = 529;

std::int64_t to_whole_ms(Duration duration) { return duration / 1ms; }

}  // namespace

std::uint64_t cube_root(std::uint64_t value) {
  std::uint64_t root = 0;
  for (int bit = 21; bit >= 0; --bit) {  // (2^22)^3 is the first cube beyond 64 bits
    const std::uint64_t larger = root | (std::uint64_t{1} << bit);
    if (larger <= 2'642'245 && larger * larger * larger <= value) root = larger;
  }
  return root;
}

Cubic::Cubic(const CubicConfig& config)
    : packet_bytes_(config.packet_bytes),
      window_(config.initial_packets * config.packet_bytes),
      threshold_(std::numeric_limits<std::uint64_t>::max()) {}

void Cubic::on_sent(Instant now, std::uint64_t, std::uint64_t in_flight) {
  // Time in which nothing was under way is no time in which the path was probed (section 4.2-12).
  if (in_flight == 0 && epoch_ && idle_since_) *epoch_ += now - *idle_since_;
  idle_since_.reset();
}

void Cubic::on_acked(const AckedBatch& acked) {
  smoothed_ = acked.smoothed;
  if (acked.in_flight == 0) idle_since_ = acked.now;
  const bool is_old = recovery_since_ && acked.sent_at <= *recovery_since_;
  if (acked.marked_packets > 0 && !is_old) {
    decrease(acked.now);
    return;
  }
  if (is_old) return;
  recovery_since_.reset();
  if (!acked.is_window_limited) return;
  if (is_slow_start()) {
    window_ += acked.bytes;
    return;
  }
  avoid(acked);
}

void Cubic::avoid(const AckedBatch& acked) {
  if (!epoch_) start_epoch(acked.now);
  const bool has_caught_up = window_reno_ >= window_prior_;
  const std::uint64_t alpha = has_caught_up ? 1000 : reno_alpha_permille;
  window_reno_ += alpha * packet_bytes_ * acked.bytes / window_ / 1000;
  if (curve(acked.now - *epoch_) < window_reno_) {
    window_ = std::max(window_, window_reno_);
    return;
  }
  // Where the curve will be a round trip from now, at most half a window further.
  const std::uint64_t target =
      std::clamp(curve(acked.now - *epoch_ + acked.smoothed), window_, window_ + window_ / 2);
  window_ += (target - window_) * acked.bytes / window_;
}

void Cubic::start_epoch(Instant now) {
  epoch_ = now;
  window_max_ = std::max(window_max_, window_);
  window_reno_ = window_;
  // K = cbrt((W_max - W) / C), W in packets and C = 0.4: in milliseconds under the root.
  const std::uint64_t missing = (window_max_ - window_) * 10 / packet_bytes_;  // tenths of a packet
  flat_at_ms_ = static_cast<std::int64_t>(cube_root(missing * 250'000'000));
}

std::uint64_t Cubic::curve(Duration since) const {
  const std::int64_t ms = std::clamp(to_whole_ms(since) - flat_at_ms_, -curve_ms_max, curve_ms_max);
  // 0.4 packets times seconds cubed, in bytes; ms^3 / 1000 keeps the product in 63 bits.
  const std::int64_t growth =
      ms * ms * ms / 1000 * 4 * static_cast<std::int64_t>(packet_bytes_) / 10'000'000;
  if (growth < 0 && static_cast<std::uint64_t>(-growth) >= window_max_) return 0;
  return window_max_ + static_cast<std::uint64_t>(growth);
}

void Cubic::on_lost(const LostBatch& lost) {
  if (lost.in_flight == 0) idle_since_ = lost.now;
  if (recovery_since_ && lost.sent_at <= *recovery_since_) return;
  decrease(lost.now);
}

void Cubic::decrease(Instant now) {
  const std::uint64_t floor = window_packets_min * packet_bytes_;
  // Fast convergence: who lost before reaching the last peak makes room for a newcomer.
  const bool fell_short = window_ < window_max_;
  window_max_ = fell_short ? (window_ + after_loss(window_)) / 2 : window_;
  window_prior_ = window_;
  window_ = std::max(after_loss(window_), floor);
  threshold_ = window_;
  epoch_.reset();
  recovery_since_ = now;
}

void Cubic::on_persistent_congestion(Instant) {
  const std::uint64_t floor = window_packets_min * packet_bytes_;
  window_max_ = window_;
  window_prior_ = window_;
  threshold_ = std::max(after_loss(window_), floor);
  window_ = floor;
  epoch_.reset();
  recovery_since_.reset();
}

std::optional<ByteRate> Cubic::pacing_rate() const {
  return spread(window_, smoothed_, is_slow_start());
}

}  // namespace kith::packet
