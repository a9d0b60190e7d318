// For tests: one endpoint with the session played by four fixed strings and constant keys. It
// consumes what comes, and keeps it. Two of them are test_pair.h.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "packet/endpoint.h"

namespace kith::packet {

inline crypto::KeyScheduleCache& test_schedules() {
  static crypto::KeyScheduleCache cache;
  return cache;
}

inline crypto::PacketCipher test_cipher(std::uint8_t direction, std::uint64_t epoch,
                                        crypto::CipherId id = crypto::CipherId::aes_256_gcm) {
  crypto::AeadKey key{};
  key.fill(static_cast<std::uint8_t>(direction + 16 * epoch));
  crypto::AeadNonce iv{};
  iv.fill(static_cast<std::uint8_t>(direction + 1));
  return {id, key, iv, test_schedules()};
}

/// What one end has seen.
struct TestSeen {
  std::map<StreamNumber, Bytes> bytes;
  std::map<StreamNumber, std::optional<Error>> closed;
  std::vector<StreamNumber> accepted, finished;
  std::map<MessageNumber, Bytes> messages;
  std::map<MessageNumber, bool> done;
  std::vector<Bytes> datagrams;
  std::vector<std::uint64_t> epochs;
  std::vector<Code> hints;
  std::vector<Path> paths;
  Bytes session;
  bool is_up = false, has_ended = false;
  std::optional<Error> end_error;
  std::uint64_t traffic_bytes = 0;
};

class TestEnd {
 public:
  TestEnd(const EndpointConfig& config, std::uint64_t seed, Instant now)
      : rng_(seed), endpoint(config, rng_, now) {}

  SeededRng rng_;
  Endpoint endpoint;
  std::optional<ConnectionSlot> slot;
  TestEnd* peer = nullptr;
  bool is_initiator = false;
  bool consumes = true;
  bool echoes = false;
  Decide::Verdict verdict = Decide::Verdict::admit;
  std::size_t incoming = 0;
  TestSeen seen;
  /// Called when the connection is up, and when a stream has room again.
  std::function<void(Instant, TestEnd&)> on_up;
  std::function<void(Instant, TestEnd&, StreamNumber, std::size_t)> on_writable;

  Services& services() { return endpoint.find(*slot)->services(); }
  const Connection* connection() const { return slot ? endpoint.look_at(*slot) : nullptr; }
  void say(Instant now, Connection::Input input) {
    if (slot) endpoint.on_input(now, ToConnection{*slot, std::move(input)});
  }
  void give_keys(Instant now, std::uint64_t epoch, bool may_send) {
    const std::uint8_t ours = is_initiator ? 1 : 2, theirs = is_initiator ? 2 : 1;
    SealKeys keys{.epoch = epoch,
                  .receive = test_cipher(theirs, epoch),
                  .send = {},
                  .receive_offset_key = {},
                  .send_offset_key = {}};
    if (may_send) keys.send = test_cipher(ours, epoch);
    if (epoch == 0) {
      keys.receive_offset_key = offset_key(theirs);
      keys.send_offset_key = offset_key(ours);
    }
    say(now, std::move(keys));
  }

  void drain(Instant now) {
    while (auto output = endpoint.poll_output(now)) {
      std::visit(Overload{
                     [&](Dialled& dialled) {
                       slot = dialled.slot;
                       is_initiator = true;
                       say(now, HandshakeBytes{0, base::to_bytes("hello")});
                     },
                     [&](NotDialled&) {},
                     [&](Incoming& asked) {
                       ++incoming;
                       endpoint.on_input(now, Decide{asked.token, verdict});
                     },
                     [&](Admitted& admitted) { slot = admitted.slot; },
                     [&](FromConnection& from) {
                       if (from.slot == slot) on_output(now, from.output);
                     },
                 },
                 *output);
    }
  }

 private:
  static crypto::SecretBytes offset_key(std::uint8_t direction) {
    std::array<std::uint8_t, 32> bytes;
    bytes.fill(direction);
    return crypto::SecretBytes::copy_of(bytes);
  }
  void on_handshake(Instant now, const HandshakeArrived& arrived) {
    const std::string text(base::as_text(arrived.bytes));
    if (arrived.message == 0 && text == "hello") {
      say(now, HandshakeBytes{1, base::to_bytes("response")});
    } else if (arrived.message == 1 && text == "response") {
      give_keys(now, 0, true);
      say(now, PeerParameters{connection()->parameters()});
      say(now, HandshakeBytes{2, base::to_bytes("proof")});
      up(now);
    } else if (arrived.message == 2 && text == "proof") {
      give_keys(now, 0, true);
      say(now, PeerParameters{connection()->parameters()});
      say(now, HandshakeBytes{3, base::to_bytes("final")});
      up(now);
    } else if (arrived.message == 3 && text == "final") {
      say(now, HandshakeDone{});
    }
  }
  void up(Instant now) {
    seen.is_up = true;
    if (on_up) on_up(now, *this);
  }
  void on_output(Instant now, Connection::Output& output) {
    std::visit(Overload{
                   [&](HandshakeArrived& arrived) { on_handshake(now, arrived); },
                   [&](SessionArrived& arrived) { base::append(seen.session, arrived.bytes); },
                   [&](HintArrived& hint) { seen.hints.push_back(hint.code); },
                   [&](EpochOpened& opened) { seen.epochs.push_back(opened.epoch); },
                   [&](Traffic& traffic) { seen.traffic_bytes += traffic.bytes; },
                   [&](PathChanged& changed) { seen.paths.push_back(changed.path); },
                   [&](ConnectionEnded& ended) {
                     seen.has_ended = true;
                     seen.end_error = copy_of(ended.error);
                   },
                   [&](ServicesOutput& served) { on_service(now, served); },
               },
               output);
  }
  void on_service(Instant now, ServicesOutput& output) {
    std::visit(
        Overload{
            [&](StreamAccepted& accepted) { seen.accepted.push_back(accepted.stream); },
            [&](StreamBytes& bytes) {
              base::append(seen.bytes[bytes.stream], bytes.data);
              if (consumes) services().consume(now, bytes.stream, bytes.data.size());
            },
            [&](StreamWritable& writable) {
              if (on_writable) on_writable(now, *this, writable.stream, writable.room);
            },
            [&](StreamFinished& finished) {
              seen.finished.push_back(finished.stream);
              if (echoes) services().finish(finished.stream);
            },
            [&](StreamStopped&) {},
            [&](StreamClosed& closed) { seen.closed[closed.stream] = copy_of(closed.error); },
            [&](MessageArrived& message) {
              Bytes& whole = seen.messages[message.number];
              for (const ByteView piece : message.pieces) base::append(whole, piece);
              if (consumes) services().consume_message(message.number);
            },
            [&](MessageDone& done) { seen.done[done.number] = done.was_delivered; },
            [&](DatagramArrived& datagram) {
              seen.datagrams.push_back(base::to_bytes(datagram.data));
            },
        },
        output);
  }
};

}  // namespace kith::packet
