// Integers that cannot overflow silently: U128 with checked growth, and Big, of a fixed 1024 bits,
// for the rare orbit that climbs beyond. Whatever could leave a type says so by its return value;
// no operation wraps. Big allocates nothing, so an orbit costs no memory however high it climbs;
// one that passes 2^1024 is a finding of its own (orbit.h), since no number that can be tested is
// known to climb beyond 2^190.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kith::compute::collatz {

__extension__ using U128 = unsigned __int128;
__extension__ using I128 = __int128;

inline constexpr U128 u128_max = ~U128{0};

/// Bits up to the highest that is set; 0 has none.
constexpr unsigned bit_width(U128 value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  const auto low = static_cast<std::uint64_t>(value);
  if (high != 0) return 128 - static_cast<unsigned>(__builtin_clzll(high));
  return low == 0 ? 0 : 64 - static_cast<unsigned>(__builtin_clzll(low));
}

/// Nothing when the result does not fit.
constexpr std::optional<U128> checked_add(U128 a, U128 b) {
  if (b > u128_max - a) return std::nullopt;
  return a + b;
}
constexpr std::optional<U128> checked_mul(U128 a, U128 b) {
  if (a != 0 && b > u128_max / a) return std::nullopt;
  return a * b;
}
/// a * b + c
constexpr std::optional<U128> checked_mul_add(U128 a, U128 b, U128 c) {
  const auto product = checked_mul(a, b);
  return product ? checked_add(*product, c) : std::nullopt;
}

/// 3^exponent; up to 3^80, the last that fits.
inline constexpr unsigned power3_max = 80;
inline constexpr auto powers_of_3 = [] {
  std::array<U128, power3_max + 1> powers{};
  powers[0] = 1;
  for (unsigned i = 1; i <= power3_max; ++i) powers[i] = 3 * powers[i - 1];
  return powers;
}();
constexpr U128 power3(unsigned exponent) { return powers_of_3[exponent]; }

class Big {
 public:
  static constexpr unsigned bits_max = 1024;

  constexpr Big() = default;
  constexpr explicit Big(U128 value) {
    limbs_[0] = static_cast<std::uint64_t>(value);
    limbs_[1] = static_cast<std::uint64_t>(value >> 64);
  }

  bool is_zero() const { return bit_width() == 0; }
  bool is_odd() const { return (limbs_[0] & 1) != 0; }
  unsigned bit_width() const;
  std::uint64_t low() const { return limbs_[0]; }
  /// The number, when it is below 2^128.
  std::optional<U128> small() const;

  /// *this * factor + addend; false, and unchanged, when that is 2^1024 or more.
  [[nodiscard]] bool mul_add(std::uint64_t factor, std::uint64_t addend);
  [[nodiscard]] bool add(const Big& other);
  void shift_right(unsigned bits);
  /// The remainder of a division by `divisor`, which is not 0; *this becomes the quotient.
  std::uint64_t divide(std::uint64_t divisor);

  friend bool operator==(const Big&, const Big&) = default;
  friend std::strong_ordering operator<=>(const Big& a, const Big& b);

 private:
  std::array<std::uint64_t, bits_max / 64> limbs_{};  // the lowest first
};

/// a * b + c; nothing when it does not fit into 1024 bits.
std::optional<Big> big_mul_add(U128 a, U128 b, U128 c);

std::string to_decimal(U128 value);
std::string to_decimal(const Big& value);

/// 1000000, 1e6, 2^71, 2^71+5, 2^71-1: a positive integer below 2^127. Anything else is `usage`.
Result<U128> parse_number(std::string_view text);
inline constexpr unsigned number_bits_max = 127;

}  // namespace kith::compute::collatz
