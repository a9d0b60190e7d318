// What the verbs that compute were told; as in args.h. One alternative of the Command there.
#pragma once

#include <cstdint>
#include <string>

namespace kith::cli {

struct CollatzVerifyArgs {
  std::string from;  // as written: 1000000, 1e6, 2^71+5
  std::string to;
  std::string device = "auto";
  std::uint64_t threads = 0;  // 0: one a processor
  bool is_fast = false;
  std::string checkpoint;  // a file; empty: none
};

}  // namespace kith::cli
