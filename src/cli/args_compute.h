// What the verbs that compute were told; as in args.h. One alternative of the Command there.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "cli/args_rules.h"

namespace kith::cli {

struct CollatzVerifyArgs {
  std::string from;  // as written: 1000000, 1e6, 2^71+5
  std::string to;
  std::string device = "auto";
  std::uint64_t threads = 0;  // 0: one a processor
  bool is_fast = false;
  std::string checkpoint;  // a file; empty: none
  WorkRuleArgs rules;
};

/// All records from 1 on.
struct CollatzRecordsArgs {
  std::string to;
  std::string kind = "all";  // path, delay, glide
  WorkRuleArgs rules;
};

/// A unit of David Barina's project.
struct CollatzBarinaArgs {
  std::uint64_t unit = 0;
  std::uint64_t threads = 0;  // 0: one a processor
  WorkRuleArgs rules;
};

using CollatzArgs = std::variant<CollatzVerifyArgs, CollatzRecordsArgs, CollatzBarinaArgs>;

}  // namespace kith::cli
