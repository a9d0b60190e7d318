// The links of a reactor: dials, reads, writes and ends of TCP sockets, and of the WebSockets over
// them (links_web.cpp). Internal to rt.
//
// Every link that exists here ends in exactly one LinkFailed (a dial) or LinkClosed; an accepted
// one that does not become a WebSocket was never told of. States:
//   dialing -> (upgrading ->) open -> (flushing -> lingering) -> closed
// flushing sends what the machine still gives; lingering has sent its FIN and waits for the other
// side's, because a close with unread bytes behind it would make the kernel send a reset that
// overtakes what was flushed. A WebSocket flushes by its last message, and lingers from its close
// frame to the other side's; one that broke the protocol lingers, too, until it has been told.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/deadline_heap.h"
#include "base/log.h"
#include "rt/asio.h"
#include "rt/os.h"
#include "rt/turns.h"
#include "rt/web_socket.h"

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
  enum class State : std::uint8_t { dialing, upgrading, open, flushing, lingering, closed };

  Link(asio::io_context& io, LinkId link_id) : socket(io), id(link_id) {}

  int descriptor() { return web ? web->descriptor() : socket.native_handle(); }
  bool is_dialled() const { return id.value % 2 == 0; }
  /// Something was polled that the socket has not taken.
  bool is_stuck() const { return web ? web->is_writing() : !unsent.empty(); }
  std::size_t kept_bytes() const {
    return tail.size() + unsent.size() + (web ? web->writing_bytes() : 0);
  }

  Descriptor socket;             // not of a WebSocket, once it is upgrading
  std::shared_ptr<WebLink> web;  // null: plain TCP
  LinkId id;
  codec::Multiaddr address;  // the other end, while dialing or upgrading
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

class Links final : private WebLinkOwner {
 public:
  Links(asio::io_context& io, Turns& turns, const ReactorConfig& config, Log& log,
        ReactorStats& stats);
  ~Links();

  void dial(LinkId id, const codec::Multiaddr& address, Duration timeout);
  /// Takes a non-blocking socket that was accepted on `bound`; false when links_max is reached, or
  /// too many WebSockets are being made.
  bool adopt(Fd socket, const SocketAddress& remote, const codec::Multiaddr& bound);
  /// Whether sockets accepted on such an address could be served: TLS needs a certificate.
  Result<void> check_listen(codec::Transport transport);
  /// As set_web_sockets().
  Result<void> set_web_sockets(const WebSocketConfig& config);
  void close(LinkId id, bool flush);
  void transmit_ready(LinkId id);

  /// Sends for every link that is ready; false when none was.
  bool transmit(Instant now);
  std::optional<Instant> next_deadline() { return deadlines_.soonest(); }
  void on_deadline(Instant now);
  bool full() const { return links_.size() >= config_.links_max; }
  /// Accepted sockets that are being made WebSockets, and those that were not made one.
  std::size_t upgrading() const { return upgrading_.size(); }
  std::uint64_t upgrades_failed() const { return upgrades_failed_; }

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
  std::optional<std::size_t> offer(const LinkPtr& link, std::size_t total);
  void resume_reading(const LinkPtr& link);
  void keep_tail(Link& link, ByteView rest);

  void queue(const LinkPtr& link);
  void transmit_link(const LinkPtr& link, Instant now);
  bool send_unsent(const LinkPtr& link, Instant now);
  std::optional<std::size_t> send(const LinkPtr& link, ByteView bytes);
  std::size_t fill(const Link& link, Instant now, ByteSpan room, bool& exhausted);
  void keep_unsent(const LinkPtr& link, ByteView rest, Instant now);
  void watch_stall(Link& link, Instant now);
  void unstuck(const LinkPtr& link);
  void flushed(const LinkPtr& link);
  void continue_later();

  // links_web.cpp
  Result<const WebTls*> web_tls();
  bool may_upgrade(const SocketAddress& remote) const;
  void upgrade(const LinkPtr& link, Fd socket);
  void end_upgrade(const Link& link);
  void fail_upgrade(const LinkPtr& link, Error error);
  void read_web(const LinkPtr& link);
  void deliver_web(const LinkPtr& link);
  void deliver_web_later(const LinkPtr& link);
  void transmit_web(const LinkPtr& link, Instant now);
  Error end_of(const Link& link) const;
  void on_web_opened(LinkId id) override;
  void on_web_read(LinkId id) override;
  void on_web_written(LinkId id, std::size_t bytes) override;
  void on_web_fault(LinkId id) override;
  void on_web_ended(LinkId id, Error error) override;

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
  WebSocketConfig web_config_;
  std::unique_ptr<WebTls> web_tls_;  // null until something needs it
  std::vector<Bytes> upgrading_;     // accepted sockets on their way: where from
  std::uint64_t upgrades_failed_ = 0;
};

}  // namespace kith::rt
