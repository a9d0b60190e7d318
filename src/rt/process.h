// Child processes, for `kith devnet`: started with their output in files, watched and ended by
// process id, always reaped. A child gets SIGTERM when the thread that started it ends, however
// that happens, so that a killed devnet leaves no nodes behind.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace kith::rt {

struct ProcessConfig {
  std::vector<std::string> arguments;  // the first is the program, with its path
  std::vector<std::pair<std::string, std::string>> environment = {};  // added to our own
  std::string folder = {};                                            // empty: ours
  std::string output_file = {};  // empty: /dev/null; appended to
  std::string error_file = {};   // the same; may be the same file
};

struct ProcessEnd {
  int exit_code = -1;  // -1 when a signal ended it
  int signal = 0;
  bool is_clean() const { return exit_code == 0; }
};

class ChildProcess {
 public:
  /// Fails when the program cannot be started at all: `not_found`, `permission`, `io`.
  static Result<ChildProcess> start(const ProcessConfig& config);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  /// Kills and reaps what still runs.
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  /// Empty while it runs; the same for ever after its end.
  std::optional<ProcessEnd> poll();
  std::optional<ProcessEnd> wait(Duration timeout);
  /// No-op when it has ended.
  void signal(int number);
  /// SIGTERM, `grace` to follow it, then SIGKILL.
  ProcessEnd stop(Duration grace);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  void kill_now();

  pid_t pid_ = -1;
  std::optional<ProcessEnd> end_;
};

}  // namespace kith::rt
