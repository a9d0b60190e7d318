#include "rt/signer_link.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/format.h"
#include "host/world_chain.h"
#include "rt/local_socket.h"
#include "rt/os.h"

namespace kith::rt {

struct SignerLink::Connection {
  explicit Connection(asio::io_context& io) : socket(io) {}
  Descriptor socket;
  std::optional<SignerPipe> pipe;
  bool is_up = false;
  bool write_armed = false;
  bool is_over = false;
};

SignerLink::SignerLink(asio::io_context& io, Turns& turns, SignerAddress address,
                       const crypto::KeyPair& identity)
    : io_(io),
      turns_(turns),
      address_(std::move(address)),
      identity_(secure::make_noise_identity(identity, {}, rng_)),
      timer_(io) {}

SignerLink::~SignerLink() {
  if (connection_ != nullptr) connection_->is_over = true;
}

Result<Fd> SignerLink::begin_connect() const {
  const bool is_local = !address_.path.empty();
  const auto tcp = codec::as_tcp(address_.tcp);
  if (!is_local && !tcp) {
    return fail(Code::config,
                base::format("{} is no address of a signer", address_.tcp.to_string()));
  }
  const SocketAddress remote = is_local ? SocketAddress{} : to_socket_address(*tcp);
  const int family = is_local ? AF_UNIX : remote.get()->sa_family;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(os_error(errno, "cannot open a socket"));
  int status = 0;
  if (is_local) {
    const LocalAddress local = TRY(to_local_address(address_.path));
    status = ::connect(fd.get(), local.get(), sizeof local.address);
  } else {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    status = ::connect(fd.get(), remote.get(), remote.size);
  }
  if (status == 0 || errno == EINPROGRESS) return fd;
  return fail(os_error(errno, is_local ? address_.path : address_.tcp.to_string()));
}

void SignerLink::start() {
  auto fd = begin_connect();
  if (!fd) return down(std::move(fd).error(), false);
  const auto connection = std::make_shared<Connection>(io_);
  connection_ = connection;
  ErrorCode error;
  const int number = fd->get();
  connection->socket.assign(number, error);
  if (error) return down(os_error(error.value(), "cannot wait for the signer"), false);
  fd->release();
  if (!address_.path.empty()) {
    connection->pipe.emplace(number);
    return connected(connection);
  }
  connection->pipe.emplace(number, Direction::outbound, identity_, address_.tcp.peer(), rng_);
  timer_.expires_after(connect_max);
  timer_.async_wait([this, connection](ErrorCode canceled) {
    if (canceled || connection->is_over || connection->is_up) return;
    down({Code::timeout, base::format("{} does not answer", address_.tcp.to_string())}, false);
  });
  connection->socket.async_wait(Descriptor::wait_write, [this, connection](ErrorCode failed) {
    if (failed || connection->is_over) return;
    int problem = 0;
    socklen_t size = sizeof problem;
    ::getsockopt(connection->socket.native_handle(), SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem != 0) return down(os_error(problem, address_.tcp.to_string()), false);
    connected(connection);
  });
}

void SignerLink::connected(const std::shared_ptr<Connection>& connection) {
  write(connection);  // Noise's first message
  if (!connection->is_over) serve(connection);
}

void SignerLink::arm_read(const std::shared_ptr<Connection>& connection) {
  connection->socket.async_wait(Descriptor::wait_read, [this, connection](ErrorCode error) {
    if (error || connection->is_over) return;
    if (auto read = connection->pipe->on_readable(); !read) {
      return down(std::move(read).error(), false);
    }
    serve(connection);
  });
}

/// What was read, as inputs; each may end the connection.
void SignerLink::serve(const std::shared_ptr<Connection>& connection) {
  write(connection);
  if (connection->is_over) return;
  if (connection->pipe->is_open() && !std::exchange(connection->is_up, true)) {
    said_down_.clear();
    turns_.input(host::SignerUp{});
  }
  while (!connection->is_over) {
    auto frame = connection->pipe->poll_frame();
    if (!frame) break;
    turns_.input(host::SignerSaid{*std::move(frame)});
  }
  if (!connection->is_over) arm_read(connection);
}

void SignerLink::write(const std::shared_ptr<Connection>& connection) {
  if (connection->write_armed) return;
  if (auto sent = connection->pipe->flush(); !sent) return down(std::move(sent).error(), false);
  if (!connection->pipe->wants_write()) return;
  connection->write_armed = true;
  connection->socket.async_wait(Descriptor::wait_write, [this, connection](ErrorCode error) {
    connection->write_armed = false;
    if (!error && !connection->is_over) write(connection);
  });
}

void SignerLink::tell(ByteView frame) {
  const auto connection = connection_;
  if (connection == nullptr || !connection->is_up) return;
  connection->pipe->send(frame);
  write(connection);
}

void SignerLink::leave() {
  if (connection_ != nullptr) down({Code::canceled, "the node ended the connection"}, true);
}

void SignerLink::down(Error error, bool was_left) {
  if (connection_ != nullptr) {
    connection_->is_over = true;
    ErrorCode ignored;
    connection_->socket.close(ignored);
    connection_.reset();
  }
  timer_.expires_after(retry_every);
  timer_.async_wait([this](ErrorCode canceled) {
    if (!canceled && connection_ == nullptr) start();
  });
  if (error.message == said_down_) return;
  said_down_ = error.message;
  turns_.input(host::SignerDown{std::move(error), was_left});
}

}  // namespace kith::rt
