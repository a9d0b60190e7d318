// The validators of one epoch: who they are, what each weighs, and what a quorum is.
//
// Encoding: 01, count u16, then by ascending key, none twice: key 32 bytes, weight u64 > 0. The
// root that headers carry is tagged_hash("kith/validators/1", encoding): whoever checks a
// certificate needs the whole list anyway. Source: docs/protocol/consensus.md.
// Limits: `validators_in_set_max` of them, weights of `weight_sum_max` in all.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "codec/chain.h"

namespace kith::codec {

/// An Ed25519 public key.
using ValidatorKey = std::array<std::uint8_t, 32>;
/// A place in the list; stands for the key in votes and certificates.
using ValidatorIndex = std::uint16_t;

inline constexpr std::size_t validators_in_set_max = 1024;

struct Validator {
  ValidatorKey key{};
  Weight weight = 0;
  friend bool operator==(const Validator&, const Validator&) = default;
};

class ValidatorSet {
 public:
  /// Sorts. `malformed` for a key twice or a weight of 0, `too_large` over a limit or when empty.
  static Result<ValidatorSet> make(std::vector<Validator> validators);
  static Result<ValidatorSet> decode(ByteView bytes);
  Bytes encode() const;

  std::size_t size() const { return validators_.size(); }
  const Validator& at(ValidatorIndex index) const { return validators_[index]; }
  const std::vector<Validator>& all() const { return validators_; }
  std::optional<ValidatorIndex> index_of(const ValidatorKey& key) const;
  Weight total() const { return total_; }
  /// More than two thirds: floor(2 W / 3) + 1. Two quorums share more than a third.
  Weight quorum() const { return total_ / 3 * 2 + total_ % 3 * 2 / 3 + 1; }
  /// The largest weight that may lie without harm: below a third.
  Weight fault_bound() const { return (total_ - 1) / 3; }
  const Hash& root() const { return root_; }

  friend bool operator==(const ValidatorSet& a, const ValidatorSet& b) {
    return a.root_ == b.root_;
  }

 private:
  explicit ValidatorSet(std::vector<Validator> sorted);

  std::vector<Validator> validators_;
  Weight total_ = 0;
  Hash root_{};
};

}  // namespace kith::codec
