// Big-endian numbers at fixed places, for headers that are read and written a million times a
// second. Where a format is walked from its front, codec/reader.h and writer.h check as they go.
#pragma once

#include <bit>
#include <concepts>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"

namespace kith::base {

static_assert(std::endian::native == std::endian::little, "numbers are swapped below");

/// The number at `at`. REQUIRES: that many bytes are there.
template <std::unsigned_integral Int>
Int load_big_endian(ByteView bytes, std::size_t at) {
  ASSERT(at <= bytes.size() && sizeof(Int) <= bytes.size() - at);
  Int value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return std::byteswap(value);
}

/// Writes `value` at `at`. REQUIRES: room for it.
template <std::unsigned_integral Int>
void store_big_endian(ByteSpan bytes, std::size_t at, Int value) {
  ASSERT(at <= bytes.size() && sizeof(Int) <= bytes.size() - at);
  value = std::byteswap(value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

}  // namespace kith::base
