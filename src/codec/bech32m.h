// Bech32m (BIP-350): a short text, safe to read aloud and to mistype, of a prefix that says what it
// is, and values of 5 bits; the text of addresses. Decoding takes all lower or all upper case, as
// the BIP wants, and gives the prefix in lower case; encoding gives lower case.
//
// Limits: 90 characters, of which 1 to 83 are the prefix; the checksum finds any four errors within
// that length, so there is no way to a longer one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace kith::codec {

inline constexpr std::size_t bech32m_chars_max = 90;
inline constexpr std::size_t bech32m_prefix_chars_max = 83;

struct Bech32m {
  std::string prefix;                // printable ASCII, none of it upper case
  std::vector<std::uint8_t> values;  // below 32
  friend bool operator==(const Bech32m&, const Bech32m&) = default;
};

/// ASSERTs what is said above, and that the text is at most bech32m_chars_max.
std::string encode_bech32m(const Bech32m& parts);
Result<Bech32m> decode_bech32m(std::string_view text);

/// Bytes as values of 5 bits, most significant first; the last is filled up with zero bits.
std::vector<std::uint8_t> five_bits_of(ByteView bytes);
/// The way back: `malformed` when what fills up is not zero, or is 5 bits or more.
Result<Bytes> bytes_of_five_bits(std::span<const std::uint8_t> values);

}  // namespace kith::codec
