// Sessions of Kith's own, between two Kith hosts: how a Host speaks them, how a message is sent,
// and what is measured. They carry streams as libp2p's connections do, and beside them messages and
// datagrams: see Host::send_message.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kith {

/// How a Host speaks Kith's own sessions.
struct SessionOptions {
  /// Else libp2p's Noise and yamux alone.
  bool is_enabled = true;
  /// Bytes of UDP payload in a packet once the path is known to take them; 1200 to 8952.
  std::size_t mtu = 1400;
  /// The largest that is tried on each path; `mtu` to 8952.
  std::size_t mtu_max = 1472;
  /// What decides how fast packets leave: "bbr", "cubic" or "aimd".
  std::string congestion = "bbr";
  /// Keys are replaced by fresh ones after so many bytes, 1,000,000 to 10,000,000,000…
  std::uint64_t rotate_bytes = 100'000'000;
  /// …or so many messages, 1,000 to 1,000,000,000…
  std::uint64_t rotate_messages = 1'048'576;
  /// …or after so long, 10 s to 24 h, whichever is first.
  std::chrono::seconds rotate_interval = std::chrono::hours(1);
  /// "aes-256-gcm" and "chacha20-poly1305", the most wanted first; one that is left out is not
  /// spoken. Empty: both, as the processor does them.
  std::vector<std::string> ciphers = {};
  /// Messages of 512 bytes and more are compressed where that saves a packet and the peer does the
  /// same.
  bool compresses = false;
  /// A session on which nothing came for so long is over; 5 s to 1 h.
  std::chrono::milliseconds idle_timeout = std::chrono::minutes(1);
  /// After so long without anything to say a sign of life is sent; 1 s to half of idle_timeout.
  std::chrono::milliseconds keep_alive = std::chrono::seconds(15);
  /// How long a busy host looks for the next packet before its thread sleeps; up to 1 ms. Zero
  /// spares the battery.
  std::chrono::microseconds spin = std::chrono::microseconds(50);
};

/// How a message is sent.
struct MessageOptions {
  /// 0 to 1000: of what waits the higher one goes first. Streams have 500.
  std::uint16_t importance = 500;
  /// From now on; what the peer does not have by then is given up. None: never.
  std::optional<std::chrono::nanoseconds> deadline = {};
  /// Given up when it was sent so many times and lost each time, 1 to 255. None: never.
  std::optional<std::uint32_t> attempts = {};
};

/// What a session of Kith's own measures. Over TCP and WebSockets there are no packets to lose:
/// what is of their loss, times and sizes stays 0.
struct SessionDetails {
  /// "aes-256-gcm" or "chacha20-poly1305".
  std::string cipher = {};
  /// As TCP names it, such as "ESTABLISHED".
  std::string state = {};
  /// The round trip: smoothed…
  std::chrono::nanoseconds rtt{0};
  /// …and the least that was seen.
  std::chrono::nanoseconds rtt_least{0};
  /// The congestion window: bytes that may be under way.
  std::uint64_t window = 0;
  /// Bytes that are.
  std::uint64_t bytes_in_flight = 0;
  /// Bytes a second, as they arrived.
  std::uint64_t delivery_rate = 0;
  /// Packets that went out.
  std::uint64_t packets_sent = 0;
  /// Packets that came in.
  std::uint64_t packets_received = 0;
  /// Of those that went out, found to be lost.
  std::uint64_t packets_lost = 0;
  /// Lost ones whose contents went out once more.
  std::uint64_t packets_resent = 0;
  /// How often keys were replaced.
  std::uint64_t rotations = 0;
  /// How often the peer's address changed and the session went on.
  std::uint64_t path_changes = 0;
  /// Bytes of UDP payload in a packet now.
  std::size_t mtu = 0;
  /// Messages and datagrams that came for a protocol which nobody here has.
  std::uint64_t messages_unclaimed = 0;
};

}  // namespace kith
