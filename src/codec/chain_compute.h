// What computing adds to a chain's parameters: consensus rules, like those of chain_params.h.
// Grammar and meaning: docs/protocol/accounts.md, "Parameters".
#pragma once

#include <cstdint>

#include "base/error.h"
#include "codec/chain.h"

namespace kith::codec {

struct ComputeParams {
  std::uint16_t cheats = 3'000;              // B: slots that may cheat, in 1/10000 of all
  std::uint16_t draw_gap = 16;               // g: blocks from a round's end to its draw
  Amount min_bond = units_per_coin;          // of a slot, in any job
  Amount account_bond = units_per_coin;      // of an account, on top of what its slots need
  std::uint32_t bond_epochs = 2;             // until a bond that is taken is paid
  std::uint32_t answer_blocks = 1'440;       // for a move in a dispute
  friend bool operator==(const ComputeParams&, const ComputeParams&) = default;
};

/// Names the parameter that cannot be.
Result<void> check(const ComputeParams& params);

}  // namespace kith::codec
