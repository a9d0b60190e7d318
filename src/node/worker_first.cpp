// Second passes: whoever has a task that was computed before shows the first one's record with what
// it reveals. That has to be here before the task is committed to, for what cannot be revealed is a
// fault. A first pass of the own account's counts for nothing: it is said, and the task goes back.
#include <algorithm>

#include "base/format.h"
#include "node/worker_job.h"

namespace kith::node {
namespace {

using Kind = ledger::JobEvent::Kind;

/// Entries of the jobs that a block is about, each decoded once.
class TwicePassed {
 public:
  explicit TwicePassed(const ledger::Entries& entries) : entries_(entries) {}

  /// None: it is over, or of one pass.
  const codec::JobSpec* find(JobId id) {
    const auto [at, is_new] = specs_.try_emplace(id);
    if (is_new) {
      const auto job = ledger::find_job(entries_, id);
      if (job && job->spec.passes == 2) at->second = job->spec;
    }
    return at->second ? &*at->second : nullptr;
  }

 private:
  const ledger::Entries& entries_;
  std::map<JobId, std::optional<codec::JobSpec>> specs_;
};

}  // namespace

void Worker::note_first_passes(const ledger::JobLog& happened, const ledger::Entries& after) {
  TwicePassed jobs(after);
  FirstPasses& firsts = memory_.first_passes();
  std::vector<Kept> kept;
  std::map<std::pair<JobId, std::uint32_t>, std::vector<codec::TaskIndex>> accepted;
  for (const ledger::JobEvent& event : happened) {
    const bool is_one = event.kind == Kind::settled || event.kind == Kind::accepted ||
                        event.kind == Kind::region_done;
    if (!is_one || !is_chosen(event.job)) continue;
    const codec::JobSpec* const spec = jobs.find(event.job);
    if (spec == nullptr) continue;
    if (event.kind == Kind::region_done && event.pass == 2) {
      firsts.forget_region(event.job, *spec, static_cast<std::uint32_t>(event.number));
    } else if (event.kind == Kind::settled && event.pass == 1) {
      if (firsts.has_room()) kept.emplace_back(FirstSettled{event.record});
    } else if (event.kind == Kind::accepted && event.pass == 1) {
      accepted[{event.job, region_of(*spec, event.task)}].push_back(event.task);
    }
  }
  for (const auto& [name, tasks] : accepted) {
    const auto region = ledger::find_region(after, name.first, name.second);
    if (!region || region->first.count() < tasks.size()) continue;
    std::uint64_t place = region->first.count() - tasks.size();
    for (const codec::TaskIndex task : tasks) {
      if (firsts.has(name.first, task)) {
        kept.emplace_back(FirstPlaced{name.first, task, place});
      }
      ++place;
    }
  }
  if (!kept.empty()) keep(std::move(kept));
}

/// For all tasks of a second pass that are to be computed, or to be revealed.
void Worker::look_for_firsts(JobId id, const Job& job) {
  const codec::JobSpec& spec = job.entry.spec;
  if (spec.passes != 2) return;
  const auto look_for = [&](codec::TaskIndex task) {
    if (memory_.first(id, task) != nullptr) return;
    const auto region = ledger::find_region(entries_, id, region_of(spec, task));
    if (!region || region->first_height.value == 0) return;
    const auto [asked, is_new] = firsts_asked_.try_emplace({id, task}, height_);
    if (!is_new && height_.value < asked->second.value + ask_every(spec)) return;
    asked->second = height_;
    if (auto first = memory_.first_passes().find(id, spec, task, region->first)) {
      return keep_first(id, task, *std::move(first));
    }
    outputs_.push_back(AskFirst{id, task});
  };
  for (const auto& [number, slot] : job.slots) {
    for (const codec::QueuedTask& task : slot.queue) {
      if (task.pass == 2) look_for(task.task);
    }
    for (const codec::PendingTask& task : slot.pending) {
      if (task.pass == 2 && !task.is_again) look_for(task.task);
    }
  }
}

void Worker::on_first(const AskFirst& asked, const Result<codec::FirstPass>& first) {
  const auto job = jobs_.find(asked.job);
  if (!first || job == jobs_.end() || !firsts_asked_.contains({asked.job, asked.task})) return;
  const std::uint32_t index = region_of(job->second.entry.spec, asked.task);
  const auto region = ledger::find_region(entries_, asked.job, index);
  if (!region || !check_first(*first, asked.job, asked.task, region->first.root())) return;
  keep_first(asked.job, asked.task, *first);
}

void Worker::keep_first(JobId id, codec::TaskIndex task, codec::FirstPass first) {
  firsts_asked_.erase({id, task});
  ++stats_.firsts;
  keep({KeptFirst{id, task, std::move(first)}});
}

bool Worker::is_own_first(const codec::FirstPass& first, const codec::SlotHead& slot) const {
  const auto record = codec::decode_record(first.record);
  return record && record->account == slot.owner;
}

Result<codec::FirstPass> Worker::first_pass(JobId id, codec::TaskIndex task) {
  if (const auto* const first = memory_.first(id, task)) return *first;
  const auto job = jobs_.find(id);
  if (job == jobs_.end()) return fail(Code::not_found, base::format("no job {} here", id.value));
  const codec::JobSpec& spec = job->second.entry.spec;
  const auto region = ledger::find_region(entries_, id, region_of(spec, task));
  if (!region || region->first_height.value == 0) {
    return fail(Code::not_found, base::format("the region of task {} is not complete", task.value));
  }
  // To put another region's list together takes a while: one a block, for whoever asks.
  FirstPasses& firsts = memory_.first_passes();
  if (!firsts.is_planted(id, region_of(spec, task)) &&
      std::exchange(planted_at_, height_) == height_) {
    return fail(Code::limit, "another region is looked at just now");
  }
  return firsts.find(id, spec, task, region->first);
}

}  // namespace kith::node
