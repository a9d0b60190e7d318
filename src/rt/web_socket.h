// A WebSocket (RFC 6455) that carries a link: the payloads of its binary messages, one behind the
// other, are its stream of bytes, cut anywhere. Internal to rt: links.h is who drives it. The
// syntax is Beast's, TLS is OpenSSL's through Asio.
//
// At most one message is on its way out and at most one buffer on its way in. Pings are answered
// while something is read. A text message is a fault, and so is all that Beast finds wrong (a
// client's frame without a mask, reserved bits, a broken close); the other side is told by a close
// frame. A server takes any path and any Origin: who is there is proved inside, by Noise.
//
// Limits: 8 KiB of HTTP header, `upgrade_max` to upgrade and again to close, read buffers of 4 KiB
// while little comes and up to 64 KiB, messages out of `web_message_bytes_max`. A message that a
// peer sends may be as long as it likes: it is handed on as it comes.
// A peer must take a message of ours within the reactor's `write_stall_max`: some 3 KB/s.
// Deviations: no compression (permessage-deflate), since what is inside is sealed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "rt/asio.h"
#include "rt/os.h"

namespace kith::rt {

class Reactor;

/// The largest message out: some frames of a link, and one more.
inline constexpr std::size_t web_message_bytes_max = (16 + 64) * 1024;

struct WebSocketConfig {
  /// PEM files of the certificate (and those between it and its authority) and of its key. Without
  /// them nothing listens on /tls/ws.
  std::string tls_certificate = {};
  std::string tls_key = {};
  /// A PEM file of the authorities that are believed when dialling; empty: the system's.
  std::string tls_authorities = {};
  /// Dials whoever answers, whatever its certificate. For tests: Noise proves the peer anyway, but
  /// who it is that one dials can then be read and decided by whoever stands between.
  bool tls_insecure = false;
  /// Accepted sockets that are not yet WebSockets.
  std::size_t upgrades_max = 64;
  /// …of which one IPv4 address or one IPv6 /56 has so many at most.
  std::size_t upgrades_per_address_max = 16;
  Duration upgrade_max = 10s;
};

/// The keys and certificates of both directions, loaded once.
class WebTls {
 public:
  /// `config` with the file and what is wrong with it.
  static Result<std::unique_ptr<WebTls>> load(const WebSocketConfig& config);
  ~WebTls();
  bool can_serve() const;

  struct Inside;
  Inside& inside() const { return *inside_; }

 private:
  explicit WebTls(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

/// Who drives a WebLink. Never called from inside one of its calls.
class WebLinkOwner {
 public:
  virtual void on_web_opened(LinkId id) = 0;
  /// Bytes have arrived; nothing is read until they are taken and read() is called again.
  virtual void on_web_read(LinkId id) = 0;
  virtual void on_web_written(LinkId id, std::size_t bytes) = 0;
  /// The peer broke the protocol and is being told so; on_web_ended follows, perhaps late.
  virtual void on_web_fault(LinkId id) = 0;
  /// It could not be upgraded, broke, or was closed. Nothing follows.
  virtual void on_web_ended(LinkId id, Error error) = 0;

 protected:
  ~WebLinkOwner() = default;
};

/// What a connected TCP socket is made a WebSocket by.
struct WebLinkSetup {
  LinkId id;
  bool is_client = false;
  /// What the client's Host header says: a name or an IP, with the port if it is not the usual one.
  std::string host = {};
  /// Null: without TLS. Outlives the link.
  const WebTls* tls = nullptr;
  /// The name (or IP) that the server's certificate has to be of.
  std::string tls_name = {};
  Duration upgrade_max = 10s;
};

class WebLink : public std::enable_shared_from_this<WebLink> {
 public:
  /// Takes a connected, non-blocking socket.
  static Result<std::shared_ptr<WebLink>> make(asio::io_context& io, Fd socket, WebLinkSetup setup,
                                               WebLinkOwner& owner);
  virtual ~WebLink() = default;
  WebLink(const WebLink&) = delete;
  WebLink& operator=(const WebLink&) = delete;

  /// TLS, then HTTP: on_web_opened, or on_web_ended.
  virtual void upgrade() = 0;
  /// Reads up to `bytes_max`; nothing happens while that is under way, or when it is closing.
  void read(std::size_t bytes_max);
  ByteView arrived() const { return ByteView(in_).first(arrived_); }
  void take() { arrived_ = 0; }
  /// REQUIRES: not is_writing().
  void write(ByteView message);
  bool is_writing() const { return !out_.empty(); }
  std::size_t writing_bytes() const { return out_.size(); }
  /// Says goodbye behind what is being written and waits for the other side's: on_web_ended.
  void close();
  /// Closes the socket; the owner hears no more of it.
  void abort();
  virtual int descriptor() = 0;
  /// The peer's fault, when it had one.
  const std::optional<Error>& fault() const { return fault_; }

 protected:
  WebLink(WebLinkSetup setup, WebLinkOwner& owner) : setup_(std::move(setup)), owner_(&owner) {}

  virtual void start_read(ByteSpan room) = 0;
  virtual void start_write(ByteView message) = 0;
  virtual void start_close(std::uint16_t code) = 0;
  virtual void close_socket() = 0;

  void opened();
  void on_read(std::size_t bytes, bool is_text);
  void on_written();
  void ended(Error error);

  WebLinkSetup setup_;

 private:
  void grow_or_shrink();

  WebLinkOwner* owner_;  // null once it has heard the last
  Bytes in_;
  std::size_t arrived_ = 0;
  Bytes out_;
  std::size_t room_ = room_min;
  std::uint32_t small_reads_ = 0;  // in a row
  bool reading_ = false;
  bool closing_ = false;
  std::optional<Error> fault_;

  static constexpr std::size_t room_min = 4096;
  static constexpr std::size_t room_max = 64 * 1024;
  static constexpr std::uint32_t small_reads_max = 16;
};

/// Says what the WebSocket links of a reactor are to run with; `config` with what is wrong. Before
/// the first listens or is dialled, on the reactor's thread or before run().
Result<void> set_web_sockets(Reactor& reactor, const WebSocketConfig& config);

}  // namespace kith::rt
