// Runs units of any workload on this machine: threads at idle priority take slices one after the
// other; what a slice came to goes into a journal at once, so that a kill loses the slices that
// were being computed and no other. The owner's rules (compute/work_rules.h) are looked at once a
// second. Blocks its caller.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compute/work_rules.h"
#include "compute/workload.h"

namespace kith::rt {

struct WorkOptions {
  /// One a thread.
  std::function<Result<std::unique_ptr<compute::Workload>>()> make_workload;
  Bytes params;
  std::uint64_t first_task = 0;
  std::uint64_t tasks = 1;
  unsigned threads = 0;  // 0: one a processor
  std::string journal;   // a file; empty: none
  bool is_idle_priority = true;
  /// The work is another process', whose time this one's clocks do not count.
  bool is_external = false;
  /// Asked once a second, on the calling thread.
  std::function<compute::WorkRules()> rules = [] { return compute::WorkRules(); };
  /// Asked by all threads, so that a signal may end it.
  bool (*is_stopped)() = [] { return false; };
};

/// Of tasks: what U (the ledger's root of a task) and its record need.
struct TaskOutcome {
  compute::TaskIndex task;
  compute::Hash root{};
  Bytes statistics;
  friend bool operator==(const TaskOutcome&, const TaskOutcome&) = default;
};

struct WorkProgress {
  std::uint64_t slices_done = 0;  // those of the journal too
  std::uint64_t slices = 0;
  double slices_per_s = 0;       // of this run
  std::optional<double> left_s;  // none before anything is done
  compute::WorkPause pause = compute::WorkPause::none;
};

struct WorkOutcome {
  std::vector<TaskOutcome> tasks;  // those that are done, in order
  /// Of these tasks; empty when none is done.
  Bytes statistics;
  std::vector<compute::Find> finds;
  bool is_complete = false;          // false: stopped
  std::uint64_t slices_done = 0;     // those of the journal too
  std::uint64_t slices_resumed = 0;  // from the journal
  double wall_s = 0;
  double cpu_s = 0;
};

/// The most that one run may have: their state is in memory.
inline constexpr std::uint64_t work_slices_max = std::uint64_t{1} << 24;
inline constexpr std::uint64_t work_tasks_max = std::uint64_t{1} << 16;
/// What was computed is durable after this at the latest.
inline constexpr auto journal_sync_interval = std::chrono::seconds(10);

/// `on_progress` is called once a second, on the calling thread. Errors: the workload's, the
/// journal's; `limit` when the rules' memory is used up, with all that is done in the journal.
Result<WorkOutcome> do_work(const WorkOptions& options,
                            const std::function<void(const WorkProgress&)>& on_progress);

}  // namespace kith::rt
