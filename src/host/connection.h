// One connection: a raw link made into authenticated streams. The stack, from the wire up:
//
//   [pnet]  multistream "/noise"  Noise XX  [multistream "/yamux/1.0.0"]  yamux  streams
//
// The last negotiation falls away when both sides named yamux inside the Noise handshake. Dialling
// sends the first proposal and the first Noise message together, so a dialled connection costs one
// round trip beyond TCP's before its streams may be used.
//
// Streams negotiate their own protocol; the owner of a stream (a number the host gives to each
// service) travels with its events. Limits: `upgrade_timeout` from link to streams,
// `negotiate_timeout` a stream, `streams_negotiating_max` at once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/queue.h"
#include "host/negotiate.h"
#include "host/service.h"
#include "host/world.h"
#include "mux/yamux.h"
#include "secure/noise.h"
#include "secure/pnet.h"

namespace kith::host {

/// Which service a stream belongs to.
using OwnerId = std::uint16_t;
/// Protocols that inbound streams may ask for, and who gets them.
using ProtocolTable = std::map<std::string, OwnerId, std::less<>>;

inline constexpr std::string_view noise_protocol = "/noise";
inline constexpr std::string_view yamux_protocol = "/yamux/1.0.0";

struct ConnectionConfig {
  secure::NoiseIdentity noise;
  mux::YamuxConfig yamux;
  std::optional<secure::PresharedKey> network_key;  // private network: all peers or none
  Duration upgrade_timeout = 10s;
  Duration negotiate_timeout = 10s;
  std::size_t streams_negotiating_max = 256;
};

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

class Connection {
 public:
  struct OpenFor {
    OwnerId owner;
    Open open;
  };
  struct CloseGracefully {};  // GoAway, then nothing more is accepted
  using Input = std::variant<OpenFor, Write, Finish, Reset, Consume, CloseGracefully>;
  using Output = std::variant<ConnectionUp, ConnectionFault, RoundTripMeasured, Routed>;

  using Outbox = base::Queue<Output>;

  /// What a connection needs of its parent; all of it outlives the connection. The outbox is lent:
  /// a parent drains a connection after each mutation, so one serves all connections and an idle
  /// one holds no memory for outputs.
  struct Context {
    const ConnectionConfig& config;
    const ProtocolTable& protocols;
    Rng& rng;
    Outbox& outbox;
  };

  Connection(const Context& context, LinkId link, Direction direction,
             std::optional<PeerId> expected, Instant now);

  void on_input(Instant now, Input input);
  void on_deadline(Instant now);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() const;

  std::size_t on_bytes(Instant now, ByteSpan bytes);
  std::size_t poll_transmit(Instant now, ByteSpan room);
  bool has_transmit() const;
  bool wants_bytes() const;

  /// The link is gone: every stream ends with `error`.
  void shut_down(Instant now, const Error& error);

  bool is_up() const { return phase_ == Phase::streams; }
  /// Up, and the peer has not said that it opens and accepts no more streams.
  bool takes_streams() const { return is_up() && !peer_gone_away_; }
  std::size_t stream_count() const { return streams_.size(); }
  /// Deadlines of negotiations remembered: bounded, whatever stalls. For tests.
  std::size_t deadlines_kept() const { return negotiating_.size(); }

 private:
  enum class Phase : std::uint8_t { security, handshake, muxer, streams, dead };

  struct Stream {
    Direction direction = Direction::inbound;
    OwnerId owner = 0;
    bool is_up = false;                      // the owner knows of it
    bool is_refused = false;                 // we said no; what still comes is thrown away
    std::size_t room = 0;                    // bytes the owner may still queue
    std::optional<Token> token;              // until StreamUp or StreamOpenFailed
    std::unique_ptr<Negotiator> negotiator;  // until agreed
  };
  using Streams = std::map<mux::YamuxStreamId, Stream>;

  std::size_t take(Instant now, ByteSpan bytes);
  std::size_t take_security(ByteSpan bytes);
  std::size_t take_noise(Instant now, ByteSpan bytes);
  void on_established(Instant now, secure::Established established);
  void on_plaintext(Instant now, ByteView data);
  void start_streams(Instant now);
  std::size_t transmit_plain(Instant now, ByteSpan room);
  std::size_t transmit_sealed(Instant now, ByteSpan room);
  std::size_t transmit_inner(Instant now, ByteSpan room);
  std::size_t take_plain_output(ByteSpan room);

  void open_stream(Instant now, OpenFor request);
  void drain_mux(Instant now);
  void on_stream_opened(Instant now, const mux::Opened& opened);
  void on_stream_accepted(Instant now, const mux::Accepted& accepted);
  void on_stream_bytes(Instant now, mux::YamuxStreamId id, ByteView data);
  /// Feeds the stream's negotiator; returns what of `data` is the owner's, empty on failure.
  std::optional<ByteView> negotiate(Instant now, mux::YamuxStreamId id, ByteView data);
  void on_agreed(mux::YamuxStreamId id, Stream& stream, std::string protocol);
  void tell_up(mux::YamuxStreamId id, Stream& stream, std::string protocol);
  void flush_negotiator(Instant now, mux::YamuxStreamId id, Stream& stream);
  void refuse_stream(Instant now, mux::YamuxStreamId id, Stream& stream);
  void fail_negotiation(Instant now, mux::YamuxStreamId id, Error error);
  void on_stream_closed(mux::YamuxStreamId id, std::optional<Error> error);
  void fault(Error error);
  void say(OwnerId owner, ServiceEvent event) {
    context_.outbox.push_back(Routed{owner, std::move(event)});
  }
  bool is_negotiating(mux::YamuxStreamId id) const;
  void forget_negotiated();

  StreamId global(mux::YamuxStreamId id) const { return StreamId{link_.value << 32 | id}; }

  const Context& context_;
  LinkId link_;
  Direction direction_;
  Phase phase_ = Phase::security;
  bool peer_gone_away_ = false;
  std::optional<secure::PnetStream> pnet_;
  bool pnet_nonce_sent_ = false;
  std::size_t pnet_opened_ =
      0;  // bytes at the front of the next on_bytes that are decrypted already
  std::unique_ptr<Negotiator> negotiator_;  // of the security protocol, then of the muxer
  Bytes plain_output_;                      // its messages, not yet sent
  secure::Noise noise_;
  std::optional<mux::Yamux> mux_;
  std::optional<ConnectionUp> up_;  // between authentication and streams
  PeerId peer_;
  crypto::Hash256 handshake_{};
  Streams streams_;
  // Opens that yamux has not answered yet; it answers within the turn.
  std::map<std::uint64_t, OpenFor> opening_;
  std::uint64_t next_opening_ = 0;
  // One timeout for all, so the order of starting is the order of expiry.
  base::Queue<std::pair<Instant, mux::YamuxStreamId>> negotiating_;
  std::size_t negotiating_count_ = 0;
  Instant upgrade_deadline_;
};

}  // namespace kith::host
