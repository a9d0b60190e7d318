#include "app/user_messages.h"

#include <utility>

#include "base/format.h"
#include "codec/peer_id.h"

namespace kith::app {

Result<void> UserMessages::check_name(std::string_view protocol) {
  if (!protocol.empty() && protocol.size() <= host::message_protocol_bytes_max) return {};
  return fail(Code::usage, base::format("a protocol's name of {} bytes, not 1 to {}",
                                        protocol.size(), host::message_protocol_bytes_max));
}

Result<Buffer> UserMessages::begin(std::string_view protocol, ByteView data) {
  TRY_VOID(check_name(protocol));
  const std::size_t size = 1 + protocol.size() + data.size();
  if (size > message_bytes_max) {
    return fail(Code::too_large, base::format("a message of {} bytes with its protocol, limit {}",
                                              size, message_bytes_max));
  }
  {
    const std::lock_guard lock(mutex_);
    if (size + entry_bytes > bytes_max - bytes_) {
      return fail(Code::limit, base::format("{} bytes of messages are unacknowledged, limit {}",
                                            bytes_, bytes_max));
    }
    bytes_ += size + entry_bytes;
  }
  return host::named_message(protocol, data);
}

void UserMessages::give_back(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  ASSERT(bytes + entry_bytes <= bytes_);
  bytes_ -= bytes + entry_bytes;
}

void UserMessages::send(const PeerId& peer, Buffer begun, const MessageOptions& options,
                        OnDone on_done) {
  const Token token{next_token_++};
  sent_.emplace(token, Sent{begun.size(), std::move(on_done)});
  say_(host::SendMessage{.token = token,
                         .peer = peer,
                         .data = std::move(begun),
                         .importance = options.importance,
                         .deadline = options.deadline,
                         .attempts = options.attempts});
}

void UserMessages::send_datagram(const PeerId& peer, Buffer begun) {
  give_back(begun.size());
  say_(host::SendDatagram{peer, std::move(begun)});
}

// Callbacks are copied out: they may set others.
void UserMessages::on_event(const host::MessageReceived& message) {
  const auto found = messages_.find(message.protocol);
  if (found == messages_.end()) return;  // the protocol has streams or datagrams alone
  const Callback callback = found->second;
  callback(text_of(message.peer), message.data.view());
}

void UserMessages::on_event(const host::DatagramReceived& datagram) {
  const auto found = datagrams_.find(datagram.protocol);
  if (found == datagrams_.end()) return;
  const Callback callback = found->second;
  callback(text_of(datagram.peer), datagram.data);
}

void UserMessages::on_event(const host::MessageDone& done) {
  const auto sent = sent_.extract(done.token);
  if (sent.empty()) return;
  give_back(sent.mapped().bytes);
  if (!sent.mapped().on_done) return;
  if (done.error) return sent.mapped().on_done(fail(*done.error));
  if (done.was_delivered) return sent.mapped().on_done({});
  sent.mapped().on_done(
      fail(Code::timeout, "the message was given up: its deadline or its attempts are over"));
}

void UserMessages::end_all(const Error& error) {
  for (auto& [token, sent] : std::exchange(sent_, {})) {
    give_back(sent.bytes);
    if (sent.on_done) sent.on_done(fail(error));
  }
}

const std::string& UserMessages::text_of(const PeerId& peer) {
  if (last_text_.empty() || last_peer_ != peer) {
    last_peer_ = peer;
    last_text_ = codec::to_text(peer);
  }
  return last_text_;
}

}  // namespace kith::app
