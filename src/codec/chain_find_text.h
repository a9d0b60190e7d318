// Finds of jobs (chain_dispute.h) in words: their number in decimal, and what it is.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace kith::codec {

/// Of a big-endian number.
std::string find_number_text(const std::array<std::uint8_t, 16>& number);
/// "counterexample" or "record"; "unknown" for anything else.
std::string_view find_name(std::uint8_t what);

}  // namespace kith::codec
