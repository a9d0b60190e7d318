// How fast a connection sends: the face of AIMD, CUBIC and BBR. Recovery tells what was
// acknowledged and lost, once a batch; a controller answers with a window (bytes that may be in
// flight) and, if it wants to spread them, a rate. Integers only: a trace is the same everywhere.
//
// A controller counts bytes of UDP payload. It knows no packets, but for the times at which lost
// ones were sent: losses of one round trip are one event.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "packet/packet_number.h"

namespace kith::packet {

/// On no wire; in the configuration, where names are.
enum class CongestionKind : std::uint8_t { aimd, cubic, bbr };
inline std::optional<CongestionKind> congestion_named(std::string_view name) {
  if (name == "bbr") return CongestionKind::bbr;
  if (name == "cubic") return CongestionKind::cubic;
  if (name == "aimd") return CongestionKind::aimd;
  return std::nullopt;
}

/// Bytes a second.
using ByteRate = std::uint64_t;

/// What one batch of acknowledgements says.
struct AckedBatch {
  Instant now;
  std::uint64_t bytes = 0;      // newly acknowledged
  std::uint64_t in_flight = 0;  // after it
  /// Of the newest of the packets; 0 when there is no sample.
  Duration round_trip{0};
  Duration smoothed{0};
  /// When the newest of them was sent.
  Instant sent_at;
  /// The window, and not the application, was what held the sender back.
  bool is_window_limited = false;
  /// Of them, those that came with a mark of congestion (ECN CE).
  std::uint64_t marked_packets = 0;

  /// A sample of the delivery rate (draft-ietf-ccwg-bbr, 4.1): so many bytes arrived in so long.
  /// No sample where `interval` is 0.
  std::uint64_t delivered_bytes = 0;
  Duration interval{0};
  bool is_application_limited = false;
  /// Bytes delivered in all, now and when the newest packet was sent: a round has passed when the
  /// second reaches what the first was at its start.
  std::uint64_t delivered_total = 0;
  std::uint64_t delivered_when_sent = 0;
};

/// Packets found to be lost, at once.
struct LostBatch {
  Instant now;
  std::uint64_t bytes = 0;
  std::uint64_t in_flight = 0;  // after it
  /// When the newest of them was sent, and what was in flight then.
  Instant sent_at;
  std::uint64_t in_flight_when_sent = 0;
  /// The round trip of the acknowledged packet sent nearest to it: how long the queue was.
  Duration round_trip_near{0};
};

class Congestion {
 public:
  virtual ~Congestion() = default;

  virtual std::string_view name() const = 0;
  /// `in_flight`: before these bytes.
  virtual void on_sent(Instant now, std::uint64_t bytes, std::uint64_t in_flight) = 0;
  virtual void on_acked(const AckedBatch& acked) = 0;
  virtual void on_lost(const LostBatch& lost) = 0;
  /// Nothing came back for several probe timeouts: the path is another one now, or full.
  virtual void on_persistent_congestion(Instant now) = 0;
  /// So many bytes of those said to be lost have arrived after all.
  virtual void on_spurious_loss(Instant now, std::uint64_t bytes) = 0;
  /// Packets have another size.
  virtual void on_packet_bytes(std::uint64_t packet_bytes) = 0;

  /// Bytes that may be in flight.
  virtual std::uint64_t window() const = 0;
  /// How fast they may leave; nothing: as they come.
  virtual std::optional<ByteRate> pacing_rate() const = 0;
  virtual bool is_slow_start() const = 0;
};

/// The rate at which a window-based controller spreads its window over a round trip: somewhat
/// faster than that (RFC 9002, 7.7), and twice in slow start, which doubles. Nothing below a
/// millisecond: no timer is that fine.
inline constexpr Duration unpaced_round_trip_max = 1ms;
inline std::optional<ByteRate> spread(std::uint64_t window, Duration smoothed, bool is_slow_start) {
  if (smoothed < unpaced_round_trip_max) return std::nullopt;
  const std::uint64_t gained = is_slow_start ? window * 2 : window + window / 4;
  // A window is below 2^40 and a second 2^30 nanoseconds: microseconds keep it in 64 bits.
  const auto micros = static_cast<std::uint64_t>(smoothed / 1us);
  return std::max<ByteRate>(gained * 1'000'000 / micros, 1);
}

}  // namespace kith::packet
