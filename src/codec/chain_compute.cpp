#include "codec/chain_compute.h"

#include "base/format.h"

namespace kith::codec {
namespace {

template <class T>
Result<void> within(const char* what, T value, T least, T most) {
  if (value >= least && value <= most) return {};
  return fail(Code::config, base::format("{} is {}, not {} to {}", what, value, least, most));
}

}  // namespace

Result<void> check(const ComputeParams& params) {
  // Half of the slots must be honest, or no number of checks is enough.
  TRY_VOID(within<std::uint16_t>("cheats", params.cheats, 1, 4'999));
  // A round has 2 gaps at least, and 4,096 blocks at most.
  TRY_VOID(within<std::uint16_t>("draw_gap", params.draw_gap, 1, 2'048));
  TRY_VOID(within<Amount>("min_bond", params.min_bond, 1, amount_max));
  TRY_VOID(within<Amount>("account_bond", params.account_bond, 1, amount_max));
  TRY_VOID(within<std::uint32_t>("bond_epochs", params.bond_epochs, 1, 1u << 20));
  return within<std::uint32_t>("answer_blocks", params.answer_blocks, 1, 1u << 20);
}

}  // namespace kith::codec
