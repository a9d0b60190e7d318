// Verifies a range of numbers with several threads, each with a kernel of its own: they take pieces
// (compute/collatz/range.h) one after the other. What is done is kept in a checkpoint file, if one
// is named, every half minute and at the end; a run that finds the file goes on from there. Blocks
// its caller.
#pragma once

#include <functional>
#include <string>

#include "compute/collatz/range.h"
#include "compute/work_rules.h"
#include "rt/compute_gpu.h"

namespace kith::rt {

struct VerifyOptions {
  compute::collatz::U128 from = 1;
  compute::collatz::U128 to = 1;
  bool is_fast = false;
  std::string device = "auto";
  unsigned threads = 0;    // 0: one a processor
  std::string checkpoint;  // a file; empty: none
  /// Asked by all threads, so that a signal may end it.
  bool (*is_stopped)() = [] { return false; };
  /// Of the processor's threads; what feeds a GPU needs little, but at once.
  bool is_idle_priority = false;
  /// Asked once a second, on the calling thread.
  std::function<compute::WorkRules()> rules = [] { return compute::WorkRules(); };
  // For tests: devices that are lost, and OpenCL on the processor in the place of a GPU.
  GpuOpener open_gpu = rt::open_gpu;
  bool counts_processors = false;
};

struct VerifyProgress {
  compute::collatz::U128 done = 0;   // numbers
  compute::collatz::U128 count = 0;  // of the range
  double rate_per_s = 0;             // of this run
  compute::WorkPause pause = compute::WorkPause::none;
};

struct VerifyOutcome {
  compute::collatz::RangeResult result;
  bool is_complete = false;  // false: stopped
  double wall_s = 0;
  double cpu_s = 0;
  double rate_per_s = 0;  // numbers of this run by its wall time
  std::string device;     // "cpu/avx512-mul", "cuda:0 NVIDIA H100 + cpu/avx512-mul" and so on
  std::vector<std::string> notes;  // GPUs that do not work, or were lost
};

/// `on_progress` is called once a second, on the calling thread. Errors: `usage`, the checkpoint's;
/// `limit` when the rules' memory is used up, with all that is done in the checkpoint.
Result<VerifyOutcome> verify_range(const VerifyOptions& options,
                                   const std::function<void(const VerifyProgress&)>& on_progress);

}  // namespace kith::rt
