#include "packet/frame.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "base/endian.h"
#include "base/format.h"
#include "codec/varint.h"
#include "packet/frame_code.h"

namespace kith::packet {
namespace {

// --- reading -------------------------------------------------------------------------------------

/// Takes fields off the front. A read that fails leaves a sentence and answers false.
struct FrameFieldReader {
  ByteView rest;
  std::uint8_t code;
  std::string fault = {};

  [[gnu::cold, gnu::noinline]] bool refuse(std::string sentence) {
    fault = std::move(sentence);
    return false;
  }
  [[gnu::cold, gnu::noinline]] bool cut() {
    return refuse(
        base::format("frame {} is cut: {} bytes are left", name_of_code(code), rest.size()));
  }
  [[gnu::cold, gnu::noinline]] bool bad_varint() {
    const auto varint = codec::read_varint(rest);
    if (varint) {
      return refuse(base::format("frame {} has the number {}, which is not below 2^62",
                                 name_of_code(code), varint->value));
    }
    return refuse(base::format("frame {}: {}", name_of_code(code), varint.error().message));
  }

  bool varint(std::uint64_t& value) {
    if (!rest.empty() && rest[0] < 0x80) {
      value = rest[0];
      rest = rest.subspan(1);
      return true;
    }
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < rest.size() && i < codec::varint_bytes_max; ++i) {
      const std::uint8_t byte = rest[i];
      sum |= std::uint64_t{byte & 0x7fU} << (7 * i);
      if (byte >= 0x80) continue;
      if (byte == 0 || sum >= frame_number_end) return bad_varint();
      value = sum;
      rest = rest.subspan(i + 1);
      return true;
    }
    return bad_varint();
  }
  template <class Int>
  bool big_endian(Int& value) {
    if (rest.size() < sizeof(Int)) return cut();
    value = base::load_big_endian<Int>(rest, 0);
    rest = rest.subspan(sizeof(Int));
    return true;
  }
  bool byte(std::uint8_t& value) { return big_endian(value); }
  bool bytes(std::uint64_t count, ByteView& view) {
    if (count > rest.size()) return cut();
    view = rest.first(static_cast<std::size_t>(count));
    rest = rest.subspan(view.size());
    return true;
  }
  bool sized(ByteView& view) {
    std::uint64_t count = 0;
    return varint(count) && bytes(count, view);
  }
  template <std::size_t size>
  bool copy(std::array<std::uint8_t, size>& to) {
    ByteView view;
    if (!bytes(size, view)) return false;
    std::memcpy(to.data(), view.data(), size);
    return true;
  }
  bool stream(StreamNumber& number) {
    std::uint64_t value = 0;
    if (!varint(value)) return false;
    if (value == 0 || value > 0xffff'ffff) {
      return refuse(base::format("frame {} of stream {}", name_of_code(code), value));
    }
    number = static_cast<StreamNumber>(value);
    return true;
  }
};

/// All behind it is 0 too.
bool read_padding(FrameFieldReader& in, Frame& frame) {
  if (!in.rest.empty() &&
      (in.rest[0] != 0 || std::memcmp(in.rest.data(), in.rest.data() + 1, in.rest.size() - 1))) {
    return in.refuse(base::format("a byte of {} behind PADDING is not 0", in.rest.size()));
  }
  in.rest = {};
  frame.emplace<PaddingFrame>();
  return true;
}

bool read_ack(FrameFieldReader& in, bool has_ack, PacketNumber acked, Frame& frame) {
  AckFrame& ack = frame.emplace<AckFrame>();
  std::uint64_t delay = 0, length = 0;
  std::uint8_t more = 0;
  if (!in.varint(delay) || !in.byte(more) || !in.varint(length)) return false;
  if (!has_ack) return in.refuse("frame ACK in a packet whose header has no ack");
  if (delay > ack_delay_us_max) {
    return in.refuse(base::format("frame ACK with a delay of {} us", delay));
  }
  if (more >= ack_ranges_max) {
    return in.refuse(base::format("frame ACK of {} ranges, limit {}", more + 1, ack_ranges_max));
  }
  PacketNumber last = acked;
  for (std::size_t i = 0;; ++i) {
    if (length > last) {
      return in.refuse(base::format("range {} of ACK has {} packets below {}", i, length, last));
    }
    ack.ranges[i] = {last - length, last};
    if (i == more) break;
    std::uint64_t gap = 0;
    const PacketNumber low = last - length;
    if (!in.varint(gap) || !in.varint(length)) return false;
    // A gap of g leaves out g + 1 packets: ranges never touch.
    if (low < 2 || gap > low - 2) {
      return in.refuse(base::format("gap {} of ACK is {} below packet {}", i, gap, low));
    }
    last = low - gap - 2;
  }
  ack.count = std::size_t{more} + 1;
  ack.delay = std::chrono::microseconds(delay);
  ack.has_ecn = in.code == code_ack_ecn;
  if (!ack.has_ecn) return true;
  return in.varint(ack.ect0) && in.varint(ack.ect1) && in.varint(ack.congested);
}

bool read_stream(FrameFieldReader& in, Frame& frame) {
  StreamFrame& stream = frame.emplace<StreamFrame>();
  if (!in.stream(stream.stream) || !in.varint(stream.offset)) return false;
  if ((in.code & stream_length_bit) != 0) {
    if (!in.sized(stream.data)) return false;
  } else {
    stream.data = in.rest;
    in.rest = {};
  }
  stream.is_end = (in.code & stream_end_bit) != 0;
  if (stream.data.size() >= frame_number_end - stream.offset) {
    return in.refuse(base::format("stream {} has {} bytes at {}, beyond 2^62", stream.stream,
                                  stream.data.size(), stream.offset));
  }
  return true;
}

bool bad_total(FrameFieldReader& in, std::uint64_t total) {
  return in.refuse(base::format("frame {} of a message of {} bytes, limit {}",
                                name_of_code(in.code), total, message_total_max));
}

bool read_message_total(FrameFieldReader& in, std::uint64_t& total) {
  if (!in.varint(total)) return false;
  return (total > 0 && total <= message_total_max) || bad_total(in, total);
}

bool read_message(FrameFieldReader& in, Frame& frame) {
  MessageFrame& message = frame.emplace<MessageFrame>();
  message.is_compressed = (in.code & message_zstd_bit) != 0;
  message.offset = 0;
  if (!in.varint(message.number) || !read_message_total(in, message.total)) return false;
  if ((in.code & ~message_zstd_bit) == code_message) {
    return in.bytes(message.total, message.data);
  }
  if (!in.varint(message.offset) || !in.sized(message.data)) return false;
  if (message.offset >= message.total || message.data.empty() ||
      message.data.size() > message.total - message.offset) {
    return in.refuse(base::format("{} bytes at {} of message {}, which has {}", message.data.size(),
                                  message.offset, message.number, message.total));
  }
  if (message.data.size() == message.total) {
    return in.refuse(base::format("a part that is all of message {}", message.number));
  }
  return true;
}

bool read_credit(FrameFieldReader& in, Frame& frame) {
  CreditFrame& credit = frame.emplace<CreditFrame>();
  credit.kind = static_cast<CreditKind>(in.code - code_stream_credit);
  credit.stream = 0;
  if (credit.kind == CreditKind::stream && !in.stream(credit.stream)) return false;
  if (!in.varint(credit.limit)) return false;
  if (credit.kind == CreditKind::streams && credit.limit > streams_in_all_max) {
    return in.refuse(base::format("credit for {} streams, there are 2^31", credit.limit));
  }
  return true;
}

bool read_blocked(FrameFieldReader& in, Frame& frame) {
  BlockedFrame& blocked = frame.emplace<BlockedFrame>();
  std::uint8_t what = 0;
  std::uint64_t stream = 0;
  if (!in.byte(what) || !in.varint(stream) || !in.varint(blocked.limit)) return false;
  if (what > static_cast<std::uint8_t>(BlockedKind::connection)) {
    return in.refuse(base::format("frame BLOCKED by {}, which is unknown", what));
  }
  blocked.kind = static_cast<BlockedKind>(what);
  if ((blocked.kind == BlockedKind::stream) != (stream != 0) || stream > 0xffff'ffff) {
    return in.refuse(base::format("frame BLOCKED by {} of stream {}", what, stream));
  }
  blocked.stream = static_cast<StreamNumber>(stream);
  return true;
}

bool read_session(FrameFieldReader& in, Frame& frame) {
  SessionFrame& session = frame.emplace<SessionFrame>();
  if (!in.varint(session.offset) || !in.sized(session.data)) return false;
  if (session.data.empty() || session.data.size() >= frame_number_end - session.offset) {
    return in.refuse(
        base::format("frame SESSION of {} bytes at {}", session.data.size(), session.offset));
  }
  return true;
}

bool read_close(FrameFieldReader& in, Frame& frame) {
  CloseFrame& close = frame.emplace<CloseFrame>();
  if (!in.big_endian(close.code) || !in.sized(close.reason)) return false;
  if (close.reason.size() > close_reason_bytes_max) {
    return in.refuse(base::format("reason of {} bytes in CLOSE, limit {}", close.reason.size(),
                                  close_reason_bytes_max));
  }
  return true;
}

/// Frames of one connection's rare moments.
bool read_other(FrameFieldReader& in, Frame& frame) {
  switch (in.code) {
    case code_reset_stream: {
      auto& reset = frame.emplace<ResetStreamFrame>();
      return in.stream(reset.stream) && in.big_endian(reset.code) && in.varint(reset.final_size);
    }
    case code_stop_sending: {
      auto& stop = frame.emplace<StopSendingFrame>();
      return in.stream(stop.stream) && in.big_endian(stop.code);
    }
    case code_message_gone: {
      auto& gone = frame.emplace<MessageGoneFrame>();
      if (!in.varint(gone.number) || !in.varint(gone.total)) return false;
      return gone.total <= message_total_max || bad_total(in, gone.total);
    }
    case code_stream_credit:
    case code_streams_credit:
    case code_messages_credit: return read_credit(in, frame);
    case code_blocked: return read_blocked(in, frame);
    case code_session: return read_session(in, frame);
    case code_new_id: {
      auto& id = frame.emplace<NewIdFrame>();
      return in.varint(id.sequence) && in.big_endian(id.id.value) && in.copy(id.token);
    }
    case code_retire_id: return in.varint(frame.emplace<RetireIdFrame>().sequence);
    case code_ping:
    case code_pong: {
      auto& ping = frame.emplace<PingFrame>();
      ping.is_answer = in.code == code_pong;
      return in.copy(ping.data);
    }
    case code_fin: frame.emplace<FinFrame>(); return true;
    case code_close: return read_close(in, frame);
    default: UNREACHABLE();
  }
}

bool read_frame(FrameFieldReader& in, bool has_ack, PacketNumber acked, Frame& frame) {
  if ((in.code & ~3U) == code_stream) return read_stream(in, frame);
  switch (in.code) {
    case code_message:
    case code_message + 1:
    case code_message_part:
    case code_message_part + 1: return read_message(in, frame);
    case code_datagram: return in.sized(frame.emplace<DatagramFrame>().data);
    case code_padding: return read_padding(in, frame);
    case code_ack:
    case code_ack_ecn: return read_ack(in, has_ack, acked, frame);
    default: return read_other(in, frame);
  }
}

}  // namespace

Result<const Frame*> FrameCursor::next() {
  if (rest_.empty()) return nullptr;
  const std::uint8_t code = rest_[0];
  const std::uint16_t types = code < frame_codes ? types_of_code[code] : std::uint16_t{0};
  if ((types & type_bit(type_)) == 0) {
    rest_ = {};
    if (types == 0) return fail(Code::protocol, base::format("frame {:#04x} is unknown", code));
    return fail(Code::protocol, base::format("frame {} in a packet of type {}", name_of_code(code),
                                             name_of(type_)));
  }
  FrameFieldReader in{.rest = rest_.subspan(1), .code = code};
  if (!read_frame(in, has_ack_, acked_, frame_)) {
    rest_ = {};
    return fail(Code::protocol, std::move(in.fault));
  }
  rest_ = in.rest;
  return &frame_;
}

// --- writing -------------------------------------------------------------------------------------

namespace {

/// Writes fields one behind the other, where room was made for them.
struct FrameFieldWriter {
  std::uint8_t* at;

  FrameFieldWriter& varint(std::uint64_t value) {
    ASSERT(value < frame_number_end);
    for (; value >= 0x80; value >>= 7) *at++ = static_cast<std::uint8_t>(value | 0x80);
    *at++ = static_cast<std::uint8_t>(value);
    return *this;
  }
  FrameFieldWriter& byte(std::uint8_t value) {
    *at++ = value;
    return *this;
  }
  FrameFieldWriter& u16(std::uint16_t value) {
    return byte(static_cast<std::uint8_t>(value >> 8)).byte(static_cast<std::uint8_t>(value));
  }
  FrameFieldWriter& u32(std::uint32_t value) {
    return u16(static_cast<std::uint16_t>(value >> 16)).u16(static_cast<std::uint16_t>(value));
  }
  FrameFieldWriter& bytes(ByteView view) {
    if (!view.empty()) std::memcpy(at, view.data(), view.size());
    at += view.size();
    return *this;
  }
};

std::uint64_t micros_of(Duration delay) {
  const auto micros = static_cast<std::uint64_t>(std::max<std::int64_t>(delay / 1us, 0));
  return std::min(micros, ack_delay_us_max);
}

struct AckGap {
  std::uint64_t gap, length;
};
AckGap ack_gap(const AckFrame& ack, std::size_t index) {
  const NumberRange& above = ack.ranges[index - 1];
  const NumberRange& range = ack.ranges[index];
  ASSERT(range.first <= range.last && range.last + 2 <= above.first);
  return {above.first - range.last - 2, range.last - range.first};
}

std::size_t ack_size(const AckFrame& ack) {
  ASSERT(ack.count >= 1 && ack.count <= ack_ranges_max);
  std::size_t size = 1 + frame_number_size(micros_of(ack.delay)) + 1 +
                     frame_number_size(ack.ranges[0].count() - 1);
  for (std::size_t i = 1; i < ack.count; ++i) {
    const auto [gap, length] = ack_gap(ack, i);
    size += frame_number_size(gap) + frame_number_size(length);
  }
  if (!ack.has_ecn) return size;
  return size + frame_number_size(ack.ect0) + frame_number_size(ack.ect1) +
         frame_number_size(ack.congested);
}

void write_ack(FrameFieldWriter out, const AckFrame& ack) {
  out.varint(micros_of(ack.delay)).byte(static_cast<std::uint8_t>(ack.count - 1));
  out.varint(ack.ranges[0].count() - 1);
  for (std::size_t i = 1; i < ack.count; ++i) {
    const auto [gap, length] = ack_gap(ack, i);
    out.varint(gap).varint(length);
  }
  if (ack.has_ecn) out.varint(ack.ect0).varint(ack.ect1).varint(ack.congested);
}

/// Where a frame's fields go: nowhere when it does not fit.
template <class Begin>
class FramePut {
 public:
  explicit FramePut(Begin begin) : begin_(begin) {}

  bool operator()(const AckFrame& f) {
    if (!fits(ack_size(f), f.has_ecn ? code_ack_ecn : code_ack)) return false;
    write_ack(out_, f);
    return true;
  }
  bool operator()(const StreamFrame& f) {
    const unsigned code = code_stream | stream_length_bit | (f.is_end ? stream_end_bit : 0U);
    const std::size_t head = 1 + frame_number_size(f.stream) + frame_number_size(f.offset) +
                             frame_number_size(f.data.size());
    if (!fits(head + f.data.size(), code)) return false;
    out_.varint(f.stream).varint(f.offset).varint(f.data.size()).bytes(f.data);
    return true;
  }
  bool operator()(const ResetStreamFrame& f) {
    const std::size_t size = 3 + frame_number_size(f.stream) + frame_number_size(f.final_size);
    if (!fits(size, code_reset_stream)) return false;
    out_.varint(f.stream).u16(f.code).varint(f.final_size);
    return true;
  }
  bool operator()(const StopSendingFrame& f) {
    if (!fits(3 + frame_number_size(f.stream), code_stop_sending)) return false;
    out_.varint(f.stream).u16(f.code);
    return true;
  }
  bool operator()(const MessageGoneFrame& f) {
    const std::size_t size = 1 + frame_number_size(f.number) + frame_number_size(f.total);
    if (!fits(size, code_message_gone)) return false;
    out_.varint(f.number).varint(f.total);
    return true;
  }
  bool operator()(const DatagramFrame& f) {
    if (!fits(1 + frame_number_size(f.data.size()) + f.data.size(), code_datagram)) return false;
    out_.varint(f.data.size()).bytes(f.data);
    return true;
  }
  bool operator()(const CreditFrame& f) {
    const bool has_stream = f.kind == CreditKind::stream;
    const std::size_t size =
        1 + (has_stream ? frame_number_size(f.stream) : 0) + frame_number_size(f.limit);
    if (!fits(size, code_stream_credit + static_cast<unsigned>(f.kind))) return false;
    if (has_stream) out_.varint(f.stream);
    out_.varint(f.limit);
    return true;
  }
  bool operator()(const BlockedFrame& f) {
    const std::size_t size = 2 + frame_number_size(f.stream) + frame_number_size(f.limit);
    if (!fits(size, code_blocked)) return false;
    out_.byte(static_cast<std::uint8_t>(f.kind)).varint(f.stream).varint(f.limit);
    return true;
  }
  bool operator()(const SessionFrame& f) {
    const std::size_t head = 1 + frame_number_size(f.offset) + frame_number_size(f.data.size());
    if (!fits(head + f.data.size(), code_session)) return false;
    out_.varint(f.offset).varint(f.data.size()).bytes(f.data);
    return true;
  }
  bool operator()(const NewIdFrame& f) {
    if (!fits(1 + frame_number_size(f.sequence) + 4 + f.token.size(), code_new_id)) return false;
    out_.varint(f.sequence).u32(f.id.value).bytes(f.token);
    return true;
  }
  bool operator()(const RetireIdFrame& f) {
    if (!fits(1 + frame_number_size(f.sequence), code_retire_id)) return false;
    out_.varint(f.sequence);
    return true;
  }
  bool operator()(const PingFrame& f) {
    if (!fits(1 + f.data.size(), f.is_answer ? code_pong : code_ping)) return false;
    out_.bytes(f.data);
    return true;
  }
  bool operator()(const FinFrame&) { return fits(1, code_fin); }
  bool operator()(const CloseFrame& f) {
    ASSERT(f.reason.size() <= close_reason_bytes_max);
    const std::size_t size = 3 + frame_number_size(f.reason.size()) + f.reason.size();
    if (!fits(size, code_close)) return false;
    out_.u16(f.code).varint(f.reason.size()).bytes(f.reason);
    return true;
  }

 private:
  bool fits(std::size_t size, unsigned code) {
    const ByteSpan frame = begin_(size, static_cast<std::uint8_t>(code));
    if (frame.empty()) return false;
    out_.at = frame.data() + 1;
    return true;
  }

  Begin begin_;
  FrameFieldWriter out_{nullptr};
};

}  // namespace

/// Room for a frame of `bytes`, its code in place; empty when it does not fit.
ByteSpan FrameWriter::begin(std::size_t bytes, std::uint8_t code) {
  if (bytes > room()) return {};
  const ByteSpan frame = room_.subspan(used_, bytes);
  frame[0] = code;
  used_ += bytes;
  types_ &= types_of_code[code];
  return frame;
}

bool FrameWriter::write(const Frame& frame) {
  if (std::holds_alternative<PaddingFrame>(frame)) {
    const ByteSpan rest = begin(std::max<std::size_t>(room(), 1), code_padding);
    if (!rest.empty()) std::memset(rest.data(), 0, rest.size());
    return !rest.empty();
  }
  if (const auto* message = std::get_if<MessageFrame>(&frame)) {
    const FrameWriter before = *this;
    const ByteSpan data = begin_message(message->number, message->total, message->offset,
                                        message->data.size(), message->is_compressed);
    if (data.size() < message->data.size()) {
      *this = before;
      return false;
    }
    std::memcpy(data.data(), message->data.data(), data.size());
    return true;
  }
  FramePut put([this](std::size_t bytes, std::uint8_t code) { return begin(bytes, code); });
  return std::visit(
      [&put](const auto& f) -> bool {
        using F = std::remove_cvref_t<decltype(f)>;
        if constexpr (std::is_same_v<F, PaddingFrame> || std::is_same_v<F, MessageFrame>) {
          UNREACHABLE();
        } else {
          return put(f);
        }
      },
      frame);
}

ByteSpan FrameWriter::begin_stream(StreamNumber stream, std::uint64_t offset, std::size_t bytes_max,
                                   bool is_end) {
  ASSERT(bytes_max > 0);
  const std::size_t head = 1 + frame_number_size(stream) + frame_number_size(offset);
  if (head >= room()) return {};
  const std::size_t behind = room() - head;
  std::uint8_t code = code_stream;
  std::size_t count = behind;
  std::size_t length_size = 0;
  if (bytes_max < behind) {
    length_size = frame_number_size(bytes_max);
    code |= stream_length_bit;
    count = std::min(bytes_max, behind - std::min(behind, length_size));
    if (count == 0) return {};
    // One byte less may need a byte less to say it; then it is padding's.
    length_size = frame_number_size(count);
  }
  if (is_end && count == bytes_max) code |= stream_end_bit;
  const ByteSpan frame = begin(head + length_size + count, code);
  FrameFieldWriter out{frame.data() + 1};
  out.varint(stream).varint(offset);
  if (length_size > 0) out.varint(count);
  return frame.last(count);
}

ByteSpan FrameWriter::begin_message(MessageNumber number, std::uint64_t total, std::uint64_t offset,
                                    std::size_t bytes_max, bool is_compressed) {
  ASSERT(total > 0 && total <= message_total_max && offset < total && bytes_max > 0 &&
         bytes_max <= total - offset);
  const std::uint8_t zstd = is_compressed ? message_zstd_bit : 0;
  const std::size_t head = 1 + frame_number_size(number) + frame_number_size(total);
  if (bytes_max == total && head + total <= room()) {
    const ByteSpan frame = begin(head + bytes_max, code_message | zstd);
    FrameFieldWriter{frame.data() + 1}.varint(number).varint(total);
    return frame.last(bytes_max);
  }
  const std::size_t size_max = frame_number_size(bytes_max);
  const std::size_t front = head + frame_number_size(offset) + size_max;
  if (front >= room()) return {};
  const std::size_t count = std::min(bytes_max, room() - front);
  const ByteSpan frame = begin(head + frame_number_size(offset) + frame_number_size(count) + count,
                               code_message_part | zstd);
  FrameFieldWriter{frame.data() + 1}.varint(number).varint(total).varint(offset).varint(count);
  return frame.last(count);
}

}  // namespace kith::packet
