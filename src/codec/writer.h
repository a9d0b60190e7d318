// Appends big-endian numbers, varints and runs of bytes to a Bytes that somebody else owns: the
// other half of codec/reader.h.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "codec/varint.h"

namespace kith::codec {

class Writer {
 public:
  explicit Writer(Bytes& to) : to_(to) {}

  void u8(std::uint8_t value) { to_.push_back(value); }
  void u16(std::uint16_t value) { big_endian(value); }
  void u32(std::uint32_t value) { big_endian(value); }
  void u64(std::uint64_t value) { big_endian(value); }
  /// `value` below 2^63.
  void varint(std::uint64_t value) { append_varint(to_, value); }
  void bytes(ByteView bytes) { base::append(to_, bytes); }
  /// The length as varint, then the bytes.
  void sized(ByteView bytes) {
    append_varint(to_, bytes.size());
    base::append(to_, bytes);
  }

 private:
  template <class T>
  void big_endian(T value) {
    std::uint8_t out[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      out[i] = static_cast<std::uint8_t>(value >> (8 * (sizeof(T) - 1 - i)));
    }
    base::append(to_, out);
  }

  Bytes& to_;
};

}  // namespace kith::codec
