// How a range from..to is cut into pieces of work: the same for everybody, since it depends on the
// range alone, and so is the range's checksum.
//
// Exact mode: blocks of 2^24 numbers, aligned. Fast mode: aligned blocks of powers of two from 2^20
// to 2^36 (2^40 in ranges of 2^46 and more), each a unit of that many consecutive numbers; what
// does not fill such a block, and what is below 2^20, is walked exactly.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "compute/collatz/exact.h"
#include "compute/collatz/kernel.h"

namespace kith::compute::collatz {

struct Piece {
  U128 from = 0;
  U128 to = 0;               // included
  std::optional<Unit> unit;  // none: walked exactly
};
inline constexpr std::size_t pieces_max = std::size_t{1} << 21;

/// `usage` when the range is empty, reversed or not below 2^127, `limit` when it has too many
/// pieces.
Result<std::vector<Piece>> plan_range(U128 from, U128 to, bool is_fast);

/// What pieces come to; pieces may be added in any order.
struct RangeResult {
  U128 count = 0;
  /// Exact pieces add the steps of their numbers, units their stop sums; mod 2^64.
  std::uint64_t checksum = 0;
  /// Of exact pieces alone.
  ExactResult exact;
  /// The least number that is a counterexample: in a cycle, or beyond what can be followed.
  std::optional<U128> counterexample;
};
void add_to(RangeResult& all, const RangeResult& part);

/// One piece, by `kernel` when it is a unit. `is_stopped` is asked between as many slices as the
/// kernel does at once: `canceled`.
class PieceRunner {
 public:
  explicit PieceRunner(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
  Result<RangeResult> run(const Piece& piece, const ExactWalker& walker,
                          const std::function<bool()>& is_stopped);

 private:
  Result<RangeResult> run_unit(const Piece& piece, const std::function<bool()>& is_stopped);

  std::unique_ptr<Kernel> kernel_;
  std::optional<Plan> plan_;  // of the unit before, whose prefixes the next has too
};

}  // namespace kith::compute::collatz
