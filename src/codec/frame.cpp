#include "codec/frame.h"

#include <algorithm>
#include <limits>

#include "base/format.h"
#include "codec/varint.h"

namespace kith::codec {

namespace {

constexpr std::size_t be32_bytes = 4;
/// A stream that once carried a large frame keeps no more than this for the next.
constexpr std::size_t kept_bytes_max = 64 * 1024;

struct Head {
  std::size_t prefix_size = 0;
  std::size_t body_size = 0;
  std::size_t size() const { return prefix_size + body_size; }
};

std::optional<Varint> peek_be32(ByteView bytes) {
  if (bytes.size() < be32_bytes) return std::nullopt;
  const std::uint64_t value = std::uint64_t{bytes[0]} << 24 | std::uint64_t{bytes[1]} << 16 |
                              std::uint64_t{bytes[2]} << 8 | bytes[3];
  return Varint{value, be32_bytes};
}

Result<std::optional<Head>> peek_head(ByteView bytes, FramePrefix prefix,
                                      std::size_t body_bytes_max) {
  std::optional<Varint> length;
  switch (prefix) {
    case FramePrefix::varint: length = TRY(peek_varint(bytes)); break;
    case FramePrefix::be32: length = peek_be32(bytes); break;
  }
  if (!length) return std::nullopt;
  if (length->value > body_bytes_max) {
    return fail(Code::too_large,
                base::format("frame of {} bytes, limit {}", length->value, body_bytes_max));
  }
  return Head{length->size, static_cast<std::size_t>(length->value)};
}

}  // namespace

std::size_t write_frame_prefix(ByteSpan out, FramePrefix prefix, std::size_t body_size) {
  ASSERT(out.size() >= frame_prefix_bytes_max);
  switch (prefix) {
    case FramePrefix::varint: return write_varint(out, body_size);
    case FramePrefix::be32:
      ASSERT(body_size <= std::numeric_limits<std::uint32_t>::max());
      for (std::size_t i = 0; i < be32_bytes; ++i) {
        out[i] = static_cast<std::uint8_t>(body_size >> (8 * (be32_bytes - 1 - i)));
      }
      return be32_bytes;
  }
  UNREACHABLE();
}

void append_frame(Bytes& to, FramePrefix prefix, ByteView body) {
  std::uint8_t head[frame_prefix_bytes_max];
  const std::size_t size = write_frame_prefix(head, prefix, body.size());
  base::append(to, ByteView(head).first(size));
  base::append(to, body);
}

Result<std::optional<Frame>> peek_frame(ByteView bytes, FramePrefix prefix,
                                        std::size_t body_bytes_max) {
  const std::optional<Head> head = TRY(peek_head(bytes, prefix, body_bytes_max));
  if (!head || bytes.size() < head->size()) return std::nullopt;
  return Frame{bytes.subspan(head->prefix_size, head->body_size), head->size()};
}

Result<std::optional<ByteView>> FrameReader::next(ByteView& input) {
  if (fault_) return fail(*fault_);
  if (handed_out_) release();
  Result<std::optional<ByteView>> body =
      held_.empty() ? next_from_input(input) : next_from_held(input);
  if (!body) fault_ = body.error();
  return body;
}

Result<std::optional<ByteView>> FrameReader::next_from_input(ByteView& input) {
  const std::optional<Frame> frame = TRY(peek_frame(input, prefix_, body_bytes_max_));
  if (!frame) {
    base::append(held_, input);
    input = {};
    return std::nullopt;
  }
  input = input.subspan(frame->size);
  return frame->body;
}

Result<std::optional<ByteView>> FrameReader::next_from_held(ByteView& input) {
  std::optional<Head> head = TRY(peek_head(held_, prefix_, body_bytes_max_));
  while (!head && !input.empty()) {
    held_.push_back(input.front());
    input = input.subspan(1);
    head = TRY(peek_head(held_, prefix_, body_bytes_max_));
  }
  if (!head) return std::nullopt;
  const std::size_t taken = std::min(head->size() - held_.size(), input.size());
  base::append(held_, input.first(taken));
  input = input.subspan(taken);
  if (held_.size() < head->size()) return std::nullopt;
  handed_out_ = true;
  return ByteView(held_).subspan(head->prefix_size);
}

void FrameReader::release() {
  handed_out_ = false;
  held_.clear();
  if (held_.capacity() > kept_bytes_max) held_ = Bytes();
}

}  // namespace kith::codec
