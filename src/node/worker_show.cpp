// Showing: a checker whose result fitted asks for the unit roots of its part, which must be under
// the root that was revealed. Else a worker could tell only what it was asked for.
#include <algorithm>

#include "base/format.h"
#include "codec/chain_merkle_many.h"
#include "node/worker_job.h"

namespace kith::node {
namespace {

/// Blocks between two askings: eight in a round, since there is a round's time for it.
std::uint64_t ask_every(const codec::JobSpec& spec) { return std::max(1u, spec.round_blocks / 8u); }

}  // namespace

void Worker::ask_shows(JobId id, const Job& job) {
  for (const auto& [key, check] : memory_.checks()) {
    if (check.job != id || shows_.contains(key)) continue;
    const auto target = ledger::find_slot(entries_, id, check.target);
    if (!target) continue;
    for (const codec::PendingTask& task : target->pending) {
      const bool is_it =
          task.task == check.task && task.pass == check.pass && check.part < task.parts.size() &&
          task.parts[check.part].checker == check.slot && task.outcome != codec::Outcome::hidden;
      if (!is_it) continue;
      const AskShow what{id, check.task, check.pass, check.part, target->head.worker};
      const Height until{height_.value + job.entry.spec.round_blocks};
      shows_.emplace(key, Asked{what, task.root, {}, until});
      break;
    }
  }
  const std::uint64_t every = ask_every(job.entry.spec);
  for (auto& [key, asked] : shows_) {
    if (key.job != id || asked.until.value == 0) continue;  // 0: done with
    if (height_ >= asked.until) {
      asked.until = {};
      ++stats_.not_shown;
      outputs_.push_back(NotShown{id, asked.what.task, asked.what.pass, asked.what.part, key.target,
                                  asked.what.worker});
    } else if (asked.at.value == 0 || height_.value >= asked.at.value + every) {
      asked.at = height_;
      outputs_.push_back(asked.what);
    }
  }
  std::erase_if(shows_, [&](const auto& asked) {
    return asked.first.job == id && memory_.check(asked.first) == nullptr;
  });
}

void Worker::on_shown(const AskShow& what, const Result<Shown>& shown) {
  if (!shown) return;  // asked again, while there is time
  for (auto& [key, asked] : shows_) {
    const AskShow& ours = asked.what;
    if (asked.until.value == 0 || key.job != what.job || ours.task != what.task ||
        ours.pass != what.pass || ours.part != what.part || ours.worker != what.worker) {
      continue;
    }
    const KeptCheck* const check = memory_.check(key);
    const auto job = jobs_.find(key.job);
    if (check == nullptr || job == jobs_.end() || shown->roots != check->roots) continue;
    if (!codec::verify_merkle_many(asked.root, job->second.entry.spec.units, check->units,
                                   shown->roots, shown->siblings)) {
      continue;
    }
    asked.until = {};
    ++stats_.shows;
  }
}

/// What is revealed stays so when it has been settled, for as long as it can be disputed.
void Worker::note_revealed(JobId id, const Job& job) {
  const Height until{height_.value + 2u * job.entry.spec.round_blocks};
  for (const auto& [number, slot] : job.slots) {
    for (const codec::PendingTask& task : slot.pending) {
      if (task.outcome == codec::Outcome::hidden) continue;
      revealed_[{id, task.task, task.pass}] = {task.seed, task.checked, until};
    }
  }
  std::erase_if(revealed_, [&](const auto& one) { return one.second.until < height_; });
}

Result<Worker::Shown> Worker::show(JobId id, codec::TaskIndex task, std::uint8_t pass,
                                   std::uint8_t part) const {
  const auto job = jobs_.find(id);
  const KeptTask* const kept = memory_.task(id, task);
  if (job == jobs_.end() || kept == nullptr) {
    return fail(Code::not_found,
                base::format("task {} of job {} is not here", task.value, id.value));
  }
  const codec::JobSpec& spec = job->second.entry.spec;
  const auto revealed = revealed_.find({id, task, pass});
  if (revealed != revealed_.end()) {
    return shown_of(*kept, spec, revealed->second.seed, revealed->second.checked, part);
  }
  // Settled before this life began.
  const KeptRecord* const record = memory_.record({id, task, pass});
  if (record != nullptr && record->is_signed()) {
    return shown_of(*kept, spec, record->seed, record->checked, part);
  }
  return fail(Code::refused, base::format("task {} is not revealed yet", task.value));
}

Result<Worker::Shown> Worker::shown_of(const KeptTask& task, const codec::JobSpec& spec,
                                       const Hash& seed, std::uint16_t checked, std::uint8_t part) {
  if (part >= codec::parts_of(checked)) {
    return fail(Code::not_found, base::format("no part {} of a check of {} units", part, checked));
  }
  Shown shown;
  const auto units = codec::units_of_part(seed, spec, part, checked);
  for (const std::uint16_t unit : units) shown.roots.push_back(task.roots[unit]);
  shown.siblings = codec::prove_merkle_many(task.roots, units);
  return shown;
}

}  // namespace kith::node
