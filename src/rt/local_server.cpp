#include "rt/local_server.h"

#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>

#include "base/format.h"
#include "rt/local_socket.h"
#include "rt/reactor_impl.h"

namespace kith::rt {
namespace {

constexpr std::size_t read_chunk_bytes = 64 * 1024;

// Both directions are shut: nobody is left to read a reply. A client that ended only its own
// direction (`nc`, a pipe) still gets its answers.
bool has_hung_up(int fd) {
  pollfd state{.fd = fd, .events = 0, .revents = 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

struct Connection {
  explicit Connection(asio::io_context& io) : socket(io) {}
  Descriptor socket;
  std::string received;
  std::string unsent;
  std::size_t unsent_begin = 0;
  std::weak_ptr<LocalReply::State> reply;  // to the request under way
  bool is_busy = false;                    // a request is under way
  bool read_armed = false;
  bool write_armed = false;
  bool ended = false;  // no more requests will come
  bool gone = false;
};
using ConnectionPtr = std::shared_ptr<Connection>;

// The client sends no more, and all that it asked is answered and sent.
bool is_over(const Connection& connection) {
  return connection.ended && !connection.is_busy && connection.unsent.empty() &&
         connection.received.find('\n') == std::string::npos;
}

}  // namespace

struct LocalServer::Inside : std::enable_shared_from_this<LocalServer::Inside> {
  Inside(Reactor& of, std::string at, Handler to, Log& logger, LocalServerConfig settings)
      : reactor(of),
        io(of.impl().io),
        path(std::move(at)),
        handler(std::move(to)),
        log(logger),
        config(settings),
        listener(io) {}

  void arm_accept();
  void accept();
  void arm_read(const ConnectionPtr& connection);
  void read(const ConnectionPtr& connection);
  void serve(const ConnectionPtr& connection);
  void reply(const ConnectionPtr& connection, std::string_view text);
  void write(const ConnectionPtr& connection);
  void finished(const ConnectionPtr& connection);
  void drop(const ConnectionPtr& connection);

  Reactor& reactor;
  asio::io_context& io;
  std::string path;
  Handler handler;
  Log& log;
  LocalServerConfig config;
  Descriptor listener;
  std::list<ConnectionPtr> connections;
  bool ending = false;
};

struct LocalReply::State {
  std::weak_ptr<LocalServer::Inside> server;
  std::weak_ptr<Connection> connection;
  std::function<void()> gone;
  bool is_finished = false;

  ~State() { finish(); }
  ConnectionPtr open_connection() const {
    const ConnectionPtr held = connection.lock();
    return held && !held->gone && !is_finished ? held : nullptr;
  }
  void finish() {
    const ConnectionPtr held = open_connection();
    is_finished = true;
    const auto alive = server.lock();
    if (held && alive && !alive->ending) alive->finished(held);
  }
};

// --- replies -------------------------------------------------------------------------------------

void LocalReply::send(std::string line) {
  const ConnectionPtr connection = state_->open_connection();
  const auto server = state_->server.lock();
  if (!connection || !server || server->ending) return;
  std::replace(line.begin(), line.end(), '\n', ' ');
  line.push_back('\n');
  server->reply(connection, line);
}

void LocalReply::finish() { state_->finish(); }

void LocalReply::done(std::string line) {
  send(std::move(line));
  finish();
}

bool LocalReply::is_open() const { return state_->open_connection() != nullptr; }

void LocalReply::on_gone(std::function<void()> gone) { state_->gone = std::move(gone); }

// --- the server ----------------------------------------------------------------------------------

Result<std::unique_ptr<LocalServer>> LocalServer::open(Reactor& reactor, const std::string& path,
                                                       Handler handler, Log& log,
                                                       LocalServerConfig config) {
  Fd fd = TRY(listen_local(path));
  auto inside = std::make_shared<Inside>(reactor, path, std::move(handler), log, config);
  ErrorCode error;
  inside->listener.assign(fd.get(), error);
  if (error) return fail(os_error(error.value(), "cannot serve " + path));
  fd.release();
  inside->arm_accept();
  return std::unique_ptr<LocalServer>(new LocalServer(std::move(inside)));
}

LocalServer::~LocalServer() {
  inside_->ending = true;
  ErrorCode ignored;
  inside_->listener.close(ignored);
  for (const ConnectionPtr& connection : inside_->connections) {
    connection->gone = true;
    connection->socket.close(ignored);
  }
  inside_->connections.clear();
  ::unlink(inside_->path.c_str());
}

std::size_t LocalServer::connections() const { return inside_->connections.size(); }

void LocalServer::Inside::arm_accept() {
  listener.async_wait(Descriptor::wait_read, [self = shared_from_this()](ErrorCode error) {
    if (!error && !self->ending) self->accept();
  });
}

void LocalServer::Inside::accept() {
  Fd fd(::accept4(listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd && (errno == EMFILE || errno == ENFILE)) {
    auto rest = std::make_shared<Timer>(io);
    rest->expires_after(100ms);
    rest->async_wait([self = shared_from_this(), rest](ErrorCode) {
      if (!self->ending) self->arm_accept();
    });
    return;
  }
  if (fd && connections.size() >= config.connections_max) {
    log.warn("api", "{} clients on {}, the limit: one more was refused", connections.size(), path);
  } else if (fd && !is_own_user(fd.get())) {
    log.warn("api", "another user's connection to {} was refused", path);
  } else if (fd) {
    auto connection = std::make_shared<Connection>(io);
    ErrorCode error;
    connection->socket.assign(fd.get(), error);
    if (!error) {
      fd.release();
      connections.push_back(connection);
      arm_read(connection);
    }
  }
  arm_accept();
}

void LocalServer::Inside::arm_read(const ConnectionPtr& connection) {
  const bool is_full = connection->received.size() > config.request_bytes_max;
  if (connection->gone || connection->ended || is_full) return;
  if (std::exchange(connection->read_armed, true)) return;
  connection->socket.async_wait(Descriptor::wait_read,
                                [self = shared_from_this(), connection](ErrorCode error) {
                                  connection->read_armed = false;
                                  if (!error && !connection->gone) self->read(connection);
                                });
}

void LocalServer::Inside::read(const ConnectionPtr& connection) {
  char chunk[read_chunk_bytes];
  const ssize_t count = ::recv(connection->socket.native_handle(), chunk, sizeof chunk, 0);
  if (count < 0 && errno != EAGAIN && errno != EINTR) return drop(connection);
  if (count == 0) {
    connection->ended = true;
    if (has_hung_up(connection->socket.native_handle())) return drop(connection);
  }
  if (count > 0) connection->received.append(chunk, static_cast<std::size_t>(count));
  serve(connection);
}

// Starts the next request, when none is under way.
void LocalServer::Inside::serve(const ConnectionPtr& connection) {
  while (!connection->is_busy && !connection->gone) {
    const std::size_t end = connection->received.find('\n');
    if (end == std::string::npos || end > config.request_bytes_max) break;
    std::string line = connection->received.substr(0, end);
    connection->received.erase(0, end + 1);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    connection->is_busy = true;
    auto state = std::make_shared<LocalReply::State>();
    state->server = weak_from_this();
    state->connection = connection;
    connection->reply = state;
    reactor.turn([&] { handler(std::move(line), LocalReply(std::move(state))); });
  }
  if (connection->gone) return;
  if (!connection->is_busy && connection->received.size() > config.request_bytes_max) {
    log.warn("api", "a request of more than {} bytes: closing the connection",
             config.request_bytes_max);
    reply(connection, base::format(R"({{"error":{{"code":"too_large","message":)"
                                   R"("request of more than {} bytes"}}}})"
                                   "\n\n",
                                   config.request_bytes_max));
    if (!connection->gone) drop(connection);
    return;
  }
  if (is_over(*connection)) return drop(connection);
  arm_read(connection);
}

void LocalServer::Inside::reply(const ConnectionPtr& connection, std::string_view text) {
  connection->unsent += text;
  if (!connection->write_armed) write(connection);
  const std::size_t waiting = connection->unsent.size() - connection->unsent_begin;
  if (connection->gone || waiting <= config.unsent_bytes_max) return;
  log.warn("api", "a client left {} bytes of replies unread: closing the connection", waiting);
  drop(connection);
}

void LocalServer::Inside::write(const ConnectionPtr& connection) {
  Connection& c = *connection;
  while (c.unsent_begin < c.unsent.size()) {
    const ssize_t count = ::send(c.socket.native_handle(), c.unsent.data() + c.unsent_begin,
                                 c.unsent.size() - c.unsent_begin, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      c.unsent_begin += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return drop(connection);
    // Moving the rest only when half is sent keeps the cost of a long queue linear.
    if (c.unsent_begin > c.unsent.size() / 2) {
      c.unsent.erase(0, std::exchange(c.unsent_begin, 0));
    }
    c.write_armed = true;
    c.socket.async_wait(Descriptor::wait_write,
                        [self = shared_from_this(), connection](ErrorCode error) {
                          connection->write_armed = false;
                          if (!error && !connection->gone) self->write(connection);
                        });
    return;
  }
  c.unsent = std::string();
  c.unsent_begin = 0;
  if (is_over(c)) drop(connection);
}

// The next request is served from the loop: a handler that answers at once would otherwise recur.
void LocalServer::Inside::finished(const ConnectionPtr& connection) {
  connection->is_busy = false;
  reply(connection, "\n");
  asio::post(io, [self = shared_from_this(), connection] {
    if (!self->ending && !connection->gone) self->serve(connection);
  });
}

void LocalServer::Inside::drop(const ConnectionPtr& connection) {
  const ConnectionPtr held = connection;
  if (std::exchange(held->gone, true)) return;
  ErrorCode ignored;
  held->socket.close(ignored);
  connections.remove(held);
  const auto state = held->reply.lock();
  if (!state || state->is_finished || !state->gone) return;
  // Not at once: this may be inside the very send() of the code that is to be told.
  reactor.post([gone = std::exchange(state->gone, nullptr)] { gone(); });
}

}  // namespace kith::rt
