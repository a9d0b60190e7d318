#include "rt/http_server.h"

#include <boost/asio/ip/v6_only.hpp>
#include <cstring>

#include "base/format.h"
#include "rt/http_connection.h"
#include "rt/http_socket.h"

namespace kith::rt {
namespace {

constexpr Duration accept_pause = 100ms;  // when there are no descriptors or no memory left
/// Told that there are too many; beyond these connections are closed without a word.
constexpr std::size_t refusing_max = 16;

Error listen_error(const codec::Multiaddr& address, const ErrorCode& error) {
  return os_error(error.value(), "cannot serve HTTP on " + address.to_string());
}

}  // namespace

void HttpReply::send(codec::HttpResponse response) {
  if (std::exchange(state_->is_sent, true)) return;
  if (const auto connection = state_->connection.lock()) connection->respond(std::move(response));
}

void HttpReply::on_gone(std::function<void()> on_gone) {
  if (state_->is_sent) return;
  if (const auto connection = state_->connection.lock()) connection->on_gone(std::move(on_gone));
}

HttpReply::State::~State() {
  if (is_sent) return;
  if (const auto held = connection.lock()) held->drop();
}

Result<std::unique_ptr<HttpServer>> HttpServer::open(Reactor& reactor,
                                                     const std::vector<codec::Multiaddr>& addresses,
                                                     Handlers handlers, Log& log,
                                                     HttpServerConfig config) {
  auto inside = std::make_shared<Inside>(reactor, std::move(handlers), log, config);
  for (const auto& address : addresses) TRY_VOID(inside->listen(address));
  for (Tcp::acceptor& acceptor : inside->acceptors) inside->accept(acceptor);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(inside)));
}

HttpServer::~HttpServer() { inside_->close_all(); }

const std::vector<codec::Multiaddr>& HttpServer::addresses() const { return inside_->bound; }

const HttpServerStats& HttpServer::stats() const { return inside_->stats; }

void HttpServer::reset_timings() { inside_->stats.times.reset_latency(); }

Result<void> HttpServer::Inside::listen(const codec::Multiaddr& address) {
  const auto tcp = codec::as_tcp(address);
  if (!tcp) {
    return fail(Code::config, base::format("cannot serve HTTP on {}: /ip4 or /ip6 and /tcp only",
                                           address.to_string()));
  }
  const SocketAddress raw = to_socket_address(*tcp);
  Tcp::endpoint endpoint;
  endpoint.resize(raw.size);
  std::memcpy(endpoint.data(), raw.get(), raw.size);
  acceptors.emplace_back(io);
  Tcp::acceptor& acceptor = acceptors.back();
  ErrorCode error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(true), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error) return fail(listen_error(address, error));
  const auto local = local_address(acceptor.native_handle());
  bound.push_back(local.value_or(address));
  return {};
}

void HttpServer::Inside::accept(Tcp::acceptor& acceptor) {
  acceptor.async_accept(
      [self = shared_from_this(), &acceptor](ErrorCode error, Tcp::socket socket) {
        if (self->is_ending) return;
        if (!error) self->on_accepted(std::move(socket));
        // A client that has gone again is its own business; all else would only fail again.
        if (!error || error == asio::error::connection_aborted) return self->accept(acceptor);
        auto rest = std::make_shared<Timer>(self->io);
        rest->expires_after(accept_pause);
        rest->async_wait([self, rest, &acceptor](ErrorCode) {
          if (!self->is_ending) self->accept(acceptor);
        });
      });
}

void HttpServer::Inside::on_accepted(Tcp::socket socket) {
  ErrorCode ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  if (config.send_buffer_bytes > 0) {
    socket.set_option(asio::socket_base::send_buffer_size(config.send_buffer_bytes), ignored);
  }
  const bool is_full = connections.size() - refusing + sockets.size() >= config.connections_max;
  if (is_full) {
    ++stats.refused;
    log.debug("api", "{} HTTP connections, the limit: one more was refused",
              config.connections_max);
    if (refusing >= refusing_max) return;
  }
  ++stats.accepted;
  auto connection = std::make_shared<HttpConnection>(shared_from_this(), std::move(socket));
  connections.push_back(connection);
  stats.connections = connections.size() + sockets.size();
  if (!is_full) return connection->start();
  ++refusing;
  connection->start_refused();
}

void HttpServer::Inside::upgrade(beast::tcp_stream stream, HttpMessage message,
                                 codec::HttpRequest request, codec::HttpResponse response) {
  auto socket = std::make_shared<WebSocket::Inside>(shared_from_this(), std::move(stream),
                                                    std::move(request));
  sockets.push_back(socket);
  stats.sockets = sockets.size();
  stats.connections = connections.size() + sockets.size();
  socket->accept(std::move(message), std::move(response));
}

void HttpServer::Inside::close_all() {
  is_ending = true;
  ErrorCode ignored;
  for (Tcp::acceptor& acceptor : acceptors) acceptor.close(ignored);
  while (!connections.empty()) connections.front()->drop();
  while (!sockets.empty()) sockets.front()->drop();
}

}  // namespace kith::rt
