// The streams of one connection, whatever carries them: whose they are, the negotiation of each
// one's protocol, refusal, and the way of their events to services. Connection has one over yamux,
// SessionConnection over packet::Services. The words that both speak with the host are here too.
//
// The muxer beneath is an argument, not a member: a stream set keeps no pointer, and costs an idle
// connection nothing for it. Only the few calls that a negotiation makes go through StreamMuxer;
// what flows afterwards goes from the muxer to on_bytes(), and from its owner straight to the
// muxer. Limits: `negotiate_timeout` a stream, `streams_negotiating_max` at once
// (ConnectionConfig).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/queue.h"
#include "base/rng.h"
#include "host/negotiate.h"
#include "host/service.h"

namespace kith::host {

/// Which service a stream belongs to.
using OwnerId = std::uint16_t;
/// Protocols that inbound streams may ask for, and who gets them.
using ProtocolTable = std::map<std::string, OwnerId, std::less<>>;

// Inputs of a connection.
struct OpenFor {
  OwnerId owner;
  Open open;
};
struct CloseGracefully {};  // what runs may end, nothing more is accepted
/// To sessions alone.
struct SendMessageFor {
  OwnerId owner;
  SendMessage send;
};
using ConnectionInput = std::variant<OpenFor, Write, Finish, Reset, Consume, Prioritize,
                                     CloseGracefully, SendMessageFor, SendDatagram>;

// Outputs.
struct ConnectionUp {
  PeerId peer;
  crypto::PublicKey key;
  crypto::Hash256 handshake;
};
struct ConnectionFault {  // close the link; streams were told before
  Error error;
};
struct RoundTripMeasured {
  Duration rtt;
};
/// A stream's event, and whose it is.
struct Routed {
  OwnerId owner;
  ServiceEvent event;
};
using ConnectionOutput = std::variant<ConnectionUp, ConnectionFault, RoundTripMeasured, Routed>;
using ConnectionOutbox = base::Queue<ConnectionOutput>;

struct ConnectionConfig;  // host/connection.h
class ShapedLane;         // host/link_shaper.h

/// What a connection needs of its parent; all of it outlives the connection. The outbox is lent:
/// a parent drains a connection after each mutation, so one serves all connections and an idle
/// one holds no memory for outputs.
struct ConnectionContext {
  const ConnectionConfig& config;
  const ProtocolTable& protocols;
  Rng& rng;
  ConnectionOutbox& outbox;
  const ShapedLane* download = nullptr;  // null: no limit
};

/// A stream's number on its connection, as the muxer counts.
using LocalStream = std::uint32_t;

/// What carries the streams. Calls that name a stream which has ended are ignored.
class StreamMuxer {
 public:
  struct Opened {
    LocalStream stream;
    std::size_t room;  // bytes that write() may queue now
  };

  virtual Result<Opened> open(Instant now) = 0;
  /// REQUIRES: data.size() at most the room last told, less what was written since.
  virtual void write(Instant now, LocalStream stream, Buffer data) = 0;
  virtual void finish(Instant now, LocalStream stream) = 0;
  virtual void reset(Instant now, LocalStream stream) = 0;
  virtual void consume(Instant now, LocalStream stream, std::size_t bytes) = 0;

 protected:
  ~StreamMuxer() = default;
};

class StreamSet {
 public:
  StreamSet(const ConnectionContext& context, LinkId link) : context_(context), link_(link) {}
  LinkId link() const { return link_; }

  /// Whose streams they are. REQUIRES: before the first stream.
  void set_peer(const PeerId& peer, const crypto::Hash256& handshake);

  // --- the application ---
  /// Opens a stream and begins its negotiation; StreamUp or StreamOpenFailed follows.
  void open(Instant now, StreamMuxer& mux, OpenFor request);
  /// Says StreamOpenFailed: there is no connection to open one on.
  void refuse_open(const OpenFor& request, Error error);
  /// Before a write: takes the room that the owner believes in; false when the stream has gone.
  bool take_room(LocalStream stream, std::size_t bytes);

  // --- the muxer's events ---
  void on_accepted(Instant now, StreamMuxer& mux, LocalStream stream, std::size_t room);
  void on_bytes(Instant now, StreamMuxer& mux, LocalStream stream, ByteView data);
  void on_writable(LocalStream stream, std::size_t room);
  void on_finished(Instant now, StreamMuxer& mux, LocalStream stream);
  void on_closed(LocalStream stream, std::optional<Error> error);

  // --- time and the end ---
  void on_deadline(Instant now, StreamMuxer& mux);
  std::optional<Instant> next_deadline() const;
  /// The connection is lost: every stream ends with `error`.
  void end_all(const Error& error);

  std::size_t size() const { return streams_.size(); }
  const PeerId& peer() const { return peer_; }
  /// Deadlines of negotiations remembered: bounded, whatever stalls. For tests.
  std::size_t deadlines_kept() const { return negotiating_.size(); }

  static LocalStream local(StreamId id) { return static_cast<LocalStream>(id.value); }
  StreamId global(LocalStream id) const { return StreamId{link_.value << 32 | id}; }

 private:
  struct Stream {
    Direction direction = Direction::inbound;
    OwnerId owner = 0;
    bool is_up = false;                      // the owner knows of it
    bool is_refused = false;                 // we said no; what still comes is thrown away
    std::size_t room = 0;                    // bytes the owner may still queue
    std::optional<Token> token;              // until StreamUp or StreamOpenFailed
    std::unique_ptr<Negotiator> negotiator;  // until agreed
  };

  /// Feeds the stream's negotiator; returns what of `data` is the owner's, empty on failure.
  std::optional<ByteView> negotiate(Instant now, StreamMuxer& mux, LocalStream id, ByteView data);
  void begin_negotiation(Instant now, LocalStream id, Stream& stream, Negotiator negotiator);
  void on_agreed(LocalStream id, Stream& stream, std::string protocol);
  void tell_up(LocalStream id, Stream& stream, std::string protocol);
  void tell_end(LocalStream id, const Stream& stream, std::optional<Error> error);
  void flush_negotiator(Instant now, StreamMuxer& mux, LocalStream id, Stream& stream);
  void refuse_stream(Instant now, StreamMuxer& mux, LocalStream id, Stream& stream);
  void fail_negotiation(Instant now, StreamMuxer& mux, LocalStream id, Error error);
  bool is_negotiating(LocalStream id) const;
  void forget_negotiated();
  void say(OwnerId owner, ServiceEvent event) {
    context_.outbox.push_back(Routed{owner, std::move(event)});
  }

  const ConnectionContext& context_;
  LinkId link_;
  PeerId peer_;
  crypto::Hash256 handshake_{};
  std::map<LocalStream, Stream> streams_;
  // One timeout for all, so the order of starting is the order of expiry.
  base::Queue<std::pair<Instant, LocalStream>> negotiating_;
  std::size_t negotiating_count_ = 0;
};

}  // namespace kith::host
