// What happens between fork and exec of a sandboxed program (compute_sandbox.h). The parent has
// threads, so nothing here allocates or takes a lock: all texts are made before the fork. Internal
// to rt.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "rt/compute_sandbox.h"

namespace kith::rt {

enum class SandboxStage : int {
  ready = 0,  // all is done but the exec
  drop_root,
  privileges,
  namespaces,
  ids,
  process,
  files,
  program,
  root,
  limits,
  filter,
  exec,
  ended,  // value is waitpid's
};

/// What the child says on its pipe: as it is in memory, both ends being one program.
struct SandboxReport {
  SandboxStage stage = SandboxStage::ready;
  int value = 0;  // errno of the stage
};

/// A thing of the host that the program sees, read-only.
struct SandboxMount {
  enum class Kind : std::uint8_t { folder, file, device, link };
  Kind kind;
  std::string source;  // of a link: what it says
  std::string target;  // below sandbox_root
};
/// A mount of our own in our own mount namespace: any folder that is always there will do.
inline constexpr const char* sandbox_root = "/tmp";

struct SandboxLaunch {
  ByteView program;
  std::string executable;  // seen from within: /program, or its interpreter
  std::vector<std::string> arguments;
  std::vector<SandboxMount> mounts;
  std::vector<sock_filter> filter;
  std::string user_map, group_map, root_options, folder_options;
  SandboxLimits limits;
  bool is_root = false;
  pid_t parent = 0;
  int input = -1, output = -1, nothing = -1, report = -1;
  // Into `arguments`, ending in null; filled last.
  std::vector<char*> argument_list;
};

/// The only exec is of this descriptor; limits do not let a later file have it.
inline constexpr int sandbox_exec_fd = 200;

/// In the child. Builds the sandbox, forks once more for its process namespace, waits.
[[noreturn]] void become_warden(const SandboxLaunch& launch);

}  // namespace kith::rt
