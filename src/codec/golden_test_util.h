// For tests only: the golden vectors of tests/golden/*.txt. One a line, fields divided by a space,
// lines with # are remarks, "-" stands for no bytes.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace kith::codec {

using GoldenLine = std::vector<std::string>;

inline std::vector<GoldenLine> golden_lines(const std::string& file) {
  std::ifstream in(std::string(KITH_SOURCE_DIR) + "/tests/golden/" + file);
  EXPECT_TRUE(in.good()) << file;
  std::vector<GoldenLine> lines;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    GoldenLine fields;
    for (std::string word; words >> word;) fields.push_back(word);
    lines.push_back(fields);
  }
  EXPECT_GT(lines.size(), 5u) << file;
  return lines;
}

inline Bytes unhex(const std::string& hex) {
  if (hex == "-") return {};
  const Result<Bytes> bytes = base::from_hex(hex);
  EXPECT_TRUE(bytes.has_value()) << hex;
  return bytes.value_or(Bytes());
}

}  // namespace kith::codec
