// Finds records by trying every number, and compares them with the lists of others; for tests.
#pragma once

#include <gtest/gtest.h>

#include "compute/collatz/exact.h"
#include "compute/collatz/records_test_util.h"

namespace kith::compute::collatz {

/// Path or delay records below `limit`: these numbers hold them and no others. Gives how many.
inline std::size_t find_records(const ExactWalker& walker, const std::string& kind, U128 limit) {
  const bool is_path = kind == "path";
  ExactResult below;
  U128 from = 1;
  U128 holder = 0;
  std::size_t found = 0;
  const auto walk_to = [&](U128 to) {
    if (from <= to) below = joined(below, walker.walk(from, to));
    from = to + 1;
    const U128 at = is_path ? below.peak_at : below.steps_at;
    EXPECT_EQ(to_decimal(at), to_decimal(holder)) << kind << " record below " << to_decimal(to);
  };
  for (const TestRecord& record : read_records(kind)) {
    if (record.number >= limit) break;
    if (found > 0) walk_to(record.number - 1);
    holder = record.number;
    walk_to(record.number);
    if (is_path) {
      EXPECT_EQ(to_decimal(below.peak), record.peak);
    } else {
      EXPECT_EQ(below.steps, record.steps);
    }
    ++found;
  }
  walk_to(limit - 1);
  return found;
}

/// Glide records below `limit`, which is at most 2^30: none of these orbits leaves 62 bits.
inline std::size_t find_glides(std::uint64_t limit) {
  const auto records = read_records("glide");
  std::size_t found = 0;
  std::uint64_t longest = 0;
  // What is not 3 mod 4 falls below itself within three steps; the first of the list is 3.
  for (std::uint64_t n = 3; n < limit; n += 4) {
    std::uint64_t at = n;
    std::uint64_t steps = 0;
    while (at >= n) {
      const bool is_odd = (at & 1) != 0;
      at = is_odd ? at + (at >> 1) + 1 : at >> 1;
      steps += is_odd ? 2 : 1;
    }
    if (steps <= longest) continue;
    longest = steps;
    if (found == records.size()) {
      ADD_FAILURE() << n << " has a longer glide than the list's";
      return found;
    }
    EXPECT_EQ(to_decimal(records[found].number), std::to_string(n));
    EXPECT_EQ(records[found].steps, steps);
    ++found;
  }
  return found;
}

}  // namespace kith::compute::collatz
