// The draw at S(round) + g: how much of a task is checked, which units, and by whom. What it looks
// at beside the beacon was over at S(round), so that nobody who knows a part of the beacon can
// still change it.
#include <algorithm>

#include "ledger/jobs_work.h"

namespace kith::ledger {
namespace {

using codec::TaskPart;

constexpr std::uint8_t tries_max = 32;
/// In these a checker has to be of another device class, and of an owner that has no other part.
constexpr std::uint8_t choosy_tries = 8;

/// One slot's draw.
struct Draw {
  JobWork& work;
  SlotId slot;
  const SlotHead& owner;  // of the task: the slot that has it
  std::uint64_t round;    // that begins
  Height begins;          // S(round)
  const Hash& beacon;

  bool may_check(const SlotHead& head, std::uint8_t part, Height due) const {
    if (head.owner == owner.owner || head.owed_moves > 0) return false;
    if (head.since.value + work.job.spec.round_blocks > begins.value) return false;
    std::size_t duties = 0;
    for (const codec::Duty& duty : head.duties) {
      if (duty.due < work.height) continue;
      ++duties;
      // Two tasks of one slot: a check names slot and part only.
      if (duty.target == slot && duty.part == part && duty.due == due) return false;
    }
    if (duties >= codec::slot_duties_max) return false;
    return is_present(work, head.worker, codec::next(begins));
  }

  bool is_diverse(const SlotHead& head, const std::vector<AccountId>& taken) const {
    return head.device_class != owner.device_class &&
           std::ranges::find(taken, head.owner) == taken.end();
  }

  std::optional<SlotId> checker_of(const PendingTask& task, std::uint8_t part, Height due,
                                   const std::vector<AccountId>& taken) const {
    for (std::uint8_t tried = 0; tried < tries_max; ++tried) {
      const std::uint64_t number = codec::draw_of(beacon, work.id, slot, task.task, part, tried);
      const SlotId candidate{static_cast<std::uint32_t>(number % work.job.drawable)};
      const auto head = work.head_of(candidate);
      if (!head || !may_check(*head, part, due)) continue;
      if (tried < choosy_tries && !is_diverse(*head, taken)) continue;
      return candidate;
    }
    return std::nullopt;
  }
};

/// What is fixed once a task: s from what slot and owner have passed by now, and the units.
void size_task(JobWork& work, SlotId slot, const SlotHead& head, PendingTask& task,
               const Hash& beacon) {
  const MemberEntry& owner = work.member(head.owner);
  const std::uint32_t passed =
      head.faults == owner.faults ? std::min(head.passed, owner.passed) : 0;
  const Amount before = work.reserve_of(task);
  task.checked = codec::units_checked(work.job.spec, passed);
  task.parts.resize(codec::parts_of(task.checked));
  task.seed = codec::units_seed(beacon, {work.rules.genesis, work.id, task.task, task.pass}, slot);
  work.job.reserved -= before - work.reserve_of(task);
}

void draw_task(const Draw& draw, PendingTask& task) {
  JobWork& work = draw.work;
  const Height due = round_begins(work.job, work.cohort_of(draw.slot), draw.round + 2);
  std::vector<AccountId> taken;
  for (const TaskPart& part : task.parts) {
    if (!part.checker) continue;
    if (const auto head = work.head_of(*part.checker)) taken.push_back(head->owner);
  }
  bool has_drawn = false;
  for (std::uint8_t i = 0; i < task.parts.size(); ++i) {
    if (task.parts[i].checker) continue;
    const auto checker = draw.checker_of(task, i, due, taken);
    if (!checker) continue;
    task.parts[i].checker = checker;
    SlotHead& head = work.slot(*checker).head;
    std::erase_if(head.duties, [&](const codec::Duty& duty) { return duty.due < work.height; });
    head.duties.push_back({draw.slot, i, due});
    taken.push_back(head.owner);
    has_drawn = true;
  }
  // If nobody was found, it is tried again a round later.
  if (has_drawn) task.due = draw.round + 2;
}

}  // namespace

void draw_cohort(JobWork& work, std::uint16_t cohort, std::uint64_t round, const Hash& beacon) {
  if (work.job.drawable == 0) return;
  for (const SlotId number : slots_of_cohort(work, cohort)) {
    SlotEntry& entry = work.slot(number);
    const Height begins = round_begins(work.job, cohort, round);
    const Draw draw{work, number, entry.head, round, begins, beacon};
    for (PendingTask& task : entry.pending) {
      if (task.due != 0 || task.round >= round) continue;
      if (task.checked == 0) size_task(work, number, entry.head, task, beacon);
      draw_task(draw, task);
    }
  }
}

}  // namespace kith::ledger
