// The words that everything about the ledger shares: heights, views, epochs, amounts, hashes, and
// the tag that stands in front of whatever is hashed or signed, so that bytes made for one purpose
// are never good for another. docs/protocol/consensus.md and ledger.md are the grammar of all
// codec/chain_*: big-endian, one encoding a value, decoders take no other.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ids.h"
#include "crypto/hash.h"

namespace kith::codec {

/// SHA-256: digests of blocks, transaction ids, roots.
using Hash = crypto::Hash256;

/// 0 is genesis.
using Height = base::Id<struct HeightTag>;
/// From 1 in each epoch; 0 is the epoch's floor, the last block of the epoch before.
using View = base::Id<struct ViewTag>;
using Epoch = base::Id<struct EpochTag>;

template <class Tag>
constexpr base::Id<Tag> next(base::Id<Tag> id) {
  return {id.value + 1};
}

/// Coins in their smallest unit. Sums are checked, products are made in 128 bits.
using Amount = std::uint64_t;
inline constexpr Amount units_per_coin = 100'000'000;
/// No supply is above it, so that a sum of two amounts never overflows.
inline constexpr Amount amount_max = Amount{1} << 62;

/// a + b, if that is an amount.
constexpr std::optional<Amount> add(Amount a, Amount b) {
  if (a > amount_max || b > amount_max || a + b > amount_max) return std::nullopt;
  return a + b;
}

/// Weight of validators; the sum of a set's is at most weight_sum_max (consensus.md 1.3).
using Weight = std::uint64_t;
inline constexpr Weight weight_sum_max = Weight{1} << 61;

/// SHA-256 of the tag, a zero byte, and at most `tagged_parts_max` parts.
inline constexpr std::size_t tagged_parts_max = 6;
Hash tagged_hash(std::string_view tag, std::initializer_list<ByteView> parts);

}  // namespace kith::codec
