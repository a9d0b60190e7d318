// An external worker program at work: started in its sandbox, given one slice at a time, its lines
// read within bounds and deadlines (docs/protocol/external-workload.md). Whatever it does wrong is
// an error that says what, and the end of the program and all that it started; it is started anew
// for the next slice. Blocks its caller; one thread at a time.
#pragma once

#include <memory>
#include <string>

#include "compute/external_line.h"
#include "rt/compute_sandbox.h"

namespace kith::rt {

struct ExternalConfig {
  SandboxLimits limits;
  Duration hello_timeout = 5s;
  /// For one slice, which is meant to take about a second.
  Duration turn_timeout = 10min;
};

/// Read once; what runs is these bytes.
struct ExternalFile {
  std::string name;
  Bytes bytes;
  compute::Hash hash{};
};
Result<std::shared_ptr<const ExternalFile>> load_external(const std::string& path);

class ExternalProgram {
 public:
  explicit ExternalProgram(std::shared_ptr<const ExternalFile> file, ExternalConfig config = {})
      : file_(std::move(file)), config_(config) {}

  /// Starts it when it does not run. Errors: `unsupported` (no sandbox), `timeout`, `protocol` (a
  /// line that is none, or out of turn), `too_large` (a line), `permission`, `limit`, `closed` (how
  /// the program ended), `refused` (what it said itself), `canceled`.
  Result<compute::SliceResult> run(ByteView params, compute::TaskIndex task, std::uint32_t unit,
                                   std::uint32_t slice, compute::Progress& progress);
  bool is_running() const { return process_.has_value(); }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  Result<void> start();
  Result<compute::SliceResult> take_turn(const compute::ExternalRun& run,
                                         compute::Progress& progress);
  Result<void> write_line(const std::string& line, TimePoint until);
  /// Without its newline; asks `progress` now and then, when there is one. Time that it takes to
  /// answer (a pause) is added to `until`.
  Result<std::string> read_line(TimePoint& until, compute::Progress* progress);
  Result<void> read_more(TimePoint& until, compute::Progress* progress);
  Result<void> ask(TimePoint& until, compute::Progress& progress) const;
  Result<void> check_silent();
  /// Ends the program: the error that the caller gets.
  std::unexpected<Error> end_with(Error error);

  const std::shared_ptr<const ExternalFile> file_;
  const ExternalConfig config_;
  std::optional<SandboxedProcess> process_;
  std::string buffer_;  // read, and not a whole line yet
  compute::ExternalProgress told_;
};

}  // namespace kith::rt
