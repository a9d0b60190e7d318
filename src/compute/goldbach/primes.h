// Primes below 2^63: which odd numbers of a stretch are, by sieve, and whether one number is, by
// Miller and Rabin's test with the first twelve primes as bases, which errs for no number below
// 3.18e23 (Sorenson and Webster, "Strong pseudoprimes to twelve prime bases", 2017).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kith::compute::goldbach {

/// Of any 64-bit number. About 3 us when it is prime.
bool is_prime(std::uint64_t number);

/// The primes up to `limit`, which is at most 2^32, in order.
std::vector<std::uint32_t> primes_up_to(std::uint32_t limit);

/// Bit i of the result: first + 2 i is prime. One object a thread.
class OddSieve {
 public:
  /// The largest prime that is sieved by: what survives above its square is tested one by one.
  static constexpr std::uint32_t sieving_prime_max = std::uint32_t{1} << 21;

  OddSieve();

  /// Of `count` odd numbers from `first` on, which may be negative; the last is below 2^63. Bits
  /// behind the last are 0, in whole words. Valid until the next call.
  std::span<const std::uint64_t> sieve(std::int64_t first, std::size_t count);

 private:
  void test_survivors(std::int64_t first);

  const std::vector<std::uint32_t> primes_;
  std::vector<std::uint64_t> words_;
};

}  // namespace kith::compute::goldbach
