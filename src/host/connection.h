// One connection: a raw link made into authenticated streams. The stack, from the wire up:
//
//   [pnet]  multistream "/noise"  Noise XX  [multistream "/yamux/1.0.0"]  yamux  streams
//
// The last negotiation falls away when both sides named yamux inside the Noise handshake. Dialling
// sends the first proposal and the first Noise message together, so a dialled connection costs one
// round trip beyond TCP's before its streams may be used.
//
// Streams negotiate their own protocol and have owners (host/stream_set.h). Limits:
// `upgrade_timeout` from link to streams, `negotiate_timeout` a stream, `streams_negotiating_max`
// at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "host/negotiate.h"
#include "host/stream_set.h"
#include "host/world.h"
#include "mux/yamux.h"
#include "secure/noise.h"
#include "secure/pnet.h"

namespace kith::host {

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

class Connection {
 public:
  using OpenFor = host::OpenFor;
  using CloseGracefully = host::CloseGracefully;  // GoAway, then nothing more is accepted
  using Input = ConnectionInput;
  using Output = ConnectionOutput;
  using Outbox = ConnectionOutbox;
  using Context = ConnectionContext;

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
  std::size_t deadlines_kept() const { return streams_.deadlines_kept(); }

 private:
  enum class Phase : std::uint8_t { security, handshake, muxer, streams, dead };

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

  void drain_mux(Instant now);
  void fault(Error error);

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
  StreamSet streams_;
  Instant upgrade_deadline_;
};

}  // namespace kith::host
