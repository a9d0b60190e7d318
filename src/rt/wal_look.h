// The log of votes of a node that does not run, only looked at: nothing is cut off, removed or
// written, whatever is wrong with it. rt/wal.h is what a node opens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rt/wal_file.h"

namespace kith::rt {

struct WalFileLook {
  std::string name;
  std::uint64_t bytes = 0;
  WalHeader header;
  std::vector<Bytes> records;
  std::uint64_t end = 0;        // behind the last whole frame
  bool is_torn = false;         // which a crash may leave, and opening cuts off
  std::optional<Error> damage;  // what is not to be explained by a crash
};

/// By sequence. `not_found` when there is no such folder.
Result<std::vector<WalFileLook>> look_at_wal(const std::string& folder);

}  // namespace kith::rt
