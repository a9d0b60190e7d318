#include "codec/utf8.h"

namespace kith::codec {

namespace {

struct Lead {
  std::size_t more = 0;           // continuation bytes that follow
  std::uint8_t first_min = 0x80;  // range of the first of them: what rules out overlong forms,
  std::uint8_t first_max = 0xbf;  // surrogates and numbers too large (RFC 3629, section 4)
  bool valid = true;
};

Lead lead_of(std::uint8_t byte) {
  if (byte < 0x80) return {.more = 0};
  if (byte >= 0xc2 && byte <= 0xdf) return {.more = 1};
  if (byte == 0xe0) return {.more = 2, .first_min = 0xa0};
  if (byte == 0xed) return {.more = 2, .first_max = 0x9f};
  if (byte >= 0xe1 && byte <= 0xef) return {.more = 2};
  if (byte == 0xf0) return {.more = 3, .first_min = 0x90};
  if (byte >= 0xf1 && byte <= 0xf3) return {.more = 3};
  if (byte == 0xf4) return {.more = 3, .first_max = 0x8f};
  return {.valid = false};
}

}  // namespace

bool is_utf8(ByteView bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const Lead lead = lead_of(bytes[i++]);
    if (!lead.valid || bytes.size() - i < lead.more) return false;
    for (std::size_t k = 0; k < lead.more; ++k, ++i) {
      const std::uint8_t min = k == 0 ? lead.first_min : 0x80;
      const std::uint8_t max = k == 0 ? lead.first_max : 0xbf;
      if (bytes[i] < min || bytes[i] > max) return false;
    }
  }
  return true;
}

}  // namespace kith::codec
