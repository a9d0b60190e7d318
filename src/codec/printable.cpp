#include "codec/printable.h"

#include <cstdint>

namespace kith::codec {

std::string printable(std::string_view text, std::size_t bytes_max) {
  constexpr char digits[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text.substr(0, bytes_max)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte == '"' || byte == '\\') {
      quoted.push_back('\\');
      quoted.push_back(c);
    } else if (byte >= 0x20 && byte < 0x7f) {
      quoted.push_back(c);
    } else {
      quoted.append("\\x").push_back(digits[byte >> 4]);
      quoted.push_back(digits[byte & 0xf]);
    }
  }
  quoted.push_back('"');
  if (text.size() > bytes_max) quoted.append("...");
  return quoted;
}

}  // namespace kith::codec
