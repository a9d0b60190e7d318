// What this process uses of the machine, as Linux tells it in /proc and getrusage: for metrics.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace kith::rt {

struct ProcessUsage {
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_files = 0;
  std::uint64_t threads = 0;
  Duration processor{};  // user and system
};

/// What cannot be read is 0. Some 50 us.
ProcessUsage process_usage();

}  // namespace kith::rt
