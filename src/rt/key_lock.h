// A validator's key is used by one process at a time: two that vote with it contradict each other,
// and are slashed for it. Two locks hold as long as the process lives, however it ends: one on a
// file beside the key, for whoever shares the folder, and one named by the public key in a folder
// of this user, for whoever has copied the key into another home on this machine. Another machine
// is beyond both: docs/operations.md, "One key, one process".
//
//   <folder>/key.lock
//   $XDG_RUNTIME_DIR/kith or /tmp/kith-<uid> (0700, ours) / key-<32 hex of SHA-256(key)>.lock
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "rt/os.h"

namespace kith::rt {

class KeyLock {
 public:
  /// `folder`: where the key is, there. `locked` names the lock and the process that holds it.
  static Result<KeyLock> take(const std::string& folder, ByteView public_key);

 private:
  explicit KeyLock(std::vector<Fd> files) : files_(std::move(files)) {}
  std::vector<Fd> files_;
};

}  // namespace kith::rt
