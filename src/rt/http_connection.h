// One HTTP connection, and what it shares with the server and with the WebSocket that it may
// become. Internal to rt.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string_view>

#include "rt/beast.h"
#include "rt/http_server.h"
#include "rt/reactor_impl.h"

namespace kith::rt {

class HttpConnection;

struct HttpServer::Inside : std::enable_shared_from_this<HttpServer::Inside> {
  Inside(Reactor& of, Handlers to, Log& logger, const HttpServerConfig& settings)
      : reactor(of), io(of.impl().io), handlers(std::move(to)), log(logger), config(settings) {}

  Result<void> listen(const codec::Multiaddr& address);
  void accept(Tcp::acceptor& acceptor);
  void on_accepted(Tcp::socket socket);
  /// Makes a WebSocket of a connection that asked for one.
  void upgrade(beast::tcp_stream stream, HttpMessage message, codec::HttpRequest request,
               codec::HttpResponse response);
  void close_all();

  Reactor& reactor;
  asio::io_context& io;
  Handlers handlers;
  Log& log;
  HttpServerConfig config;
  HttpServerStats stats;
  std::vector<codec::Multiaddr> bound;
  std::list<Tcp::acceptor> acceptors;
  std::list<std::shared_ptr<HttpConnection>> connections;
  std::list<std::shared_ptr<WebSocket::Inside>> sockets;
  std::size_t refusing = 0;  // connections that only get their 503
  bool is_ending = false;
};

/// A timer that tells once, unless it was set anew or stopped.
class DeadlineTimer {
 public:
  explicit DeadlineTimer(asio::io_context& io) : timer_(io) {}

  template <class Work>
  void set(Duration after, Work work) {
    timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(after));
    timer_.async_wait(
        [turn = ++*turn_, now = turn_, work = std::move(work)](ErrorCode error) mutable {
          if (!error && turn == *now) work();
        });
  }
  void stop() {
    ++*turn_;
    timer_.cancel();
  }

 private:
  Timer timer_;
  // Shared: a wait that is over may be told after the timer has gone.
  std::shared_ptr<std::uint64_t> turn_ = std::make_shared<std::uint64_t>(0);
};

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(const std::shared_ptr<HttpServer::Inside>& server, Tcp::socket socket);

  void start();
  /// One too many: says so and ends.
  void start_refused();
  void respond(codec::HttpResponse response);
  void on_gone(std::function<void()> on_gone);
  void drop();

 private:
  void await_request();
  void read_header();
  void on_header(ErrorCode error);
  void say_continue();
  void read_body();
  void on_request();
  void watch();
  void on_read_error(ErrorCode error);
  void refuse(unsigned status, Code code, std::string_view sentence);
  void write(codec::HttpResponse response);
  void on_written(ErrorCode error);
  void linger();
  void discard();
  void set_deadline(Duration after);
  void arm(Duration after);

  std::weak_ptr<HttpServer::Inside> server_;
  HttpServerConfig config_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  HttpMessage message_;         // the request that waits for its response
  codec::HttpRequest request_;  // the same, of a WebSocket to be
  DeadlineTimer deadline_;
  Instant asked_at_{};
  std::optional<Instant> half_closed_at_;
  std::function<void()> gone_handler_;
  std::size_t discarded_ = 0;
  unsigned version_ = 11;
  bool is_head_ = false;
  bool keeps_alive_ = false;
  bool is_waiting_ = false;  // for respond()
  bool is_first_ = true;
  bool is_refused_ = false;
  bool timed_out_ = false;
  bool is_gone_ = false;
};

struct HttpReply::State {
  std::weak_ptr<HttpConnection> connection;
  bool is_sent = false;
  ~State();
};

/// The IP address of a socket's end, as text.
std::string ip_text(const Tcp::endpoint& endpoint);

}  // namespace kith::rt
