// Amounts as people write them: coins with up to 8 decimals, exact. "12", "0.5", "1.00000001"; no
// sign, no exponent, no thousands' separators, so that nobody sends what they did not mean.
#pragma once

#include <string>
#include <string_view>

#include "codec/chain.h"

namespace kith::wallet {

inline constexpr std::size_t coin_decimals = 8;

/// `usage` names the text. 0 is an amount here; more than amount_max is none.
Result<codec::Amount> parse_coins(std::string_view text);
/// "1.5", "0.00000001", "3": no zeros behind the last digit that counts.
std::string format_coins(codec::Amount amount);

}  // namespace kith::wallet
