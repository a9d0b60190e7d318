#include "sim/payload_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace kith::sim {
namespace {

std::size_t class_of(std::size_t size) {
  const std::size_t blocks = (std::max<std::size_t>(size, 1) - 1) / PayloadPool::block_bytes_min;
  return static_cast<std::size_t>(std::bit_width(blocks));
}

}  // namespace

Payload PayloadPool::acquire(std::size_t size) {
  ASSERT(size <= block_bytes_max);
  const std::size_t size_class = class_of(size);
  if (free_[size_class].empty()) grow(size_class);
  std::uint8_t* block = free_[size_class].back();
  free_[size_class].pop_back();
  const std::size_t capacity = block_bytes_min << size_class;
  in_use_ += capacity;
  return {block, 0, 0, static_cast<std::uint32_t>(capacity)};
}

Payload PayloadPool::copy(ByteView bytes) {
  Payload payload = acquire(bytes.size());
  append(payload, bytes);
  return payload;
}

void PayloadPool::append(Payload& payload, ByteView bytes) {
  if (bytes.empty()) return;
  if (payload.capacity - payload.end < bytes.size()) {
    Payload larger = acquire(payload.size() + bytes.size());
    if (payload.size() > 0) std::memcpy(larger.block, payload.bytes().data(), payload.size());
    larger.end = static_cast<std::uint32_t>(payload.size());
    release(payload);
    payload = larger;
  }
  std::memcpy(payload.block + payload.end, bytes.data(), bytes.size());
  payload.end += static_cast<std::uint32_t>(bytes.size());
}

void PayloadPool::release(Payload& payload) {
  if (payload.block == nullptr) return;
  in_use_ -= payload.capacity;
  free_[class_of(payload.capacity)].push_back(payload.block);
  payload = Payload{};
}

// Small blocks are carved from one chunk, so that thousands of links do not cost as many mallocs.
void PayloadPool::grow(std::size_t size_class) {
  const std::size_t block = block_bytes_min << size_class;
  const std::size_t count = std::max<std::size_t>(1, (std::size_t{64} << 10) / block);
  chunks_.push_back(std::make_unique_for_overwrite<std::uint8_t[]>(block * count));
  allocated_ += block * count;
  std::uint8_t* chunk = chunks_.back().get();
  for (std::size_t i = count; i-- > 0;) free_[size_class].push_back(chunk + i * block);
}

}  // namespace kith::sim
