#include "rt/links.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kith::rt {
namespace {

/// Longer than any system tries; keeps the sum of times within its type.
constexpr Duration dial_time_max = 1h;

// The kernel drops what it still holds and tells the other side so, instead of a FIN.
void reset_on_close(int fd) {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

ssize_t receive(int fd, ByteSpan room) {
  for (;;) {
    const ssize_t count = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
    if (count >= 0 || errno != EINTR) return count;
  }
}

bool would_block(int error_number) { return error_number == EAGAIN || error_number == EWOULDBLOCK; }

}  // namespace

void KeptBytes::assign(ByteView bytes) {
  if (bytes.empty()) return clear();
  data = std::make_unique_for_overwrite<std::uint8_t[]>(bytes.size());
  std::memcpy(data.get(), bytes.data(), bytes.size());
  begin = 0;
  end = static_cast<std::uint32_t>(bytes.size());
}

void KeptBytes::clear() {
  data.reset();
  begin = end = 0;
}

Links::Links(asio::io_context& io, Turns& turns, const ReactorConfig& config, Log& log,
             ReactorStats& stats)
    : io_(io),
      turns_(turns),
      config_(config),
      log_(log),
      stats_(stats),
      read_buffer_(host::link_tail_bytes_max + config.read_buffer_bytes),
      transmit_buffer_(std::max(config.transmit_buffer_bytes, host::link_transmit_bytes_min)) {}

// Waiting handlers hold their link: closing the sockets is what lets both go.
Links::~Links() {
  for (auto& [id, link] : links_) {
    ErrorCode ignored;
    link->state = Link::State::closed;
    if (link->web) link->web->abort();
    link->socket.close(ignored);
  }
}

Links::LinkPtr Links::find(LinkId id) const {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second;
}

// --- birth ---------------------------------------------------------------------------------------

void Links::set_options(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (config_.send_buffer_bytes > 0) {
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &config_.send_buffer_bytes, sizeof(int));
  }
  if (config_.tcp_congestion.empty() || !congestion_works_) return;
  const std::string& name = config_.tcp_congestion;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                   static_cast<socklen_t>(name.size())) != 0) {
    congestion_works_ = false;
    log_.warn("rt", "TCP congestion control \"{}\" is not available ({}); using the system's", name,
              errno_text(errno));
  }
}

void Links::dial(LinkId id, const codec::Multiaddr& address, Duration timeout) {
  ASSERT(id.value % 2 == 0 && !find(id));
  ++stats_.links_dialled;
  const auto refuse = [&](Error error) {
    ++stats_.dials_failed;
    turns_.input(host::LinkFailed{id, std::move(error)});
  };
  const auto parts = codec::as_transport(address);
  if (!parts || parts->ip.empty() || parts->transport == codec::Transport::udp_kith) {
    return refuse(
        {Code::unsupported, "cannot dial " + address.to_string() + ": not /ip4 or /ip6 with /tcp"});
  }
  if (full()) {
    return refuse({Code::limit, "cannot dial " + address.to_string() + ": " +
                                    std::to_string(links_.size()) + " links are open, the limit"});
  }
  const std::string what = "dial " + address.to_string();
  if (codec::is_tls(parts->transport)) {
    if (const auto tls = web_tls(); !tls) return refuse(tls.error());
  }
  const SocketAddress target = to_socket_address({parts->ip, parts->port});
  Fd fd(::socket(target.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return refuse(os_error(errno, what));
  set_options(fd.get());
  if (::connect(fd.get(), target.get(), target.size) != 0 && errno != EINPROGRESS &&
      errno != EINTR) {
    return refuse(os_error(errno, what));
  }
  auto link = std::make_shared<Link>(io_, id);
  ErrorCode error;
  link->socket.assign(fd.get(), error);
  if (error) return refuse(os_error(error.value(), what));
  fd.release();
  link->address = address;
  links_.emplace(id, link);
  deadlines_.set(id, turns_.now() + std::min<Duration>(timeout, dial_time_max));
  link->watched = true;
  link->socket.async_wait(Descriptor::wait_write, [this, link](ErrorCode failed) {
    if (!failed && link->state == Link::State::dialing) on_dialled(link);
  });
}

void Links::on_dialled(const LinkPtr& link) {
  const int fd = link->socket.native_handle();
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) {
    return fail_dial(link, os_error(error, "dial " + link->address.to_string()));
  }
  const auto remote = remote_address(fd);
  // A dial to a free ephemeral port of this machine may, by chance, connect to itself.
  if (!remote || remote == local_address(fd)) {
    return fail_dial(link, os_error(ECONNREFUSED, "dial " + link->address.to_string()));
  }
  if (codec::is_web(codec::transport_of(link->address))) {
    return upgrade(link, Fd(link->socket.release()));
  }
  deadlines_.set(link->id, std::nullopt);
  link->watched = false;
  open(link, std::exchange(link->address, {}), Direction::outbound);
}

bool Links::adopt(Fd socket, const SocketAddress& remote, const codec::Multiaddr& bound) {
  const bool is_web = codec::is_web(codec::transport_of(bound));
  if (full() || (is_web && !may_upgrade(remote))) return false;
  const auto address = to_multiaddr(remote);
  ErrorCode error;
  auto link = std::make_shared<Link>(io_, LinkId{next_accepted_id_});
  set_options(socket.get());
  if (!is_web) link->socket.assign(socket.get(), error);
  if (!address || error) return false;
  next_accepted_id_ += 2;
  ++stats_.links_accepted;
  links_.emplace(link->id, link);
  if (is_web) {
    const auto tcp = codec::as_tcp(*address);
    link->address = codec::rebound(bound, tcp->ip, tcp->port);
    upgrade(link, std::move(socket));
    return true;
  }
  socket.release();
  open(link, *address, Direction::inbound);
  return true;
}

void Links::open(const LinkPtr& link, codec::Multiaddr remote, Direction direction) {
  link->state = Link::State::open;
  ++stats_.links_open;
  auto local = local_address(link->descriptor()).value_or(codec::Multiaddr());
  if (const auto tcp = codec::as_tcp(local); tcp && link->web && direction == Direction::inbound) {
    local = codec::rebound(remote, tcp->ip, tcp->port);
  }
  turns_.input(host::LinkOpened{link->id, direction, std::move(local), std::move(remote)});
  if (link->state == Link::State::open) arm_read(link);
}

// --- end -----------------------------------------------------------------------------------------

void Links::forget(const LinkPtr& link) {
  if (link->state == Link::State::upgrading) {
    end_upgrade(*link);
  } else if (link->state != Link::State::dialing) {
    --stats_.links_open;
  }
  link->state = Link::State::closed;
  stats_.bytes_kept -= link->kept_bytes();
  link->tail.clear();
  link->unsent.clear();
  if (link->watched) deadlines_.set(link->id, std::nullopt);
  ErrorCode ignored;
  link->socket.close(ignored);
  if (link->web) link->web->abort();
  const LinkId id = link->id;  // `link` may be the map's own pointer
  links_.erase(id);
}

void Links::fail_dial(const LinkPtr& link, Error error) {
  const LinkPtr held = link;
  ++stats_.dials_failed;
  forget(held);
  turns_.input(host::LinkFailed{held->id, std::move(error)});
}

void Links::lose(const LinkPtr& link, Error error) {
  const LinkPtr held = link;
  forget(held);
  turns_.input(host::LinkClosed{held->id, std::move(error)});
}

void Links::close(LinkId id, bool flush) {
  const LinkPtr link = find(id);
  if (!link) return;  // its LinkFailed or LinkClosed is on the way
  switch (link->state) {
    case Link::State::dialing:
    case Link::State::upgrading:
      return lose(link, Error{Code::canceled, "the dial was called off"});
    case Link::State::open: break;
    case Link::State::flushing:
    case Link::State::lingering:
      if (flush) return;
      break;
    case Link::State::closed: UNREACHABLE();
  }
  if (!flush) {
    reset_on_close(link->descriptor());
    return lose(link, end_of(*link));
  }
  link->state = Link::State::flushing;
  stats_.bytes_kept -= link->tail.size();
  link->tail.clear();
  deadlines_.set(id, turns_.now() + config_.flush_max);
  link->watched = true;
  link->wants_transmit = true;
  queue(link);
  arm_read(link);  // what still comes is dropped, so that the other side is not stuck writing
}

// Everything is with the kernel: end our direction, and wait for the other.
void Links::flushed(const LinkPtr& link) {
  link->state = Link::State::lingering;
  if (link->web) return link->web->close();
  ::shutdown(link->socket.native_handle(), SHUT_WR);
  if (link->ended) return lose(link, end_of(*link));
}

void Links::on_deadline(Instant now) {
  while (const auto id = deadlines_.pop_due(now)) {
    const LinkPtr link = find(*id);
    ASSERT(link);
    link->watched = false;
    switch (link->state) {
      case Link::State::dialing:
        fail_dial(link, Error{Code::timeout,
                              "dial " + link->address.to_string() + ": no answer in time"});
        break;
      case Link::State::upgrading:
        fail_upgrade(link, Error{Code::timeout, "no answer in time"});
        break;
      case Link::State::open:
        if (!link->is_stuck()) break;
        if (now < link->progress + config_.write_stall_max) {
          deadlines_.set(*id, link->progress + config_.write_stall_max);
          link->watched = true;
          break;
        }
        ++stats_.write_stalls;
        reset_on_close(link->descriptor());
        lose(link, Error{Code::timeout, "the peer took no byte for " +
                                            std::to_string(base::to_ms(config_.write_stall_max)) +
                                            " ms"});
        break;
      case Link::State::flushing:
        reset_on_close(link->descriptor());
        lose(link, Error{Code::timeout, "closed by this node, not all was flushed in time"});
        break;
      case Link::State::lingering: lose(link, end_of(*link)); break;
      case Link::State::closed: UNREACHABLE();
    }
  }
}

// --- reading -------------------------------------------------------------------------------------

void Links::arm_read(const LinkPtr& link) {
  if (link->web) return read_web(link);
  if (std::exchange(link->read_armed, true)) return;
  link->socket.async_wait(Descriptor::wait_read, [this, link](ErrorCode error) {
    link->read_armed = false;
    if (!error) on_readable(link);
  });
}

void Links::on_readable(const LinkPtr& link) {
  switch (link->state) {
    case Link::State::open: return read(link);
    case Link::State::flushing:
    case Link::State::lingering: return discard(link);
    case Link::State::dialing:
    case Link::State::upgrading:
    case Link::State::closed: return;
  }
}

// Each on_bytes is a turn of its own, in which the link may end; several recvs may share a wake-up.
void Links::read(const LinkPtr& link) {
  const auto pause = [&] {
    ++stats_.read_pauses;
    link->paused = true;
  };
  if (!turns_.machine().wants_bytes(link->id)) return pause();
  std::uint8_t* const buffer = read_buffer_.data();
  std::size_t held = link->tail.size();
  if (held > 0) {
    std::memcpy(buffer, link->tail.view().data(), held);
    stats_.bytes_kept -= held;
    link->tail.clear();
  }
  std::size_t read_now = 0;
  while (read_now < config_.link_turn_bytes_max) {
    if (read_now > 0 && !turns_.machine().wants_bytes(link->id)) {
      pause();
      return keep_tail(*link, {buffer, held});
    }
    const std::size_t room = config_.read_buffer_bytes;
    const ssize_t count = receive(link->socket.native_handle(), {buffer + held, room});
    if (count == 0) return lose(link, Error{Code::closed, "closed by the peer"});
    if (count < 0) {
      if (would_block(errno)) break;
      return lose(link, os_error(errno, "read"));
    }
    const auto got = static_cast<std::size_t>(count);
    ++stats_.reads;
    stats_.bytes_read += got;
    read_now += got;
    const auto stays = offer(link, held + got);
    if (!stays) return;
    held = *stays;
    if (got < room) break;  // the socket is empty; if not, waiting finds it readable at once
  }
  keep_tail(*link, {buffer, held});
  arm_read(link);
}

// Offers the first `total` bytes of the read buffer, and moves what stays to its front: how much
// that is, or nothing when the link ended.
std::optional<std::size_t> Links::offer(const LinkPtr& link, std::size_t total) {
  std::uint8_t* const buffer = read_buffer_.data();
  std::size_t taken = 0;
  turns_.run([&](Instant now) {
    taken = turns_.machine().on_bytes(now, link->id, ByteSpan(buffer, total));
  });
  if (link->state != Link::State::open) return std::nullopt;
  ASSERT(taken <= total && total - taken < host::link_tail_bytes_max);
  const std::size_t held = total - taken;
  if (held > 0 && taken > 0) std::memmove(buffer, buffer + taken, held);
  return held;
}

void Links::keep_tail(Link& link, ByteView rest) {
  link.tail.assign(rest);
  stats_.bytes_kept += rest.size();
}

void Links::discard(const LinkPtr& link) {
  std::size_t read_now = 0;
  while (read_now < config_.link_turn_bytes_max) {
    const ssize_t count = receive(link->socket.native_handle(), read_buffer_);
    if (count < 0 && would_block(errno)) break;
    if (count <= 0) {
      link->ended = true;
      // An end while flushing does not stop us: the other side may have shut one direction only.
      if (count < 0 || link->state == Link::State::lingering) lose(link, end_of(*link));
      return;
    }
    read_now += static_cast<std::size_t>(count);
  }
  arm_read(link);
}

void Links::resume_reading(const LinkPtr& link) {
  if (!link->paused || link->state != Link::State::open) return;
  if (!turns_.machine().wants_bytes(link->id)) return;
  link->paused = false;
  if (link->web && !link->web->arrived().empty()) return deliver_web_later(link);
  arm_read(link);
}

// --- writing -------------------------------------------------------------------------------------

void Links::transmit_ready(LinkId id) {
  const LinkPtr link = find(id);
  if (!link) return;
  link->wants_transmit = true;
  queue(link);
}

void Links::queue(const LinkPtr& link) {
  if (!link->is_stuck() && !std::exchange(link->queued, true)) ready_.push_back(link);
}

bool Links::transmit(Instant now) {
  if (ready_.empty()) return false;
  serving_.swap(ready_);
  for (const LinkPtr& link : serving_) {
    link->queued = false;
    transmit_link(link, now);
  }
  serving_.clear();
  return true;
}

void Links::transmit_link(const LinkPtr& link, Instant now) {
  if (link->state != Link::State::open && link->state != Link::State::flushing) return;
  if (link->is_stuck() || !link->wants_transmit) return;
  if (link->web) return transmit_web(link, now);
  std::size_t sent = 0;
  bool exhausted = false;
  while (!exhausted) {
    if (sent >= config_.link_turn_bytes_max) {
      link->queued = true;
      unfinished_.push_back(link);
      resume_reading(link);
      return continue_later();
    }
    const std::size_t filled = fill(*link, now, transmit_buffer_, exhausted);
    if (filled == 0) break;
    const ByteView bytes(transmit_buffer_.data(), filled);
    const auto took = send(link, bytes);
    if (!took) return;
    sent += *took;
    if (*took < filled) {
      link->wants_transmit = !exhausted;
      keep_unsent(link, bytes.subspan(*took), now);
      return resume_reading(link);
    }
  }
  link->wants_transmit = false;
  if (link->state == Link::State::flushing) return flushed(link);
  resume_reading(link);
}

// Many frames make one send: a system call costs more than a frame.
std::size_t Links::fill(const Link& link, Instant now, ByteSpan room, bool& exhausted) {
  std::size_t filled = 0;
  while (room.size() - filled >= host::link_transmit_bytes_min) {
    const ByteSpan left = room.subspan(filled);
    const std::size_t count = turns_.machine().poll_transmit(now, link.id, left);
    ASSERT(count <= left.size());
    if (count == 0) {
      exhausted = true;
      break;
    }
    filled += count;
  }
  return filled;
}

// How many bytes the socket took, perhaps none; empty when the link is lost.
std::optional<std::size_t> Links::send(const LinkPtr& link, ByteView bytes) {
  for (;;) {
    const ssize_t count = ::send(link->socket.native_handle(), bytes.data(), bytes.size(),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      const auto took = static_cast<std::size_t>(count);
      ++stats_.sends;
      stats_.bytes_sent += took;
      if (took < bytes.size()) ++stats_.sends_partial;
      return took;
    }
    if (errno == EINTR) continue;
    if (would_block(errno)) return 0;
    lose(link, os_error(errno, "write"));
    return std::nullopt;
  }
}

void Links::keep_unsent(const LinkPtr& link, ByteView rest, Instant now) {
  link->unsent.assign(rest);
  stats_.bytes_kept += rest.size();
  watch_stall(*link, now);
  arm_write(link);
}

void Links::watch_stall(Link& link, Instant now) {
  link.progress = now;
  if (link.watched) return;
  deadlines_.set(link.id, now + config_.write_stall_max);
  link.watched = true;
}

// The socket has taken what was kept for it.
void Links::unstuck(const LinkPtr& link) {
  if (link->wants_transmit) return queue(link);
  if (link->state == Link::State::flushing) return flushed(link);
  resume_reading(link);
}

void Links::arm_write(const LinkPtr& link) {
  if (std::exchange(link->write_armed, true)) return;
  link->socket.async_wait(Descriptor::wait_write, [this, link](ErrorCode error) {
    link->write_armed = false;
    if (error || link->state == Link::State::closed) return;
    turns_.run([&](Instant now) {
      if (send_unsent(link, now)) unstuck(link);
    });
  });
}

// True when nothing is left; the link may be lost as well.
bool Links::send_unsent(const LinkPtr& link, Instant now) {
  const auto took = send(link, link->unsent.view());
  if (!took) return false;
  stats_.bytes_kept -= *took;
  link->unsent.begin += static_cast<std::uint32_t>(*took);
  if (*took > 0) link->progress = now;
  if (link->unsent.empty()) {
    link->unsent.clear();
    return true;
  }
  arm_write(link);
  return false;
}

// Goes on with the links that used up their share, behind whatever else is waiting.
void Links::continue_later() {
  if (std::exchange(continuing_, true)) return;
  asio::post(io_, [this] {
    continuing_ = false;
    for (LinkPtr& link : unfinished_) ready_.push_back(std::move(link));
    unfinished_.clear();
    turns_.run();
  });
}

}  // namespace kith::rt
