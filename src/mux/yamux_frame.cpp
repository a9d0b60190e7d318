#include "mux/yamux_frame.h"

#include <bit>
#include <cstring>

#include "base/assert.h"
#include "base/format.h"

namespace kith::mux {
namespace {

static_assert(std::endian::native == std::endian::little, "the header's fields are swapped below");

template <class Int>
Int load_big_endian(const std::uint8_t* from) {
  Int value;
  std::memcpy(&value, from, sizeof value);
  return std::byteswap(value);
}

template <class Int>
void store_big_endian(std::uint8_t* to, Int value) {
  value = std::byteswap(value);
  std::memcpy(to, &value, sizeof value);
}

constexpr std::uint8_t version = 0;

}  // namespace

Result<FrameHeader> decode_frame_header(ByteView bytes) {
  ASSERT(bytes.size() >= yamux_header_bytes);
  if (bytes[0] != version) {
    return fail(Code::protocol, base::format("yamux version {}, not {}", bytes[0], version));
  }
  if (bytes[1] > static_cast<std::uint8_t>(FrameType::go_away)) {
    return fail(Code::protocol, base::format("yamux frame of unknown type {}", bytes[1]));
  }
  return FrameHeader{.type = static_cast<FrameType>(bytes[1]),
                     .flags = load_big_endian<std::uint16_t>(&bytes[2]),
                     .stream = load_big_endian<std::uint32_t>(&bytes[4]),
                     .length = load_big_endian<std::uint32_t>(&bytes[8])};
}

void encode_frame_header(const FrameHeader& header, ByteSpan out) {
  ASSERT(out.size() >= yamux_header_bytes);
  out[0] = version;
  out[1] = static_cast<std::uint8_t>(header.type);
  store_big_endian(&out[2], header.flags);
  store_big_endian(&out[4], header.stream);
  store_big_endian(&out[8], header.length);
}

}  // namespace kith::mux
