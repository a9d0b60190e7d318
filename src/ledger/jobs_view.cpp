#include "ledger/jobs_view.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "ledger/jobs_dispute.h"

namespace kith::ledger {
namespace {

using codec::PendingTask;
using codec::SlotEntry;

/// Calls `look` with each slot of the key.
template <class Look>
void each_slot(const Entries& entries, JobId job, const ChainKey& worker, const Look& look) {
  const auto enrolment = find_enrolment(entries, job, worker);
  if (!enrolment) return;
  for (const SlotId number : enrolment->slots) {
    const auto slot = find_slot(entries, job, number);
    ASSERT(slot.has_value());
    look(number, *slot);
  }
}

/// The task that the duty is about, unless it has been said or the task has gone.
const PendingTask* asked_of(const codec::JobEntry& job, SlotId checker, const codec::Duty& duty,
                            const SlotEntry& target) {
  const auto cohort = static_cast<std::uint16_t>(duty.target.value % job.spec.round_blocks);
  for (const PendingTask& task : target.pending) {
    if (task.due == 0 || duty.part >= task.parts.size()) continue;
    const codec::TaskPart& part = task.parts[duty.part];
    if (part.checker != checker || part.said) continue;
    if (round_begins(job, cohort, task.due) == duty.due) return &task;
  }
  return nullptr;
}

/// Calls `look` with the number and entry of each open dispute.
template <class Look>
void each_dispute(const Entries& entries, const Look& look) {
  std::map<JobId, std::optional<codec::JobEntry>> jobs;
  entries.visit(EntryKind::dispute, {}, [&](ByteView id, const auto& bytes) {
    std::uint64_t number = 0;
    for (const std::uint8_t octet : id) number = number << 8 | octet;
    const auto entry = codec::decode_entry<codec::DisputeEntry>(*bytes);
    ASSERT(entry.has_value());
    const auto known = jobs.find(entry->job);
    const auto& job = known != jobs.end()
                          ? known->second
                          : jobs.emplace(entry->job, find_job(entries, entry->job)).first->second;
    if (job) look(number, *entry, job->spec);
    return true;
  });
}

}  // namespace

std::optional<OwedMove> move_of(const codec::JobSpec& spec, std::uint64_t dispute,
                                const codec::DisputeEntry& entry, const ChainKey& worker) {
  const bool is_worker = worker == entry.worker.worker;
  if (!is_worker && worker != entry.other.worker) return std::nullopt;
  if (!is_turn(entry.stage, entry.opened, is_worker ? Side::worker : Side::other)) {
    return std::nullopt;
  }
  OwedMove move;
  move.dispute = dispute;
  move.kind = entry.kind;
  move.stage = entry.stage;
  move.job = entry.job;
  move.is_worker = is_worker;
  move.task = entry.task;
  move.pass = entry.kind == codec::DisputeKind::passes && !is_worker ? 1 : entry.pass;
  move.units = spec.units;
  move.slices = spec.slices;
  move.root = entry.root;
  move.node = is_worker ? entry.node : entry.node_other;
  if (entry.kind == codec::DisputeKind::check || entry.kind == codec::DisputeKind::unshown) {
    move.part = codec::units_of_part(entry.seed, spec, entry.part, entry.checked);
  }
  move.unit = entry.unit;
  // Of both that open, what the other has opened is not for choosing.
  if (!is_worker && entry.opened == 0) move.entries = entry.entries;
  move.until = entry.until;
  return move;
}

std::vector<OwedMove> moves_of(const Entries& entries, const ChainKey& worker) {
  std::vector<OwedMove> moves;
  each_dispute(entries, [&](std::uint64_t number, const codec::DisputeEntry& entry,
                            const codec::JobSpec& spec) {
    if (auto move = move_of(spec, number, entry, worker)) moves.push_back(*std::move(move));
  });
  std::ranges::sort(moves, {},
                    [](const OwedMove& move) { return std::tuple(move.until, move.dispute); });
  return moves;
}

std::vector<AskedVerdict> verdicts_asked(const Entries& entries) {
  std::vector<AskedVerdict> asked;
  each_dispute(entries, [&](std::uint64_t number, const codec::DisputeEntry& entry,
                            const codec::JobSpec& spec) {
    if (entry.stage != codec::DisputeStage::verdict) return;
    const bool is_find = entry.kind == codec::DisputeKind::find;
    asked.push_back({number, entry.kind, entry.job, spec.workload, spec.params, entry.task,
                     entry.unit, entry.slice, is_find ? entry.said : Hash{}, entry.number,
                     entry.what, entry.until});
  });
  return asked;
}

std::vector<LeasedTask> leases_of(const Entries& entries, JobId job, const ChainKey& worker) {
  std::vector<LeasedTask> leases;
  each_slot(entries, job, worker, [&](SlotId number, const SlotEntry& slot) {
    for (const codec::QueuedTask& task : slot.queue) {
      leases.push_back({number, task.task, task.pass, task.until});
    }
  });
  return leases;
}

std::vector<AskedCheck> checks_of(const Entries& entries, JobId id, const ChainKey& worker,
                                  Height height) {
  std::vector<AskedCheck> checks;
  const auto job = find_job(entries, id);
  if (!job) return checks;
  each_slot(entries, id, worker, [&](SlotId number, const SlotEntry& slot) {
    for (const codec::Duty& duty : slot.head.duties) {
      if (duty.due < height) continue;
      const auto target = find_slot(entries, id, duty.target);
      const PendingTask* task = target ? asked_of(*job, number, duty, *target) : nullptr;
      if (task == nullptr) continue;
      checks.push_back({number, duty.target, duty.part, task->task, task->pass,
                        codec::units_of_part(task->seed, job->spec, duty.part, task->checked),
                        duty.due});
    }
  });
  std::ranges::sort(checks, {}, [](const AskedCheck& check) {
    return std::tuple(check.due, check.slot, check.target, check.part);
  });
  return checks;
}

std::vector<DueReveal> reveals_of(const Entries& entries, JobId id, const ChainKey& worker) {
  std::vector<DueReveal> reveals;
  const auto job = find_job(entries, id);
  if (!job) return reveals;
  each_slot(entries, id, worker, [&](SlotId number, const SlotEntry& slot) {
    for (const PendingTask& task : slot.pending) {
      if (task.due == 0 || task.outcome != codec::Outcome::hidden) continue;
      DueReveal reveal{number, task.task, task.pass, task.is_again, task.due, {}};
      for (std::uint8_t part = 0; part < task.parts.size(); ++part) {
        reveal.parts.push_back(codec::units_of_part(task.seed, job->spec, part, task.checked));
      }
      reveals.push_back(std::move(reveal));
    }
  });
  return reveals;
}

std::string_view name_of(JobEvent::Kind kind) {
  switch (kind) {
    case JobEvent::Kind::leased: return "leased";
    case JobEvent::Kind::lapsed: return "lapsed";
    case JobEvent::Kind::given_back: return "given_back";
    case JobEvent::Kind::settled: return "settled";
    case JobEvent::Kind::checked_again: return "checked_again";
    case JobEvent::Kind::accepted: return "accepted";
    case JobEvent::Kind::withdrawn: return "withdrawn";
    case JobEvent::Kind::silent: return "silent";
    case JobEvent::Kind::disputed: return "disputed";
    case JobEvent::Kind::fault: return "fault";
    case JobEvent::Kind::closed: return "closed";
    case JobEvent::Kind::region_done: return "region_done";
    case JobEvent::Kind::verdict: return "verdict";
    case JobEvent::Kind::shown: return "shown";
    case JobEvent::Kind::found: return "found";
  }
  UNREACHABLE();
}

}  // namespace kith::ledger
