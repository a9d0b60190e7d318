// Congestion control by a model of the path: the most it delivered lately and the least a round
// trip took (BBR version 3, draft-ietf-ccwg-bbr), the default of connections.
//
// Deviations (docs/adr/0034): a loss bounds the window when the queue was long around it, else it
// says nothing of congestion and the rate is raised by what the link loses; a fifth lost in three
// rounds running counts whatever the queue; the lower bound after a loss is one of the window and
// not of the bandwidth too. Integers only.
#pragma once

#include <array>

#include "base/rng.h"
#include "packet/congestion.h"

namespace kith::packet {

struct BbrConfig {
  std::uint64_t packet_bytes = 1400;
  std::uint64_t initial_packets = 32;  // one batch
};

class Bbr final : public Congestion {
 public:
  enum class Phase : std::uint8_t { startup, drain, down, cruise, refill, up, probe_round_trip };

  /// `rng` outlives it: cycles of flows that share a path must not keep step.
  Bbr(const BbrConfig& config, Rng& rng);

  std::string_view name() const override { return "bbr"; }
  void on_sent(Instant, std::uint64_t, std::uint64_t) override {}
  void on_acked(const AckedBatch& acked) override;
  void on_lost(const LostBatch& lost) override;
  void on_persistent_congestion(Instant now) override;
  void on_spurious_loss(Instant, std::uint64_t) override {}
  void on_packet_bytes(std::uint64_t packet_bytes) override { packet_bytes_ = packet_bytes; }

  std::uint64_t window() const override;
  std::optional<ByteRate> pacing_rate() const override;
  bool is_slow_start() const override { return phase_ == Phase::startup; }

  Phase phase() const { return phase_; }
  /// Bytes a second that the path delivers, as far as is known.
  ByteRate bandwidth() const { return std::max(bandwidths_[0], bandwidths_[1]); }
  Duration least_round_trip() const { return least_; }

 private:
  struct Round {
    std::uint64_t delivered = 0, lost = 0, lost_by_queue = 0;
    bool is_limited_by_us = false;  // the application had no more to say
    Instant started;
    ByteRate bandwidth_before = 0;
  };

  void learn(const AckedBatch& acked);
  void learn_least(const AckedBatch& acked);
  void learn_aggregation(const AckedBatch& acked);
  void end_round(const AckedBatch& acked);
  void advance(const AckedBatch& acked);
  void advance_cycle(const AckedBatch& acked);
  void raise_upper_bound(const AckedBatch& acked);
  void look_for_full_pipe(const AckedBatch& acked);
  void start_down(Instant now);
  void go(Phase phase, Instant now);
  bool is_overflowing() const;
  void too_much_lost(Instant now, std::uint64_t in_flight);
  void grow(const AckedBatch& acked);
  std::uint64_t bdp(std::uint64_t gain_percent) const;
  std::uint64_t pipe(std::uint64_t gain_percent) const;
  std::uint64_t floor() const { return 4 * packet_bytes_; }
  std::uint64_t bound() const;

  std::uint64_t packet_bytes_;
  Rng& rng_;
  Phase phase_ = Phase::startup;
  Instant phase_at_;
  std::uint64_t window_;

  std::array<ByteRate, 2> bandwidths_{};  // of this cycle and the last
  Duration least_{0};                     // of some 10 s
  Instant least_at_;
  std::optional<Instant> probed_since_;  // the window is small enough for a round trip's probe
  Duration smoothed_{0};

  std::uint64_t round_ends_at_ = 0;  // bytes delivered in all
  Round round_;
  std::uint32_t rounds_in_phase_ = 0;
  std::uint32_t rounds_since_up_ = 0;
  std::uint32_t heavy_rounds_ = 0;   // in a row, with a fifth lost
  std::uint64_t link_loss_ppm_ = 0;  // smoothed: what is lost with a short queue
  bool is_growing_ = false;          // the last round brought an eighth more, or above
  bool is_full_ = false;             // the pipe has been filled once
  ByteRate full_bandwidth_ = 0;
  std::uint32_t flat_rounds_ = 0;
  Duration wait_{0};  // until the path is probed again

  std::optional<std::uint64_t> upper_;  // of bytes in flight, from where the queue overflowed
  std::optional<std::uint64_t> lower_;  // the same, until the next probe

  // Bytes that acknowledgements bring at once beyond what the bandwidth explains.
  std::array<std::uint64_t, 2> aggregated_{};
  std::uint64_t aggregate_ = 0;
  Instant aggregate_at_;
};

}  // namespace kith::packet
