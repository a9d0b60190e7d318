#include "rt/web_socket.h"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstring>

#include "codec/ip_text.h"
#include "rt/beast.h"

namespace kith::rt {
namespace {

namespace ssl = asio::ssl;
namespace websocket = beast::websocket;

constexpr std::uint32_t web_header_bytes_max = 8 * 1024;
/// A client masks a message piece by piece in a buffer of this size.
constexpr std::size_t web_mask_bytes = 16 * 1024;
constexpr std::uint16_t web_normal_close = 1000;      // RFC 6455, 7.4.1
constexpr std::uint16_t web_unsupported_data = 1003;  // the same

/// The concrete executor spares a type-erased copy, as rt/asio.h says.
using WebTcp = asio::basic_stream_socket<Tcp, asio::io_context::executor_type>;
using WebTlsStream = ssl::stream<WebTcp>;

bool is_of(const ErrorCode& error, const boost::system::error_category& category) {
  return error.category() == category;
}

/// What Beast, OpenSSL or the system say of a connection.
Error web_error(const ErrorCode& error) {
  if (error == websocket::error::closed) return Error{Code::closed, "closed by the peer"};
  if (error == asio::error::eof || error == asio::error::not_connected ||
      error == ssl::error::stream_truncated || error == http::error::end_of_stream ||
      error == http::error::partial_message) {
    return Error{Code::reset, "the peer ended the connection without closing the WebSocket"};
  }
  if (error == beast::error::timeout) return Error{Code::timeout, "WebSocket: no answer in time"};
  if (error == websocket::error::upgrade_declined) {
    return Error{Code::refused, "WebSocket: the server did not take the upgrade"};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Error{Code::too_large,
                 "WebSocket: a header of over " + std::to_string(web_header_bytes_max) + " bytes"};
  }
  if (is_of(error, asio::error::get_ssl_category())) {
    const bool is_certificate = ERR_GET_REASON(static_cast<unsigned long>(error.value())) ==
                                SSL_R_CERTIFICATE_VERIFY_FAILED;
    return Error{is_certificate ? Code::wrong_peer : Code::protocol, "TLS: " + error.message()};
  }
  if (is_of(error, boost::system::system_category())) return os_error(error.value(), "WebSocket");
  return Error{Code::protocol, "WebSocket: " + error.message()};
}

}  // namespace

// --- certificates --------------------------------------------------------------------------------

struct WebTls::Inside {
  ssl::context client{ssl::context::tls_client};
  ssl::context server{ssl::context::tls_server};
  bool can_serve = false;
  bool verifies = true;
};

WebTls::WebTls(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
WebTls::~WebTls() = default;
bool WebTls::can_serve() const { return inside_->can_serve; }

Result<std::unique_ptr<WebTls>> WebTls::load(const WebSocketConfig& config) {
  auto inside = std::make_unique<Inside>();
  ErrorCode error;
  const auto wrong = [&error](std::string_view what, const std::string& file) {
    return fail(Code::config, std::string(what) + " \"" + file + "\": " + error.message());
  };
  const auto old_versions = ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                            ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 |
                            ssl::context::no_compression;
  inside->client.set_options(old_versions, error);
  inside->server.set_options(old_versions, error);
  // An idle link gives the buffers of OpenSSL's records back: 34 KiB.
  SSL_CTX_set_mode(inside->client.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_mode(inside->server.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  // Strangers' sessions are not kept: tickets are enough.
  SSL_CTX_set_session_cache_mode(inside->server.native_handle(), SSL_SESS_CACHE_OFF);
  inside->verifies = !config.tls_insecure;
  if (config.tls_authorities.empty()) {
    inside->client.set_default_verify_paths(error);
    if (error) return wrong("the system's certificate authorities", "");
  } else {
    inside->client.load_verify_file(config.tls_authorities, error);
    if (error) return wrong("websocket.tls_authorities", config.tls_authorities);
  }
  if (config.tls_certificate.empty() != config.tls_key.empty()) {
    return fail(Code::config,
                "websocket.tls_certificate and websocket.tls_key need each other; one is empty");
  }
  if (!config.tls_certificate.empty()) {
    inside->server.use_certificate_chain_file(config.tls_certificate, error);
    if (error) return wrong("websocket.tls_certificate", config.tls_certificate);
    inside->server.use_private_key_file(config.tls_key, ssl::context::pem, error);
    if (error) return wrong("websocket.tls_key", config.tls_key);
    inside->can_serve = true;
  }
  return std::unique_ptr<WebTls>(new WebTls(std::move(inside)));
}

// --- what does not depend on TLS -----------------------------------------------------------------

// Many links are idle: what they keep for the next bytes is the smallest buffer. One small read
// says nothing, since Beast hands on the beginning of a long message first.
void WebLink::grow_or_shrink() {
  if (arrived_ == in_.size() && room_ < room_max) room_ = std::min(room_max, room_ * 4);
  small_reads_ = arrived_ < room_min ? small_reads_ + 1 : 0;
  if (small_reads_ >= small_reads_max) room_ = room_min;
}

void WebLink::read(std::size_t bytes_max) {
  if (reading_ || closing_ || arrived_ > 0) return;
  const std::size_t room = std::min(bytes_max, room_);
  if (in_.size() != room) {
    in_ = Bytes(room);  // gives the larger one back
  }
  reading_ = true;
  start_read(in_);
}

void WebLink::write(ByteView message) {
  ASSERT(out_.empty() && !message.empty() && !closing_);
  out_.assign(message.begin(), message.end());
  start_write(out_);
}

void WebLink::close() {
  if (std::exchange(closing_, true)) return;
  start_close(web_normal_close);
}

void WebLink::abort() {
  owner_ = nullptr;
  close_socket();
}

void WebLink::opened() {
  if (owner_ != nullptr) owner_->on_web_opened(setup_.id);
}

void WebLink::on_read(std::size_t bytes, bool is_text) {
  reading_ = false;
  if (owner_ == nullptr) return;
  if (is_text && !closing_) {
    fault_ = Error{Code::protocol, "WebSocket: the peer sent a text message"};
    owner_->on_web_fault(setup_.id);
    if (owner_ == nullptr) return;
    closing_ = true;
    return start_close(web_unsupported_data);
  }
  if (bytes == 0) return read(in_.size());  // the end of a message
  arrived_ = bytes;
  grow_or_shrink();
  owner_->on_web_read(setup_.id);
}

void WebLink::on_written() {
  const Bytes written = std::exchange(out_, {});
  if (owner_ != nullptr) owner_->on_web_written(setup_.id, written.size());
}

void WebLink::ended(Error error) {
  if (WebLinkOwner* const owner = std::exchange(owner_, nullptr)) {
    owner->on_web_ended(setup_.id, std::move(error));
  }
}

// --- over TCP, or over TLS -----------------------------------------------------------------------

namespace {

/// The HTTP request of a client, while it is read.
struct WebRequest {
  beast::flat_buffer buffer{2 * web_header_bytes_max};
  http::request_parser<http::empty_body> parser;
};

template <class Below>
class WebLinkOver final : public WebLink {
 public:
  template <class... Args>
  WebLinkOver(WebLinkSetup setup, WebLinkOwner& owner, Args&&... below)
      : WebLink(std::move(setup), owner), stream_(std::forward<Args>(below)...) {
    // Beast's own deadline is for handshake and close; a link's deadlines are its owner's.
    const auto upgrade_max = std::chrono::ceil<std::chrono::seconds>(setup_.upgrade_max);
    stream_.set_option(
        websocket::stream_base::timeout{upgrade_max, websocket::stream_base::none(), false});
    stream_.read_message_max(0);  // none is collected
    stream_.binary(true);
    stream_.auto_fragment(false);
    stream_.write_buffer_bytes(web_mask_bytes);
    stream_.control_callback([this](websocket::frame_type kind, beast::string_view) {
      if (kind == websocket::frame_type::close) has_close_ = true;
    });
  }

  Below& below() { return stream_.next_layer(); }
  int descriptor() override { return socket().native_handle(); }

  void upgrade() override {
    if constexpr (std::is_same_v<Below, WebTlsStream>) {
      const auto side = setup_.is_client ? ssl::stream_base::client : ssl::stream_base::server;
      below().async_handshake(side, [self = self()](ErrorCode error) {
        if (error) return self->ended(web_error(error));
        self->upgrade_http();
      });
    } else {
      upgrade_http();
    }
  }

 private:
  auto self() { return std::static_pointer_cast<WebLinkOver>(shared_from_this()); }
  WebTcp& socket() { return beast::get_lowest_layer(stream_); }

  /// Who has said goodbye need not wait for ours: what fails behind a close frame is its end.
  Error end_of(const ErrorCode& error) const {
    return web_error(has_close_ ? websocket::error::closed : error);
  }

  void upgrade_http() {
    if (setup_.is_client) {
      return stream_.async_handshake(
          setup_.host, "/", [self = self()](ErrorCode error) { self->on_upgraded(error); });
    }
    request_ = std::make_unique<WebRequest>();
    request_->parser.header_limit(web_header_bytes_max);
    request_->parser.body_limit(0);
    http::async_read(below(), request_->buffer, request_->parser,
                     [self = self()](ErrorCode error, std::size_t) { self->on_request(error); });
  }

  void on_request(ErrorCode error) {
    if (error) return ended(web_error(error));
    if (request_->buffer.size() > 0) {
      return ended({Code::protocol, "WebSocket: bytes before the upgrade was answered"});
    }
    // What asks for no upgrade is answered here, by its status.
    stream_.async_accept(request_->parser.get(),
                         [self = self()](ErrorCode failed) { self->on_upgraded(failed); });
  }

  void on_upgraded(ErrorCode error) {
    request_.reset();
    if (error) return ended(web_error(error));
    opened();
  }

  void start_read(ByteSpan room) override {
    stream_.async_read_some(asio::buffer(room.data(), room.size()),
                            [self = self()](ErrorCode error, std::size_t bytes) {
                              if (error) return self->ended(self->end_of(error));
                              self->on_read(bytes, self->stream_.got_text());
                            });
  }

  void start_write(ByteView message) override {
    stream_.async_write(asio::buffer(message.data(), message.size()),
                        [self = self()](ErrorCode error, std::size_t) {
                          if (error) return self->ended(self->end_of(error));
                          self->on_written();
                        });
  }

  void start_close(std::uint16_t code) override {
    stream_.async_close(websocket::close_reason(code), [self = self()](ErrorCode error) {
      self->ended(error ? web_error(error) : Error{Code::closed, "closed by this node"});
    });
  }

  void close_socket() override {
    ErrorCode ignored;
    socket().close(ignored);
  }

  websocket::stream<Below, false> stream_;
  std::unique_ptr<WebRequest> request_;
  bool has_close_ = false;  // the peer's close frame came
};

/// SNI, and whom the certificate has to be of.
Result<void> expect_name(WebTlsStream& stream, const std::string& name, bool verifies) {
  ErrorCode error;
  // SNI is for names; an IP stands in none (RFC 6066, 3).
  const bool is_ip =
      codec::ip4_from_text(name).has_value() || codec::ip6_from_text(name).has_value();
  if (!is_ip && SSL_set_tlsext_host_name(stream.native_handle(), name.c_str()) != 1) {
    return fail(Code::malformed, "TLS takes no server of the name \"" + name + "\"");
  }
  stream.set_verify_mode(verifies ? ssl::verify_peer : ssl::verify_none, error);
  if (verifies) stream.set_verify_callback(ssl::host_name_verification(name), error);
  if (error) return fail(web_error(error));
  return {};
}

}  // namespace

Result<std::shared_ptr<WebLink>> WebLink::make(asio::io_context& io, Fd fd, WebLinkSetup setup,
                                               WebLinkOwner& owner) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  WebTcp socket(io);
  ErrorCode error;
  socket.assign(address.ss_family == AF_INET6 ? Tcp::v6() : Tcp::v4(), fd.get(), error);
  if (error) return fail(os_error(error.value(), "WebSocket"));
  fd.release();
  if (setup.tls == nullptr) {
    return std::make_shared<WebLinkOver<WebTcp>>(std::move(setup), owner, std::move(socket));
  }
  WebTls::Inside& tls = setup.tls->inside();
  const bool is_client = setup.is_client;
  const std::string name = setup.tls_name;
  auto link = std::make_shared<WebLinkOver<WebTlsStream>>(
      std::move(setup), owner, std::move(socket), is_client ? tls.client : tls.server);
  if (is_client) TRY_VOID(expect_name(link->below(), name, tls.verifies));
  return link;
}

}  // namespace kith::rt
