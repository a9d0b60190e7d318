#include "codec/chain_mmr.h"

#include <algorithm>
#include <bit>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

/// The hash of subtree (level, index) in a tree of `count` entries, which has some of them: a node
/// of the store when it is full, else its left half, joined with the right one if that has any.
Result<Hash> subtree(std::size_t level, std::uint64_t index, std::uint64_t count,
                     const MmrLookup& node) {
  if ((index + 1) << level <= count) return node(level, index);
  const std::uint64_t right = 2 * index + 1;
  const Hash left_hash = TRY(subtree(level - 1, right - 1, count, node));
  if (right << (level - 1) >= count) return left_hash;
  return merkle_node(left_hash, TRY(subtree(level - 1, right, count, node)));
}

}  // namespace

Hash Mmr::root() const {
  if (peaks_.empty()) return merkle_root_of_top(0, {});
  Hash top = peaks_.back();
  for (auto peak = peaks_.rbegin() + 1; peak != peaks_.rend(); ++peak) {
    top = merkle_node(*peak, top);
  }
  return merkle_root_of_top(count_, top);
}

std::vector<MmrNode> Mmr::append(const Hash& entry) {
  ASSERT(count_ < merkle_count_max);
  std::vector<MmrNode> made{{0, count_, merkle_leaf(entry)}};
  for (std::uint64_t full = count_; full % 2 != 0; full /= 2) {
    const MmrNode& right = made.back();
    made.push_back({right.level + 1, right.index / 2, merkle_node(peaks_.back(), right.hash)});
    peaks_.pop_back();
  }
  peaks_.push_back(made.back().hash);
  ++count_;
  return made;
}

Bytes Mmr::encode() const {
  Bytes bytes;
  Writer writer(bytes);
  writer.u64(count_);
  for (const Hash& peak : peaks_) writer.bytes(peak);
  return bytes;
}

Result<Mmr> Mmr::decode(ByteView bytes) {
  Reader reader(bytes);
  Mmr mmr;
  mmr.count_ = TRY(reader.u64());
  if (mmr.count_ > merkle_count_max) {
    return fail(Code::too_large, base::format("mountain range of {} entries, limit {}", mmr.count_,
                                              merkle_count_max));
  }
  mmr.peaks_.resize(static_cast<std::size_t>(std::popcount(mmr.count_)));
  for (Hash& peak : mmr.peaks_) std::ranges::copy(TRY(reader.bytes(32)), peak.begin());
  TRY_VOID(reader.finish());
  return mmr;
}

Result<MerkleProof> prove_mmr(std::uint64_t index, std::uint64_t count, const MmrLookup& node) {
  if (index >= count || count > merkle_count_max) {
    return fail(Code::not_found, base::format("entry {} of a list of {}", index, count));
  }
  MerkleProof proof{index, count, {}};
  std::size_t level = 0;
  for (std::uint64_t at = index, left = count; left > 1; left = left / 2 + left % 2, at /= 2) {
    if ((at ^ 1) < left) proof.path.push_back(TRY(subtree(level, at ^ 1, count, node)));
    ++level;
  }
  return proof;
}

}  // namespace kith::codec
