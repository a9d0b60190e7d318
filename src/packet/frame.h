// The frames inside sealed packets (docs/protocol/packet-frames.md, every byte;
// docs/design/packet.md, "Frames"): decoded one by one from the front by FrameCursor, as views into
// the packet; written by FrameWriter, which never writes a frame in part.
//
// One value has one encoding, and every number is below 2^62. A frame that is unknown, cut, written
// in another way or in a packet type that may not have it is `protocol`: sealed bytes come from the
// peer itself. Nothing here allocates but the sentence of such a fault.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <variant>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "packet/header.h"
#include "packet/packet_number.h"
#include "packet/range_set.h"

namespace kith::packet {

using StreamNumber = std::uint32_t;  // odd: opened by the initiator
using MessageNumber = std::uint64_t;

/// Numbers in frames are below it.
inline constexpr std::uint64_t frame_number_end = std::uint64_t{1} << 62;
/// Streams are numbered in 32 bits, half of them each side's.
inline constexpr std::uint64_t streams_in_all_max = std::uint64_t{1} << 31;
inline constexpr std::uint64_t message_total_max = 16 * 1024 * 1024;
inline constexpr std::size_t ack_ranges_max = 32;
/// More than an hour is no delay of an acknowledgement.
inline constexpr std::uint64_t ack_delay_us_max = 0xffff'ffff;
inline constexpr std::size_t close_reason_bytes_max = 256;
/// Bytes that a number takes in a frame.
inline std::size_t frame_number_size(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}
using PingData = std::array<std::uint8_t, 8>;
using ResetToken = std::array<std::uint8_t, 16>;

struct PaddingFrame {};
struct AckFrame {
  Duration delay{};
  std::array<NumberRange, ack_ranges_max>
      ranges{};  // downwards; the first ends at the header's ack
  std::size_t count = 0;
  bool has_ecn = false;
  std::uint64_t ect0 = 0, ect1 = 0, congested = 0;
};
struct StreamFrame {
  StreamNumber stream = 0;
  std::uint64_t offset = 0;
  ByteView data;
  bool is_end = false;
};
struct ResetStreamFrame {
  StreamNumber stream;
  std::uint16_t code;
  std::uint64_t final_size;
};
struct StopSendingFrame {
  StreamNumber stream;
  std::uint16_t code;
};
struct MessageFrame {  // whole, or a part
  MessageNumber number;
  std::uint64_t total;
  std::uint64_t offset;
  ByteView data;
  bool is_compressed;
};
struct MessageGoneFrame {
  MessageNumber number;
  std::uint64_t total;  // 0: no part of it was ever sent
};
struct DatagramFrame {
  ByteView data;
};
enum class CreditKind : std::uint8_t { stream, streams, messages };
struct CreditFrame {
  CreditKind kind;
  StreamNumber stream;
  std::uint64_t limit;
};
/// What holds a sender back; on the wire. `connection`: a message that waits for credit of all its
/// bytes, and `limit` is what it needs; else the limit that is reached.
enum class BlockedKind : std::uint8_t { stream = 0, streams = 1, messages = 2, connection = 3 };
struct BlockedFrame {
  BlockedKind kind;
  StreamNumber stream;  // 0 but for `stream`
  std::uint64_t limit;
};
struct SessionFrame {
  std::uint64_t offset;
  ByteView data;
};
struct NewIdFrame {
  std::uint64_t sequence;
  ConnectionId id;
  ResetToken token;
};
struct RetireIdFrame {
  std::uint64_t sequence;
};
struct PingFrame {
  PingData data;
  bool is_answer;
};
struct FinFrame {};
struct CloseFrame {
  std::uint16_t code;
  ByteView reason;
};
using Frame =
    std::variant<PaddingFrame, AckFrame, StreamFrame, ResetStreamFrame, StopSendingFrame,
                 MessageFrame, MessageGoneFrame, DatagramFrame, CreditFrame, BlockedFrame,
                 SessionFrame, NewIdFrame, RetireIdFrame, PingFrame, FinFrame, CloseFrame>;

/// The frames of one payload, one after the other, without a copy of what they hold.
class FrameCursor {
 public:
  /// `header` says the type (not every frame may be in each) and whether there is an ack, which is
  /// `acked`.
  FrameCursor(const Header& header, PacketNumber acked, ByteView payload)
      : type_(header.type), has_ack_(header.has(flag_ack)), acked_(acked), rest_(payload) {}

  /// The next frame, good until the next call; null at the end. `protocol` for what no peer may
  /// say; then nothing follows.
  Result<const Frame*> next();
  ByteView rest() const { return rest_; }

 private:
  PacketType type_;
  bool has_ack_;
  PacketNumber acked_;
  ByteView rest_;
  Frame frame_;
};

/// What a packet carried, so that it can be said again or counted as heard. 16 bytes.
struct FrameNote {
  enum class Kind : std::uint8_t {
    stream,
    stream_reset,
    stop_sending,
    message,
    message_gone,
    credit,
    session,
    new_id,
    retire_id,
    ack
  };
  Kind kind;
  std::uint8_t flags;  // 1: end of the stream
  std::uint16_t bytes;
  std::uint32_t id;      // stream, or low part of the message's number
  std::uint64_t offset;  // or the limit, or the sequence; of an ack: the highest told
};
static_assert(sizeof(FrameNote) == 16);

/// Writes frames to the front of a payload. A STREAM frame that fills the room to its end says no
/// length: what stands behind the room is then no part of the payload.
class FrameWriter {
 public:
  explicit FrameWriter(ByteSpan room) : room_(room) {}
  std::size_t size() const { return used_; }
  std::size_t room() const { return room_.size() - used_; }
  /// False, and nothing written, when it does not fit. REQUIRES: what FrameCursor would take.
  bool write(const Frame& frame);
  /// The front of a STREAM frame with as many bytes of data behind it as fit, at most `bytes_max`;
  /// the caller copies them there. Empty when not one fits. `is_end` counts when `bytes_max` of
  /// them do. REQUIRES: bytes_max > 0; without data: write().
  ByteSpan begin_stream(StreamNumber stream, std::uint64_t offset, std::size_t bytes_max,
                        bool is_end);
  /// The same of a MESSAGE, or of a MESSAGE_PART where it is not all of the message.
  ByteSpan begin_message(MessageNumber number, std::uint64_t total, std::uint64_t offset,
                         std::size_t bytes_max, bool is_compressed);
  /// Whether a packet of `type` may have all that was written.
  bool fits(PacketType type) const { return ((types_ >> static_cast<unsigned>(type)) & 1U) != 0; }

 private:
  ByteSpan begin(std::size_t bytes, std::uint8_t code);

  ByteSpan room_;
  std::size_t used_ = 0;
  std::uint16_t types_ = 0xffff;  // bit: PacketType
};

}  // namespace kith::packet
