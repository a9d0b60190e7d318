// What a slice of a unit comes to: integers that are the same on every kernel and device, whatever
// its vectors' width, since what is tested, when a number stops and what is summed are fixed in
// unit.h. Slices are the leaves of a Merkle tree whose root is the unit's result: it is committed
// to before anybody says which slices will be computed again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codec/chain_merkle.h"
#include "compute/collatz/unit.h"

namespace kith::compute::collatz {

/// Raised with whatever gives some slice other integers than before: 2 since rule 1 looks back
/// (ways_back.h), which leaves fewer candidates. Files of what was computed have it.
inline constexpr std::uint16_t results_version = 2;

struct SliceResult {
  std::uint64_t candidates = 0;
  /// The low stop_bits bits of every candidate's value when it stopped, summed mod 2^64.
  std::uint64_t stop_sum = 0;
  std::uint64_t escapes = 0;
  /// Candidates that did not stop within checks_max blocks, or grew beyond 2^1024.
  std::uint64_t suspects = 0;
  /// Of those that escaped, the largest 3n + q after their escape; 0 when none did.
  Big peak;

  friend bool operator==(const SliceResult&, const SliceResult&) = default;
};

/// The entry of the unit's Merkle tree: SHA-256 of a tag, the unit, the slice's number and result.
codec::Hash slice_digest(const Unit& unit, std::uint32_t slice, const SliceResult& result);
codec::Hash unit_root(const Unit& unit, std::span<const SliceResult> slices);

/// All slices as one: sums, and the larger peak.
SliceResult total_of(std::span<const SliceResult> slices);

}  // namespace kith::compute::collatz
