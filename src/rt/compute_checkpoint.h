// The file in which `kith collatz verify` keeps what is done, so that a kill loses a minute at
// most: the range, which of its pieces are done, and what they came to. One encoding, with a
// SHA-256 over all of it at the end; written atomically (rt/files.h).
//
// It says of which results it is (results_version in compute/collatz/slice.h): a file of others is
// refused, since a checksum of both would be nobody's. Format 1, which did not say it, is too.
#pragma once

#include <string>
#include <vector>

#include "compute/collatz/range.h"

namespace kith::rt {

struct ComputeCheckpoint {
  compute::collatz::U128 from = 0;
  compute::collatz::U128 to = 0;
  bool is_fast = false;
  std::vector<bool> done;  // by piece
  compute::collatz::RangeResult result;
};

Bytes encode_checkpoint(const ComputeCheckpoint& checkpoint);
/// `unsupported` for another format's or other results', `malformed` or `truncated` for anything
/// else that encode_checkpoint does not make.
Result<ComputeCheckpoint> decode_checkpoint(ByteView bytes);

Result<void> save_checkpoint(const std::string& path, const ComputeCheckpoint& checkpoint);
/// `not_found` when there is none.
Result<ComputeCheckpoint> load_checkpoint(const std::string& path);

}  // namespace kith::rt
