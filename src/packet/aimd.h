// Additive increase, multiplicative decrease, as Positron documents it (TCP Reno, RFC 5681): slow
// start from one packet up to 65,535 bytes, then one packet a round trip; a loss halves, with three
// packets on top until what was sent before it is settled (fast retransmit and recovery); a timeout
// begins with one packet again.
//
// Deviation: growth counts acknowledged bytes (RFC 3465) and not acknowledgements, of which there
// is one for 64 packets here.
#pragma once

#include "packet/congestion.h"

namespace kith::packet {

struct AimdConfig {
  std::uint64_t packet_bytes = 1400;
  std::uint64_t initial_packets = 1;
  std::uint64_t slow_start_threshold = 65'535;
};

class Aimd final : public Congestion {
 public:
  explicit Aimd(const AimdConfig& config);

  std::string_view name() const override { return "aimd"; }
  void on_sent(Instant, std::uint64_t, std::uint64_t) override {}
  void on_acked(const AckedBatch& acked) override;
  void on_lost(const LostBatch& lost) override;
  void on_persistent_congestion(Instant now) override;
  void on_spurious_loss(Instant, std::uint64_t) override {}
  void on_packet_bytes(std::uint64_t packet_bytes) override { packet_bytes_ = packet_bytes; }

  std::uint64_t window() const override { return window_; }
  std::optional<ByteRate> pacing_rate() const override;
  bool is_slow_start() const override { return window_ < threshold_; }
  std::uint64_t threshold() const { return threshold_; }
  bool is_recovering() const { return recovery_since_.has_value(); }

 private:
  void decrease(Instant now);

  std::uint64_t packet_bytes_;
  std::uint64_t window_;
  std::uint64_t threshold_;
  std::uint64_t acked_credit_ = 0;         // bytes acknowledged toward the next packet of growth
  std::optional<Instant> recovery_since_;  // until something sent later is acknowledged
  Duration smoothed_{0};
};

}  // namespace kith::packet
