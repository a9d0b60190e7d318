#include "compute/goldbach/partition.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace kith::compute::goldbach {
namespace {

/// Number by number, by trial division.
bool is_prime_plainly(std::uint64_t n) {
  if (n < 2) return false;
  for (std::uint64_t d = 2; d * d <= n; ++d) {
    if (n % d == 0) return false;
  }
  return true;
}

EvenResult one_by_one(std::uint64_t first, std::uint64_t count, std::uint32_t limit) {
  EvenResult result;
  for (std::uint64_t n = first; n < first + 2 * count; n += 2) {
    EvenResult one{1, 0, 0, 0, 0, 0};
    if (const auto p = least_prime(n, limit)) {
      one.prime_sum = one.largest = *p;
      one.largest_at = n;
    } else {
      one.missing = 1;
      one.missing_at = n;
    }
    result = joined(result, one);
  }
  return result;
}

TEST(Primes, AreThose) {
  const auto primes = primes_up_to(10000);
  EXPECT_EQ(primes.size(), 1229u);
  std::size_t at = 0;
  for (std::uint32_t n = 0; n <= 10000; ++n) {
    ASSERT_EQ(is_prime(n), is_prime_plainly(n)) << n;
    ASSERT_EQ(at < primes.size() && primes[at] == n, is_prime_plainly(n)) << n;
    if (is_prime_plainly(n)) ++at;
  }
  EXPECT_EQ(primes_up_to(1).size(), 0u);
  EXPECT_EQ(primes_up_to(2).size(), 1u);
  // Strong pseudoprimes to the first nine and the first eleven bases (OEIS A014233); the largest
  // primes below 2^63 and 2^64; squares of primes.
  EXPECT_FALSE(is_prime(3825123056546413051u));
  EXPECT_FALSE(is_prime(341550071728321u));
  EXPECT_TRUE(is_prime(9223372036854775783u));
  EXPECT_TRUE(is_prime(18446744073709551557u));
  EXPECT_FALSE(is_prime(4294967291ull * 4294967291ull));
}

RC_GTEST_PROP(Primes, SieveAgreesWithTheTest, ()) {
  OddSieve sieve;
  const auto bits = *rc::gen::inRange(1, 62);
  const auto noise = *rc::gen::arbitrary<std::int64_t>() & ((std::int64_t{1} << bits) - 1);
  const std::int64_t first = (noise - 500) | 1;
  const auto count = *rc::gen::inRange<std::size_t>(1, 700);
  const auto words = sieve.sieve(first, count);
  for (std::size_t i = 0; i < 64 * words.size(); ++i) {
    const std::int64_t number = first + static_cast<std::int64_t>(2 * i);
    const bool is_one = ((words[i / 64] >> (i % 64)) & 1) != 0;
    const bool expected = i < count && number > 0 && is_prime(static_cast<std::uint64_t>(number));
    RC_ASSERT(is_one == expected);
  }
}

RC_GTEST_PROP(Partitioner, AgreesWithOneByOne, ()) {
  Partitioner partitioner;
  const auto bits = *rc::gen::inRange(3, 63);
  const auto noise = *rc::gen::arbitrary<std::uint64_t>() & ((std::uint64_t{1} << bits) - 1);
  const std::uint64_t first = std::max(first_min, (noise - noise % 2) % (number_max - 1000));
  const auto count = *rc::gen::inRange<std::uint64_t>(1, 200);
  const auto limit = *rc::gen::element<std::uint32_t>(3, 4, 17, 100, 1000, 65536);
  RC_ASSERT(partitioner.run(first, count, limit) == one_by_one(first, count, limit));
}

TEST(Partitioner, BeginsAtFour) {
  Partitioner partitioner;
  // 4 = 2 + 2, 6 = 3 + 3, 8 = 3 + 5, 10 = 3 + 7, 12 = 5 + 7
  EXPECT_EQ(partitioner.run(4, 5, 100), (EvenResult{5, 16, 5, 12, 0, 0}));
  EXPECT_EQ(partitioner.run(4, 1, 3), (EvenResult{1, 2, 2, 4, 0, 0}));
  EXPECT_EQ(partitioner.run(12, 1, 3), (EvenResult{1, 0, 0, 0, 1, 12}));
}

// Maximal least primes: those below 10^7 are found again as such, in one walk; the table is
// Oliveira e Silva's.
TEST(Partitioner, RecordsUpToTenMillionAreFoundAgain) {
  const std::vector<std::pair<std::uint64_t, std::uint32_t>> known = {
      {4, 2},        {6, 3},        {12, 5},       {30, 7},        {98, 19},       {220, 23},
      {308, 31},     {556, 47},     {992, 73},     {2642, 103},    {5372, 139},    {7426, 173},
      {43532, 211},  {54244, 233},  {63274, 293},  {113672, 313},  {128168, 331},  {194428, 359},
      {194470, 383}, {413572, 389}, {503222, 523}, {1077422, 601}, {3526958, 727}, {3807404, 751}};
  Partitioner partitioner;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> found;
  std::uint32_t most = 0;
  // Stretch by stretch; one whose largest prime is a new one is looked through.
  for (std::uint64_t first = 4; first < 10'000'000; first += 512) {
    if (partitioner.run(first, 256, limit_max).largest <= most) continue;
    for (std::uint64_t n = first; n < first + 512; n += 2) {
      const std::uint32_t p = least_prime(n, limit_max).value();
      if (p <= most) continue;
      most = p;
      found.emplace_back(n, p);
    }
  }
  EXPECT_EQ(found, known);
}

TEST(Partitioner, LargerRecordsHoldWhereTheyAre) {
  const std::vector<std::pair<std::uint64_t, std::uint32_t>> known = {
      {10759922, 829},      {24106882, 929},
      {27789878, 997},      {37998938, 1039},
      {60119912, 1093},     {113632822, 1163},
      {187852862, 1321},    {335070838, 1427},
      {419911924, 1583},    {721013438, 1789},
      {1847133842, 1861},   {7473202036, 1877},
      {11001080372, 1879},  {12703943222, 2029},
      {21248558888, 2089},  {35884080836, 2803},
      {105963812462, 3061}, {244885595672, 3163},
      {599533546358, 3457}, {3325581707333960528, 9781}};
  Partitioner partitioner;
  for (const auto& [n, p] : known) {
    const EvenResult result = partitioner.run(n - 20, 21, limit_max);
    EXPECT_EQ(result.largest, p) << n;
    EXPECT_EQ(result.largest_at, n);
    EXPECT_EQ(least_prime(n, limit_max), p);
    // One prime fewer, and it has none.
    EXPECT_EQ(partitioner.run(n - 20, 21, p - 1).missing_at, n);
  }
}

RC_GTEST_PROP(EvenResult, JoinsInAnyOrder, ()) {
  const auto any = [] {
    const auto p = *rc::gen::inRange<std::uint32_t>(0, 9);
    const auto missing = *rc::gen::inRange<std::uint64_t>(0, 3);
    const auto at = *rc::gen::inRange<std::uint64_t>(1, 9);
    return EvenResult{at, at * p, p, p == 0 ? 0 : at, missing, missing == 0 ? 0 : at};
  };
  const EvenResult a = any(), b = any(), c = any();
  RC_ASSERT(joined(a, b) == joined(b, a));
  RC_ASSERT(joined(joined(a, b), c) == joined(a, joined(b, c)));
}

}  // namespace
}  // namespace kith::compute::goldbach
