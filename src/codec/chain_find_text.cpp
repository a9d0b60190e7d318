#include "codec/chain_find_text.h"

#include <algorithm>

namespace kith::codec {

std::string find_number_text(const std::array<std::uint8_t, 16>& number) {
  std::array<std::uint8_t, 16> rest = number;
  std::string digits;
  do {
    unsigned remainder = 0;
    for (std::uint8_t& byte : rest) {
      const unsigned value = remainder << 8 | byte;
      byte = static_cast<std::uint8_t>(value / 10);
      remainder = value % 10;
    }
    digits.push_back(static_cast<char>('0' + remainder));
  } while (std::ranges::any_of(rest, [](std::uint8_t byte) { return byte != 0; }));
  std::ranges::reverse(digits);
  return digits;
}

std::string_view find_name(std::uint8_t what) {
  switch (what) {
    case 1: return "counterexample";
    case 2: return "record";
    default: return "unknown";
  }
}

}  // namespace kith::codec
