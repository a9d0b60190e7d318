#include "codec/varint.h"

#include <bit>

#include "base/format.h"

namespace kith::codec {

namespace {

constexpr std::uint64_t varint_value_max = (std::uint64_t{1} << 63) - 1;

}  // namespace

void append_varint(Bytes& to, std::uint64_t value) {
  ASSERT(value <= varint_value_max);
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<std::uint8_t>(value | 0x80));
  to.push_back(static_cast<std::uint8_t>(value));
}

std::size_t write_varint(ByteSpan out, std::uint64_t value) {
  ASSERT(out.size() >= varint_size(value));
  std::size_t size = 0;
  for (; value >= 0x80; value >>= 7) out[size++] = static_cast<std::uint8_t>(value | 0x80);
  out[size++] = static_cast<std::uint8_t>(value);
  return size;
}

std::size_t varint_size(std::uint64_t value) {
  ASSERT(value <= varint_value_max);
  return value == 0 ? 1 : (static_cast<std::size_t>(std::bit_width(value)) + 6) / 7;
}

Result<std::optional<Varint>> peek_varint(ByteView bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < varint_bytes_max; ++i) {
    const std::uint8_t byte = bytes[i];
    value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    // A last group of zero adds nothing: the same number has a shorter form.
    if (byte == 0 && i > 0) {
      return fail(Code::malformed, base::format("varint of {} bytes is not minimal", i + 1));
    }
    return Varint{value, i + 1};
  }
  if (bytes.size() >= varint_bytes_max) {
    return fail(Code::malformed, base::format("varint longer than {} bytes", varint_bytes_max));
  }
  return std::nullopt;
}

Result<Varint> read_varint(ByteView bytes) {
  const std::optional<Varint> varint = TRY(peek_varint(bytes));
  if (!varint) {
    return fail(Code::truncated, base::format("varint ends after {} bytes", bytes.size()));
  }
  return *varint;
}

}  // namespace kith::codec
