// What `kith collatz` says, as JSON (docs/compute.md has its keys) and as text for a person.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kith::cli {

struct CollatzReport {
  // Numbers are decimal: they may be wider than any integer of JSON.
  std::string from, to, count, verified;
  std::optional<std::string> counterexample;
  std::optional<std::string> max_value, max_value_at;
  std::optional<std::uint64_t> max_steps;
  std::optional<std::string> max_steps_at;
  std::string checksum;
  double rate_per_s = 0;
  double wall_s = 0;
  double cpu_s = 0;
  std::string device;
  std::string mode;  // exact or fast
  bool is_complete = false;
};
std::string to_json(const CollatzReport& report);
std::string to_text(const CollatzReport& report);

struct CollatzRecordsReport {
  struct Record {
    std::string kind, number;
    std::uint64_t steps = 0;
    std::string peak;
  };
  std::string to;  // looked at, decimal
  std::vector<Record> records;
  double wall_s = 0;
  bool is_complete = false;
};
std::string to_json(const CollatzRecordsReport& report);
std::string to_text(const CollatzRecordsReport& report);

struct BarinaReport {
  std::uint64_t unit = 0;
  std::uint64_t candidates = 0;
  std::uint64_t checksum = 0;
  std::optional<std::string> peak;  // none: a number left 128 bits
  std::uint64_t peak_offset = 0;
  double wall_s = 0;
  bool is_complete = false;  // else the figures are of a part
};
std::string to_json(const BarinaReport& report);
std::string to_text(const BarinaReport& report);

}  // namespace kith::cli
