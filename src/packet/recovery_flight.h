// What Recovery's two files share; internal to them.
#pragma once

#include <optional>
#include <vector>

#include "packet/recovery.h"
#include "packet/sent_ring.h"

namespace kith::packet {

/// What only a flow that runs needs.
struct Recovery::Flight {
  explicit Flight(PacketNumber begin) : ring(begin) {}

  SentRing ring;
  std::vector<FrameNote> acked, lost;
  std::optional<PacketNumber> mtu_probe_acked, mtu_probe_lost, largest_newly_acked;
  bool has_overflowed = false;  // `lost` holds what had to make place, and was not told yet
};

/// What one acknowledgement adds up to.
struct Recovery::Acked {
  Instant now;
  Duration round_trip{0};  // of its highest number, without the peer's delay; 0: no sample
  Duration raw{0};
  std::uint64_t bytes = 0;      // of this path
  std::uint64_t in_flight = 0;  // before
  std::size_t reliable = 0;     // packets
  std::uint64_t ect = 0;
  std::uint64_t spurious_bytes = 0;
  std::optional<PacketNumber> lowest_spurious = {};
  // Of the newest, as it left.
  Instant sent_at = {}, first_sent_at = {}, delivered_at = {};
  std::uint64_t delivered = 0;
  bool is_application_limited = false;
};

/// What was found to be lost at once.
struct Recovery::Lost {
  std::uint64_t bytes = 0;
  PacketNumber first = 0, last = 0;
};

}  // namespace kith::packet
