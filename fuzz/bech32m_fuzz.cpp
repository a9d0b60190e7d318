// Bech32m: a text that decodes encodes to the same in lower case, and bytes come back through it.
#include "codec/bech32m.h"

#include <algorithm>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  const std::string_view text = base::as_text(bytes);
  if (const auto parts = codec::decode_bech32m(text)) {
    std::string lower(text);
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    ASSERT(codec::encode_bech32m(*parts) == lower);
    if (const auto inside = codec::bytes_of_five_bits(parts->values)) {
      ASSERT(codec::five_bits_of(*inside) == parts->values);
    }
  }
  const ByteView some = bytes.first(std::min<std::size_t>(size, 45));
  const codec::Bech32m parts{"fuzz", codec::five_bits_of(some)};
  const auto again = codec::decode_bech32m(codec::encode_bech32m(parts));
  ASSERT(again && *again == parts);
  ASSERT(base::equal(codec::bytes_of_five_bits(parts.values).value(), some));
  return 0;
}
