// What came in: no number twice, which ranges are to be told, and when (docs/design/packet.md,
// "Received").
//
// Limits: 64 ranges are known, the lowest forgotten first; 32 are told; numbers 8,192 below the
// highest count as had. One that is unused, or was released, holds no memory but itself.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ip_port.h"
#include "base/time.h"
#include "packet/frame.h"
#include "packet/range_set.h"
#include "packet/replay_window.h"

namespace kith::packet {

/// How long an acknowledgement of a packet is held back at most: a quarter of a round trip, within
/// these.
inline constexpr Duration ack_delay_min = 1ms, ack_delay_max = 25ms;
/// So many reliable packets are acknowledged at once.
inline constexpr std::uint32_t unacknowledged_max = 64;

class Received {
 public:
  Received() = default;

  /// Before it is opened.
  bool may_take(PacketNumber number) const { return replay_.may_take(number); }
  /// After it has opened. REQUIRES: may_take(number).
  void on_packet(Instant now, PacketNumber number, const Header& header, base::Ecn ecn);
  /// One more than the highest received: for number_from_wire(), and the header's ack is one less.
  PacketNumber expected() const { return replay_.end(); }
  /// All packets of a batch are in: decides whether an acknowledgement goes at once.
  void on_batch_end(Instant now, Duration round_trip);

  bool is_ack_due(Instant now) const { return ack_at_ && *ack_at_ <= now; }
  /// Packets that want an acknowledgement have come since the last one.
  bool has_news() const { return unacknowledged_ > 0; }
  std::optional<Instant> next_deadline() const { return ack_at_; }
  /// For a packet that leaves now; counts as told. Its first range ends at the highest number;
  /// none, when nothing came since release().
  AckFrame take_ack(Instant now);
  /// The peer has heard an acknowledgement: ranges below `told` are told no more. The most is
  /// gained with the highest number of that acknowledgement, since the peer then knows all that it
  /// said.
  void on_ack_of_ack(PacketNumber told);
  /// The flow is idle: all below expected() counts as had, and memory goes. REQUIRES: !has_news().
  void release();

 private:
  static constexpr std::size_t ranges_max = 64;

  ReplayWindow replay_;
  RangeSet ranges_{ranges_max};
  std::uint32_t unacknowledged_ = 0;  // of those that want it
  bool at_once_ = false;
  Instant highest_at_;
  std::optional<Instant> ack_at_;
  std::uint64_t ect0_ = 0, ect1_ = 0, congested_ = 0;
};

}  // namespace kith::packet
