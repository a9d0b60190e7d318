#include "codec/chain_txo_proof.h"

#include <algorithm>
#include <bit>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

// Short, so that a tag, its zero and two hashes fit two compressions of SHA-256.
constexpr std::string_view leaf_tag = "kith/txo-leaf/1";
constexpr std::string_view chunk_tag = "kith/txo-chunk/1";
constexpr std::string_view upper_tag = "kith/txo-upper/1";
constexpr std::string_view root_tag = "kith/txo-root/1";

/// The constant of each level: the first, then node(constant, constant).
template <std::size_t levels>
std::array<Hash, levels + 1> constants(const Hash& first, Hash (*node)(const Hash&, const Hash&)) {
  std::array<Hash, levels + 1> all;
  all[0] = first;
  for (std::size_t level = 0; level < levels; ++level) {
    all[level + 1] = node(all[level], all[level]);
  }
  return all;
}

}  // namespace

bool is_set(const TxoBitmap& bitmap, std::size_t position) {
  ASSERT(position < txo_chunk_leaves);
  return ((bitmap[position / 8] >> (position % 8)) & 1) != 0;
}

void set_bit(TxoBitmap& bitmap, std::size_t position, bool value) {
  ASSERT(position < txo_chunk_leaves);
  const auto mask = static_cast<std::uint8_t>(1u << (position % 8));
  std::uint8_t& byte = bitmap[position / 8];
  byte = static_cast<std::uint8_t>(value ? byte | mask : byte & ~mask);
}

Hash txo_leaf_node(const Hash& left, const Hash& right) {
  return tagged_hash(leaf_tag, {left, right});
}

const Hash& txo_absent_leaves(std::size_t level) {
  static const auto all = constants<txo_chunk_levels>(Hash{}, txo_leaf_node);
  ASSERT(level < all.size());
  return all[level];
}

Hash txo_leaf_root(std::span<const Hash> leaves) {
  ASSERT(leaves.size() <= txo_chunk_leaves);
  std::vector<Hash> level(leaves.begin(), leaves.end());
  for (std::size_t height = 0; height < txo_chunk_levels; ++height) {
    if (level.size() % 2 != 0) level.push_back(txo_absent_leaves(height));
    for (std::size_t i = 0; i < level.size() / 2; ++i) {
      level[i] = txo_leaf_node(level[2 * i], level[2 * i + 1]);
    }
    level.resize(level.size() / 2);
  }
  return level.empty() ? txo_absent_leaves(txo_chunk_levels) : level.front();
}

Hash txo_chunk_node(const Hash& leaf_root, const TxoBitmap& bitmap) {
  return tagged_hash(chunk_tag, {leaf_root, bitmap});
}

Hash txo_upper_node(const Hash& left, const Hash& right) {
  return tagged_hash(upper_tag, {left, right});
}

const Hash& txo_empty_chunks(std::size_t level) {
  static const auto all = constants<txo_upper_levels_max>(
      txo_chunk_node(txo_absent_leaves(txo_chunk_levels), TxoBitmap{}), txo_upper_node);
  ASSERT(level < all.size());
  return all[level];
}

Hash txo_root(std::uint64_t size, const Hash& top) {
  Bytes number;
  Writer(number).u64(size);
  return tagged_hash(root_tag, {number, top});
}

std::uint64_t txo_chunk_count(std::uint64_t size) {
  ASSERT(size <= txo_size_max);
  return std::max<std::uint64_t>(1, (size + txo_chunk_leaves - 1) / txo_chunk_leaves);
}

std::size_t txo_upper_levels(std::uint64_t size) {
  return static_cast<std::size_t>(std::bit_width(txo_chunk_count(size) - 1));
}

Bytes encode_txo_proof(const TxoProof& proof) {
  ASSERT(proof.size > 0 && proof.upper.size() == txo_upper_levels(proof.size));
  Bytes bytes;
  Writer writer(bytes);
  writer.varint(proof.size);
  writer.bytes(proof.bitmap);
  for (const Hash& hash : proof.inside) writer.bytes(hash);
  for (const Hash& hash : proof.upper) writer.bytes(hash);
  return bytes;
}

Result<TxoProof> decode_txo_proof(ByteView bytes) {
  Reader reader(bytes);
  TxoProof proof;
  proof.size = TRY(reader.varint());
  if (proof.size == 0 || proof.size > txo_size_max) {
    return fail(Code::malformed, base::format("output proof from a state of {} outputs, of 1 to {}",
                                              proof.size, txo_size_max));
  }
  std::ranges::copy(TRY(reader.bytes(proof.bitmap.size())), proof.bitmap.begin());
  for (Hash& hash : proof.inside) std::ranges::copy(TRY(reader.bytes(32)), hash.begin());
  proof.upper.resize(txo_upper_levels(proof.size));
  for (Hash& hash : proof.upper) std::ranges::copy(TRY(reader.bytes(32)), hash.begin());
  TRY_VOID(reader.finish());
  return proof;
}

Result<bool> verify_txo_proof(const Hash& root, std::uint64_t index, const Hash& leaf,
                              const TxoProof& proof) {
  if (index >= proof.size || proof.size > txo_size_max) {
    return fail(Code::malformed,
                base::format("proof for output {} from a state of {} outputs", index, proof.size));
  }
  if (proof.upper.size() != txo_upper_levels(proof.size)) {
    return fail(Code::malformed, base::format("output proof of {} upper hashes, of {} outputs",
                                              proof.upper.size(), proof.size));
  }
  std::uint64_t at = index;
  Hash node = leaf;
  for (const Hash& sibling : proof.inside) {
    node = at % 2 == 0 ? txo_leaf_node(node, sibling) : txo_leaf_node(sibling, node);
    at /= 2;
  }
  node = txo_chunk_node(node, proof.bitmap);
  for (const Hash& sibling : proof.upper) {
    node = at % 2 == 0 ? txo_upper_node(node, sibling) : txo_upper_node(sibling, node);
    at /= 2;
  }
  if (txo_root(proof.size, node) != root) {
    return fail(Code::bad_signature,
                base::format("proof for output {} leads to another root", index));
  }
  return is_set(proof.bitmap, index % txo_chunk_leaves);
}

}  // namespace kith::codec
