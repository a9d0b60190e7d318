// Goldbach's conjecture for the even numbers of a range: of each, the least prime p with n - p
// prime. What a range comes to is integers that do not depend on how it is cut or computed.
//
// p is sought up to `limit`. The largest that is known to be needed by any number up to 4e18 is
// 9781 (Oliveira e Silva, Herzog, Pardi 2014), so a number without p up to the usual limit is worth
// a look; it is a counterexample when the limit is half of it or more. A smaller limit hides
// primes: how tests plant one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "compute/goldbach/primes.h"

namespace kith::compute::goldbach {

inline constexpr std::uint64_t first_min = 4;
/// So far below 2^63 that a multiple of a sieving prime behind it still fits.
inline constexpr std::uint64_t number_max = (std::uint64_t{1} << 63) - (std::uint64_t{1} << 24);
inline constexpr std::uint32_t limit_max = std::uint32_t{1} << 16;

struct EvenResult {
  std::uint64_t numbers = 0;
  std::uint64_t prime_sum = 0;   // of the least primes, mod 2^64
  std::uint32_t largest = 0;     // of the least primes; 0 when there is none
  std::uint64_t largest_at = 0;  // the least number that needs it
  std::uint64_t missing = 0;     // numbers without one up to the limit
  std::uint64_t missing_at = 0;  // the least of these; 0 when there is none
  friend bool operator==(const EvenResult&, const EvenResult&) = default;
};
/// Sums, the larger prime, the lesser number.
EvenResult joined(const EvenResult& a, const EvenResult& b);

/// One object a thread.
class Partitioner {
 public:
  /// Even numbers that are done at once.
  static constexpr std::uint64_t block_numbers = std::uint64_t{1} << 19;

  /// The `count` even numbers from `first` on, at most block_numbers of them. REQUIRES: first is
  /// even, at least first_min; the last is at most number_max; limit from 3 to limit_max.
  EvenResult run(std::uint64_t first, std::uint64_t count, std::uint32_t limit);

 private:
  void cover(std::span<const std::uint64_t> primes, std::uint32_t shift, std::uint32_t prime,
             std::uint64_t first, EvenResult& result);

  OddSieve sieve_;
  const std::vector<std::uint32_t> small_ = primes_up_to(limit_max);
  std::vector<std::uint64_t> left_;    // bit i: first + 2 i has no prime yet
  std::vector<std::uint32_t> active_;  // words of it that are not 0
};

/// The least prime p up to `limit` with n - p prime, one by one.
std::optional<std::uint32_t> least_prime(std::uint64_t number, std::uint32_t limit);

}  // namespace kith::compute::goldbach
