// Computes slices for a node's worker (node/worker.h): threads of idle priority, which keep to the
// owner's rules. What a slice came to goes into its task's journal before it is told, so that a
// kill loses the slices that were being computed and no other; asked again, it comes out of there.
//
//   <folder>/<job>-<task>.slices     rt/compute_journal.h's format, one task each
//
// A journal that is damaged, or of other work, is begun anew: what was in it is computed again.
// Limits: what the worker asks for at once; open journals, `journals_max`, of which those not used
// for longest are closed. Threads: all of it on any; `done` is called on those of the pool.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "compute/work_rules.h"
#include "node/worker_io.h"
#include "rt/compute_pace.h"

namespace kith::rt {

class SlicePool {
 public:
  static constexpr std::size_t journals_max = 64;
  /// Journals of earlier lives that nobody has asked for in this time go.
  static constexpr auto journal_age_max = std::chrono::hours(24 * 7);

  struct Options {
    /// One a thread and kind of work.
    std::function<Result<std::unique_ptr<compute::Workload>>(std::uint8_t workload,
                                                             ByteView params)>
        make_workload;
    std::string folder;
    unsigned threads = 1;
    /// Asked once a second.
    std::function<compute::WorkRules()> rules = [] { return compute::WorkRules(); };
    std::function<void(Token token, Result<compute::SliceResult> result)> done;
  };

  /// `log` outlives it. Errors: the folder's.
  static Result<std::unique_ptr<SlicePool>> make(Options options, Log& log);
  /// Slices that are being computed are given up.
  ~SlicePool();
  SlicePool(const SlicePool&) = delete;
  SlicePool& operator=(const SlicePool&) = delete;

  void compute(node::ComputeSlice slice);
  void forget(node::ForgetTask task);
  compute::WorkPause pause() const;

 private:
  struct Inside;
  explicit SlicePool(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace kith::rt
