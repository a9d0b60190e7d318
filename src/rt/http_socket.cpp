#include "rt/http_socket.h"

namespace kith::rt {
namespace {

namespace websocket = beast::websocket;

/// Of RFC 6455: a control frame has 125 bytes, two of them the code.
constexpr std::size_t reason_bytes_max = 123;
constexpr std::uint16_t unsupported_data = 1003;
constexpr std::uint16_t policy_violation = 1008;

}  // namespace

// --- the handle ----------------------------------------------------------------------------------

void WebSocket::send(std::string text) {
  if (const auto inside = inside_.lock()) inside->send(std::move(text));
}

void WebSocket::close(std::uint16_t code, std::string_view reason) {
  if (const auto inside = inside_.lock()) inside->close(code, reason);
}

void WebSocket::on_text(std::function<void(std::string)> on_text) {
  if (const auto inside = inside_.lock()) inside->text_handler = std::move(on_text);
}

void WebSocket::on_gone(std::function<void()> on_gone) {
  if (const auto inside = inside_.lock()) inside->gone_handler = std::move(on_gone);
}

// --- the socket ----------------------------------------------------------------------------------

WebSocket::Inside::Inside(const std::shared_ptr<HttpServer::Inside>& of, beast::tcp_stream from,
                          codec::HttpRequest request)
    : server(of),
      config(of->config),
      stream(std::move(from)),
      handshake(std::move(request)),
      deadline(of->io) {}

void WebSocket::Inside::accept(HttpMessage request, codec::HttpResponse response) {
  message = std::move(request);
  const auto to_steady_duration = [](Duration duration) {
    return std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration);
  };
  // A client that is silent is asked for a sign of life after half of the time.
  stream.set_option(websocket::stream_base::timeout{to_steady_duration(config.request_max),
                                                    to_steady_duration(config.idle_max), true});
  stream.set_option(websocket::stream_base::decorator(
      [headers = std::move(response.headers)](websocket::response_type& answer) {
        for (const auto& header : headers) answer.set(header.name, header.value);
      }));
  stream.read_message_max(config.body_bytes_max);
  stream.text(true);
  stream.auto_fragment(false);  // one event is one frame: simple clients read it, too
  stream.async_accept(message,
                      [self = shared_from_this()](ErrorCode error) { self->on_accepted(error); });
}

void WebSocket::Inside::on_accepted(ErrorCode error) {
  message = {};
  const auto alive = server.lock();
  if (is_gone) return;
  if (error || !alive) return drop();
  is_open = true;
  alive->reactor.turn([&] { alive->handlers.on_socket(handshake, WebSocket(weak_from_this())); });
  if (!is_gone) read();
}

void WebSocket::Inside::read() {
  stream.async_read(received, [self = shared_from_this()](ErrorCode error, std::size_t) {
    self->on_read(error);
  });
}

void WebSocket::Inside::on_read(ErrorCode error) {
  const auto alive = server.lock();
  if (is_gone) return;
  if (error || !alive) return drop();
  if (!stream.got_text()) {
    close(unsupported_data, "text messages only");
  } else if (text_handler && !is_closing) {
    std::string text = beast::buffers_to_string(received.data());
    alive->reactor.turn([&] { text_handler(std::move(text)); });
  }
  received.consume(received.size());
  if (!is_gone) read();
}

void WebSocket::Inside::send(std::string text) {
  if (is_gone || is_closing || !is_open) return;
  // Counted without the new one: a single large answer is no sign of a slow reader.
  const bool is_full = unsent_bytes > config.unread_bytes_max;
  unsent_bytes += text.size();
  unsent.push_back(std::move(text));
  if (unsent.size() > config.unread_messages_max || is_full) {
    if (const auto alive = server.lock()) {
      ++alive->stats.sockets_dropped;
      alive->log.warn("api", "a WebSocket left {} events unread: closing it", unsent.size());
    }
    // What is on its way must end before the goodbye; the rest is of no more use.
    unsent.resize(is_writing ? 1 : 0);
    unsent_bytes = is_writing ? unsent.front().size() : 0;
    return close(policy_violation, "too slow: events were not read");
  }
  if (!is_writing) write();
}

void WebSocket::Inside::write() {
  is_writing = true;
  stream.async_write(
      asio::buffer(unsent.front()),
      [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_written(error); });
}

void WebSocket::Inside::on_written(ErrorCode error) {
  is_writing = false;
  if (is_gone) return;
  if (error) return drop();
  unsent_bytes -= std::min(unsent_bytes, unsent.front().size());
  unsent.pop_front();
  if (!unsent.empty()) return write();
  if (is_closing) say_close();
}

void WebSocket::Inside::close(std::uint16_t code, std::string_view why) {
  if (is_gone || std::exchange(is_closing, true)) return;
  reason.code = code;
  reason.reason = std::string(why.substr(0, reason_bytes_max));
  deadline.set(config.close_max, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->drop();
  });
  if (!is_writing && unsent.empty()) say_close();
}

void WebSocket::Inside::say_close() {
  stream.async_close(reason, [self = shared_from_this()](ErrorCode) { self->drop(); });
}

void WebSocket::Inside::drop() {
  if (std::exchange(is_gone, true)) return;
  const auto held = shared_from_this();
  deadline.stop();
  beast::get_lowest_layer(stream).close();
  const auto alive = server.lock();
  if (!alive) return;
  alive->sockets.remove(held);
  alive->stats.sockets = alive->sockets.size();
  alive->stats.connections = alive->connections.size() + alive->sockets.size();
  text_handler = nullptr;
  if (!gone_handler || alive->is_ending) return;
  // Not at once: this may be inside the very send() of the code that is to be told.
  alive->reactor.post([gone = std::exchange(gone_handler, nullptr)] { gone(); });
}

}  // namespace kith::rt
