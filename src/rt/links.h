// The links of a reactor: dials, reads, writes and ends of TCP sockets. Internal to rt.
//
// Every link that exists here ends in exactly one LinkFailed (a dial) or LinkClosed. States:
//   dialing -> open -> (flushing -> lingering) -> closed
// flushing sends what the machine still gives; lingering has sent its FIN and waits for the other
// side's, because a close with unread bytes behind it would make the kernel send a reset that
// overtakes what was flushed.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/deadline_heap.h"
#include "base/log.h"
#include "rt/asio.h"
#include "rt/os.h"
#include "rt/turns.h"

namespace kith::rt {

/// Bytes kept between two calls; holds no memory when empty.
struct KeptBytes {
  std::unique_ptr<std::uint8_t[]> data;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  std::size_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
  ByteView view() const { return {data.get() + begin, size()}; }
  void assign(ByteView bytes);
  void clear();
};

struct Link {
  enum class State : std::uint8_t { dialing, open, flushing, lingering, closed };

  Link(asio::io_context& io, LinkId link_id) : socket(io), id(link_id) {}

  Descriptor socket;
  LinkId id;
  codec::Multiaddr dialled;  // while dialing
  KeptBytes tail;            // read, not yet taken
  KeptBytes unsent;          // polled, not yet taken by the socket
  Instant progress{};        // when the socket last took bytes, or began to refuse them
  State state = State::dialing;
  bool read_armed = false;
  bool write_armed = false;
  bool paused = false;          // wants_bytes said no
  bool wants_transmit = false;  // TransmitReady, and poll_transmit has not given 0 since
  bool queued = false;          // stands in ready_
  bool watched = false;         // has an entry in deadlines_
  bool ended = false;           // the other side's FIN was read
};

class Links {
 public:
  Links(asio::io_context& io, Turns& turns, const ReactorConfig& config, Log& log,
        ReactorStats& stats);
  ~Links();

  void dial(LinkId id, const codec::Multiaddr& address, Duration timeout);
  /// Takes an accepted, non-blocking socket; false when links_max is reached.
  bool adopt(Fd socket, const SocketAddress& remote);
  void close(LinkId id, bool flush);
  void transmit_ready(LinkId id);

  /// Sends for every link that is ready; false when none was.
  bool transmit(Instant now);
  std::optional<Instant> next_deadline() { return deadlines_.soonest(); }
  void on_deadline(Instant now);
  bool full() const { return links_.size() >= config_.links_max; }

 private:
  using LinkPtr = std::shared_ptr<Link>;

  LinkPtr find(LinkId id) const;
  void open(const LinkPtr& link, codec::Multiaddr remote, Direction direction);
  void on_dialled(const LinkPtr& link);
  void fail_dial(const LinkPtr& link, Error error);
  void lose(const LinkPtr& link, Error error);
  void forget(const LinkPtr& link);
  void set_options(int fd);

  void arm_read(const LinkPtr& link);
  void arm_write(const LinkPtr& link);
  void on_readable(const LinkPtr& link);
  void read(const LinkPtr& link);
  void discard(const LinkPtr& link);
  void resume_reading(const LinkPtr& link);
  void keep_tail(Link& link, ByteView rest);

  void queue(const LinkPtr& link);
  void transmit_link(const LinkPtr& link, Instant now);
  bool send_unsent(const LinkPtr& link, Instant now);
  std::optional<std::size_t> send(const LinkPtr& link, ByteView bytes);
  std::size_t fill(const Link& link, Instant now, bool& exhausted);
  void keep_unsent(const LinkPtr& link, ByteView rest, Instant now);
  void flushed(const LinkPtr& link);
  void continue_later();

  asio::io_context& io_;
  Turns& turns_;
  const ReactorConfig& config_;
  Log& log_;
  ReactorStats& stats_;
  std::unordered_map<LinkId, LinkPtr> links_;
  base::DeadlineHeap<LinkId> deadlines_;
  std::vector<LinkPtr> ready_;
  std::vector<LinkPtr> serving_;     // ready_'s memory, while it is walked
  std::vector<LinkPtr> unfinished_;  // used up their share of a turn
  Bytes read_buffer_;                // room for a tail, then read_buffer_bytes
  Bytes transmit_buffer_;
  std::uint64_t next_accepted_id_ = 1;
  bool continuing_ = false;
  bool congestion_works_ = true;
};

}  // namespace kith::rt
