// Several entries of a Merkle list (chain_merkle.h) under its root at once, with what is beside
// them on their way up: what a worker shows of the units that a checker has checked.
//
// Limits: lists of a power of two, to 1,024 entries.
#pragma once

#include <span>
#include <vector>

#include "codec/chain_merkle.h"

namespace kith::codec {

inline constexpr std::size_t merkle_many_count_max = 1'024;

/// The siblings of `indices` (ascending, each below the number of entries): level by level from the
/// leaves up, and in each from the left. REQUIRES: a power of two of entries.
std::vector<Hash> prove_merkle_many(std::span<const Hash> entries,
                                    std::span<const std::uint16_t> indices);
/// That `entries` are those of `indices` in a list of `count` under `root`.
Result<void> verify_merkle_many(const Hash& root, std::size_t count,
                                std::span<const std::uint16_t> indices,
                                std::span<const Hash> entries, std::span<const Hash> siblings);
/// What a list's nodes are over, each of as many entries: as many as `parts`, both powers of two.
std::vector<Hash> merkle_nodes(std::span<const Hash> entries, std::size_t parts);
/// The node over all of these nodes, a power of two.
Hash merkle_node_over(std::span<const Hash> nodes);

}  // namespace kith::codec
