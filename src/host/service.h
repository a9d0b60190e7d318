// What a protocol sees of the host: streams, as events in and commands out. A protocol such as
// ping is a Service, a small machine of its own; the node owns it, names the protocols it answers,
// hands it the events of its streams and carries its commands back to the host.
//
//   class Echo final : public host::Service { ... };   // host/ping.h, host/echo_service_test.cpp
//
// Over Kith's own sessions there are messages and datagrams too (docs/protocol/
// session-messages.md): one may overtake another, each goes to whoever has the protocol that it
// names, and there is nothing to consume.
//
// Room and consumption are the two halves of back-pressure. StreamUp and StreamRoom say how many
// bytes Write may queue; Consume tells the other side that it may send more.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/machine.h"
#include "codec/identify.h"
#include "codec/multiaddr.h"
#include "crypto/hash.h"

namespace kith::host {

// --- events: from the host -----------------------------------------------------------------------

/// A peer's connection is authenticated and multiplexed: streams may be opened at once.
struct PeerUp {
  PeerId peer;
  Direction direction;  // of its first connection
  codec::Multiaddr remote;
};
/// The last connection to the peer has gone; all its streams were closed before.
struct PeerDown {
  PeerId peer;
  Error reason;
};
/// Identify arrived, or a push replaced it.
struct PeerIdentified {
  PeerId peer;
  std::shared_ptr<const codec::IdentifyMessage> message;
};
/// A stream whose protocol is agreed (a dialled one may still turn out refused: StreamDown).
struct StreamUp {
  StreamId stream;
  PeerId peer;
  Direction direction;
  std::string protocol;
  std::size_t room;            // bytes Write may queue now
  std::optional<Token> token;  // of the Open that asked for it
  /// The Noise handshake hash of the connection beneath, the same at both ends and of no other
  /// connection: what is signed over it is said on this channel and cannot be carried to another.
  crypto::Hash256 channel{};
};
struct StreamOpenFailed {
  Token token;
  PeerId peer;
  Error error;
};
struct StreamData {
  StreamId stream;
  ByteView data;  // valid until the call returns; Consume as many bytes when done with them
};
/// Replaces what the service counted: the room now, whatever was written before.
struct StreamRoom {
  StreamId stream;
  std::size_t room;
};
/// The peer half-closed: no more StreamData. Writing goes on until Finish.
struct StreamEnd {
  StreamId stream;
};
/// The stream is gone; `error` empty when both sides finished. No event of it follows, and commands
/// that name it are dropped.
struct StreamDown {
  StreamId stream;
  std::optional<Error> error;
};

/// All of a message, the receiver's to keep.
struct MessageReceived {
  PeerId peer;
  std::string_view protocol;  // of the host's table, which forgets none
  Buffer data;
};
struct DatagramReceived {
  PeerId peer;
  std::string_view protocol;
  ByteView data;  // valid until the call returns
};
/// Answers a SendMessage: the peer has it (over an ordered link: it has gone out), or it was given
/// up at its deadline or after its attempts; with an error it was not taken, or the connection
/// ended before anybody could know.
struct MessageDone {
  Token token;
  bool was_delivered;
  std::optional<Error> error = {};
};

struct ServiceEvent : std::variant<PeerUp, PeerDown, PeerIdentified, StreamUp, StreamOpenFailed,
                                   StreamData, StreamRoom, StreamEnd, StreamDown, MessageReceived,
                                   DatagramReceived, MessageDone> {
  using variant::variant;
  ServiceEvent(const ServiceEvent&);
  ServiceEvent& operator=(const ServiceEvent&);
  ServiceEvent(ServiceEvent&&) noexcept;
  ServiceEvent& operator=(ServiceEvent&&) noexcept;
  ~ServiceEvent();
};

/// In a visitor of ServiceEvent: a service that has none of them passes them over.
struct WithoutMessages {
  void operator()(const MessageReceived&) const {}
  void operator()(const DatagramReceived&) const {}
  void operator()(const MessageDone&) const {}
};

// --- commands: to the host -----------------------------------------------------------------------

/// Opens a stream to a connected peer with the first of `protocols` that it speaks.
struct Open {
  Token token;
  PeerId peer;
  std::vector<std::string> protocols;
};
/// REQUIRES: all Writes since the room was last told (StreamUp, StreamRoom) together at most that
/// room, and no Finish before.
struct Write {
  StreamId stream;
  Buffer data;
};
struct Finish {  // half-close, behind what is queued
  StreamId stream;
};
/// Events that are under way still come until StreamDown: look streams up, do not assume them.
struct Reset {
  StreamId stream;
};
/// REQUIRES: at most what came as StreamData and was not consumed yet.
struct Consume {
  StreamId stream;
  std::size_t bytes;
};
/// Of what waits to be sent on sessions of Kith's own: 0 to 1000, higher first; 500 until it is
/// said. Other connections know none.
struct Prioritize {
  StreamId stream;
  std::uint16_t importance;
};
/// The peer broke the protocol: closes its connections and counts against it.
struct Fault {
  PeerId peer;
  Error error;
};

/// What became of a request to a peer, as only the service can know: how long the answer took, or
/// why there is none. The node's, for the peer's record and its circuit breaker.
struct RequestDone {
  PeerId peer;
  std::string_view protocol;  // a constant
  Result<Duration> took;
};

inline constexpr std::size_t message_protocol_bytes_max = 100;
/// What goes into SendMessage and SendDatagram: the protocol's name, and `data` behind it.
/// REQUIRES: a name of 1 to message_protocol_bytes_max bytes.
Buffer named_message(std::string_view protocol, ByteView data);
/// The name at the front of a message or datagram that came (docs/protocol/session-messages.md);
/// none where it has no such name. `room`, of message_protocol_bytes_max, holds it.
std::optional<std::string_view> protocol_of(std::span<const ByteView> pieces, std::span<char> room);

/// Arrives whole, in whatever order, or not at all; MessageDone follows. `limit` when as many as
/// may be are unacknowledged; `unsupported` where the peer's connection is no session of Kith's.
struct SendMessage {
  Token token;
  PeerId peer;
  Buffer data;                                 // of named_message()
  std::uint16_t importance = 500;              // as Prioritize has it
  std::optional<Duration> deadline = {};       // from now on, then it is given up…
  std::optional<std::uint32_t> attempts = {};  // …or after so many times sent, 255 at most
};
/// Goes out once, or is dropped: too large for a packet, one too many, no session to the peer.
struct SendDatagram {
  PeerId peer;
  Buffer data;  // of named_message()
};

struct ServiceCommand : std::variant<Open, Write, Finish, Reset, Consume, Prioritize, Fault,
                                     RequestDone, SendMessage, SendDatagram> {
  using variant::variant;
  ServiceCommand(const ServiceCommand&);
  ServiceCommand& operator=(const ServiceCommand&);
  ServiceCommand(ServiceCommand&&) noexcept;
  ServiceCommand& operator=(ServiceCommand&&) noexcept;
  ~ServiceCommand();
};

/// The shape of a protocol. The laws of base/machine.h hold.
class Service {
 public:
  using Input = ServiceEvent;
  using Output = ServiceCommand;

  virtual ~Service() = default;

  /// Protocol ids whose inbound streams come here, the preferred one first. Constant.
  virtual std::vector<std::string> protocols() const = 0;
  virtual void on_input(Instant now, ServiceEvent event) = 0;
  /// Whether its streams go through the node's circuit breakers (node/request_guard.h). Not those
  /// of a service that waits by itself before it opens another.
  virtual bool is_guarded() const { return true; }
  virtual void on_deadline(Instant) {}
  virtual std::optional<Instant> next_deadline() const { return std::nullopt; }

  std::optional<ServiceCommand> poll_output(Instant) {
    if (commands_.empty()) return std::nullopt;
    std::optional<ServiceCommand> command(std::move(commands_.front()));
    commands_.pop_front();
    return command;
  }

 protected:
  void say(ServiceCommand command);

 private:
  std::deque<ServiceCommand> commands_;  // drained every turn, so bounded by one turn's work
};

}  // namespace kith::host
