// What has come out of the slices of one run (compute_work.h): results of units that are not whole
// yet, roots of those that are. Under the run's mutex; internal to rt.
#pragma once

#include <map>
#include <vector>

#include "rt/compute_journal.h"
#include "rt/compute_work.h"

namespace kith::rt {

class WorkState {
 public:
  /// Where a slice is in its run, 0 to slices() - 1.
  struct Place {
    compute::TaskIndex task;
    std::uint32_t unit = 0;
    std::uint32_t slice = 0;
  };
  /// A unit whose results are all there.
  struct WholeUnit {
    compute::TaskIndex task;
    std::uint32_t unit = 0;
    std::vector<compute::SliceResult> results;
  };
  /// What a unit comes to; made without the mutex, by whoever has a workload.
  struct UnitOutcome {
    compute::Hash root{};
    Bytes statistics;
    std::vector<compute::Find> finds;
  };

  WorkState(const compute::TaskShape& shape, std::uint64_t first_task, std::uint64_t tasks);

  std::uint64_t slices() const { return is_done_.size(); }
  std::uint64_t slices_done() const { return slices_done_; }
  Place place_of(std::uint64_t index) const;
  /// `malformed` when the run has no such slice, or has it already.
  Result<std::uint64_t> index_of(const Place& place) const;
  bool is_done(std::uint64_t index) const { return is_done_[index]; }

  /// The whole unit when this was its last slice. REQUIRES: the slice is not done.
  std::optional<WholeUnit> add(std::uint64_t index, compute::SliceResult result);
  /// `workload` joins the statistics of its task.
  Result<void> add_unit(const compute::Workload& workload, const WholeUnit& unit,
                        UnitOutcome outcome);
  /// All tasks that are whole, joined.
  Result<WorkOutcome> outcome(const compute::Workload& workload) const;

 private:
  struct PartialUnit {
    std::uint32_t done = 0;
    std::vector<compute::SliceResult> results;
  };
  struct PartialTask {
    std::uint32_t done = 0;
    std::vector<compute::Hash> roots;
    Bytes statistics;
    std::vector<compute::Find> finds;
  };

  const compute::TaskShape shape_;
  const std::uint64_t first_task_;
  std::vector<bool> is_done_;
  std::uint64_t slices_done_ = 0;
  std::map<std::uint64_t, PartialUnit> units_;  // by their number in the run
  std::map<std::uint64_t, PartialTask> tasks_;  // by their number of the job
  std::map<std::uint64_t, TaskOutcome> whole_;
  std::map<std::uint64_t, std::vector<compute::Find>> finds_;
};

}  // namespace kith::rt
