// Computes slices for a node's worker (node/worker.h): threads of idle priority, which keep to the
// owner's rules, and one or more for each GPU, each with a queue of its device's own. A thread
// takes as many slices of a unit as keep its device busy. What a slice came to goes into its task's
// journal before it is told, so that a kill loses the slices that were being computed and no other;
// asked again, it comes out of there.
//
//   <folder>/<job>-<task>.slices     rt/compute_journal.h's format, one task each
//
// A journal that is damaged, of other work or of other results (Workload::results_version()) is
// begun anew, and the log says why: what was in it is computed again.
// Limits: what the worker asks for at once; open journals, `journals_max`, of which those not used
// for longest are closed. Threads: all of it on any; `done` and `named` are called on those of the
// pool.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

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

  /// What a thread computes with: asked on that thread, once a kind of work.
  using MakeWorkload = std::function<Result<std::unique_ptr<compute::Workload>>(
      std::uint8_t workload, ByteView params)>;
  struct Hand {
    MakeWorkload make_workload;
    /// It needs little of the processor, but at once: no idle priority.
    bool feeds_gpu = false;
  };

  struct Options {
    std::vector<Hand> hands;  // a thread each; at least one
    std::string folder;
    /// Asked once a second.
    std::function<compute::WorkRules()> rules = [] { return compute::WorkRules(); };
    std::function<void(Token token, Result<compute::SliceResult> result)> done;
    std::function<void(Token token, Result<std::vector<compute::Find>> finds)> named;
  };

  /// `log` outlives it. Errors: the folder's.
  static Result<std::unique_ptr<SlicePool>> make(Options options, Log& log);
  /// Slices that are being computed are given up.
  ~SlicePool();
  SlicePool(const SlicePool&) = delete;
  SlicePool& operator=(const SlicePool&) = delete;

  /// All that is asked for at one time, so that slices of a unit may be taken together.
  void compute(std::vector<node::ComputeSlice> slices);
  void name(node::NameFinds finds);
  /// One thread more, in the place of a device that is lost.
  void add(Hand hand);
  void forget(node::ForgetTask task);
  compute::WorkPause pause() const;

 private:
  struct Inside;
  explicit SlicePool(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace kith::rt
