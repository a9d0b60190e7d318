// Buffers for bytes in flight, in sizes of powers of two, used again and again: sending a segment
// allocates only while the traffic still grows. The pool keeps its high-water mark; a link that is
// idle holds no buffer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace kith::sim {

/// `begin..end` of a pooled block. A plain value: whoever holds it gives it back to the pool.
struct Payload {
  std::uint8_t* block = nullptr;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t capacity = 0;

  std::size_t size() const { return end - begin; }
  ByteSpan bytes() const { return {block + begin, size()}; }
};

class PayloadPool {
 public:
  static constexpr std::size_t block_bytes_min = 128;
  /// Two segments and a tail of a link fit; nothing larger is ever in flight.
  static constexpr std::size_t block_bytes_max = std::size_t{512} << 10;

  /// Room for `size` bytes, none of them filled.
  Payload acquire(std::size_t size);
  Payload copy(ByteView bytes);
  /// Adds `bytes` behind those of `payload`, which moves to a larger block when it must.
  void append(Payload& payload, ByteView bytes);
  /// `payload` becomes empty.
  void release(Payload& payload);

  /// Bytes in blocks that somebody holds.
  std::size_t bytes_in_use() const { return in_use_; }
  std::size_t bytes_allocated() const { return allocated_; }

 private:
  static constexpr std::size_t classes = 13;  // 128 B to 512 KiB
  void grow(std::size_t size_class);

  std::array<std::vector<std::uint8_t*>, classes> free_;
  std::vector<std::unique_ptr<std::uint8_t[]>> chunks_;
  std::size_t in_use_ = 0;
  std::size_t allocated_ = 0;
};

}  // namespace kith::sim
