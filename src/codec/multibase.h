// Bytes as text (multiformats/multibase): base16, base32 (RFC 4648, lower case, unpadded), base36,
// base58btc and base64url (unpadded), each with or without its one-character prefix.
//
// One text a value: upper case where the alphabet is lower, padding and non-zero bits left over are
// `malformed`. base36 and base58btc cost the square of the length: they are for ids, and every
// decoder takes a cap on the bytes it may produce, checked before the work.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::codec {

/// The value is the prefix character.
enum class Multibase : char {
  base16 = 'f',
  base32 = 'b',
  base36 = 'k',
  base58btc = 'z',
  base64url = 'u',
};

/// Without prefix.
std::string encode_base(Multibase base, ByteView bytes);
/// Without prefix; `too_large` when the text stands for more than `bytes_max` bytes.
Result<Bytes> decode_base(Multibase base, std::string_view text, std::size_t bytes_max);

/// With prefix.
std::string encode_multibase(Multibase base, ByteView bytes);
/// Reads the prefix and what follows; `unsupported` for a prefix that is not listed above.
Result<Bytes> decode_multibase(std::string_view text, std::size_t bytes_max);

}  // namespace kith::codec
