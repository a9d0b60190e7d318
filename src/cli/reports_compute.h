// What `kith collatz verify` says, as JSON (docs/compute.md has its keys) and as text for a person.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

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

}  // namespace kith::cli
