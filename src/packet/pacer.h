// Spreads packets over time: a quantum of 250 us of the rate may leave at once (2 packets to 64
// KiB, what one system call takes), then it is waited until the next whole one is earned, so that
// batches stay full. Who was idle has one quantum and not more; a timer that comes late, by up to
// 2 ms or a quantum, loses nothing.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"
#include "packet/congestion.h"

namespace kith::packet {

class Pacer {
 public:
  static constexpr std::uint64_t quantum_bytes_max = 64 * 1024;
  static constexpr std::uint64_t quanta_per_second = 4000;

  static std::uint64_t quantum(ByteRate rate, std::uint64_t packet_bytes) {
    const std::uint64_t least = 2 * packet_bytes;
    return std::max(least, std::min(rate / quanta_per_second, quantum_bytes_max));
  }

  struct Room {
    std::uint64_t bytes = 0;
    Instant again_at;  // when there are none
  };
  /// REQUIRES: rate > 0.
  Room room(Instant now, ByteRate rate, std::uint64_t packet_bytes) const {
    const std::uint64_t most = quantum(rate, packet_bytes);
    const Duration span = time_of(most, rate);
    if (is_waiting_ && now < paid_until_ + span) return {.again_at = paid_until_ + span};
    const std::uint64_t earned = bytes_of(saved(now, span), rate);
    if (earned < packet_bytes) return {.again_at = paid_until_ + span};
    return {.bytes = std::min(earned, most), .again_at = now};
  }
  /// `bytes` left now. More than room() said is owed.
  void on_sent(Instant now, std::uint64_t bytes, ByteRate rate, std::uint64_t packet_bytes) {
    const Duration span = time_of(quantum(rate, packet_bytes), rate);
    paid_until_ = now - saved(now, span) + time_of(bytes, rate);
    is_waiting_ = now - paid_until_ < time_of(packet_bytes, rate);
  }

 private:
  static constexpr Duration late_max = 2ms;
  static constexpr std::uint64_t second = 1'000'000'000;

  static Duration time_of(std::uint64_t bytes, ByteRate rate) {
    // Below 2^33 bytes times 2^30 nanoseconds.
    return Duration(static_cast<std::int64_t>(bytes * second / rate));
  }
  static std::uint64_t bytes_of(Duration time, ByteRate rate) {
    if (time <= Duration::zero()) return 0;
    // A nanosecond that division took is given back, so that a whole quantum is one.
    return (static_cast<std::uint64_t>(time.count()) + 1) * rate / second;
  }
  /// Time of which nothing was sent for: negative while some is owed.
  Duration saved(Instant now, Duration span) const {
    const Duration time = now - paid_until_;
    return time > span + std::max(span, late_max) ? span : time;
  }

  // What has left is paid for up to here. At first long ago: a quantum is there.
  Instant paid_until_{Duration(-(std::int64_t{1} << 62))};
  bool is_waiting_ = false;
};

}  // namespace kith::packet
