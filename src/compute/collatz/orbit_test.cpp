#include "compute/collatz/orbit.h"

#include <gtest/gtest.h>

#include "compute/collatz/records_test_util.h"

namespace kith::compute::collatz {
namespace {

TEST(Orbit, EveryPathRecordHasItsPeakAndSteps) {
  const auto records = read_records("path");
  ASSERT_EQ(records.size(), 97u);
  for (const TestRecord& record : records) {
    const Orbit orbit = walk_orbit(record.number);
    EXPECT_EQ(orbit.verdict, Verdict::converges);
    EXPECT_EQ(to_decimal(orbit.peak), record.peak);
    EXPECT_EQ(orbit.steps, record.steps) << to_decimal(record.number);
  }
}

TEST(Orbit, EveryDelayRecordHasItsSteps) {
  const auto records = read_records("delay");
  ASSERT_EQ(records.size(), 142u);
  for (const TestRecord& record : records) {
    EXPECT_EQ(walk_orbit(record.number).steps, record.steps) << to_decimal(record.number);
  }
}

TEST(Orbit, EveryGlideRecordHasItsGlide) {
  const auto records = read_records("glide");
  ASSERT_EQ(records.size(), 19u);
  for (const TestRecord& record : records) {
    const Orbit orbit = walk_orbit(record.number, record.number);
    EXPECT_EQ(orbit.verdict, Verdict::descends);
    EXPECT_EQ(orbit.steps, record.steps) << to_decimal(record.number);
  }
}

TEST(Orbit, FindsCyclesOfOtherMaps) {
  // 3n + 13: a cycle of 24 steps through 131.
  const Orbit cycle = walk_orbit(131, 1, {3, 13});
  EXPECT_EQ(cycle.verdict, Verdict::cycles);
  EXPECT_EQ(to_decimal(cycle.least), "131");
  // A number that only leads into it is found too, and a floor above the cycle is reached first.
  const Orbit leads = walk_orbit(262 * 4, 100, {3, 13});
  EXPECT_EQ(leads.verdict, Verdict::cycles);
  EXPECT_EQ(leads.least, cycle.least);
  EXPECT_EQ(leads.steps, cycle.steps);
  EXPECT_EQ(walk_orbit(262 * 4, 132, {3, 13}).verdict, Verdict::descends);
}

TEST(Orbit, SaysWhenItCannotTell) {
  // 7 is believed to grow without end under 5n + 1; here it outgrows 1024 bits.
  EXPECT_EQ(walk_orbit(7, 1, {5, 1}).verdict, Verdict::diverges);
}

TEST(Orbit, SmallestNumbers) {
  EXPECT_EQ(walk_orbit(1).steps, 0u);
  EXPECT_EQ(walk_orbit(2).steps, 1u);
  EXPECT_EQ(walk_orbit(27).steps, 111u);
  EXPECT_EQ(to_decimal(walk_orbit(27).peak), "9232");
}

}  // namespace
}  // namespace kith::compute::collatz
