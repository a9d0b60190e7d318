// What `kith compute run` and `kith compute merge` were told; as in args.h. Alternatives of the
// Command there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/args_rules.h"

namespace kith::cli {

struct ComputeRunArgs {
  std::string workload;  // goldbach, collatz, external:PROGRAM
  std::string from;      // as written: 1000000, 1e6, 2^71+5
  std::string to;
  std::string step;           // of external programs: numbers a task
  std::string part = "1/1";   // I/N
  std::string journal;        // a file; empty: none
  std::uint64_t threads = 0;  // 0: one a processor
  WorkRuleArgs rules;
};

/// A node that works for the chain's jobs; the rest is its configuration.
struct ComputeWorkArgs {
  std::optional<std::uint64_t> job;  // its number; left out: as configured, likewise the others
  std::optional<std::uint64_t> slots;
  std::optional<std::uint64_t> threads;
  std::optional<std::uint64_t> cpu_percent;
  std::string hours;
  bool only_on_ac = false;
};

struct ComputeMergeArgs {
  std::vector<std::string> files;
};

using ComputeArgs = std::variant<ComputeRunArgs, ComputeMergeArgs, ComputeWorkArgs>;

}  // namespace kith::cli
