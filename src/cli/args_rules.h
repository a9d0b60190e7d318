// When, and how much of a machine, verbs may use that compute on it; as in args.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"

namespace kith::cli {

struct WorkRuleArgs {
  std::uint64_t cpu_percent = 100;
  std::string hours;  // 22:00-06:30; empty: all day
  bool only_on_ac = false;
  std::optional<std::uint64_t> others_percent_max;
  std::optional<std::uint64_t> celsius_max;
  std::optional<std::uint64_t> memory_bytes_max;
  std::optional<Duration> snooze;
  bool normal_priority = false;
};

}  // namespace kith::cli
