#include "app/http_face.h"

#include <algorithm>

#include "base/format.h"
#include "codec/ip_text.h"

namespace kith::app {
namespace {

api::AccessConfig access_of(const node::HttpSettings& settings, std::string token) {
  api::AccessConfig access;
  access.token = std::move(token);
  access.are_reads_open = std::ranges::all_of(settings.addresses, [](const auto& address) {
    return codec::scope_of(address) == codec::AddrScope::loopback;
  });
  access.hosts = settings.allowed_hosts;
  access.origins = settings.allowed_origins;
  access.rate = {.per_second = settings.rate, .burst = settings.rate_burst};
  return access;
}

rt::HttpServerConfig server_of(const node::HttpSettings& settings) {
  rt::HttpServerConfig config;
  config.connections_max = settings.connections_max;
  config.header_bytes_max = settings.header_bytes_max;
  config.body_bytes_max = settings.body_bytes_max;
  config.first_max = std::min(settings.request_timeout, settings.idle_timeout);
  config.request_max = settings.request_timeout;
  config.idle_max = settings.idle_timeout;
  config.unread_messages_max = settings.unread_events_max;
  return config;
}

std::string url_of(const codec::Multiaddr& address) {
  const auto tcp = codec::as_tcp(address);
  if (!tcp) return "";
  std::string host = codec::ip_to_text(tcp->ip);
  if (tcp->ip.size() == codec::ip6_bytes) host = "[" + host + "]";
  return base::format("http://{}:{}", host, tcp->port);
}

}  // namespace

HttpFace::HttpFace(rt::Reactor& reactor, api::Api& api, api::AccessConfig access)
    : reactor_(reactor), api_(api), http_(api, std::move(access)), events_(api, http_) {}

Result<std::unique_ptr<HttpFace>> HttpFace::open(rt::Reactor& reactor, api::Api& api,
                                                 const node::HttpSettings& settings,
                                                 std::string token, Log& log) {
  std::unique_ptr<HttpFace> face(new HttpFace(reactor, api, access_of(settings, std::move(token))));
  rt::HttpServer::Handlers handlers;
  handlers.on_request = [self = face.get()](const codec::HttpRequest& request,
                                            rt::HttpReply reply) {
    self->on_request(request, std::move(reply));
  };
  handlers.on_socket = [self = face.get()](const codec::HttpRequest& handshake,
                                           rt::WebSocket socket) {
    self->on_socket(handshake, std::move(socket));
  };
  face->server_ = TRY(rt::HttpServer::open(reactor, settings.addresses, std::move(handlers), log,
                                           server_of(settings)));
  return face;
}

void HttpFace::on_request(const codec::HttpRequest& request, rt::HttpReply reply) {
  auto numbers = http_.request(
      reactor_.turn_now(), request,
      [reply](codec::HttpResponse response) mutable { reply.send(std::move(response)); });
  if (numbers.empty()) return;
  reply.on_gone([this, numbers = std::move(numbers)] {
    for (const auto number : numbers) api_.abandon(reactor_.turn_now(), number);
  });
}

void HttpFace::on_socket(const codec::HttpRequest& handshake, rt::WebSocket socket) {
  const auto client =
      events_.open(reactor_.turn_now(), handshake,
                   [socket](std::string text) mutable { socket.send(std::move(text)); });
  socket.on_text([this, client](const std::string& text) {
    events_.on_text(reactor_.turn_now(), client, text);
  });
  socket.on_gone([this, client] { events_.close(reactor_.turn_now(), client); });
}

std::vector<std::string> HttpFace::urls() const {
  std::vector<std::string> urls;
  for (const auto& address : server_->addresses()) urls.push_back(url_of(address));
  return urls;
}

node::ApiFigures HttpFace::figures() const {
  const rt::HttpServerStats& server = server_->stats();
  node::ApiFigures figures;
  figures.responses = http_.stats().by_class;
  figures.responses[4] += server.timed_out + server.malformed;
  figures.responses[5] += server.refused;
  figures.rate_limited = http_.stats().rate_limited;
  figures.forbidden = http_.stats().forbidden;
  figures.connections = server.connections;
  figures.connections_refused = server.refused;
  figures.timed_out = server.timed_out;
  figures.sockets = server.sockets;
  figures.sockets_opened = events_.stats().opened;
  figures.sockets_dropped = server.sockets_dropped;
  figures.events_sent = events_.stats().sent;
  figures.requests_waiting = api_.pending();
  figures.times = server.times.snapshot();
  return figures;
}

}  // namespace kith::app
