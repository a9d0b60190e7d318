#include "codec/chain.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace kith::codec {

Hash tagged_hash(std::string_view tag, std::initializer_list<ByteView> parts) {
  static constexpr std::uint8_t zero = 0;
  ASSERT(parts.size() <= tagged_parts_max);
  std::array<ByteView, tagged_parts_max + 2> all;
  all[0] = base::as_bytes(tag);
  all[1] = ByteView(&zero, 1);
  std::copy(parts.begin(), parts.end(), all.begin() + 2);
  return crypto::sha256(std::span<const ByteView>(all.data(), parts.size() + 2));
}

}  // namespace kith::codec
