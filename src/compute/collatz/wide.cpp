#include "compute/collatz/wide.h"

#include <algorithm>

#include "base/format.h"

namespace kith::compute::collatz {
namespace {

constexpr std::size_t shown_characters_max = 60;

std::optional<U128> parse_digits(std::string_view text) {
  if (text.empty()) return std::nullopt;
  U128 value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto grown = checked_mul_add(value, 10, static_cast<unsigned>(c - '0'));
    if (!grown) return std::nullopt;
    value = *grown;
  }
  return value;
}

std::optional<U128> power(U128 base, U128 exponent) {
  if (exponent > 128) return base <= 1 ? std::optional<U128>(base) : std::nullopt;
  U128 value = 1;
  for (U128 i = 0; i < exponent; ++i) {
    const auto grown = checked_mul(value, base);
    if (!grown) return std::nullopt;
    value = *grown;
  }
  return value;
}

/// A product of the two forms without a sum: digits, digits e digits, digits ^ digits.
std::optional<U128> parse_term(std::string_view text) {
  const auto mark = text.find_first_of("e^");
  if (mark == std::string_view::npos) return parse_digits(text);
  const auto left = parse_digits(text.substr(0, mark));
  const auto right = parse_digits(text.substr(mark + 1));
  if (!left || !right) return std::nullopt;
  if (text[mark] == '^') return power(*left, *right);
  const auto tens = power(10, *right);
  return tens ? checked_mul(*left, *tens) : std::nullopt;
}

}  // namespace

unsigned Big::bit_width() const {
  for (std::size_t i = limbs_.size(); i-- > 0;) {
    if (limbs_[i] != 0) {
      return static_cast<unsigned>(64 * i) + collatz::bit_width(U128{limbs_[i]});
    }
  }
  return 0;
}

std::optional<U128> Big::small() const {
  if (bit_width() > 128) return std::nullopt;
  return (U128{limbs_[1]} << 64) | limbs_[0];
}

bool Big::mul_add(std::uint64_t factor, std::uint64_t addend) {
  auto grown = limbs_;
  std::uint64_t carry = addend;
  for (std::uint64_t& limb : grown) {
    const U128 wide = U128{limb} * factor + carry;
    limb = static_cast<std::uint64_t>(wide);
    carry = static_cast<std::uint64_t>(wide >> 64);
  }
  if (carry != 0) return false;
  limbs_ = grown;
  return true;
}

bool Big::add(const Big& other) {
  auto grown = limbs_;
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < grown.size(); ++i) {
    const U128 wide = U128{grown[i]} + other.limbs_[i] + carry;
    grown[i] = static_cast<std::uint64_t>(wide);
    carry = static_cast<std::uint64_t>(wide >> 64);
  }
  if (carry != 0) return false;
  limbs_ = grown;
  return true;
}

void Big::shift_right(unsigned bits) {
  const std::size_t whole = bits / 64;
  const unsigned part = bits % 64;
  for (std::size_t i = 0; i < limbs_.size(); ++i) {
    const std::uint64_t low = i + whole < limbs_.size() ? limbs_[i + whole] : 0;
    const std::uint64_t high = i + whole + 1 < limbs_.size() ? limbs_[i + whole + 1] : 0;
    limbs_[i] = part == 0 ? low : (low >> part) | (high << (64 - part));
  }
}

std::uint64_t Big::divide(std::uint64_t divisor) {
  U128 remainder = 0;
  for (std::size_t i = limbs_.size(); i-- > 0;) {
    const U128 wide = (remainder << 64) | limbs_[i];
    limbs_[i] = static_cast<std::uint64_t>(wide / divisor);
    remainder = wide % divisor;
  }
  return static_cast<std::uint64_t>(remainder);
}

std::strong_ordering operator<=>(const Big& a, const Big& b) {
  for (std::size_t i = a.limbs_.size(); i-- > 0;) {
    if (a.limbs_[i] != b.limbs_[i]) return a.limbs_[i] <=> b.limbs_[i];
  }
  return std::strong_ordering::equal;
}

std::optional<Big> big_mul_add(U128 a, U128 b, U128 c) {
  // b in halves of 64 bits: (a * high) * 2^64 + a * low + c, with room to spare in 1024 bits.
  Big high(a);
  Big low(a);
  constexpr std::uint64_t two32 = std::uint64_t{1} << 32;
  if (!high.mul_add(static_cast<std::uint64_t>(b >> 64), 0) || !high.mul_add(two32, 0) ||
      !high.mul_add(two32, 0) || !low.mul_add(static_cast<std::uint64_t>(b), 0) || !high.add(low) ||
      !high.add(Big(c))) {
    return std::nullopt;
  }
  return high;
}

std::string to_decimal(U128 value) { return to_decimal(Big(value)); }

std::string to_decimal(const Big& value) {
  Big rest = value;
  std::string digits;
  do {
    digits.push_back(static_cast<char>('0' + rest.divide(10)));
  } while (!rest.is_zero());
  std::ranges::reverse(digits);
  return digits;
}

Result<U128> parse_number(std::string_view text) {
  const auto sign = text.find_first_of("+-", 1);
  const bool is_sum = sign != std::string_view::npos && text.substr(0, sign).contains('^');
  std::optional<U128> value = parse_term(is_sum ? text.substr(0, sign) : text);
  if (is_sum && value) {
    const auto part = parse_digits(text.substr(sign + 1));
    if (!part) {
      value = std::nullopt;
    } else if (text[sign] == '+') {
      value = checked_add(*value, *part);
    } else {
      value = *part <= *value ? std::optional<U128>(*value - *part) : std::nullopt;
    }
  }
  if (value && *value > 0 && bit_width(*value) <= number_bits_max) return *value;
  return fail(Code::usage,
              base::format("\"{}\" is not a number such as 1000000, 1e6, 2^71 or 2^71+5, positive "
                           "and below 2^{}",
                           text.substr(0, shown_characters_max), number_bits_max));
}

}  // namespace kith::compute::collatz
