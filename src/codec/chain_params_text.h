// The parameters of a chain by name, as people write them: `--param min_stake=2500`. Names are
// those of ChainParams and of docs/protocol/ledger.md. An amount is in coins ("12.5"), or in units
// with a "u" behind it ("546u"); what is in milliseconds, 1/10000 or bytes by its name or that page
// is a plain number; tiers are STAKE:WEIGHT, separated by commas ("" for none); treasury_lock is an
// address or 64 hexadecimal digits.
//
// A value is only read here; whether the whole can be is check()'s to say.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "codec/chain_params.h"

namespace kith::codec {

/// In the order of the format.
std::span<const std::string_view> param_names();
/// `config`: there is no such parameter, or the value is none of its kind.
Result<void> set_param(ChainParams& params, std::string_view name, std::string_view value);
/// What set_param() would take.
std::string param_text(const ChainParams& params, std::string_view name);

/// "12.5" coins, or "546u". At most amount_max, and no fraction of a unit.
Result<Amount> parse_amount(std::string_view text);
/// In coins, as short as it goes: "12.5".
std::string format_amount(Amount amount);
/// "ADDRESS=AMOUNT", of an output at genesis.
Result<TxOutput> parse_genesis_output(std::string_view hrp, std::string_view text);

}  // namespace kith::codec
