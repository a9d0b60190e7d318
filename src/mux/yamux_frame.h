// The 12-byte header before every yamux frame (libp2p specs/yamux, "Framing"): version, type,
// flags, stream and length, big-endian. Length counts payload bytes for data, is the delta of a
// window update, the opaque value of a ping and the code of a GoAway.
// Unknown flag bits are passed on and mean nothing; an unknown version or type is an error.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "mux/yamux.h"

namespace kith::mux {

enum class FrameType : std::uint8_t { data = 0, window_update = 1, ping = 2, go_away = 3 };

inline constexpr std::uint16_t flag_syn = 1;
inline constexpr std::uint16_t flag_ack = 2;
inline constexpr std::uint16_t flag_fin = 4;
inline constexpr std::uint16_t flag_rst = 8;

struct FrameHeader {
  FrameType type = FrameType::data;
  std::uint16_t flags = 0;
  YamuxStreamId stream = 0;
  std::uint32_t length = 0;

  bool has(std::uint16_t flag) const { return (flags & flag) != 0; }
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

/// REQUIRES: bytes.size() >= yamux_header_bytes; what follows is not looked at.
Result<FrameHeader> decode_frame_header(ByteView bytes);
/// REQUIRES: out.size() >= yamux_header_bytes.
void encode_frame_header(const FrameHeader& header, ByteSpan out);

}  // namespace kith::mux
