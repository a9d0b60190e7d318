// What was sent and is not known to have arrived: a ring of records by number, acknowledgements,
// loss by later packets and by time, probe timeouts, and the samples that a congestion controller
// lives on (RFC 9002; draft-ietf-ccwg-bbr 4.1). Floor of packet/; no frames, no sockets.
//
// Every number that leaves is told by on_sent(), reliable or not. Of each note that came with one,
// exactly one of three is true: it is kept, it was given out as acked, or as lost; but those of
// unreliable packets may be dropped in silence, when the ring has no place. So what must be said
// again goes in reliable ones.
//
// Deviations from RFC 9002: a late packet that was thought lost gives a round trip too, and raises
// the thresholds of reordering: of packets, from 3 up to 256, and of time, from 9/8 of a round trip
// up to 13/8. Three probe timeouts in a row are persistent congestion at once, not only when
// something is acknowledged again.
//
// Limits: `packets_max` packets between the oldest in flight and the newest; more, and the oldest
// counts as lost. Of lost ones it is known for the second threshold that they were sent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "packet/congestion.h"
#include "packet/frame.h"
#include "packet/pacer.h"
#include "packet/rtt.h"

namespace kith::packet {

class SentRing;

struct RecoveryConfig {
  std::uint32_t reorder_packets = 3, reorder_packets_max = 256;
  std::size_t packets_max = 65'536;  // in flight
  std::uint32_t probes_max = 10;     // in a row
  CongestionKind congestion = CongestionKind::bbr;
};

struct SentPacket {
  PacketNumber number;
  std::uint16_t bytes;
  bool is_reliable;     // wants an acknowledgement, and counts as in flight
  bool is_mtu_probe;    // its loss says nothing about congestion
  bool is_ect = false;  // left with a mark that routers may turn into one of congestion
};

/// What an acknowledgement or a deadline did. Spans live until the next mutation.
struct RecoveryNews {
  std::span<const FrameNote> acked = {}, lost = {};
  /// Send two packets, whatever the window. `lost` has what the two oldest carried, to go in them;
  /// the packets themselves are still in flight.
  bool is_probe_due = false;
  bool is_connection_lost = false;  // probes_max is reached
  std::optional<PacketNumber> mtu_probe_acked = {}, mtu_probe_lost = {};
  std::optional<PacketNumber> largest_newly_acked = {};
};

struct RecoveryStats {
  std::uint64_t packets_sent = 0, packets_lost = 0, packets_spurious = 0, probes = 0;
  std::uint64_t bytes_in_flight = 0, window = 0;
  ByteRate delivery_rate = 0;
};

class Recovery {
 public:
  /// `rng` outlives it.
  Recovery(const RecoveryConfig& config, std::uint64_t packet_bytes, Rng& rng);
  /// For tests: with this controller, until the path changes.
  Recovery(const RecoveryConfig& config, std::uint64_t packet_bytes, Rng& rng,
           std::unique_ptr<Congestion> congestion);
  ~Recovery();

  /// The next one that was not given out yet. Skips one in 1,024 or so, by `entropy` (any random
  /// bits): whoever acknowledges it lies.
  PacketNumber next_number(std::uint64_t entropy);
  /// REQUIRES: a higher number than any before, given out by next_number() lately.
  void on_sent(Instant now, const SentPacket& packet, std::span<const FrameNote> notes);
  /// `protocol` when a number is acknowledged that was never sent; nothing has changed then.
  Result<RecoveryNews> on_ack(Instant now, const AckFrame& ack, Duration peer_delay_max);
  RecoveryNews on_deadline(Instant now);
  std::optional<Instant> next_deadline() const;

  /// Bytes that may leave now: what window and pacing leave, at most a quantum; 0 with the time of
  /// more, or without one when only an acknowledgement helps. Less than a packet is none. Beyond
  /// window and pace after a probe timeout.
  struct Allowance {
    std::uint64_t bytes = 0;
    std::optional<Instant> again_at = {};
  };
  Allowance allowance(Instant now) const;
  /// More might have left, but there is nothing.
  void on_application_limited();

  /// Another address: round trips and congestion begin anew; what is in flight stays, but fills no
  /// window.
  void on_path_changed(Instant now, std::uint64_t packet_bytes);
  void on_packet_bytes(std::uint64_t packet_bytes);
  const RttEstimator& rtt() const { return rtt_; }
  RecoveryStats stats() const;
  /// The peer's counts of marks make sense so far: packets may be sent as capable of ECN.
  bool uses_ecn() const { return is_ecn_sound_; }
  std::uint32_t reorder_packets() const { return reorder_packets_; }
  /// Reliable packets of which nothing is known.
  std::size_t packets_in_flight() const { return packets_in_flight_; }
  /// Nothing in flight for 5 s: gives the ring back. REQUIRES: packets_in_flight() == 0.
  void release();
  bool holds_memory() const { return flight_ != nullptr; }

 private:
  struct Flight;
  struct Acked;
  struct Lost;

  Result<void> check(const AckFrame& ack) const;
  void begin_news();
  RecoveryNews news() const;
  void make_place(Instant now, PacketNumber number);
  void make_controller();
  void drop_unreliable(PacketNumber wanted);
  void trim(Instant now);
  void settle(const NumberRange& range, Acked& acked);
  void settle_open(PacketNumber number, Acked& acked);
  void settle_lost(PacketNumber number, Acked& acked);
  void take_round_trip(const AckFrame& ack, const Acked& acked);
  void adapt_to_reordering(const Acked& acked);
  std::uint64_t marks_of(const AckFrame& ack, const Acked& acked);
  void tell_acked(const AckFrame& ack, const Acked& acked);
  void find_lost(Instant now);
  void lose(Instant now, PacketNumber number, Lost& lost);
  void tell_lost(Instant now, const Lost& lost);
  bool is_persistent(const Lost& lost) const;
  void probe(Instant now);
  Duration loss_delay() const;
  Duration round_trip_near(PacketNumber number) const;
  Instant probe_at() const;
  std::uint64_t window() const;
  void refresh();

  RecoveryConfig config_;
  Rng& rng_;
  std::uint64_t packet_bytes_;
  RttEstimator rtt_;
  std::unique_ptr<Congestion> congestion_;  // made when the first reliable packet leaves
  std::uint64_t window_ = 0;                // what it said last
  std::optional<ByteRate> rate_;
  Pacer pacer_;

  std::unique_ptr<Flight> flight_;   // ring and news, while there are any
  PacketNumber next_ = 0, end_ = 0;  // to be given out; one more than was sent
  PacketNumber path_begin_ = 0;      // lower ones left on another path
  std::optional<PacketNumber> largest_acked_;
  std::uint32_t reorder_packets_;
  Duration late_by_{0};       // what came after it was thought lost, beyond 9/8 of a round trip
  std::uint32_t probes_ = 0;  // in a row
  std::uint32_t probes_owed_ = 0;  // packets that may leave beyond the window
  bool is_persistent_told_ = false, is_ecn_sound_ = true, has_ect_arrived_ = false;
  std::size_t packets_in_flight_ = 0;
  std::uint64_t in_flight_ = 0, in_flight_elsewhere_ = 0;  // bytes
  Instant reliable_at_, probed_at_;                        // when the last one left
  std::optional<Instant> lost_at_;                         // the next one, by time
  std::optional<Instant> sampled_since_;                   // the first round trip of this path
  Duration peer_delay_max_ = 25ms;
  Duration round_trip_{0};  // last, without the peer's delay

  std::uint64_t delivered_ = 0;  // bytes in all
  Instant delivered_at_, first_sent_at_;
  std::uint64_t application_limited_until_ = 0;  // delivered_; 0: it is not
  ByteRate delivery_rate_ = 0;
  std::uint64_t ect0_ = 0, ect1_ = 0, congested_ = 0;  // as the peer said last
  std::uint64_t ect_acked_ = 0;                        // and what was acknowledged since
  std::uint64_t sent_ = 0, lost_ = 0, spurious_ = 0, probes_sent_ = 0;
};

}  // namespace kith::packet
