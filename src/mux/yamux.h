// yamux (libp2p specs/yamux, hashicorp/yamux spec): many flow-controlled streams over one ordered
// byte stream. One object is one side of one session, a ByteMachine without a wire of its own:
// on_bytes() takes decrypted bytes in any cut, poll_transmit() writes frames to be sealed.
//
// Flow control: every stream begins with 256 KiB of window each way. What the application says it
// consumed is granted again; a window that empties within two round trips doubles, up to
// `receive_window_max`, and all windows together stay under `receive_window_session_max`.
// Deviations: none on the wire. Limits are in YamuxConfig; a peer that breaks one is reported.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/machine.h"

namespace kith::mux {

/// yamux's own stream number: odd from the dialling side, even from the accepting side.
using YamuxStreamId = std::uint32_t;

inline constexpr std::size_t yamux_header_bytes = 12;
inline constexpr std::uint32_t yamux_window_initial = 256 * 1024;

struct YamuxConfig {
  std::uint32_t receive_window_max = 16 * 1024 * 1024;          // bytes, per stream
  std::uint64_t receive_window_session_max = 64 * 1024 * 1024;  // bytes, over all streams
  std::size_t streams_inbound_max = 1024;   // open at once; beyond: the new stream is reset
  std::size_t streams_outbound_max = 1024;  // open at once; beyond: OpenFailed
  std::size_t backlog_max = 256;            // opened by us and not yet acknowledged
  std::size_t frame_payload_bytes_max = 65535 - 16 - yamux_header_bytes;  // one frame, one Noise message
  std::size_t send_queue_bytes_max = 256 * 1024;  // per stream: what WriteStream may have waiting
  std::size_t control_frames_max = 1024;    // waiting to go out; above: wants_bytes() is false
  std::size_t resets_max = 1000;            // inbound streams reset within 10 s; above: a fault
  Duration keepalive_interval = 30s;        // a ping after so long without bytes from the peer
  Duration keepalive_timeout = 20s;         // no answer for so long: a fault
};

/// Why a session ends; on the wire in GoAway, never renumber.
enum class GoAwayCode : std::uint32_t { normal = 0, protocol_error = 1, internal_error = 2 };

// Inputs.
struct OpenStream {
  std::uint64_t token;  // comes back in Opened or OpenFailed
};
/// Queues `data`; REQUIRES: data.size() at most the room last told of the stream.
struct WriteStream {
  YamuxStreamId stream;
  Buffer data;
};
struct FinishStream {  // half-close: FIN once what is queued has gone
  YamuxStreamId stream;
};
struct ResetStream {
  YamuxStreamId stream;
};
/// The application is done with so many received bytes: grants window again.
struct ConsumeStream {
  YamuxStreamId stream;
  std::size_t bytes;
};
struct GoAway {
  GoAwayCode code;
};
/// Measures the round trip; the answer is RoundTrip.
struct PingPeer {};

// Outputs.
struct Opened {  // ours: usable at once, yamux does not wait for the acknowledgement
  std::uint64_t token;
  YamuxStreamId stream;
  std::size_t room;  // bytes that WriteStream may queue now
};
struct OpenFailed {
  std::uint64_t token;
  Error error;
};
struct Accepted {  // the peer's
  YamuxStreamId stream;
  std::size_t room;
};
struct StreamBytes {
  YamuxStreamId stream;
  ByteView data;  // valid until the next mutation
};
struct StreamWritable {  // the queue has fallen to half or less after having been fuller
  YamuxStreamId stream;
  std::size_t room;
};
struct StreamFinished {  // the peer half-closed: no more StreamBytes
  YamuxStreamId stream;
};
/// Both sides have finished or one has reset: the id is gone. `error` empty after a clean end.
struct StreamClosed {
  YamuxStreamId stream;
  std::optional<Error> error;
};
struct RoundTrip {
  Duration rtt;
};
struct PeerGoneAway {  // the peer opens and accepts no more streams
  GoAwayCode code;
};
struct SessionFault {  // the peer broke a rule; a GoAway(protocol_error) is queued, then close
  Error error;
};

class Yamux {
 public:
  using Input = std::variant<OpenStream, WriteStream, FinishStream, ResetStream, ConsumeStream,
                             GoAway, PingPeer>;
  using Output = std::variant<Opened, OpenFailed, Accepted, StreamBytes, StreamWritable,
                              StreamFinished, StreamClosed, RoundTrip, PeerGoneAway, SessionFault>;

  Yamux(const YamuxConfig& config, Direction direction, Instant now);  // config outlives it
  ~Yamux();
  Yamux(Yamux&&) noexcept;

  void on_input(Instant now, Input);
  void on_deadline(Instant now);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() const;

  /// Takes all of `plaintext`; a frame may be cut anywhere.
  std::size_t on_bytes(Instant now, ByteSpan plaintext);
  /// Writes whole frames, as many as fit: control first, then streams in turn.
  std::size_t poll_transmit(Instant now, ByteSpan out);

  bool has_transmit() const;
  /// False while too many control frames wait: read no more until some have gone (A43).
  bool wants_bytes() const;
  std::size_t stream_count() const;

 private:
  // The implementer's.
};

}  // namespace kith::mux
