// A range of a workload as `kith compute run` is told of it, made into what the runner needs; and
// the workload behind a report, for `kith compute merge`.
#pragma once

#include <functional>
#include <memory>

#include "cli/args_work.h"
#include "cli/reports_work.h"
#include "compute/workload.h"

namespace kith::app {

struct ComputeJob {
  std::string name;      // as in reports: goldbach, collatz, external
  std::string from, to;  // decimal
  Bytes params;
  compute::TaskShape shape;
  bool is_external = false;
  /// One a thread.
  std::function<Result<std::unique_ptr<compute::Workload>>()> make_workload;
};
/// `usage` for what is no workload or range; errors of an external program's file.
Result<ComputeJob> make_compute_job(const cli::ComputeRunArgs& args);

/// The tasks of part I of N ("I/N"): together they are all, each once; some may be empty.
struct TaskRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};
Result<TaskRange> tasks_of_part(std::string_view part, std::uint64_t tasks);

/// Joins reports of neighbouring tasks of one job, in any order, to what one run of all would have
/// said; times are added up. `usage` when they are not that, `malformed` when one contradicts
/// itself.
Result<cli::WorkReport> merge_reports(std::vector<cli::WorkReport> reports);

}  // namespace kith::app
