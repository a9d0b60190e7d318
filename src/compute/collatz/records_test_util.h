// Records of others' work, recomputed, from tests/golden/collatz_*.txt; for tests.
#pragma once

#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "compute/collatz/wide.h"

namespace kith::compute::collatz {

struct TestRecord {
  U128 number = 0;
  std::string peak;         // of path records
  std::uint64_t steps = 0;  // of path, delay and glide records
};

/// A 128-bit number that is known to be one.
inline U128 test_number(const std::string& digits) { return parse_number(digits).value(); }

inline std::vector<TestRecord> read_records(const std::string& kind) {
  std::ifstream file(std::string(KITH_SOURCE_DIR) + "/tests/golden/collatz_" + kind + ".txt");
  const std::regex number("N=([0-9]+)");
  const std::regex peak("Mx=([0-9]+)");
  const std::regex steps("(?:steps|delay|separately\\))=([0-9]+)");
  std::vector<TestRecord> records;
  std::string line;
  std::smatch hit;
  while (std::getline(file, line)) {
    if (!std::regex_search(line, hit, number)) continue;
    TestRecord record;
    record.number = test_number(hit[1]);
    if (std::regex_search(line, hit, peak)) record.peak = hit[1];
    if (std::regex_search(line, hit, steps)) record.steps = std::stoull(hit[1]);
    records.push_back(record);
  }
  return records;
}

}  // namespace kith::compute::collatz
