// Length-prefixed frames: a length, then that many bytes. The length is an unsigned varint (as
// libp2p's messages have it) or 4 bytes big-endian (Kith's own protocols on streams). Frames may be
// empty.
//
// Limit: the caller's, on the body; it is checked as soon as the length is known, before a byte of
// the body is kept. Memory grows with what has arrived, never with what a length announces.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::codec {

enum class FramePrefix : std::uint8_t { varint, be32 };

inline constexpr std::size_t frame_prefix_bytes_max = 9;

/// Writes the prefix to the front of `out`, which has frame_prefix_bytes_max; how much it took.
std::size_t write_frame_prefix(ByteSpan out, FramePrefix prefix, std::size_t body_size);
void append_frame(Bytes& to, FramePrefix prefix, ByteView body);

struct Frame {
  ByteView body;         // into the given bytes
  std::size_t size = 0;  // bytes it takes in all
};

/// Reads one frame from the front: empty when more bytes are needed.
Result<std::optional<Frame>> peek_frame(ByteView bytes, FramePrefix prefix,
                                        std::size_t body_bytes_max);

/// Cuts frames out of a stream of bytes that arrives in pieces. A frame that lies whole in one
/// piece is handed on where it stands; only one that is cut in two is copied.
class FrameReader {
 public:
  FrameReader(FramePrefix prefix, std::size_t body_bytes_max)
      : prefix_(prefix), body_bytes_max_(body_bytes_max) {}

  /// Takes the next frame off the front of `input`; empty when `input` is used up and more is
  /// needed. The body is valid until the next call, and as long as `input`'s bytes are. An error
  /// is final: every later call gives it again and takes nothing.
  Result<std::optional<ByteView>> next(ByteView& input);

  /// Bytes held of a frame that is not complete.
  std::size_t buffered() const { return handed_out_ ? 0 : held_.size(); }

 private:
  Result<std::optional<ByteView>> next_from_input(ByteView& input);
  Result<std::optional<ByteView>> next_from_held(ByteView& input);
  void release();

  FramePrefix prefix_;
  std::size_t body_bytes_max_;
  Bytes held_;               // the front of a frame, prefix included
  bool handed_out_ = false;  // held_ is a whole frame that the caller has seen
  std::optional<Error> fault_;
};

}  // namespace kith::codec
