// Bytes of a stream or message that came before those in front of them, copied into blocks of
// 4 KiB that begin at multiples of 4 KiB. Blocks exist only where a byte came, so what they cost is
// the window of the stream and two blocks at most, however small the gaps are (row A83).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "crypto/secret.h"
#include "packet/range_set.h"

namespace kith::packet {

/// How many runs of early bytes there may be, with gaps between them: `gaps_max`, and more where
/// they have so many bytes each on average. What a long path with loss makes of full packets is
/// runs of some packets, however many; small ones cost more than what they carry.
inline constexpr std::uint64_t run_bytes_least = 600;
inline bool has_run_too_many(const RangeSet& runs, std::size_t gaps_max) {
  const std::size_t count = runs.ranges().size();
  return count > gaps_max && runs.count() < count * run_bytes_least;
}
/// Of `bytes_max` bytes.
inline std::size_t runs_max(std::size_t gaps_max, std::uint64_t bytes_max) {
  return std::max(gaps_max, static_cast<std::size_t>(bytes_max / run_bytes_least));
}

inline constexpr std::size_t block_bytes = 4096;
/// What somebody said does not stay in memory that others are given.
struct ByteBlock {
  std::array<std::uint8_t, block_bytes> bytes;
  ~ByteBlock() { crypto::wipe(bytes); }
};

/// Blocks of a connection that are free, and those that views still look at.
class BlockPool {
 public:
  std::unique_ptr<ByteBlock> take() {
    if (free_.empty()) return std::make_unique_for_overwrite<ByteBlock>();
    std::unique_ptr<ByteBlock> block = std::move(free_.back());
    free_.pop_back();
    return block;
  }
  /// No longer needed, but for views of it.
  void retire(std::unique_ptr<ByteBlock> block) { retired_.push_back(std::move(block)); }
  /// Nobody looks at retired blocks any more.
  void reclaim() {
    if (retired_.empty()) return;
    for (std::unique_ptr<ByteBlock>& block : retired_) {
      if (free_.size() < free_max) free_.push_back(std::move(block));
    }
    retired_.clear();
    if (retired_.capacity() > 4 * free_max) retired_ = std::vector<std::unique_ptr<ByteBlock>>();
  }
  void release() { free_ = std::vector<std::unique_ptr<ByteBlock>>(); }

 private:
  static constexpr std::size_t free_max = 16;
  std::vector<std::unique_ptr<ByteBlock>> free_;
  std::vector<std::unique_ptr<ByteBlock>> retired_;
};

class ByteBlocks {
 public:
  /// Blocks that exist.
  std::size_t count() const { return count_; }

  void write(std::uint64_t offset, ByteView bytes, BlockPool& pool) {
    while (!bytes.empty()) {
      const std::size_t at = offset % block_bytes;
      const std::size_t size = std::min(bytes.size(), block_bytes - at);
      std::memcpy(block_at(offset / block_bytes, pool).bytes.data() + at, bytes.data(), size);
      offset += size;
      bytes = bytes.subspan(size);
    }
  }
  /// Bytes that stand together from `offset` on, at most `bytes_max`. REQUIRES: they were written.
  ByteView view(std::uint64_t offset, std::uint64_t bytes_max) const {
    const std::size_t at = offset % block_bytes;
    const std::unique_ptr<ByteBlock>& block = blocks_[offset / block_bytes - first_];
    ASSERT(block != nullptr);
    return ByteView(block->bytes)
        .subspan(at,
                 static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max, block_bytes - at)));
  }
  /// Blocks that end at `offset` or before are no longer needed.
  void drop_below(std::uint64_t offset, BlockPool& pool) {
    const std::uint64_t bound = offset / block_bytes;
    if (blocks_.empty() || bound <= first_) return;
    const auto gone =
        static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(bound - first_, blocks_.size()));
    for (auto block = blocks_.begin(); block != blocks_.begin() + gone; ++block) {
      if (*block == nullptr) continue;
      pool.retire(std::move(*block));
      --count_;
    }
    blocks_.erase(blocks_.begin(), blocks_.begin() + gone);
    first_ += static_cast<std::uint64_t>(gone);
  }
  void clear(BlockPool& pool) {
    for (std::unique_ptr<ByteBlock>& block : blocks_) {
      if (block != nullptr) pool.retire(std::move(block));
    }
    blocks_ = std::vector<std::unique_ptr<ByteBlock>>();
    count_ = 0;
  }

 private:
  ByteBlock& block_at(std::uint64_t index, BlockPool& pool) {
    if (blocks_.empty()) first_ = index;
    if (index < first_) {
      std::vector<std::unique_ptr<ByteBlock>> more(static_cast<std::size_t>(first_ - index));
      blocks_.insert(blocks_.begin(), std::make_move_iterator(more.begin()),
                     std::make_move_iterator(more.end()));
      first_ = index;
    }
    const auto at = static_cast<std::size_t>(index - first_);
    if (at >= blocks_.size()) blocks_.resize(at + 1);
    if (blocks_[at] == nullptr) {
      blocks_[at] = pool.take();
      ++count_;
    }
    return *blocks_[at];
  }

  std::uint64_t first_ = 0;  // which block is blocks_[0]
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<ByteBlock>> blocks_;  // null where no byte came
};

}  // namespace kith::packet
