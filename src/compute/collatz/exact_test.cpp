#include "compute/collatz/exact.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compute/collatz/find_records_test_util.h"
#include "compute/collatz/orbit.h"

namespace kith::compute::collatz {
namespace {

const ExactWalker& walker() {
  static const ExactWalker made;
  return made;
}

/// The same by the judge of single numbers.
ExactResult one_by_one(U128 from, U128 to) {
  ExactResult result;
  for (U128 n = from; n <= to; ++n) {
    const Orbit orbit = walk_orbit(n);
    ++result.count;
    result.steps_sum += orbit.steps;
    if (orbit.peak > result.peak) {
      result.peak = orbit.peak;
      result.peak_at = n;
    }
    if (orbit.steps > result.steps || result.steps_at == 0) {
      result.steps = orbit.steps;
      result.steps_at = n;
    }
  }
  return result;
}

void expect_equal(const ExactResult& got, const ExactResult& expected) {
  EXPECT_TRUE(got.count == expected.count);
  EXPECT_EQ(to_decimal(got.peak), to_decimal(expected.peak));
  EXPECT_EQ(to_decimal(got.peak_at), to_decimal(expected.peak_at));
  EXPECT_EQ(got.steps, expected.steps);
  EXPECT_EQ(to_decimal(got.steps_at), to_decimal(expected.steps_at));
  EXPECT_EQ(got.steps_sum, expected.steps_sum);
  EXPECT_EQ(got.suspect.has_value(), expected.suspect.has_value());
}

RC_GTEST_PROP(Exact, IsWhatTheJudgeSaysNumberByNumber, ()) {
  const unsigned bits = *rc::gen::inRange(1u, 127u);
  const U128 wide =
      (U128{*rc::gen::arbitrary<std::uint64_t>()} << 64) | *rc::gen::arbitrary<std::uint64_t>();
  const U128 from = std::max<U128>(1, (wide >> 2) >> (126 - bits));
  const U128 to = from + *rc::gen::inRange(0u, 40u);
  RC_PRE(bit_width(to) <= number_bits_max);
  expect_equal(walker().walk(from, to), one_by_one(from, to));
  RC_ASSERT(!testing::Test::HasFailure());
}

// A whole block is walked by families, its parts number by number.
TEST(Exact, BlocksAreWhatTheirNumbersAre) {
  constexpr U128 block = U128{1} << 20;
  for (const unsigned bits : {20u, 31u, 52u, 71u}) {
    const U128 from = U128{1} << bits;
    ExactResult parts;
    for (U128 at = 0; at < block; at += block / 4) {
      parts = joined(parts, walker().walk(from + at, from + at + block / 4 - 1));
    }
    expect_equal(walker().walk(from, from + block - 1), parts);
  }
}

TEST(Exact, JoinedIsTheWhole) {
  const ExactResult whole = walker().walk(1, 3'000'000);
  ExactResult parts;
  for (U128 from = 1; from <= 3'000'000; from += 250'000) {
    parts = joined(parts, walker().walk(from, from + 249'999));
  }
  expect_equal(parts, whole);
  EXPECT_TRUE(whole.count == 3'000'000);
}

// Below 2^25 the lists are found again as they are: no number between two of them holds a record.
TEST(Exact, RecordsAreFoundAgain) {
  EXPECT_EQ(find_records(walker(), "path", U128{1} << 25), 39u);
  EXPECT_EQ(find_records(walker(), "delay", U128{1} << 25), 57u);
}

TEST(Exact, GlideRecordsAreFoundAgain) { EXPECT_EQ(find_glides(1 << 24), 14u); }

TEST(Exact, HighRecordsStandOutInTheirSurroundings) {
  for (const TestRecord& record : read_records("path")) {
    if (bit_width(record.number) < 40) continue;
    const ExactResult result = walker().walk(record.number - 100, record.number + 100);
    EXPECT_EQ(to_decimal(result.peak), record.peak);
    EXPECT_EQ(to_decimal(result.peak_at), to_decimal(record.number));
  }
}

}  // namespace
}  // namespace kith::compute::collatz
