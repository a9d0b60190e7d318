// Where a connection's packets come from and go to: one path in use, a few that are candidates. A
// candidate is asked with a PING of 8 random bytes and becomes the path when the PONG comes back on
// it, and not before, so that whoever copies packets from elsewhere gains nothing (RFC 9000, 8 and
// 9). Until an address is proved, at most three bytes are sent to it for each that came from it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip_port.h"
#include "base/rng.h"
#include "base/time.h"
#include "packet/frame.h"

namespace kith::packet {

struct Path {
  base::SocketId socket;
  base::IpPort remote;
  /// What the peer sends to, so that answers leave from there: a NAT lets in nothing else. All 0
  /// with who dials: the system's choice follows this machine into other networks. No part of what
  /// a path is: of one socket and one remote there is one.
  base::LocalIp local{};
  friend bool operator==(const Path& a, const Path& b) {
    return a.socket == b.socket && a.remote == b.remote;
  }
};
/// `bytes` that leave on it.
inline base::DatagramsOut along(const Path& path, std::size_t bytes, std::size_t segment_bytes) {
  return {.socket = path.socket,
          .to = path.remote,
          .bytes = bytes,
          .segment_bytes = segment_bytes,
          .from_ip = path.local};
}

class Paths {
 public:
  static constexpr std::size_t candidates_max = 4;
  static constexpr std::size_t answers_max = 3;
  static constexpr std::uint32_t tries_max = 6;
  static constexpr std::uint64_t amplification = 3;

  Paths(const Path& path, bool is_proved)
      : current_{.path = path, .is_proved = is_proved, .ask_at = {}} {}

  const Path& current() const { return current_.path; }
  /// The handshake has shown that the peer is at the current path.
  void prove() { current_.is_proved = true; }
  bool is_proved() const { return current_.is_proved; }

  void on_received(const Path& path, std::uint64_t bytes);
  void on_sent(const Path& path, std::uint64_t bytes);
  /// How many bytes the path may have now.
  std::uint64_t allowance(const Path& path) const;

  /// A packet of `bytes` that opened, and is the newest of all, came from `path`: a candidate, if
  /// it is not a known one; of a known one the address of ours that it came to counts from now on.
  void on_newest_from(Instant now, const Path& path, std::uint64_t bytes, Rng& rng);
  /// This side wants to move there: nobody has to have come from there first.
  void move_to(Instant now, const Path& path, Rng& rng);

  /// The peer asks: the newest `answers_max` are answered.
  void on_ping(const Path& path, const PingData& data);
  struct Answer {
    Path path;
    PingData data;
  };
  std::optional<Answer> take_answer();
  bool has_answer() const { return !answers_.empty(); }

  /// True when the current path has changed by it.
  bool on_pong(const Path& path, const PingData& data);
  /// A candidate that is to be asked now; asked again after `wait`, doubled, six times in all.
  std::optional<Answer> take_question(Instant now, Duration wait);
  bool has_question(Instant now) const;
  std::optional<Instant> next_deadline() const;

 private:
  struct Known {
    Path path;
    bool is_proved = false;
    std::uint64_t received = 0, sent = 0;
    PingData question{};
    std::uint32_t tries = 0;
    Instant ask_at;
  };
  Path as_kept(const Path& path) const;
  Known* find(const Path& path);
  const Known* find(const Path& path) const;

  Known current_;
  std::vector<Known> candidates_;  // the oldest first
  std::vector<Answer> answers_;    // the oldest first
};

}  // namespace kith::packet
