// What a connection carries: streams, messages and datagrams, their flow control and their order of
// going out (docs/design/packet.md, "The three services"). It knows frames and no packets: fill()
// writes what goes next, and the notes of it come back by on_acked() or on_lost(). So it serves
// packets, and TCP, where all is acknowledged at once.
//
// Inputs that name a stream which has ended are ignored. Drain poll_output() after in, out and
// deadlines: fill() may free room (StreamWritable). Limits are in ServicesConfig; a peer that
// breaks one is `protocol`, and the connection is over. A peer that opens stream n has opened all
// below n that are its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "packet/frame.h"

namespace kith::packet {

struct ServicesConfig {
  std::uint64_t stream_window_initial = 256 * 1024, stream_window_max = 16 * 1024 * 1024;
  std::uint64_t window_initial = 1024 * 1024, window_max = 64 * 1024 * 1024;  // of the connection
  std::size_t streams_max = 1024;  // open at once, of each side
  std::size_t stream_queue_bytes_max = 1024 * 1024;
  std::size_t message_bytes_max = 16 * 1024 * 1024;
  std::size_t messages_sent_max = 1024;     // unacknowledged
  std::size_t messages_assembled_max = 64;  // of several packets, under way each way
  /// Without a byte of any stream or message. Longer than a connection lives without a sign of its
  /// peer: an outage that it outlives costs no message.
  Duration assembly_timeout = 90s;
  std::size_t datagram_queue_bytes_max = 256 * 1024;
  /// The connection's credit for what was consumed goes back by give_credit() alone.
  bool holds_credit = false;
  std::size_t gaps_max = 1024;  // of a stream or message, and more where runs are long
  bool compresses = false;      // when the peer does too; else compressed messages are a fault
};

using Importance = std::uint16_t;  // 0 to 1000, higher first
inline constexpr Importance importance_default = 500, importance_max = 1000;

struct MessageOptions {
  Importance importance = importance_default;
  std::optional<Instant> deadline = {};        // then it is given up
  std::optional<std::uint32_t> attempts = {};  // or after so many times sent, 255 at most
};

// Outputs; views live until forget_views(), or as long as the packet they were in. Of a compressed
// message until the next poll_output(): it is unpacked when it is given, and none beside it. One
// that does not unpack is not given, and `protocol` for the next frame.
struct StreamAccepted {
  StreamNumber stream;
  std::size_t room;
};
struct StreamBytes {
  StreamNumber stream;
  ByteView data;
};
struct StreamWritable {
  StreamNumber stream;
  std::size_t room;
};
struct StreamFinished {  // the peer half-closed: no more StreamBytes
  StreamNumber stream;
};
/// The peer wants no more of it (STOP_SENDING): what was queued is gone, what is written is
/// ignored.
struct StreamStopped {
  StreamNumber stream;
  std::uint16_t code;
};
/// Both sides have ended, `error` empty, or one gave the stream up: the number is gone. What was
/// not consumed counts as consumed.
struct StreamClosed {
  StreamNumber stream;
  const Error* error;  // or null; until the next output
};
struct MessageArrived {  // holds the window until consume_message()
  MessageNumber number;
  std::span<const ByteView> pieces;  // one after the other
};
struct MessageDone {  // of ours: acknowledged, or given up
  MessageNumber number;
  bool was_delivered;
};
struct DatagramArrived {
  ByteView data;
};
using ServicesOutput =
    std::variant<StreamAccepted, StreamBytes, StreamWritable, StreamFinished, StreamStopped,
                 StreamClosed, MessageArrived, MessageDone, DatagramArrived>;

// They go through several hands, by hundreds a packet.
static_assert(std::is_trivially_copyable_v<ServicesOutput>);

/// What an output tells, to be kept.
inline std::optional<Error> copy_of(const Error* error) {
  return error == nullptr ? std::nullopt : std::optional(*error);
}

/// The next packet, when it is a FRAGMENT: what its header and payload say.
struct FragmentOut {
  MessageNumber message;
  std::uint16_t index, total;
  bool is_compressed;
  std::uint32_t message_bytes;
  ByteView data;
  FrameNote note;
};

class Services {
 public:
  /// `config` outlives it.
  Services(const ServicesConfig& config, Direction direction);
  ~Services();

  // --- the application ---
  /// `limit`: streams_max of our own, or the peer's credit.
  Result<StreamNumber> open_stream(Importance importance);
  /// Bytes that write() takes now.
  std::size_t room(StreamNumber stream) const;
  /// REQUIRES: at most the room last told (of a new stream: room()), and not after finish().
  void write(StreamNumber stream, Buffer data);
  void finish(StreamNumber stream);
  /// Gives up both directions; StreamClosed follows.
  void reset(StreamNumber stream, std::uint16_t code);
  /// Wants no more bytes; those that come are thrown away. The other direction goes on.
  void stop_sending(StreamNumber stream, std::uint16_t code);
  void consume(Instant now, StreamNumber stream, std::size_t bytes);
  void set_importance(StreamNumber stream, Importance importance);
  /// `limit`: messages_sent_max, or the peer's credit, and then nothing is kept. `too_large` beyond
  /// message_bytes_max; an empty one is `usage`.
  Result<MessageNumber> send_message(Instant now, Buffer data, const MessageOptions& options);
  void consume_message(MessageNumber number);
  /// `too_large` beyond `datagram_bytes_max`.
  Result<void> send_datagram(Buffer data);
  std::optional<ServicesOutput> poll_output();

  // --- what the peer allows at the start, from its parameters ---
  void on_parameters(std::uint64_t window, std::uint64_t stream_window, std::uint64_t streams,
                     std::uint64_t messages, std::size_t datagram_bytes_max,
                     bool compresses = false);

  // --- in ---
  /// A new batch begins: nobody looks any more at what outputs showed before. What is given between
  /// two of these stays where it is.
  void forget_views();
  /// Nothing has come or gone for long: gives back memory that only traffic needs.
  void release();
  /// `protocol`: the connection is over. Frames that are not of streams, messages, datagrams or
  /// credit are not for it.
  Result<void> on_frame(Instant now, const Frame& frame);
  Result<void> on_fragment(Instant now, const Header& header, ByteView payload);
  /// The credit of the whole connection, out of a header.
  void on_window(std::uint16_t wire);

  // --- out ---
  /// Something may go now.
  bool has_pending() const;
  /// Nothing that the peer must hear is unsaid or unacknowledged, credit aside.
  bool is_all_acknowledged() const;
  std::uint16_t window() const;  // for the next header
  /// For one packet's payload of `room` bytes; `room_max` is that of the path's longest packets. To
  /// be asked before fill(), whose turn it is when nothing comes: at most one is given of fragment
  /// and frames.
  std::optional<FragmentOut> next_fragment(Instant now, std::size_t room, std::size_t room_max);
  /// Appends to `notes` what must be heard. A packet wants an acknowledgement when there are notes,
  /// or a DATAGRAM, which a packet of type ACK could not have (FrameWriter::fits). Whether some of
  /// it was lost before. What a payload of `room_max` bytes would hold and this one does not is
  /// left for another packet.
  bool fill(Instant now, FrameWriter& writer, std::size_t room_max, std::vector<FrameNote>& notes);
  void on_acked(Instant now, std::span<const FrameNote> notes);
  void on_lost(Instant now, std::span<const FrameNote> notes);
  void set_round_trip(Duration round_trip);  // windows grow by it
  /// With `holds_credit`: bytes that the peer might send more, and gives it some of them.
  std::uint64_t held_credit() const;
  void give_credit(Instant now, std::uint64_t bytes);

  void on_deadline(Instant now);
  std::optional<Instant> next_deadline() const;
  /// Ends every stream with `error` and every message; nothing goes out any more.
  void shut_down(const Error& error);

  /// What is held, for tests and statistics.
  struct Held {
    std::size_t streams = 0, messages_out = 0, messages_assembled = 0, messages_unconsumed = 0;
    std::uint64_t sent = 0, sent_limit = 0;  // of the connection's credit
    std::uint64_t received = 0, returned = 0, received_limit = 0;
  };
  Held held() const;

 private:
  struct Impl;
  Impl& impl();

  const ServicesConfig* config_;
  std::unique_ptr<Impl> impl_;  // made with the first use: idle costs 48 bytes
  // The peer's parameters, until then.
  std::uint64_t peer_window_ = 0;
  std::uint64_t peer_stream_window_ = 0;
  std::uint32_t peer_streams_ = 0, peer_messages_ = 0, peer_datagram_bytes_ = 0;
  Direction direction_;
  bool peer_compresses_ = false;
};

}  // namespace kith::packet
