#include "compute/goldbach/primes.h"

#include <bit>

#include "base/assert.h"

namespace kith::compute::goldbach {
namespace {

__extension__ using U128 = unsigned __int128;

constexpr std::uint64_t bases[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37};
constexpr std::size_t word_bits = 64;

std::uint64_t multiply(std::uint64_t a, std::uint64_t b, std::uint64_t modulus) {
  return static_cast<std::uint64_t>(U128{a} * b % modulus);
}

std::uint64_t power(std::uint64_t base, std::uint64_t exponent, std::uint64_t modulus) {
  std::uint64_t result = 1;
  for (base %= modulus; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply(result, base, modulus);
    base = multiply(base, base, modulus);
  }
  return result;
}

/// `number` is odd, and number - 1 = odd * 2^twos.
bool is_witness(std::uint64_t base, std::uint64_t number, std::uint64_t odd, int twos) {
  std::uint64_t x = power(base, odd, number);
  if (x == 1 || x == number - 1) return false;
  for (int i = 1; i < twos; ++i) {
    x = multiply(x, x, number);
    if (x == number - 1) return false;
  }
  return true;
}

}  // namespace

bool is_prime(std::uint64_t number) {
  for (const std::uint64_t base : bases) {
    if (number == base) return true;
    if (number % base == 0) return false;
  }
  if (number < 2) return false;
  const int twos = std::countr_zero(number - 1);
  const std::uint64_t odd = (number - 1) >> twos;
  for (const std::uint64_t base : bases) {
    if (is_witness(base, number, odd, twos)) return false;
  }
  return true;
}

std::vector<std::uint32_t> primes_up_to(std::uint32_t limit) {
  std::vector<std::uint32_t> primes;
  if (limit >= 2) primes.push_back(2);
  const std::uint64_t odds = (std::uint64_t{limit} + 1) / 2;  // number i is 2 i + 1
  std::vector<bool> is_composite(odds);
  for (std::uint64_t i = 1; i < odds; ++i) {
    if (is_composite[i]) continue;
    const std::uint64_t prime = 2 * i + 1;
    primes.push_back(static_cast<std::uint32_t>(prime));
    for (std::uint64_t j = prime * prime / 2; j < odds; j += prime) is_composite[j] = true;
  }
  return primes;
}

OddSieve::OddSieve() : primes_(primes_up_to(sieving_prime_max)) {}

std::span<const std::uint64_t> OddSieve::sieve(std::int64_t first, std::size_t count) {
  ASSERT(first % 2 != 0 && count > 0);
  words_.assign((count + word_bits - 1) / word_bits, ~std::uint64_t{0});
  if (count % word_bits != 0) words_.back() = (std::uint64_t{1} << count % word_bits) - 1;
  const auto clear = [&](std::uint64_t i) {
    words_[i / word_bits] &= ~(std::uint64_t{1} << i % word_bits);
  };
  // Neither 1 nor what is below it is prime.
  for (std::uint64_t i = 0; i < count && first + static_cast<std::int64_t>(2 * i) < 3; ++i) {
    clear(i);
  }
  const std::int64_t last = first + static_cast<std::int64_t>(2 * (count - 1));
  for (const std::uint32_t prime : primes_) {
    const std::int64_t square = std::int64_t{prime} * prime;
    if (square > last) return words_;
    if (prime == 2) continue;
    std::int64_t at = square;
    if (first > square) {
      at = first + (prime - first % prime) % prime;
      if (at % 2 == 0) at += prime;
    }
    for (auto i = static_cast<std::uint64_t>(at - first) / 2; i < count; i += prime) clear(i);
  }
  test_survivors(first);
  return words_;
}

void OddSieve::test_survivors(std::int64_t first) {
  constexpr std::uint64_t exact_below = std::uint64_t{sieving_prime_max} * sieving_prime_max;
  for (std::size_t w = 0; w < words_.size(); ++w) {
    for (std::uint64_t rest = words_[w]; rest != 0; rest &= rest - 1) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(rest));
      const std::int64_t number = first + static_cast<std::int64_t>(2 * (w * word_bits + bit));
      if (number < 2 || static_cast<std::uint64_t>(number) < exact_below) continue;
      if (!is_prime(static_cast<std::uint64_t>(number))) {
        words_[w] &= ~(std::uint64_t{1} << bit);
      }
    }
  }
}

}  // namespace kith::compute::goldbach
