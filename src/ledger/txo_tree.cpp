#include "ledger/txo_tree.h"

#include <algorithm>
#include <bit>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::ledger {
namespace {

constexpr std::uint8_t encoding_version = 1;
constexpr std::size_t chunk_bytes = 32 + 32;

/// How many nodes `level` has above `chunks` chunk nodes.
std::uint64_t count_at(std::uint64_t chunks, std::size_t level) {
  return ((chunks - 1) >> level) + 1;
}

/// A bit beyond the size, which no state has.
bool has_bit_from(const TxoBitmap& bitmap, std::size_t first) {
  for (std::size_t i = first; i < codec::txo_chunk_leaves; ++i) {
    if (codec::is_set(bitmap, i)) return true;
  }
  return false;
}

/// Makes room by eighths: doubling would cost half of the memory.
template <class T>
void grow(std::vector<T>& vector, std::size_t size) {
  if (size > vector.capacity()) vector.reserve(size + size / 8);
  vector.resize(size);
}

template <class T>
std::size_t bytes_of(const std::vector<T>& vector) {
  return vector.capacity() * sizeof(T);
}

}  // namespace

void TxoFrontier::push(const Hash& leaf) {
  ASSERT(count_ < codec::txo_chunk_leaves);
  Hash node = leaf;
  for (std::size_t full = count_; full % 2 != 0; full /= 2) {
    node = codec::txo_leaf_node(peaks_.back(), node);
    peaks_.pop_back();
  }
  peaks_.push_back(node);
  ++count_;
}

Hash TxoFrontier::root() const {
  if (count_ == codec::txo_chunk_leaves) return peaks_.front();
  Hash node = codec::txo_absent_leaves(0);
  std::size_t peak = peaks_.size();
  for (std::size_t level = 0; level < codec::txo_chunk_levels; ++level) {
    // `node` is the subtree of this level in which the leaves end; what is left of it is a peak.
    node = (count_ >> level) % 2 != 0 ? codec::txo_leaf_node(peaks_[--peak], node)
                                      : codec::txo_leaf_node(node, codec::txo_absent_leaves(level));
  }
  return node;
}

Result<TxoFrontier> TxoFrontier::of(std::size_t count, std::vector<Hash> peaks) {
  if (count >= codec::txo_chunk_leaves ||
      peaks.size() != static_cast<std::size_t>(std::popcount(count))) {
    return fail(Code::malformed,
                base::format("frontier of {} leaves and {} peaks", count, peaks.size()));
  }
  TxoFrontier frontier;
  frontier.count_ = count;
  frontier.peaks_ = std::move(peaks);
  return frontier;
}

std::size_t TxoDelta::memory_bytes() const {
  std::size_t sum = bytes_of(leaves) + bytes_of(spent) + bytes_of(chunks) + bytes_of(nodes);
  for (const auto& level : nodes) sum += bytes_of(level);
  return sum;
}

TxoTree::TxoTree() : chunks_{{codec::txo_absent_leaves(codec::txo_chunk_levels), {}}} { rebuild(); }

bool TxoTree::is_unspent(std::uint64_t index) const {
  return index < size_ && codec::is_set(chunks_[index / codec::txo_chunk_leaves].bitmap,
                                        index % codec::txo_chunk_leaves);
}

void TxoTree::rebuild() {
  levels_.assign(1, {});
  levels_[0].reserve(chunks_.size());
  for (const TxoChunk& chunk : chunks_) {
    levels_[0].push_back(codec::txo_chunk_node(chunk.leaf_root, chunk.bitmap));
  }
  while (levels_.back().size() > 1) {
    const std::vector<Hash>& below = levels_.back();
    std::vector<Hash> level((below.size() + 1) / 2);
    for (std::size_t i = 0; i < level.size(); ++i) {
      level[i] = codec::txo_upper_node(
          below[2 * i], 2 * i + 1 < below.size() ? below[2 * i + 1]
                                                 : codec::txo_empty_chunks(levels_.size() - 1));
    }
    levels_.push_back(std::move(level));
  }
  root_ = codec::txo_root(size_, levels_.back().front());
}

void TxoTree::apply(const TxoDelta& delta) {
  ASSERT(delta.root_before == root_ && delta.first_index == size_);
  size_ = delta.size();
  const std::uint64_t count = codec::txo_chunk_count(size_);
  grow(chunks_, count);
  for (const auto& [index, chunk] : delta.chunks) chunks_[index] = chunk;
  levels_.resize(codec::txo_upper_levels(size_) + 1);
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    grow(levels_[level], count_at(count, level));
  }
  ASSERT(delta.nodes.size() <= levels_.size());
  for (std::size_t level = 0; level < delta.nodes.size(); ++level) {
    for (const auto& [index, hash] : delta.nodes[level]) levels_[level][index] = hash;
  }
  frontier_ = delta.frontier;
  root_ = delta.root_after;
  ASSERT(root_ == codec::txo_root(size_, levels_.back().front()));
}

const TxoChunk& TxoTree::chunk(std::uint64_t chunk) const {
  ASSERT(chunk < chunks_.size());
  return chunks_[chunk];
}

std::vector<Hash> TxoTree::upper_siblings(std::uint64_t chunk) const {
  ASSERT(chunk < chunks_.size());
  std::vector<Hash> siblings;
  for (std::size_t level = 0; level + 1 < levels_.size(); ++level) {
    const std::uint64_t sibling = (chunk >> level) ^ 1;
    siblings.push_back(sibling < levels_[level].size() ? levels_[level][sibling]
                                                       : codec::txo_empty_chunks(level));
  }
  return siblings;
}

Result<codec::TxoProof> TxoTree::prove(std::uint64_t index,
                                       std::span<const Hash> chunk_leaves) const {
  if (index >= size_) {
    return fail(Code::not_found, base::format("output {} of {}", index, size_));
  }
  const std::uint64_t chunk = index / codec::txo_chunk_leaves;
  const std::uint64_t present =
      std::min<std::uint64_t>(codec::txo_chunk_leaves, size_ - chunk * codec::txo_chunk_leaves);
  if (chunk_leaves.size() != present ||
      codec::txo_leaf_root(chunk_leaves) != chunks_[chunk].leaf_root) {
    return fail(Code::malformed, base::format("{} leaves that are not those of chunk {}",
                                              chunk_leaves.size(), chunk));
  }
  codec::TxoProof proof{size_, chunks_[chunk].bitmap, {}, upper_siblings(chunk)};
  std::vector<Hash> level(chunk_leaves.begin(), chunk_leaves.end());
  level.resize(codec::txo_chunk_leaves, codec::txo_absent_leaves(0));
  std::size_t at = index % codec::txo_chunk_leaves;
  for (Hash& sibling : proof.inside) {
    sibling = level[at ^ 1];
    for (std::size_t i = 0; i < level.size() / 2; ++i) {
      level[i] = codec::txo_leaf_node(level[2 * i], level[2 * i + 1]);
    }
    level.resize(level.size() / 2);
    at /= 2;
  }
  return proof;
}

Bytes TxoTree::encode() const {
  Bytes bytes;
  bytes.reserve(9 + 32 * codec::txo_chunk_levels + chunk_bytes * chunks_.size());
  codec::Writer writer(bytes);
  writer.u8(encoding_version);
  writer.u64(size_);
  for (const Hash& peak : frontier_.peaks()) writer.bytes(peak);
  if (size_ == 0) return bytes;
  for (const TxoChunk& chunk : chunks_) {
    writer.bytes(chunk.leaf_root);
    writer.bytes(chunk.bitmap);
  }
  return bytes;
}

Result<TxoTree> TxoTree::decode(ByteView bytes) {
  codec::Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != encoding_version) {
    return fail(Code::unsupported, base::format("output tree of version {}", version));
  }
  const std::uint64_t size = TRY(reader.u64());
  if (size > codec::txo_size_max) {
    return fail(Code::too_large, base::format("output tree of {} outputs", size));
  }
  const std::size_t last = size % codec::txo_chunk_leaves;
  std::vector<Hash> peaks(static_cast<std::size_t>(std::popcount(last)));
  for (Hash& peak : peaks) std::ranges::copy(TRY(reader.bytes(32)), peak.begin());
  TxoTree tree;
  tree.size_ = size;
  tree.frontier_ = TRY(TxoFrontier::of(last, std::move(peaks)));
  const std::uint64_t count = size == 0 ? 0 : codec::txo_chunk_count(size);
  if (reader.remaining() != count * chunk_bytes) {
    return fail(Code::malformed, base::format("output tree of {} chunks with {} bytes of them",
                                              count, reader.remaining()));
  }
  if (count == 0) return tree;
  tree.chunks_.resize(count);
  for (TxoChunk& chunk : tree.chunks_) {
    std::ranges::copy(TRY(reader.bytes(32)), chunk.leaf_root.begin());
    std::ranges::copy(TRY(reader.bytes(32)), chunk.bitmap.begin());
  }
  if (last != 0) {
    const TxoChunk& chunk = tree.chunks_.back();
    if (tree.frontier_.root() != chunk.leaf_root || has_bit_from(chunk.bitmap, last)) {
      return fail(Code::malformed, "output tree whose last chunk is not its frontier's");
    }
  }
  tree.rebuild();
  return tree;
}

std::size_t TxoTree::memory_bytes() const {
  std::size_t sum = sizeof(*this) + bytes_of(chunks_) + bytes_of(levels_);
  for (const auto& level : levels_) sum += bytes_of(level);
  return sum + bytes_of(frontier_.peaks());
}

}  // namespace kith::ledger
