// The embedding program's messages and datagrams: who of it hears those of which protocol, and whom
// to tell what became of those that it sent. A part of UserStreams, whose protocols they share.
//
// Threads: begin() and cancel() on any; the rest on the reactor's.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>

#include <kith/host.h>

#include "host/service.h"

namespace kith::app {

class UserMessages {
 public:
  using Say = std::function<void(host::ServiceCommand)>;
  using Callback = std::function<void(const std::string&, std::span<const std::uint8_t>)>;
  using OnDone = std::function<void(Result<void>)>;

  /// Of one, with the name before it (packet::ServicesConfig).
  static constexpr std::size_t message_bytes_max = std::size_t{16} * 1024 * 1024;
  /// Of what is on its way to the reactor's thread or not acknowledged, of all peers.
  static constexpr std::size_t entry_bytes = 256;  // what one costs beside its bytes, about
  static constexpr std::size_t bytes_max = std::size_t{64} * 1024 * 1024;

  explicit UserMessages(Say say) : say_(std::move(say)) {}

  /// Whether a protocol may be called that: `usage`.
  static Result<void> check_name(std::string_view protocol);

  // --- any thread ---
  /// Makes one of `data` for send(), and sets its bytes aside. Errors: check_name()'s,
  /// `too_large`, `limit`.
  Result<Buffer> begin(std::string_view protocol, ByteView data);
  /// What begin() made is not sent after all.
  void cancel(const Buffer& begun) { give_back(begun.size()); }

  // --- the reactor's thread ---
  void send(const PeerId& peer, Buffer begun, const MessageOptions& options, OnDone on_done);
  void send_datagram(const PeerId& peer, Buffer begun);
  /// False when there is one already.
  bool on_message(const std::string& protocol, Callback callback) {
    return messages_.emplace(protocol, std::move(callback)).second;
  }
  bool on_datagram(const std::string& protocol, Callback callback) {
    return datagrams_.emplace(protocol, std::move(callback)).second;
  }
  bool has(std::string_view protocol) const {
    return messages_.contains(protocol) || datagrams_.contains(protocol);
  }

  void on_event(const host::MessageReceived& message);
  void on_event(const host::DatagramReceived& datagram);
  void on_event(const host::MessageDone& done);
  /// The host is ending: whoever waits for an answer gets `error`.
  void end_all(const Error& error);

 private:
  struct Sent {
    std::size_t bytes;
    OnDone on_done;  // or none
  };
  using Callbacks = std::map<std::string, Callback, std::less<>>;

  void give_back(std::size_t bytes);
  const std::string& text_of(const PeerId& peer);

  const Say say_;
  Callbacks messages_, datagrams_;
  std::map<Token, Sent> sent_;  // bounded by bytes_max: none is empty
  std::uint64_t next_token_ = 1;
  PeerId last_peer_;  // whose text is last_text_: they come in runs
  std::string last_text_;

  std::mutex mutex_;
  std::size_t bytes_ = 0;  // set aside
};

}  // namespace kith::app
