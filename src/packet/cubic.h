// CUBIC (RFC 9438): after a loss the window grows along a cubic curve around the size at which it
// happened, by time and not by round trips, and never slower than Reno would. C = 0.4, beta = 0.7,
// fast convergence.
//
// Integers: times in milliseconds, windows in bytes. Not built: HyStart++ (RFC 9406) and the undo
// of a decrease that proves spurious (section 4.9).
#pragma once

#include "packet/congestion.h"

namespace kith::packet {

struct CubicConfig {
  std::uint64_t packet_bytes = 1400;
  std::uint64_t initial_packets = 10;  // RFC 6928
};

class Cubic final : public Congestion {
 public:
  explicit Cubic(const CubicConfig& config);

  std::string_view name() const override { return "cubic"; }
  void on_sent(Instant now, std::uint64_t bytes, std::uint64_t in_flight) override;
  void on_acked(const AckedBatch& acked) override;
  void on_lost(const LostBatch& lost) override;
  void on_persistent_congestion(Instant now) override;
  void on_spurious_loss(Instant, std::uint64_t) override {}
  void on_packet_bytes(std::uint64_t packet_bytes) override { packet_bytes_ = packet_bytes; }

  std::uint64_t window() const override { return window_; }
  std::optional<ByteRate> pacing_rate() const override;
  bool is_slow_start() const override { return window_ < threshold_; }

  /// The curve: how large the window is `since` after the epoch's start. For tests.
  std::uint64_t curve(Duration since) const;
  /// Where the curve is flat. For tests.
  std::uint64_t peak() const { return window_max_; }

 private:
  void decrease(Instant now);
  void start_epoch(Instant now);
  void avoid(const AckedBatch& acked);

  std::uint64_t packet_bytes_;
  std::uint64_t window_;
  std::uint64_t threshold_;
  std::uint64_t window_max_ = 0;    // W_max: where the curve is flat
  std::uint64_t window_prior_ = 0;  // before the last decrease: Reno's equal share ends there
  std::uint64_t window_reno_ = 0;   // W_est
  std::int64_t flat_at_ms_ = 0;     // K
  std::optional<Instant> epoch_;    // of this stretch of congestion avoidance
  std::optional<Instant> recovery_since_;
  std::optional<Instant> idle_since_;
  Duration smoothed_{0};
};

/// The largest integer whose cube is not above `value`.
std::uint64_t cube_root(std::uint64_t value);

}  // namespace kith::packet
