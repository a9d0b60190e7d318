// Who leads which view of an epoch: smooth weighted round-robin. Each view every validator gains
// its weight in credit, the one with most leads and pays the weight of all. So each leads as often
// as it weighs, evenly spread. Ties go by an order shuffled anew for each epoch by a seed that is
// known when it begins (the digest of its floor, or the chain's beacon as of it), so that nobody
// can choose a place by choosing a key. Source: docs/protocol/consensus.md, "Leaders".
//
// Views are asked for mostly in ascending order; each step costs the size of the set, once. Only
// the last `remembered_max` leaders are kept: asked for an older view, it begins at 1 again.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "codec/chain_validators.h"

namespace kith::consensus {

using codec::ValidatorIndex;

class LeaderSchedule {
 public:
  static constexpr std::size_t remembered_max = 4096;

  LeaderSchedule(const codec::ValidatorSet& validators, const codec::Hash& seed,
                 codec::Epoch epoch);

  /// REQUIRES: view > 0.
  ValidatorIndex leader(codec::View view);

 private:
  void begin_again();
  void step();

  std::vector<codec::Weight> weights_;  // in the shuffled order
  std::vector<ValidatorIndex> order_;   // the validator at each place of it
  std::vector<std::int64_t> credit_;    // likewise; within ± the total, which is below 2^62
  std::int64_t total_ = 0;
  std::deque<ValidatorIndex> leaders_;
  std::uint64_t first_ = 1;  // the view of leaders_.front()
};

}  // namespace kith::consensus
