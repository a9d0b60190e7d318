// The exact path that all kernels share, for what theirs cannot hold: numbers that have escaped,
// leaves whose values are wider than a kernel's, and numbers that go on for too long. It follows
// the same rule (unit.h) in 128 bits with room to spare, and from 2^112 on in Big, step by step.
#pragma once

#include "compute/collatz/sieve.h"
#include "compute/collatz/slice.h"

namespace kith::compute::collatz {

class Finisher {
 public:
  /// The plan outlives it.
  explicit Finisher(const Plan& plan);

  /// A candidate's value after K steps and any number of blocks, none of which it stopped or
  /// escaped at.
  void finish(U128 n, SliceResult& result) const { follow(n, false, result); }
  /// One that was found at 2^escape_bits or more after a block.
  void finish_escaped(U128 n, SliceResult& result) const {
    ++result.escapes;
    follow(n, true, result);
  }
  /// All candidates of a leaf; counts them.
  void finish_leaf(const Leaf& leaf, SliceResult& result) const;
  /// The number of a leaf whose a is a_first + index; counts it.
  void finish_number(const Leaf& leaf, std::uint64_t index, SliceResult& result) const;

 private:
  void follow(U128 n, bool has_escaped, SliceResult& result) const;
  void follow_big(Big n, bool has_escaped, std::uint32_t checks, SliceResult& result) const;
  U128 step_block(U128 n, SliceResult& result) const;

  const Plan& plan_;
  StepTable<check_steps / 2> table_;
};

/// Candidates of a leaf: what rule 2 leaves of a_count.
std::uint64_t candidates_of(const Plan& plan, const Leaf& leaf);
/// T^K of the leaf's first number, when that of its last is below 2^bits too.
std::optional<U128> first_within(const Plan& plan, const Leaf& leaf, unsigned bits);

}  // namespace kith::compute::collatz
