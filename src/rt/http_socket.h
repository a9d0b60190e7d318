// One WebSocket of the HTTP server. Internal to rt.
#pragma once

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>

#include "rt/http_connection.h"

namespace kith::rt {

struct WebSocket::Inside : std::enable_shared_from_this<WebSocket::Inside> {
  Inside(const std::shared_ptr<HttpServer::Inside>& of, beast::tcp_stream stream,
         codec::HttpRequest request);

  void accept(HttpMessage message, codec::HttpResponse response);
  void on_accepted(ErrorCode error);
  void read();
  void on_read(ErrorCode error);
  void send(std::string text);
  void write();
  void on_written(ErrorCode error);
  void close(std::uint16_t code, std::string_view reason);
  void say_close();
  void drop();

  std::weak_ptr<HttpServer::Inside> server;
  HttpServerConfig config;
  beast::websocket::stream<beast::tcp_stream> stream;
  codec::HttpRequest handshake;
  HttpMessage message;  // the handshake as Beast reads it, until it is answered
  beast::flat_buffer received;
  std::deque<std::string> unsent;  // the first is being sent when is_writing
  std::size_t unsent_bytes = 0;
  std::function<void(std::string)> text_handler;
  std::function<void()> gone_handler;
  DeadlineTimer deadline;
  beast::websocket::close_reason reason;
  bool is_open = false;
  bool is_writing = false;
  bool is_closing = false;
  bool is_gone = false;
};

}  // namespace kith::rt
