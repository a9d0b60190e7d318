// The datagram sockets of a reactor: who reads them when, and what is sent. Internal to rt.
//
// A receive is one turn: each of its batches is offered until the machine has taken it, with the
// outputs drained in between, so that what the machine wants to say about several batches leaves
// together. While packets come the sockets are asked directly, without the event queue (`is_hot`):
// the loop asks with receive(), and before it waits says cool_down(), which hands the sockets to
// the event queue again.
//
// Limits: four batches a receive, `share_bytes` sent a turn; one batch that a socket did not take
// is kept, and nothing more is polled until it does.
#pragma once

#include <bit>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/log.h"
#include "rt/asio.h"
#include "rt/datagram_socket.h"
#include "rt/turns.h"

namespace kith::rt {

class Datagrams {
 public:
  /// What leaves in one turn, before others have theirs.
  static constexpr std::size_t share_bytes = 1024 * 1024;

  Datagrams(asio::io_context& io, Turns& turns, const ReactorConfig& config, Log& log,
            ReactorStats& stats)
      : io_(io), turns_(turns), config_(config), log_(log), stats_(stats) {}
  ~Datagrams();

  /// A Listen of a datagram address; `local` is what as_datagram_address made of it.
  void listen(const codec::Multiaddr& asked, const base::IpPort& local);
  /// False when no socket is bound to that.
  bool stop(const codec::Multiaddr& bound);
  void ready() { is_ready_ = true; }
  std::size_t sockets() const { return sockets_.size(); }

  /// Sends what the machine has, after DatagramsReady; false when there was nothing to ask for.
  bool transmit(Instant now);

  /// Packets came and the sockets are not in the event queue.
  bool is_hot() const { return is_hot_; }
  /// Reads each hot socket once; whether any packet was there.
  bool receive();
  void cool_down();

 private:
  struct Socket {
    Socket(asio::io_context& io, DatagramSocket opened)
        : datagrams(std::move(opened)), events(io) {}
    void close();
    DatagramSocket datagrams;
    Descriptor events;  // of a descriptor of its own, as it closes what it has
    codec::Multiaddr bound;
    bool is_armed = false;
    bool is_open = true;
  };
  using SocketPtr = std::shared_ptr<Socket>;

  Result<SocketPtr> open(const base::IpPort& local);
  void arm(const SocketPtr& socket);
  bool read(const SocketPtr& socket);
  void offer(const Socket& socket, const base::DatagramsIn& in, Instant now);
  void lose(const SocketPtr& socket, Error error);
  bool send(const base::DatagramsOut& out, ByteView bytes);
  void await_room(const SocketPtr& socket);
  void continue_later();

  asio::io_context& io_;
  Turns& turns_;
  const ReactorConfig& config_;
  Log& log_;
  ReactorStats& stats_;
  std::map<base::SocketId, SocketPtr> sockets_;
  std::vector<SocketPtr> asked_;  // sockets_, while they are walked
  Bytes receive_buffer_;          // from the first socket on
  Bytes transmit_buffer_;
  base::DatagramsOut kept_;  // what a socket did not take, from kept_begin_ in transmit_buffer_
  std::size_t kept_begin_ = 0;
  std::uint64_t turn_ = 0;  // in which sent_ was counted
  std::size_t sent_ = 0;
  std::uint32_t next_id_ = 1;
  bool is_hot_ = false;
  bool is_ready_ = false;
  bool is_kept_ = false;
  bool continuing_ = false;
};

/// Whether the loop is to look again and again for a while before it waits: 8 of the last 16 waits
/// for packets would have ended within that while.
class SpinHistory {
 public:
  explicit SpinHistory(Duration longest) : longest_(longest) {}
  Duration longest() const { return longest_; }
  /// The loop has nothing to do, packets having come before.
  void wait_begins(Instant now) {
    if (!since_) since_ = now;
  }
  /// A packet has come.
  void wait_ends(Instant now) {
    if (!since_) return;
    const bool is_short = now - *since_ <= longest_;
    recent_ = static_cast<std::uint16_t>(recent_ << 1 | (is_short ? 1 : 0));
    since_.reset();
  }
  bool is_worth_it() const {
    return longest_ > Duration{0} && std::popcount(recent_) >= short_waits_min;
  }

 private:
  static constexpr int short_waits_min = 8;
  Duration longest_;
  std::optional<Instant> since_;
  std::uint16_t recent_ = 0;
};

}  // namespace kith::rt
