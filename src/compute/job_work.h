// A range of numbers made into what a job on the ledger is of: a workload's parameters, and how
// many tasks, units and slices they come to. The ledger wants units of a task in a power of 4
// (codec/chain_job.h), and tasks that are all whole.
//
// Collatz: whole regions of 2^65 numbers (unit.h's regions: K = 51, 2^14 a's, units of 2^40, tasks
// of 2^50) where the range is made of them; else tasks of consecutive numbers, 4 to 1,024 units of
// 2^20 to 2^36 numbers. Goldbach: 4 to 1,024 units a task, of about 2^24 even numbers.
#pragma once

#include "compute/collatz/wide.h"
#include "compute/workload.h"

namespace kith::compute {

struct JobWork {
  WorkloadId workload = WorkloadId::collatz;
  Bytes params;
  TaskShape shape;
  std::uint64_t region_tasks = 0;  // that count together, as the workload has it
};

/// `usage` for a range that is not whole tasks; the sentence says what would be.
Result<JobWork> collatz_job_work(collatz::U128 from, collatz::U128 to);
Result<JobWork> goldbach_job_work(std::uint64_t from, std::uint64_t to);
/// The first and the last number of parameters, for people. `malformed`, or `unsupported` for a
/// workload that is not one of the above.
struct JobRange {
  std::string name, from, to;
};
Result<JobRange> job_range(std::uint64_t workload, ByteView params);

/// One sentence: what the task is about. `unsupported` for a workload that is not one of the above.
Result<std::string> describe_task(std::uint64_t workload, ByteView params, TaskIndex task);

}  // namespace kith::compute
