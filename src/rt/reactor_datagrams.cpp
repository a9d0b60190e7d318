#include "rt/reactor_datagrams.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/format.h"

namespace kith::rt {
namespace {

// The address that was asked for with the port that it got: /udp/0 becomes /udp/N, and what stands
// behind it stays.
codec::Multiaddr bound_address(const codec::Multiaddr& asked, const base::IpPort& bound) {
  const bool is_kith = asked.has(codec::AddrProtocol::kith);
  auto address = host::datagram_address(bound);
  if (is_kith) return address;
  constexpr std::string_view tail = "/kith";
  std::string text = address.to_string();
  text.resize(text.size() - tail.size());
  return codec::Multiaddr::parse(text).value();
}

}  // namespace

// Waiting handlers hold their socket: closing is what lets both go, and the port at once.
void Datagrams::Socket::close() {
  is_open = false;
  ErrorCode ignored;
  events.close(ignored);
  datagrams.close();
}

Datagrams::~Datagrams() {
  for (auto& [id, socket] : sockets_) {
    ErrorCode ignored;
    socket->is_open = false;
    socket->events.close(ignored);
  }
}

void Datagrams::listen(const codec::Multiaddr& asked, const base::IpPort& local) {
  const auto opened = open(local);
  if (!opened) {
    Error error = opened.error();
    error.message = base::format("cannot listen on {}: {}", asked.to_string(), error.message);
    return turns_.input(host::ListenFailed{asked, std::move(error)});
  }
  const SocketPtr& socket = *opened;
  const base::SocketId id{next_id_++};
  socket->bound = bound_address(asked, socket->datagrams.local());
  sockets_.emplace(id, socket);
  log_.debug("rt", "datagrams on {}: segments out {}, in {}", socket->bound.to_string(),
             socket->datagrams.has_gso() ? "cut by the kernel" : "one by one",
             socket->datagrams.has_gro() ? "joined by the kernel" : "one by one");
  arm(socket);
  turns_.input(host::SocketOpened{asked, socket->bound, id, reachable_addresses(socket->bound)});
}

Result<Datagrams::SocketPtr> Datagrams::open(const base::IpPort& local) {
  if (sockets_.size() >= config_.listeners_max) {
    return fail(Code::limit,
                base::format("{} datagram sockets are open, the limit", sockets_.size()));
  }
  static const DatagramOptions usual;
  const auto& options = config_.datagrams != nullptr ? *config_.datagrams : usual;
  auto opened = DatagramSocket::open(base::SocketId{next_id_}, local, options);
  if (!opened) return fail(std::move(opened).error());
  auto socket = std::make_shared<Socket>(io_, *std::move(opened));
  Fd watched(::dup(socket->datagrams.descriptor()));
  if (!watched) return fail(os_error(errno, "datagram socket"));
  ErrorCode error;
  socket->events.assign(watched.get(), error);
  if (error) return fail(os_error(error.value(), "datagram socket"));
  watched.release();
  if (receive_buffer_.empty()) {
    receive_buffer_.resize(DatagramSocket::batches_max * DatagramSocket::batch_bytes);
    transmit_buffer_.resize(host::datagrams_room_bytes);
  }
  return socket;
}

bool Datagrams::stop(const codec::Multiaddr& bound) {
  const auto wanted = bound.without_peer();
  for (const auto& [id, socket] : sockets_) {
    if (socket->bound != wanted) continue;
    lose(SocketPtr(socket), Error{Code::closed, "no longer listened on by this node"});
    return true;
  }
  return false;
}

void Datagrams::lose(const SocketPtr& socket, Error error) {
  for (const auto& [id, each] : sockets_) {
    if (each != socket) continue;
    const base::SocketId closed = id;
    if (is_kept_ && kept_.socket == closed) is_kept_ = false;
    socket->close();
    sockets_.erase(closed);
    return turns_.input(host::SocketClosed{closed, std::move(error)});
  }
}

// --- receiving -----------------------------------------------------------------------------------

void Datagrams::arm(const SocketPtr& socket) {
  if (std::exchange(socket->is_armed, true)) return;
  socket->events.async_wait(Descriptor::wait_read, [this, socket](ErrorCode error) {
    socket->is_armed = false;
    if (error || !socket->is_open) return;
    if (read(socket)) {
      is_hot_ = true;
    } else if (socket->is_open) {
      arm(socket);
    }
  });
}

void Datagrams::cool_down() {
  is_hot_ = false;
  for (const auto& [id, socket] : sockets_) arm(socket);
}

bool Datagrams::receive() {
  bool is_any = false;
  for (const auto& [id, socket] : sockets_) asked_.push_back(socket);
  for (const SocketPtr& socket : asked_) {
    if (socket->is_open && !socket->is_armed && read(socket)) is_any = true;
  }
  asked_.clear();
  return is_any;
}

// The socket may be closed by the turn that its packets make.
bool Datagrams::read(const SocketPtr& socket) {
  const auto received = socket->datagrams.receive(receive_buffer_);
  if (!received) {
    lose(socket, received.error());
    return false;
  }
  if (received->empty()) return false;
  ++stats_.datagram_reads;
  turns_.run([&](Instant now) {
    for (const base::DatagramsIn& in : *received) offer(*socket, in, now);
  });
  return true;
}

void Datagrams::offer(const Socket& socket, const base::DatagramsIn& in, Instant now) {
  stats_.datagram_batches_read += 1;
  stats_.datagram_bytes_read += in.bytes.size();
  base::DatagramsIn rest = in;
  while (socket.is_open && !rest.bytes.empty()) {
    const std::size_t taken = turns_.machine().on_datagrams(now, rest);
    ASSERT(taken > 0 && taken <= rest.bytes.size());
    ASSERT(taken % rest.segment_bytes == 0 || taken == rest.bytes.size());
    rest.bytes = rest.bytes.subspan(taken);
    turns_.drain();
  }
}

// --- sending -------------------------------------------------------------------------------------

bool Datagrams::transmit(Instant now) {
  if (!is_ready_ || is_kept_ || sockets_.empty()) return false;
  if (std::exchange(turn_, stats_.turns) != stats_.turns) sent_ = 0;
  bool was_asked = false;
  while (sent_ < share_bytes) {
    was_asked = true;
    const base::DatagramsOut out = turns_.machine().poll_datagrams(now, transmit_buffer_);
    ASSERT(out.bytes <= transmit_buffer_.size());
    if (out.bytes == 0) {
      is_ready_ = false;
      return true;
    }
    sent_ += out.bytes;
    if (!send(out, ByteView(transmit_buffer_).first(out.bytes))) return true;
  }
  continue_later();
  return was_asked;
}

// False when the socket takes no more: then the rest is kept.
bool Datagrams::send(const base::DatagramsOut& out, ByteView bytes) {
  const auto found = sockets_.find(out.socket);
  if (found == sockets_.end()) return true;  // it was closed while this was under way
  const SocketPtr socket = found->second;
  ++stats_.datagram_sends;
  const std::size_t done = socket->datagrams.send(out, bytes);
  stats_.datagram_bytes_sent += done;
  if (done == bytes.size()) return true;
  ++stats_.datagram_send_pauses;
  kept_begin_ = static_cast<std::size_t>(bytes.data() - transmit_buffer_.data()) + done;
  kept_ = out;
  kept_.bytes = bytes.size() - done;
  is_kept_ = true;
  await_room(socket);
  return false;
}

void Datagrams::await_room(const SocketPtr& socket) {
  socket->events.async_wait(Descriptor::wait_write, [this, socket](ErrorCode error) {
    if (error || !socket->is_open || !is_kept_) return;
    turns_.run([&](Instant) {
      is_kept_ = false;
      send(kept_, ByteView(transmit_buffer_).subspan(kept_begin_, kept_.bytes));
    });
  });
}

// Goes on behind whatever else is waiting.
void Datagrams::continue_later() {
  if (std::exchange(continuing_, true)) return;
  asio::post(io_, [this] {
    continuing_ = false;
    turns_.run();
  });
}

}  // namespace kith::rt
