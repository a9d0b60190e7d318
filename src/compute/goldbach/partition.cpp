#include "compute/goldbach/partition.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace kith::compute::goldbach {
namespace {

constexpr std::size_t word_bits = 64;

/// The lowest bit of a word that is not 0, as the number it stands for.
std::uint64_t number_at(std::uint64_t first, std::size_t word, std::uint64_t bits) {
  return first + 2 * (word * word_bits + static_cast<std::size_t>(std::countr_zero(bits)));
}

}  // namespace

EvenResult joined(const EvenResult& a, const EvenResult& b) {
  EvenResult all = a;
  all.numbers += b.numbers;
  all.prime_sum += b.prime_sum;
  all.missing += b.missing;
  if (b.largest > a.largest || (b.largest == a.largest && b.largest_at < a.largest_at)) {
    all.largest = b.largest;
    all.largest_at = b.largest_at;
  }
  if (a.missing == 0 || (b.missing != 0 && b.missing_at < a.missing_at)) {
    all.missing_at = b.missing_at;
  }
  return all;
}

EvenResult Partitioner::run(std::uint64_t first, std::uint64_t count, std::uint32_t limit) {
  ASSERT(first % 2 == 0 && first >= first_min && count > 0 && count <= block_numbers);
  ASSERT(first + 2 * (count - 1) <= number_max && limit >= 3 && limit <= limit_max);
  EvenResult result;
  result.numbers = count;
  left_.assign((count + word_bits - 1) / word_bits, ~std::uint64_t{0});
  if (count % word_bits != 0) left_.back() = (std::uint64_t{1} << count % word_bits) - 1;
  active_.resize(left_.size());
  for (std::uint32_t w = 0; w < active_.size(); ++w) active_[w] = w;
  if (first == 4) {  // 2 + 2, the only one with the even prime
    result.prime_sum = result.largest = 2;
    result.largest_at = 4;
    left_[0] &= ~std::uint64_t{1};
  }
  // n - p for the largest p that is odd: then bit i + (span - p) / 2 is number i less p.
  const std::uint32_t span = limit % 2 == 1 ? limit : limit - 1;
  const auto odd = static_cast<std::int64_t>(first) - static_cast<std::int64_t>(span);
  const auto primes = sieve_.sieve(odd, count + span / 2);
  for (const std::uint32_t prime : small_) {
    if (prime > limit || active_.empty()) break;
    if (prime != 2) cover(primes, (span - prime) / 2, prime, first, result);
  }
  for (const std::uint32_t w : active_) {
    if (left_[w] == 0) continue;
    if (result.missing == 0) result.missing_at = number_at(first, w, left_[w]);
    result.missing += static_cast<std::uint64_t>(std::popcount(left_[w]));
  }
  return result;
}

void Partitioner::cover(std::span<const std::uint64_t> primes, std::uint32_t shift,
                        std::uint32_t prime, std::uint64_t first, EvenResult& result) {
  const std::size_t words = shift / word_bits;
  const unsigned bits = shift % word_bits;
  std::size_t kept = 0;
  for (const std::uint32_t w : active_) {
    std::uint64_t found = primes[w + words] >> bits;
    if (bits != 0 && w + words + 1 < primes.size()) {
      found |= primes[w + words + 1] << (word_bits - bits);
    }
    found &= left_[w];
    if (found != 0) {
      left_[w] &= ~found;
      result.prime_sum += prime * static_cast<std::uint64_t>(std::popcount(found));
      if (prime > result.largest) {  // they come in order, and so do the words
        result.largest = prime;
        result.largest_at = number_at(first, w, found);
      }
    }
    if (left_[w] != 0) active_[kept++] = w;
  }
  active_.resize(kept);
}

std::optional<std::uint32_t> least_prime(std::uint64_t number, std::uint32_t limit) {
  for (std::uint32_t p = 2; p <= limit && 2 * std::uint64_t{p} <= number; ++p) {
    if (is_prime(p) && is_prime(number - p)) return p;
  }
  return std::nullopt;
}

}  // namespace kith::compute::goldbach
