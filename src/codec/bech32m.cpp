#include "codec/bech32m.h"

#include <algorithm>
#include <array>

#include "base/format.h"

namespace kith::codec {
namespace {

constexpr std::string_view alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::size_t checksum_chars = 6;
/// What the checksum of a whole text comes to; Bech32 (BIP-173) has 1 here.
constexpr std::uint32_t checksum_constant = 0x2bc830a3;

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_prefix_char(char c) { return c >= 33 && c <= 126; }

/// The remainder of the BCH code after one more value.
std::uint32_t absorb(std::uint32_t state, std::uint32_t value) {
  constexpr std::array<std::uint32_t, 5> generator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa,
                                                      0x3d4233dd, 0x2a1462b3};
  const std::uint32_t top = state >> 25;
  state = (state & 0x1ffffff) << 5 ^ value;
  for (std::size_t i = 0; i < generator.size(); ++i) {
    if ((top >> i & 1) != 0) state ^= generator[i];
  }
  return state;
}

std::uint32_t absorb_all(const Bech32m& parts) {
  std::uint32_t state = 1;
  for (const char c : parts.prefix) state = absorb(state, static_cast<std::uint8_t>(c) >> 5);
  state = absorb(state, 0);
  for (const char c : parts.prefix) state = absorb(state, static_cast<std::uint8_t>(c) & 31);
  for (const std::uint8_t value : parts.values) state = absorb(state, value);
  return state;
}

bool is_encodable(const Bech32m& parts) {
  return !parts.prefix.empty() && parts.prefix.size() <= bech32m_prefix_chars_max &&
         parts.prefix.size() + 1 + parts.values.size() + checksum_chars <= bech32m_chars_max &&
         std::ranges::all_of(parts.prefix,
                             [](char c) { return is_prefix_char(c) && !is_upper(c); }) &&
         std::ranges::all_of(parts.values, [](std::uint8_t value) { return value < 32; });
}

/// The text in lower case.
Result<std::string> without_case(std::string_view text) {
  if (text.size() > bech32m_chars_max) {
    return fail(Code::too_large, base::format("Bech32m text of {} characters, limit {}",
                                              text.size(), bech32m_chars_max));
  }
  if (std::ranges::any_of(text, is_upper) && std::ranges::any_of(text, is_lower)) {
    return fail(Code::malformed, "Bech32m text of mixed case");
  }
  std::string lower(text);
  for (char& c : lower) {
    if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

std::string encode_bech32m(const Bech32m& parts) {
  ASSERT(is_encodable(parts));
  std::uint32_t state = absorb_all(parts);
  for (std::size_t i = 0; i < checksum_chars; ++i) state = absorb(state, 0);
  state ^= checksum_constant;
  std::string text = parts.prefix + '1';
  for (const std::uint8_t value : parts.values) text += alphabet[value];
  for (std::size_t i = checksum_chars; i-- > 0;) text += alphabet[state >> (5 * i) & 31];
  return text;
}

Result<Bech32m> decode_bech32m(std::string_view text) {
  const std::string lower = TRY(without_case(text));
  const std::size_t separator = lower.rfind('1');
  if (separator == std::string::npos || separator == 0) {
    return fail(Code::malformed, "Bech32m text without a prefix");
  }
  if (lower.size() - separator - 1 < checksum_chars) {
    return fail(Code::truncated, "Bech32m text without room for its checksum");
  }
  Bech32m parts{lower.substr(0, separator), {}};
  if (!std::ranges::all_of(parts.prefix, is_prefix_char)) {
    return fail(Code::malformed, "Bech32m prefix with a character that is not printable ASCII");
  }
  for (std::size_t i = separator + 1; i < lower.size(); ++i) {
    const std::size_t value = alphabet.find(lower[i]);
    if (value == std::string_view::npos) {
      return fail(Code::malformed,
                  base::format("Bech32m text whose character {} is not of its alphabet", i + 1));
    }
    parts.values.push_back(static_cast<std::uint8_t>(value));
  }
  if (absorb_all(parts) != checksum_constant) {
    return fail(Code::malformed, "Bech32m text with a wrong checksum: mistyped, or plain Bech32");
  }
  parts.values.resize(parts.values.size() - checksum_chars);
  return parts;
}

std::vector<std::uint8_t> five_bits_of(ByteView bytes) {
  std::vector<std::uint8_t> values((bytes.size() * 8 + 4) / 5);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const unsigned set = bytes[bit / 8] >> (7 - bit % 8) & 1u;
    values[bit / 5] = static_cast<std::uint8_t>(values[bit / 5] | set << (4 - bit % 5));
  }
  return values;
}

Result<Bytes> bytes_of_five_bits(std::span<const std::uint8_t> values) {
  if (values.size() * 5 % 8 >= 5) {
    return fail(Code::malformed,
                base::format("{} values of 5 bits, one more than bytes need", values.size()));
  }
  Bytes bytes(values.size() * 5 / 8);
  for (std::size_t bit = 0; bit < values.size() * 5; ++bit) {
    const unsigned set = values[bit / 5] >> (4 - bit % 5) & 1u;
    if (bit < bytes.size() * 8) {
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | set << (7 - bit % 8));
    } else if (set != 0) {
      return fail(Code::malformed, "values of 5 bits that are filled up with other bits than 0");
    }
  }
  return bytes;
}

}  // namespace kith::codec
