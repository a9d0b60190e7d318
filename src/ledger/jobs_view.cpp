#include "ledger/jobs_view.h"

#include <algorithm>
#include <tuple>

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

}  // namespace

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
  }
  UNREACHABLE();
}

}  // namespace kith::ledger
