#include "packet/aimd.h"

#include <algorithm>

namespace kith::packet {
namespace {

constexpr std::uint64_t window_packets_min = 2;
constexpr std::uint64_t recovery_packets = 3;  // those behind the lost one that have left the path

}  // namespace

Aimd::Aimd(const AimdConfig& config)
    : packet_bytes_(config.packet_bytes),
      window_(config.initial_packets * config.packet_bytes),
      threshold_(config.slow_start_threshold) {}

void Aimd::on_acked(const AckedBatch& acked) {
  smoothed_ = acked.smoothed;
  const bool is_old = recovery_since_ && acked.sent_at <= *recovery_since_;
  if (acked.marked_packets > 0 && !is_old) {
    decrease(acked.now);
    return;
  }
  if (recovery_since_) {
    if (is_old) return;
    recovery_since_.reset();
    window_ = threshold_;
  }
  if (!acked.is_window_limited) return;
  std::uint64_t bytes = acked.bytes;
  if (is_slow_start()) {
    const std::uint64_t grown = std::min(bytes, threshold_ - window_);
    window_ += grown;
    bytes -= grown;
  }
  // One packet for each window of bytes: MSS * MSS / window for each packet, without fractions.
  acked_credit_ += bytes;
  while (acked_credit_ >= window_) {
    acked_credit_ -= window_;
    window_ += packet_bytes_;
  }
}

void Aimd::on_lost(const LostBatch& lost) {
  // What was sent before recovery began was lost by the same queue.
  if (recovery_since_ && lost.sent_at <= *recovery_since_) return;
  decrease(lost.now);
}

void Aimd::decrease(Instant now) {
  threshold_ = std::max(window_ / 2, window_packets_min * packet_bytes_);
  window_ = threshold_ + recovery_packets * packet_bytes_;
  acked_credit_ = 0;
  recovery_since_ = now;
}

void Aimd::on_persistent_congestion(Instant) {
  threshold_ = std::max(window_ / 2, window_packets_min * packet_bytes_);
  window_ = packet_bytes_;
  acked_credit_ = 0;
  recovery_since_.reset();
}

std::optional<ByteRate> Aimd::pacing_rate() const {
  return spread(window_, smoothed_, is_slow_start());
}

}  // namespace kith::packet
