// Reads big-endian numbers, varints and runs of bytes from the front of a view, each call checked
// against what is left. Views that it gives point into the bytes it was made of. After an error the
// position stays where it was, so that a caller may report offset().
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::codec {

class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  Result<std::uint8_t> u8();
  Result<std::uint16_t> u16();
  Result<std::uint32_t> u32();
  Result<std::uint64_t> u64();
  /// An unsigned varint (codec/varint.h).
  Result<std::uint64_t> varint();
  /// The next `size` bytes.
  Result<ByteView> bytes(std::size_t size);
  /// A varint length of at most `size_max`, then that many bytes; `too_large` comes before
  /// `truncated`.
  Result<ByteView> sized(std::size_t size_max);
  /// All that is left.
  ByteView rest();
  /// `malformed` when bytes are left.
  Result<void> finish() const;

  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return bytes_.size() - offset_; }
  bool at_end() const { return remaining() == 0; }

 private:
  template <class T>
  Result<T> big_endian();

  ByteView bytes_;
  std::size_t offset_ = 0;
};

}  // namespace kith::codec
