// The commitment to all outputs ever created and to which of them are unspent, as far as a light
// client needs it: the hashes, and the proof that the output of an index is unspent, or spent,
// under a root (docs/protocol/ledger.md, Commitments). The whole tree is ledger/txo_tree.h.
//
// 256 consecutive outputs are a chunk: a Merkle tree of their 32-byte leaf hashes (absent ones are
// zeros) joined with a bitmap of 256 bits. Above is a binary tree over the chunk nodes, padded with
// the constants of empty chunks to a power of two. The index is a part of what is proven and not of
// the proof, since the leaf's preimage names it. A proof at 2^27 outputs is 900 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/chain.h"

namespace kith::codec {

inline constexpr std::size_t txo_chunk_leaves = 256;
inline constexpr std::size_t txo_chunk_levels = 8;
/// More outputs than a thousand years of full blocks; the tree above the chunks is lower than that.
inline constexpr std::uint64_t txo_size_max = std::uint64_t{1} << 48;
inline constexpr std::size_t txo_upper_levels_max = 48 - txo_chunk_levels;

/// Output `i` of a chunk is bit i % 8, counted from the least significant, of byte i / 8. A bit is
/// 1 while the output is unspent, and 0 where there is none yet.
using TxoBitmap = std::array<std::uint8_t, txo_chunk_leaves / 8>;
bool is_set(const TxoBitmap& bitmap, std::size_t position);
void set_bit(TxoBitmap& bitmap, std::size_t position, bool value);

/// An inner node of a chunk's tree of leaves.
Hash txo_leaf_node(const Hash& left, const Hash& right);
/// The root of 2^level absent leaves inside a chunk, `level` of 0 to 8.
const Hash& txo_absent_leaves(std::size_t level);
/// The root of a chunk's leaves, at most 256; the rest are absent.
Hash txo_leaf_root(std::span<const Hash> leaves);
Hash txo_chunk_node(const Hash& leaf_root, const TxoBitmap& bitmap);
/// An inner node above the chunks.
Hash txo_upper_node(const Hash& left, const Hash& right);
/// The root of 2^level empty chunks, `level` of 0 to txo_upper_levels_max.
const Hash& txo_empty_chunks(std::size_t level);
Hash txo_root(std::uint64_t size, const Hash& top);

/// How many chunks hold `size` outputs, and how many levels are above them; no output at all is
/// the tree of one empty chunk.
std::uint64_t txo_chunk_count(std::uint64_t size);
std::size_t txo_upper_levels(std::uint64_t size);

struct TxoProof {
  std::uint64_t size = 0;                       // of the state that is proven from, above 0
  TxoBitmap bitmap{};                           // of the output's chunk
  std::array<Hash, txo_chunk_levels> inside{};  // siblings in the chunk, from the leaf up
  std::vector<Hash> upper;                      // siblings above it, upwards
  friend bool operator==(const TxoProof&, const TxoProof&) = default;
};

inline constexpr std::size_t txo_proof_bytes_max =
    9 + txo_chunk_leaves / 8 + 32 * (txo_chunk_levels + txo_upper_levels_max);

/// `upper` has txo_upper_levels(size) hashes: ASSERTed.
Bytes encode_txo_proof(const TxoProof& proof);
Result<TxoProof> decode_txo_proof(ByteView bytes);

/// Whether output `index`, whose leaf hash is `leaf`, is unspent in the state of `root`. An error
/// when the proof does not show that there is such an output.
Result<bool> verify_txo_proof(const Hash& root, std::uint64_t index, const Hash& leaf,
                              const TxoProof& proof);

}  // namespace kith::codec
