// The Merkle root of a list of hashes, and proofs that a hash is the list's entry of an index:
// docs/protocol/ledger.md, Commitments. The shape is RFC 6962's (2.1), the left subtree of a node
// being the largest power of two; leaves and nodes have tags of their own, and the root commits to
// the number of entries, so that a path has one length and a list one root. chain_mmr.h makes the
// same root of a list that grows.
//
// Limits: 2^40 entries; a proof is at most 12 + 40 * 32 bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codec/chain.h"

namespace kith::codec {

inline constexpr std::uint64_t merkle_count_max = std::uint64_t{1} << 40;
inline constexpr std::size_t merkle_path_max = 40;
inline constexpr std::size_t merkle_proof_bytes_max = 12 + 32 * merkle_path_max;

Hash merkle_leaf(const Hash& entry);
Hash merkle_node(const Hash& left, const Hash& right);
/// Of a list of `count` entries whose tree's top is `top`; of no entries it takes no top.
Hash merkle_root_of_top(std::uint64_t count, const Hash& top);

Hash merkle_root(std::span<const Hash> entries);

struct MerkleProof {
  std::uint64_t index = 0;
  std::uint64_t count = 0;  // of the list; above index
  std::vector<Hash> path;   // siblings from the leaf up; merkle_path_length of them
  friend bool operator==(const MerkleProof&, const MerkleProof&) = default;
};

/// How many siblings entry `index` of `count` has on its way up: ceil(log2 count) at most.
std::size_t merkle_path_length(std::uint64_t index, std::uint64_t count);

/// `index` below the number of entries.
MerkleProof prove_merkle(std::span<const Hash> entries, std::uint64_t index);
Bytes encode_merkle_proof(const MerkleProof& proof);
Result<MerkleProof> decode_merkle_proof(ByteView bytes);
/// That `entry` is the one of proof.index in a list of proof.count under `root`.
Result<void> verify_merkle_proof(const Hash& root, const Hash& entry, const MerkleProof& proof);

}  // namespace kith::codec
