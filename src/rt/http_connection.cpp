#include "rt/http_connection.h"

#include <poll.h>

#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <chrono>
#include <ctime>

#include "base/format.h"
#include "codec/ip_text.h"

namespace kith::rt {
namespace {

/// Read at once, beside a header.
constexpr std::size_t read_chunk_bytes = 64 * 1024;
/// What a refused client may still send while it is to read why; then it is cut off.
constexpr std::size_t discarded_max = 4 * 1024 * 1024;
/// How often a client that waits is looked after.
constexpr Duration watch_interval = 1s;
/// When a deadline has passed, until the operation under way has heard of it.
constexpr Duration cancel_interval = 10ms;

std::string http_date() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return std::string(text, size);
}

/// Takes the body out of the message.
codec::HttpRequest to_request(HttpMessage& message, const Tcp::socket& socket) {
  codec::HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.body = std::move(message.body());
  request.is_websocket = beast::websocket::is_upgrade(message);
  for (const auto& field : message) {
    request.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  }
  ErrorCode ignored;
  request.remote = ip_text(socket.remote_endpoint(ignored));
  request.local = ip_text(socket.local_endpoint(ignored));
  return request;
}

bool is_syntax(const ErrorCode& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category();
}

}  // namespace

std::string ip_text(const Tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  if (address.is_v4()) return codec::ip_to_text(address.to_v4().to_bytes());
  return codec::ip_to_text(address.to_v6().to_bytes());
}

HttpConnection::HttpConnection(const std::shared_ptr<HttpServer::Inside>& server,
                               Tcp::socket socket)
    : server_(server),
      config_(server->config),
      stream_(std::move(socket)),
      buffer_(server->config.header_bytes_max + read_chunk_bytes),
      deadline_(server->io) {}

void HttpConnection::start() { await_request(); }

void HttpConnection::start_refused() {
  is_refused_ = true;
  refuse(503, Code::limit, "too many connections (api.connections_max)");
}

/// The deadline of a request begins with its first byte; until then the connection is idle.
void HttpConnection::await_request() {
  if (is_gone_) return;
  if (buffer_.size() > 0) return read_header();
  set_deadline(std::exchange(is_first_, false) ? config_.first_max : config_.idle_max);
  stream_.socket().async_wait(Tcp::socket::wait_read, [self = shared_from_this()](ErrorCode error) {
    if (error || self->timed_out_) return self->drop();
    self->read_header();
  });
}

void HttpConnection::read_header() {
  if (is_gone_) return;
  set_deadline(config_.request_max);
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(config_.header_bytes_max));
  parser_->body_limit(config_.body_bytes_max);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_header(error); });
}

void HttpConnection::on_header(ErrorCode error) {
  if (is_gone_) return;
  if (error || timed_out_) return on_read_error(error);
  const bool wants_word = beast::iequals(parser_->get()[http::field::expect], "100-continue");
  if (wants_word && !parser_->is_done()) return say_continue();
  read_body();
}

void HttpConnection::say_continue() {
  static constexpr std::string_view word = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(word),
                    [self = shared_from_this()](ErrorCode error, std::size_t) {
                      error || self->timed_out_ ? self->drop() : self->read_body();
                    });
}

void HttpConnection::read_body() {
  if (is_gone_) return;
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](ErrorCode error, std::size_t) {
                     if (self->is_gone_) return;
                     error ? self->on_read_error(error) : self->on_request();
                   });
}

void HttpConnection::on_read_error(ErrorCode error) {
  const auto server = server_.lock();
  if (!server) return drop();
  if (timed_out_) {
    ++server->stats.timed_out;
    return refuse(408, Code::timeout, "the request did not arrive in time (api.request_timeout)");
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message ||
      (!is_syntax(error) && error != beast::error::timeout)) {
    return drop();
  }
  ++server->stats.malformed;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refuse(431, Code::too_large, "the header is too large (api.header_bytes_max)");
  }
  if (error == http::error::body_limit) {
    return refuse(413, Code::too_large, "the body is too large (api.body_bytes_max)");
  }
  refuse(400, Code::malformed, "that is not HTTP");
}

void HttpConnection::on_request() {
  const auto server = server_.lock();
  if (!server || server->is_ending) return drop();
  deadline_.stop();
  timed_out_ = false;
  message_ = parser_->release();
  parser_.reset();
  version_ = message_.version();
  is_head_ = message_.method() == http::verb::head;
  keeps_alive_ = message_.keep_alive();
  is_waiting_ = true;
  asked_at_ = steady_now();
  codec::HttpRequest request = to_request(message_, stream_.socket());
  if (request.is_websocket) request_ = request;
  auto state = std::make_shared<HttpReply::State>();
  state->connection = weak_from_this();
  const auto held = shared_from_this();
  server->reactor.turn(
      [&] { server->handlers.on_request(std::move(request), HttpReply(std::move(state))); });
  half_closed_at_.reset();
  watch();
}

/// While nothing is read, an end that the client sends is not noticed otherwise. It may go on
/// listening after it, so it gets some more time.
void HttpConnection::watch() {
  if (is_gone_ || !is_waiting_) return;
  pollfd state{.fd = stream_.socket().native_handle(), .events = POLLRDHUP, .revents = 0};
  if (::poll(&state, 1, 0) > 0) {
    if ((state.revents & (POLLERR | POLLHUP)) != 0) return drop();
    const Instant now = steady_now();
    if (!half_closed_at_) half_closed_at_ = now;
    if (now - *half_closed_at_ >= config_.half_closed_max) return drop();
  }
  deadline_.set(std::min(watch_interval, config_.half_closed_max), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->watch();
  });
}

void HttpConnection::on_gone(std::function<void()> on_gone) {
  if (is_waiting_ && !is_gone_) gone_handler_ = std::move(on_gone);
}

void HttpConnection::respond(codec::HttpResponse response) {
  const auto server = server_.lock();
  if (is_gone_ || !std::exchange(is_waiting_, false)) return;
  gone_handler_ = nullptr;
  deadline_.stop();
  if (!server || server->is_ending) return drop();
  if (response.status != 101) {
    server->stats.times.record(steady_now() - asked_at_);
    return write(std::move(response));
  }
  if (!request_.is_websocket || buffer_.size() > 0) {
    return refuse(400, Code::malformed, "more was sent before the WebSocket was open");
  }
  is_gone_ = true;  // as a connection
  const auto held = shared_from_this();
  server->connections.remove(held);
  server->upgrade(std::move(stream_), std::move(message_), std::move(request_),
                  std::move(response));
}

/// For what no handler sees. Whatever else the client sends is not read as a request.
void HttpConnection::refuse(unsigned status, Code code, std::string_view sentence) {
  keeps_alive_ = false;
  is_head_ = false;
  write({status, "application/json",
         base::format(R"({{"error":{{"code":"{}","message":"{}"}}}})", base::name_of(code),
                      sentence)});
}

void HttpConnection::write(codec::HttpResponse response) {
  set_deadline(config_.write_max);
  keeps_alive_ = keeps_alive_ && !response.closes;
  auto message = std::make_shared<http::response<http::string_body>>();
  message->version(version_);
  message->result(response.status);
  message->set(http::field::date, http_date());
  if (!response.content_type.empty()) {
    message->set(http::field::content_type, response.content_type);
  }
  for (const auto& header : response.headers) message->insert(header.name, header.value);
  message->keep_alive(keeps_alive_);
  message->body() = std::move(response.body);
  message->prepare_payload();
  if (response.status == 204) message->erase(http::field::content_length);
  if (is_head_) message->body().clear();  // its length stays
  http::async_write(stream_, *message,
                    [self = shared_from_this(), message](ErrorCode error, std::size_t) {
                      self->on_written(error);
                    });
}

void HttpConnection::on_written(ErrorCode error) {
  if (is_gone_) return;
  if (error || timed_out_) return drop();
  request_ = {};
  message_ = {};
  keeps_alive_ ? await_request() : linger();
}

/// Closing while the client still sends would reset the connection, and the response with it: so
/// our direction ends first, and what comes is thrown away for a moment.
void HttpConnection::linger() {
  ErrorCode error;
  stream_.socket().shutdown(Tcp::socket::shutdown_send, error);
  if (error) return drop();
  set_deadline(config_.close_max);
  discard();
}

void HttpConnection::discard() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(read_chunk_bytes),
                          [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
                            if (self->is_gone_) return;
                            self->discarded_ += bytes;
                            const bool is_enough = self->discarded_ > discarded_max;
                            if (error || self->timed_out_ || is_enough) return self->drop();
                            self->discard();
                          });
}

void HttpConnection::set_deadline(Duration after) {
  timed_out_ = false;
  arm(after);
}

void HttpConnection::arm(Duration after) {
  deadline_.set(after, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->is_gone_) return;
    self->timed_out_ = true;
    self->stream_.cancel();  // the operation under way hears of it…
    // …unless a part of it had just ended, and it has gone on since.
    self->arm(cancel_interval);
  });
}

void HttpConnection::drop() {
  if (std::exchange(is_gone_, true)) return;
  const auto held = shared_from_this();
  deadline_.stop();
  stream_.close();
  const auto server = server_.lock();
  if (!server) return;
  if (gone_handler_ && !server->is_ending) {
    // Not at once: this may be inside the code that is to be told.
    server->reactor.post([gone = std::move(gone_handler_)] { gone(); });
  }
  server->connections.remove(held);
  if (is_refused_) --server->refusing;
  server->stats.connections = server->connections.size() + server->sockets.size();
}

}  // namespace kith::rt
