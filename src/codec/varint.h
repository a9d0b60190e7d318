// Unsigned varints (multiformats/unsigned-varint): LEB128, at most 9 bytes and 63 bits, minimal.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::codec {

inline constexpr std::size_t varint_bytes_max = 9;

void append_varint(Bytes& to, std::uint64_t value);
/// Writes to the front of `out` (at least varint_size(value) long); returns the bytes written.
std::size_t write_varint(ByteSpan out, std::uint64_t value);
std::size_t varint_size(std::uint64_t value);

struct Varint {
  std::uint64_t value = 0;
  std::size_t size = 0;  // bytes it takes
};

/// Reads one from the front: empty when more bytes are needed, `malformed` when it is not minimal
/// or longer than 9 bytes.
Result<std::optional<Varint>> peek_varint(ByteView bytes);
/// The same where the bytes are all there are: `truncated` instead of empty.
Result<Varint> read_varint(ByteView bytes);

}  // namespace kith::codec
