// HTTP/1.1 and WebSockets over TCP (RFC 9112, RFC 6455) on the reactor's thread: bytes into
// requests, responses into bytes. What is asked and answered is the handlers' business
// (api/http.h, api/events.h); sockets, limits and deadlines are here. The syntax is Beast's.
//
// One connection's requests are answered in turn, whether they come one by one or all at once. A
// client that ended its own direction still gets its answers, unless they take long: it looks just
// like one that has gone. Whoever works on an answer hears that nobody waits for it any more.
//
// Limits, with the status that says so: header (431), body (413), connections (503), the time a
// request may take to arrive (408). A client that does not take its response is closed; a WebSocket
// whose client does not read is closed with 1008 and a reason, and counted.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "codec/http.h"
#include "codec/multiaddr.h"
#include "rt/reactor.h"

namespace kith::rt {

struct HttpServerConfig {
  std::size_t connections_max = 64;  // WebSockets too
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t body_bytes_max = 1024 * 1024;  // of a WebSocket: of a message
  Duration first_max = 10s;                  // until a connection's first request begins
  Duration request_max = 10s;                // from a request's first byte to its last
  Duration idle_max = 1min;                  // between requests; of a WebSocket: without a sign
  Duration half_closed_max = 10s;            // for an answer to whoever has ended its direction
  Duration write_max = 10s;                  // for a response to be taken
  Duration close_max = 2s;                   // for a client to take our goodbye
  std::size_t unread_messages_max = 1024;    // of one WebSocket
  std::size_t unread_bytes_max = 4 * 1024 * 1024;
  int send_buffer_bytes = 0;  // SO_SNDBUF; 0 leaves it to the kernel. For tests.
};

/// Counted since the start; read on the reactor's thread.
struct HttpServerStats {
  std::uint64_t connections = 0;  // now
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;    // 503
  std::uint64_t timed_out = 0;  // 408
  std::uint64_t malformed = 0;  // 400, 413, 431
  std::uint64_t sockets = 0;    // now
  std::uint64_t sockets_dropped = 0;
  base::Timing times;  // from a whole request to its response, as it is handed over
};

/// Where the answer to one request goes. Copies are the same reply; when the last one goes without
/// an answer, the connection is closed. On the reactor's thread only.
class HttpReply {
 public:
  /// Once. Status 101 makes a WebSocket of a request that asked for one.
  void send(codec::HttpResponse response);
  /// Once, as a turn: the client has gone without an answer.
  void on_gone(std::function<void()> on_gone);

  struct State;
  explicit HttpReply(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

/// An open WebSocket. Copies are the same one; harmless when the client has gone.
class WebSocket {
 public:
  void send(std::string text);
  /// After what was sent: a code of RFC 6455, section 7.4, and at most 123 bytes of why.
  void close(std::uint16_t code, std::string_view reason);
  /// Each text message of the client, as a turn.
  void on_text(std::function<void(std::string text)> on_text);
  /// Once, as a turn: it is closed, whoever did it.
  void on_gone(std::function<void()> on_gone);

  struct Inside;
  explicit WebSocket(std::weak_ptr<Inside> inside) : inside_(std::move(inside)) {}

 private:
  std::weak_ptr<Inside> inside_;
};

class HttpServer {
 public:
  /// Both are called on the reactor's thread, as turns.
  struct Handlers {
    std::function<void(codec::HttpRequest request, HttpReply reply)> on_request;
    std::function<void(const codec::HttpRequest& handshake, WebSocket socket)> on_socket;
  };

  /// `addresses` are /ip4 or /ip6 and /tcp; port 0 takes a free one. The error names the address
  /// that cannot be had.
  static Result<std::unique_ptr<HttpServer>> open(Reactor& reactor,
                                                  const std::vector<codec::Multiaddr>& addresses,
                                                  Handlers handlers, Log& log,
                                                  HttpServerConfig config = {});
  /// On the reactor's thread, or after run().
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// With their real ports.
  const std::vector<codec::Multiaddr>& addresses() const;
  const HttpServerStats& stats() const;
  /// Forgets the average and the largest of `times`.
  void reset_timings();

  struct Inside;

 private:
  explicit HttpServer(std::shared_ptr<Inside> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<Inside> inside_;
};

}  // namespace kith::rt
