// Which slices are to be computed next, and what units came to: the worker's desk (node/worker.h).
// Work is wanted by task and units, the most urgent first; what is not wanted any more is swept off
// it. A unit's results are kept until it is whole, then its root and statistics; of one that a
// dispute has come down to, its slices' digests too.
//
// Limits: what is wanted, which a chain's limits bound: 256 slots of a job with two tasks queued
// and eight checks each. A unit takes 32 bytes when it is whole, before that its results.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "compute/workload.h"
#include "node/worker_io.h"

namespace kith::node {

/// Units of a task that somebody wants.
struct WantedUnits {
  JobId job;
  codec::TaskIndex task;
  /// 0, or the dispute for which it is computed once more, whatever came out before.
  std::uint64_t dispute = 0;
  std::vector<std::uint16_t> units;
};

class WorkBoard {
 public:
  struct UnitDone {
    Hash root{};
    Bytes statistics;
    std::vector<Hash> slices;  // what they come to, of a unit of a dispute
  };

  /// A job whose parameters `workload` takes; before anything of it is wanted.
  void add_job(JobId job, const codec::JobSpec& spec, std::unique_ptr<compute::Workload> workload);
  bool has_job(JobId job) const { return jobs_.contains(job); }
  const compute::Workload& workload(JobId job) const { return *jobs_.at(job).workload; }

  /// From now on this alone is wanted, in this order. Slices that had failed are tried again.
  void want(std::vector<WantedUnits> wanted);
  /// The next slice, which then counts as asked for. None: all that is wanted is.
  std::optional<ComputeSlice> next(Token token);
  /// Whether the unit is whole now. What failed is tried again after want().
  bool on_computed(Token token, Result<compute::SliceResult> result);
  std::size_t in_flight() const { return asked_.size(); }
  /// Slices of all that is wanted, and those of them that are done.
  struct Load {
    std::uint64_t slices = 0;
    std::uint64_t done = 0;
  };
  Load load() const;

  /// All of them, in the order of `wanted`; none while one is missing.
  std::optional<std::vector<UnitDone>> done(const WantedUnits& wanted) const;
  /// Of units that are whole, each once: results in which their workload has something to name. The
  /// token is the caller's to set.
  std::optional<NameFinds> poll_finds();
  /// Of tasks that are on the board no more: what ForgetTask is said of.
  std::optional<ForgetTask> poll_forgotten();

 private:
  struct Name {
    JobId job;
    codec::TaskIndex task;
    std::uint64_t dispute = 0;
    std::uint32_t unit = 0;
    friend auto operator<=>(const Name&, const Name&) = default;
  };
  enum class Slice : std::uint8_t { open, asked, failed, done };
  struct Unit {
    std::vector<Slice> slices;
    std::vector<compute::SliceResult> results;
    std::size_t left = 0;
    std::optional<UnitDone> done;
  };
  struct Job {
    std::unique_ptr<compute::Workload> workload;
    std::shared_ptr<const Bytes> params;
    std::uint8_t number = 0;
    std::uint16_t slices = 0;
  };
  struct Asked {
    Name name;
    std::uint32_t slice = 0;
  };
  Unit& unit_of(const Name& name);
  void finish(const Name& name, Unit& unit);

  std::map<JobId, Job> jobs_;
  std::map<Name, Unit> units_;
  std::vector<WantedUnits> wanted_;
  std::size_t at_ = 0;       // in wanted_: all before is asked for
  std::size_t at_unit_ = 0;  // in its units
  std::map<Token, Asked> asked_;
  std::set<std::pair<JobId, codec::TaskIndex>> begun_;  // with slices in a journal
  std::vector<NameFinds> finds_;
  std::vector<ForgetTask> forgotten_;
};

}  // namespace kith::node
