// A stranger's program as a child that can compute and nothing else (docs/protocol/
// external-workload.md, "The sandbox"). It gets: user, mount, network, process and IPC namespaces
// of its own, so no network, no home and no other process; /usr read-only, its own file as
// /program, an empty /tmp of its own in memory; an environment of four variables; the filter of
// compute_seccomp.h; limits of memory, processor time, processes and file size; no way to gain
// privileges. As root it becomes nobody first.
//
// Where the kernel does not give one of these, start() fails with `unsupported` and says which: the
// program is never run with less. Linux 5.14 is the oldest that has all.
//
// A program is an ELF file or a script whose first line names its interpreter
// ("#!/usr/bin/python3" or "#!/usr/bin/env python3"; /usr alone is there), 64 MiB at most. It is
// read and hashed once, and what runs is the copy that was hashed.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/time.h"
#include "rt/os.h"

namespace kith::rt {

struct SandboxLimits {
  /// Address space of each process.
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;
  /// Processes and threads together.
  std::uint32_t processes = 16;
  /// Of one file, and of all that is in /tmp.
  std::uint64_t file_bytes = std::uint64_t{64} << 20;
  /// Processor time of each process, of its whole life.
  Duration cpu = std::chrono::hours(24);
};

inline constexpr std::size_t program_bytes_max = std::size_t{64} << 20;

class SandboxedProcess {
 public:
  /// Returns when the program is about to be executed. `name` is for sentences only.
  static Result<SandboxedProcess> start(ByteView program, const std::string& name,
                                        const SandboxLimits& limits);
  SandboxedProcess(SandboxedProcess&&) noexcept;
  SandboxedProcess& operator=(SandboxedProcess&&) = delete;
  /// Kills it, and all that it started.
  ~SandboxedProcess();

  /// Non-blocking: the program's standard input, for writing, and its output. What it writes to its
  /// standard error goes nowhere.
  int input() const { return input_.get(); }
  int output() const { return output_.get(); }
  /// Kills whatever of it still runs; how it ended, as an error with a sentence. `permission`: it
  /// did what its sandbox forbids. `limit`: it used up what it may have. `closed`: by itself.
  Error end();

 private:
  SandboxedProcess() = default;
  void kill_all();

  std::string name_;
  SandboxLimits limits_;
  pid_t warden_ = -1;  // waits for it outside its process namespace
  Fd input_, output_, report_;
};

}  // namespace kith::rt
