// A range of numbers made into what a job on the ledger is of: a workload's parameters, and how
// many tasks, units and slices they come to. The ledger wants units of a task in a power of 4
// (codec/chain_job.h), and tasks that are all whole.
//
// Collatz: whole regions of 2^65 numbers (unit.h's regions: K = 51, 2^14 a's, units of 2^40, tasks
// of 2^50) where the range is made of them; else tasks of consecutive numbers, 4 to 1,024 units of
// 2^20 to 2^36 numbers. Goldbach: 4 to 1,024 units a task, of about 2^24 even numbers. A program of
// somebody's own: as its owner cuts it.
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

/// Tasks of `step` numbers, which the program cuts into units and slices of equal size.
struct ProgramCut {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t step = 0;
  std::uint32_t units = 16;
  std::uint32_t slices = 4;
};
/// Of the program with this SHA-256 (workload_external.h). `usage` when the cut does not come out
/// even, or units are no power of 4 from 4 to 1,024.
Result<JobWork> program_job_work(const Hash& program, const ProgramCut& cut);

/// The first and the last number of parameters, for people. `malformed`, or `unsupported` for a
/// workload that is not one of the above; of a program, for an argument that is no range.
struct JobRange {
  std::string name, from, to;
};
Result<JobRange> job_range(std::uint64_t workload, ByteView params);

/// One sentence: what the task is about. `unsupported` for a workload that is not one of the above.
Result<std::string> describe_task(std::uint64_t workload, ByteView params, TaskIndex task);

}  // namespace kith::compute
