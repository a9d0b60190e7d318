// The first pass' results of jobs that are computed twice: whoever computes a task again has to
// show the first one's record, and a proof that it is in its region's list
// (docs/protocol/compute.md, "Second pass"). The state has the list's root alone, so who works for
// such a job takes down what blocks say: a result when it settles, its place in the list when it is
// accepted. What is not here, because blocks were passed over, others may have; nobody believes a
// record without its proof.
//
// Limits: `records_max` results, in all jobs; beyond, none is taken. About 400 bytes each. Of one
// region at a time the list's tree is kept, 64 bytes a task.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "codec/chain_job_state.h"
#include "codec/chain_record.h"

namespace kith::node {

using codec::Hash;
using codec::JobId;

/// A result of a first pass that has been checked. Not signed: the ledger counts it without.
struct FirstSettled {
  codec::Record record;
  friend bool operator==(const FirstSettled&, const FirstSettled&) = default;
};
/// It has been accepted.
struct FirstPlaced {
  JobId job;
  codec::TaskIndex task;
  std::uint64_t place = 0;  // in its region's list
  friend bool operator==(const FirstPlaced&, const FirstPlaced&) = default;
};

class FirstPasses {
 public:
  static constexpr std::size_t records_max = 65'536;

  struct Key {
    JobId job;
    codec::TaskIndex task;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct One {
    codec::Record record;
    Hash hash{};  // record_hash
    std::optional<std::uint64_t> place;
  };

  bool has_room() const { return records_.size() < records_max; }
  bool has(JobId job, codec::TaskIndex task) const { return records_.contains({job, task}); }
  /// A later one of the same task takes the place of the one before, which was withdrawn.
  void on_settled(const FirstSettled& settled);
  void on_placed(const FirstPlaced& placed);
  /// Everything of jobs that are over, or of a region that has been computed twice.
  template <class IsOver>
  void forget_jobs(const IsOver& is_over) {
    for (auto at = records_.begin(); at != records_.end();) {
      const JobId job = at->first.job;
      const auto end = records_.lower_bound({{job.value + 1}, {0}});
      at = is_over(job) ? records_.erase(at, end) : end;
    }
  }
  void forget_region(JobId job, const codec::JobSpec& spec, std::uint32_t region);

  /// What is to be shown of the task; `list` is that of its region. `not_found` when something of
  /// the region is not here.
  Result<codec::FirstPass> find(JobId job, const codec::JobSpec& spec, codec::TaskIndex task,
                                const codec::Mmr& list);
  const std::map<Key, One>& all() const { return records_; }
  /// Whether find() has the region's tree at hand.
  bool is_planted(JobId job, std::uint32_t region) const {
    return tree_ && tree_->job == job && tree_->region == region;
  }

 private:
  /// The nodes of a region's list, by level.
  struct Tree {
    JobId job;
    std::uint32_t region = 0;
    Hash root{};
    std::vector<std::vector<Hash>> levels;
  };
  bool plant(JobId job, const codec::JobSpec& spec, std::uint32_t region, const codec::Mmr& list);

  std::map<Key, One> records_;
  std::optional<Tree> tree_;
};

/// Whether `first` is what is to be shown of the task, in a list with this root; the record.
Result<codec::Record> check_first(const codec::FirstPass& first, JobId job, codec::TaskIndex task,
                                  const Hash& root);
std::uint32_t region_of(const codec::JobSpec& spec, codec::TaskIndex task);

}  // namespace kith::node
