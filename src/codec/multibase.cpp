#include "codec/multibase.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "codec/printable.h"

namespace kith::codec {

namespace {

struct Alphabet {
  std::string_view name;
  std::string_view digits;
  unsigned bits;  // a digit, where the base is a power of two; 0 otherwise
};

constexpr Alphabet base16_alphabet{"base16", "0123456789abcdef", 4};
constexpr Alphabet base32_alphabet{"base32", "abcdefghijklmnopqrstuvwxyz234567", 5};
constexpr Alphabet base36_alphabet{"base36", "0123456789abcdefghijklmnopqrstuvwxyz", 0};
constexpr Alphabet base58_alphabet{"base58btc",
                                   "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 0};
constexpr Alphabet base64url_alphabet{
    "base64url", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6};

const Alphabet& alphabet_of(Multibase base) {
  switch (base) {
    case Multibase::base16: return base16_alphabet;
    case Multibase::base32: return base32_alphabet;
    case Multibase::base36: return base36_alphabet;
    case Multibase::base58btc: return base58_alphabet;
    case Multibase::base64url: return base64url_alphabet;
  }
  UNREACHABLE();
}

Result<unsigned> digit_at(const Alphabet& alphabet, std::string_view text, std::size_t index) {
  const std::size_t digit = alphabet.digits.find(text[index]);
  if (digit == std::string_view::npos) {
    return fail(Code::malformed, base::format("{} is no {} digit, at offset {} of {}",
                                              printable(text.substr(index, 1)), alphabet.name,
                                              index, printable(text)));
  }
  return static_cast<unsigned>(digit);
}

Error too_large(const Alphabet& alphabet, std::string_view text, std::size_t bytes_max) {
  return {Code::too_large, base::format("{} text of {} characters is more than {} bytes",
                                        alphabet.name, text.size(), bytes_max)};
}

std::string encode_bits(const Alphabet& alphabet, ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() * 8 + alphabet.bits - 1) / alphabet.bits);
  unsigned held = 0;  // bits not yet written, right-aligned in `buffer`
  unsigned buffer = 0;
  const unsigned mask = (1u << alphabet.bits) - 1;
  for (const std::uint8_t byte : bytes) {
    buffer = (buffer << 8 | byte) & 0xffff;
    held += 8;
    while (held >= alphabet.bits) {
      held -= alphabet.bits;
      text.push_back(alphabet.digits[buffer >> held & mask]);
    }
  }
  if (held > 0) text.push_back(alphabet.digits[buffer << (alphabet.bits - held) & mask]);
  return text;
}

Result<Bytes> decode_bits(const Alphabet& alphabet, std::string_view text, std::size_t bytes_max) {
  // As a division, so that neither a huge text nor a huge cap overflows.
  if (text.size() / 8 > bytes_max / alphabet.bits + 1) {
    return fail(too_large(alphabet, text, bytes_max));
  }
  const std::size_t size = text.size() * alphabet.bits / 8;
  if (size > bytes_max) return fail(too_large(alphabet, text, bytes_max));
  Bytes bytes;
  bytes.reserve(size);
  unsigned held = 0;
  unsigned buffer = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    buffer = (buffer << alphabet.bits | TRY(digit_at(alphabet, text, i))) & 0xffff;
    held += alphabet.bits;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<std::uint8_t>(buffer >> held));
  }
  // A whole digit that adds no byte, or bits that are lost, would be a second text of the value.
  if (held >= alphabet.bits || (buffer & ((1u << held) - 1)) != 0) {
    return fail(Code::malformed,
                base::format("{} text {} does not end on a byte", alphabet.name, printable(text)));
  }
  return bytes;
}

/// Leading zero bytes are leading zero digits, the rest one big number (as Bitcoin does base58).
std::string encode_radix(const Alphabet& alphabet, ByteView bytes) {
  const auto radix = static_cast<unsigned>(alphabet.digits.size());
  const auto first =
      std::find_if(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b != 0; });
  Bytes digits;  // least significant first
  for (auto it = first; it != bytes.end(); ++it) {
    unsigned carry = *it;
    for (std::uint8_t& digit : digits) {
      carry += static_cast<unsigned>(digit) << 8;
      digit = static_cast<std::uint8_t>(carry % radix);
      carry /= radix;
    }
    for (; carry > 0; carry /= radix) digits.push_back(static_cast<std::uint8_t>(carry % radix));
  }
  std::string text(static_cast<std::size_t>(first - bytes.begin()), alphabet.digits[0]);
  for (auto it = digits.rbegin(); it != digits.rend(); ++it) text.push_back(alphabet.digits[*it]);
  return text;
}

Result<Bytes> decode_radix(const Alphabet& alphabet, std::string_view text, std::size_t bytes_max) {
  // A digit of base36 or base58 is worth more than half a byte, a leading zero a whole one: a
  // longer text is over the cap for certain, and the square is bounded.
  if (text.size() / 2 > bytes_max) return fail(too_large(alphabet, text, bytes_max));
  const auto radix = static_cast<unsigned>(alphabet.digits.size());
  const std::size_t zeros = std::min(text.find_first_not_of(alphabet.digits[0]), text.size());
  Bytes bytes;  // least significant first
  for (std::size_t i = zeros; i < text.size(); ++i) {
    unsigned carry = TRY(digit_at(alphabet, text, i));
    for (std::uint8_t& byte : bytes) {
      carry += byte * radix;
      byte = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    if (carry > 0) bytes.push_back(static_cast<std::uint8_t>(carry));
  }
  bytes.insert(bytes.end(), zeros, 0);
  if (bytes.size() > bytes_max) return fail(too_large(alphabet, text, bytes_max));
  std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

}  // namespace

std::string encode_base(Multibase base, ByteView bytes) {
  const Alphabet& alphabet = alphabet_of(base);
  return alphabet.bits > 0 ? encode_bits(alphabet, bytes) : encode_radix(alphabet, bytes);
}

Result<Bytes> decode_base(Multibase base, std::string_view text, std::size_t bytes_max) {
  const Alphabet& alphabet = alphabet_of(base);
  if (alphabet.bits > 0) return decode_bits(alphabet, text, bytes_max);
  return decode_radix(alphabet, text, bytes_max);
}

std::string encode_multibase(Multibase base, ByteView bytes) {
  return static_cast<char>(base) + encode_base(base, bytes);
}

Result<Bytes> decode_multibase(std::string_view text, std::size_t bytes_max) {
  if (text.empty()) return fail(Code::malformed, "multibase text is empty");
  constexpr std::array known{Multibase::base16, Multibase::base32, Multibase::base36,
                             Multibase::base58btc, Multibase::base64url};
  for (const Multibase base : known) {
    if (text[0] == static_cast<char>(base)) return decode_base(base, text.substr(1), bytes_max);
  }
  return fail(Code::unsupported, base::format("multibase prefix of {}", printable(text)));
}

}  // namespace kith::codec
