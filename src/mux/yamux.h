// yamux (libp2p specs/yamux, hashicorp/yamux spec): many flow-controlled streams over one ordered
// byte stream. One object is one side of one session, a ByteMachine without a wire of its own:
// on_bytes() takes decrypted bytes in any cut, poll_transmit() writes frames to be sealed.
//
// Flow control: every stream begins with 256 KiB of window each way. What the application says it
// consumed is granted again; a window that empties within two round trips doubles, up to
// `receive_window_max`, and none grows once all together reach `receive_window_session_max`. The
// first 256 KiB of a stream cannot be refused, so the session's limit also holds for the bytes that
// wait unconsumed: a stream that would break it is reset.
// Deviations: a small overrun of a window is forgiven (window_overrun_max). Limits are in
// YamuxConfig; a peer that breaks one is reported.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/machine.h"
#include "mux/output_queue.h"
#include "mux/seen_ids.h"
#include "mux/yamux_stream.h"

namespace kith::mux {

/// yamux's own stream number: odd from the dialling side, even from the accepting side.
using YamuxStreamId = std::uint32_t;

inline constexpr std::size_t yamux_header_bytes = 12;
inline constexpr std::uint32_t yamux_window_initial = 256 * 1024;

struct YamuxConfig {
  std::uint32_t receive_window_max = 16 * 1024 * 1024;          // bytes, per stream
  std::uint64_t receive_window_session_max = 64 * 1024 * 1024;  // bytes, over all streams
  // Bytes a peer may send beyond a stream's window before it is a fault. js-libp2p (yamux 8.0)
  // takes a frame from its window only after handing it on, and overruns by a frame when a window
  // update comes in between; go and rust end such a connection.
  std::uint32_t window_overrun_max = 256 * 1024;
  std::size_t streams_inbound_max = 1024;   // open at once; beyond: the new stream is reset
  std::size_t streams_outbound_max = 1024;  // open at once; beyond: OpenFailed
  std::size_t backlog_max = 256;            // opened by us and not yet acknowledged
  std::size_t frame_payload_bytes_max =
      65535 - 16 - yamux_header_bytes;            // one frame, one Noise message
  std::size_t send_queue_bytes_max = 256 * 1024;  // per stream: what WriteStream may have waiting
  std::size_t control_frames_max = 1024;  // waiting to go out; above: wants_bytes() is false
  std::size_t resets_max = 1000;          // inbound streams reset within 10 s; above: a fault
  Duration keepalive_interval = 30s;      // a ping after so long without bytes from the peer
  Duration keepalive_timeout = 20s;       // and then not a byte for so long: a fault
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
/// Half or more of the queue is free, and the application believes in less: `room` replaces what
/// it was told before, less what it has written since.
struct StreamWritable {
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

struct FrameHeader;  // mux/yamux_frame.h

class Yamux {
 public:
  struct Input : std::variant<OpenStream, WriteStream, FinishStream, ResetStream, ConsumeStream,
                              GoAway, PingPeer> {
    using variant::variant;
    Input(const Input&);
    Input& operator=(const Input&);
    Input(Input&&) noexcept;
    Input& operator=(Input&&) noexcept;
    ~Input();
  };
  struct Output
      : std::variant<Opened, OpenFailed, Accepted, StreamBytes, StreamWritable, StreamFinished,
                     StreamClosed, RoundTrip, PeerGoneAway, SessionFault> {
    using variant::variant;
    Output(const Output&);
    Output& operator=(const Output&);
    Output(Output&&) noexcept;
    Output& operator=(Output&&) noexcept;
    ~Output();
  };

  Yamux(const YamuxConfig& config, Direction direction, Instant now);  // config outlives it
  ~Yamux();
  Yamux(Yamux&&) noexcept;

  void on_input(Instant now, Input);
  void on_deadline(Instant now);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() const;

  /// Takes all of `plaintext`; a frame may be cut anywhere.
  std::size_t on_bytes(Instant now, ByteView plaintext);
  /// Writes whole frames, as many as fit: control first, then streams in turn. May leave outputs
  /// (StreamWritable, StreamClosed): drain after it.
  std::size_t poll_transmit(Instant now, ByteSpan out);

  bool has_transmit() const;
  /// False while too many control frames wait: read no more until some have gone (A43). False for
  /// good once the session has ended.
  bool wants_bytes() const;
  std::size_t stream_count() const { return streams_.size(); }

  /// The connection underneath is lost: ends every stream with `error`, and the session in silence.
  /// Inputs that name a stream which has ended are ignored, here as everywhere.
  void shut_down(Instant now, Error error);

 private:
  using Stream = YamuxStream;
  class FrameWriter;
  struct Ping {
    enum class Phase : std::uint8_t { none, queued, sent };
    Phase phase = Phase::none;
    std::uint32_t opaque = 0;
    Instant asked_at;
    Instant sent_at;
  };

  // yamux.cpp: commands, the life of streams and of the session.
  void advance(Instant now);
  void open(std::uint64_t token);
  void write(WriteStream& write);
  void finish(YamuxStreamId id);
  void reset(Instant now, YamuxStreamId id);
  void consume(Instant now, const ConsumeStream& consumed);
  void grow_window(Instant now, Stream& stream);
  void start_ping(Instant now);
  Stream& add_stream(YamuxStreamId id, bool is_inbound);
  void reset_stream(Stream& stream, Error error);
  void end_stream(Stream& stream, std::optional<Error> error);
  void end_session(const Error& stream_error);
  void fault(Code code, std::string sentence);
  bool is_own(YamuxStreamId id) const { return (id & 1) == (first_own_id_ & 1); }

  // yamux_receive.cpp: frames in.
  bool take_header(ByteView& rest);
  void take_payload(ByteView& rest);
  void on_stream_frame(Instant now, const FrameHeader& header);
  void on_data(Stream& stream, const FrameHeader& header);
  void on_window_update(Stream& stream, const FrameHeader& header);
  void on_ping(Instant now, const FrameHeader& header);
  void on_go_away(const FrameHeader& header);
  Stream* accept(Instant now, const FrameHeader& header);
  void refuse(Instant now, YamuxStreamId id);
  void count_reset(Instant now);
  void discard(const FrameHeader& header);
  void on_peer_reset(Instant now, Stream& stream, const FrameHeader& header);
  void on_peer_finished(Stream& stream);

  // yamux_transmit.cpp: frames out.
  void write_session_control(Instant now, FrameWriter& writer);
  void write_stream_control(FrameWriter& writer);
  void write_streams(FrameWriter& writer);
  bool write_data(FrameWriter& writer, Stream& stream);
  void write_finish(FrameWriter& writer, Stream& stream);
  std::uint16_t take_flags(Stream& stream);
  std::size_t control_frames() const;

  const YamuxConfig& config_;
  const YamuxStreamId first_own_id_;
  YamuxStreamId next_own_id_;
  Instant now_;
  OutputQueue<Output> outputs_;
  bool has_ended_ = false;
  bool peer_gone_away_ = false;
  bool gone_away_ = false;  // we accept no more streams
  std::optional<GoAwayCode> go_away_queued_;

  YamuxStreamTable streams_;
  YamuxStreamList<&Stream::ready> ready_;      // has something to send and the window for it
  YamuxStreamList<&Stream::control> control_;  // owes a window update, SYN or ACK
  SeenIds seen_ids_;                           // the peer's
  std::size_t inbound_count_ = 0;
  std::size_t inbound_unacknowledged_ = 0;
  std::size_t outbound_unacknowledged_ = 0;
  std::uint64_t windows_total_ = 0;                         // bytes, over all streams
  std::uint64_t unconsumed_total_ = 0;                      // bytes, over all streams
  std::uint64_t discard_allowance_ = yamux_window_initial;  // bytes for streams that are gone

  // The frame being received.
  std::array<std::uint8_t, yamux_header_bytes> header_{};
  std::uint8_t header_used_ = 0;
  bool payload_finishes_ = false;  // FIN, once the payload is complete
  std::uint32_t payload_left_ = 0;
  Stream* payload_stream_ = nullptr;  // null: the payload is thrown away

  // Control that belongs to no stream.
  std::vector<YamuxStreamId> resets_;
  std::vector<std::uint32_t> pongs_;
  Instant pongs_spent_until_;  // the ping budget, as the time at which it is whole again
  std::size_t resets_counted_ = 0;
  Instant resets_counted_since_;
  Ping ping_;
  std::optional<Duration> round_trip_;
  Instant round_trip_at_;
  Instant received_at_;
  Instant keepalive_at_;
};

}  // namespace kith::mux
