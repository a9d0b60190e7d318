#include "compute/collatz/range.h"

#include <algorithm>

#include "base/format.h"
#include "compute/collatz/orbit.h"

namespace kith::compute::collatz {
namespace {

constexpr unsigned exact_block_bits = 24;
constexpr unsigned unit_bits_min = 20;
constexpr unsigned unit_bits_usual = 36;
constexpr unsigned unit_bits_most = 40;
constexpr unsigned large_range_bits = 46;
constexpr unsigned a_bits = 12;
constexpr std::uint32_t unit_slice_bits = 4;
constexpr std::size_t suspects_looked_at = 64;

/// The largest aligned block of allowed size that begins at `n` and ends by `to`; 0 when none does.
unsigned block_bits_at(U128 n, U128 to, unsigned bits_max) {
  for (unsigned bits = bits_max; bits >= unit_bits_min; --bits) {
    const U128 size = U128{1} << bits;
    // Its sieve speaks of a > 0 only.
    if (n % size == 0 && to - n >= size - 1 && n >= size) return bits;
  }
  return 0;
}

Unit unit_of_block(U128 from, unsigned bits) {
  const unsigned sieve = bits - a_bits;
  return {sieve, sieve,         std::min(unit_slice_bits, sieve),
          0,     from >> sieve, std::uint64_t{1} << a_bits,
          {}};
}

void note_counterexample(RangeResult& all, U128 n) {
  if (!all.counterexample || n < *all.counterexample) all.counterexample = n;
}

void add_slice(const Plan& plan, std::uint32_t slice, const SliceResult& part,
               RangeResult& result) {
  result.checksum += part.stop_sum;
  if (part.suspects == 0) return;
  for (const U128 n : find_suspects(plan, slice, suspects_looked_at)) {
    const Orbit orbit = walk_orbit(n, plan.unit().start(), {3, plan.unit().map.increment});
    if (orbit.verdict != Verdict::descends) note_counterexample(result, n);
  }
  if (part.suspects > suspects_looked_at) note_counterexample(result, plan.unit().start());
}

}  // namespace

Result<std::vector<Piece>> plan_range(U128 from, U128 to, bool is_fast) {
  if (from < 1 || from > to || bit_width(to) > number_bits_max) {
    return fail(Code::usage,
                base::format("the range from {} to {} has no number, or goes beyond 2^{}",
                             to_decimal(from), to_decimal(to), number_bits_max));
  }
  const U128 count = to - from + 1;
  const unsigned bits_max = bit_width(count) > large_range_bits ? unit_bits_most : unit_bits_usual;
  if ((count >> (is_fast ? bits_max : exact_block_bits)) >= pieces_max - 1024) {
    return fail(Code::limit, base::format("a range of {} numbers, which is too long for one "
                                          "command{}",
                                          to_decimal(count), is_fast ? "" : " without --fast"));
  }
  std::vector<Piece> pieces;
  for (U128 n = from;;) {
    const unsigned bits = is_fast ? block_bits_at(n, to, bits_max) : 0;
    // Without a unit: to the next multiple of the smallest unit, or of an exact block.
    const unsigned step_bits = bits > 0 ? bits : is_fast ? unit_bits_min : exact_block_bits;
    const U128 last = std::min(to, (((n >> step_bits) + 1) << step_bits) - 1);
    pieces.push_back({n, last, {}});
    if (bits > 0) pieces.back().unit = unit_of_block(n, bits);
    if (last == to) return pieces;
    n = last + 1;
  }
}

void add_to(RangeResult& all, const RangeResult& part) {
  all.count += part.count;
  all.checksum += part.checksum;
  all.exact = joined(all.exact, part.exact);
  if (part.counterexample) note_counterexample(all, *part.counterexample);
}

Result<RangeResult> PieceRunner::run(const Piece& piece, const ExactWalker& walker,
                                     const std::function<bool()>& is_stopped) {
  if (piece.unit) return run_unit(piece, is_stopped);
  RangeResult result;
  result.exact = walker.walk(piece.from, piece.to);
  result.count = result.exact.count;
  result.checksum = result.exact.steps_sum;
  result.counterexample = result.exact.suspect;
  return result;
}

Result<RangeResult> PieceRunner::run_unit(const Piece& piece,
                                          const std::function<bool()>& is_stopped) {
  TRY_VOID(check_unit(*piece.unit));
  plan_ = plan_ ? Plan(*piece.unit, *plan_) : Plan(*piece.unit);
  const Plan& plan = *plan_;
  RangeResult result;
  std::vector<SliceResult> parts;
  const std::uint32_t slices = piece.unit->slices();
  for (std::uint32_t first = 0; first < slices; first += static_cast<std::uint32_t>(parts.size())) {
    if (is_stopped()) return fail(Code::canceled, "stopped in the middle of a unit");
    parts.assign(std::min(kernel_->slices_at_once(), slices - first), {});
    TRY_VOID(kernel_->run(plan, first, parts));
    for (std::uint32_t i = 0; i < parts.size(); ++i) add_slice(plan, first + i, parts[i], result);
  }
  result.count = piece.to - piece.from + 1;
  return result;
}

}  // namespace kith::compute::collatz
