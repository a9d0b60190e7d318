// S(round) of a cohort: what has lapsed, who was silent, what has passed, what has matured. All of
// the cohort's tasks are settled before anything of it is accepted, so that an owner's good news do
// not come before its bad ones.
#include <algorithm>

#include "ledger/jobs_dispute.h"

namespace kith::ledger {
namespace {

using codec::MaturingTask;
using codec::Outcome;
using codec::RegionEntry;
using codec::TaskPart;

/// What of a slot has just been settled: tasks that begin to mature, and passes of what matures.
struct Fresh {
  std::size_t tasks = 0;
  std::uint32_t again = 0;
};

/// Rounds without a lease for who did not say what it was to check.
constexpr std::uint64_t idle_rounds = 4;

class Settlement {
 public:
  Settlement(JobWork& work, std::uint16_t cohort, std::uint64_t round)
      : work_(work), cohort_(cohort), round_(round) {}

  /// What was revealed in the round that ends.
  Fresh settle(SlotId number) {
    SlotEntry& entry = work_.slot(number);
    work_.hear_of_faults(number, entry);
    fresh_ = Fresh();
    for (MaturingTask& task : entry.maturing) task.parts.clear();  // it was time enough to ask
    lapse(number, entry);
    for (std::size_t i = 0; i < entry.pending.size();) {
      switch (look_at(number, entry, entry.pending[i])) {
        case Step::keep: ++i; break;
        case Step::done: entry.pending.erase(entry.pending.begin() + static_cast<long>(i)); break;
        case Step::closed: return {};
      }
    }
    end_of_slot(number, entry);
    return fresh_;
  }

  /// Of all that matures but what has just begun to. What was checked again just now does not count
  /// yet either: its checkers may still ask to be shown it.
  void accept(SlotId number, const Fresh& fresh) {
    SlotEntry& entry = work_.slot(number);
    work_.hear_of_faults(number, entry);
    const MemberEntry& owner = work_.member(entry.head.owner);
    const std::uint32_t passed = passed_in_order(owner);
    const std::size_t count = entry.maturing.size() - std::min(fresh.tasks, entry.maturing.size());
    std::size_t kept = 0;
    for (std::size_t i = 0; i < entry.maturing.size(); ++i) {
      MaturingTask task = std::move(entry.maturing[i]);
      const std::uint64_t wanted = std::uint64_t{task.mark} + work_.job.mature + fresh.again;
      if (i < count && task.disputes == 0 && passed >= wanted) {
        take(number, entry.head, task);
      } else {
        entry.maturing[kept++] = std::move(task);
      }
    }
    entry.maturing.resize(kept);
  }

 private:
  enum class Step { keep, done, closed };

  void lapse(SlotId number, SlotEntry& entry) {
    while (!entry.queue.empty() && entry.queue.front().until <= round_) {
      const codec::QueuedTask task = entry.queue.front();
      entry.queue.erase(entry.queue.begin());
      work_.job.reserved -= work_.lease_reserve(task.pass);
      work_.note({JobEvent::Kind::lapsed, work_.id, number, task.task, task.pass});
      work_.give_back(number, task.task, task.pass);
      entry.head.has_lapsed = true;
      if (!entry.queue.empty()) entry.queue.front().until = round_ + work_.job.spec.lease_rounds;
    }
  }

  Step look_at(SlotId number, SlotEntry& entry, PendingTask& task) {
    if (task.is_again && maturing_of(entry, task) == entry.maturing.end()) {
      return drop(number, entry, task);  // accepted or withdrawn meanwhile
    }
    if (task.due == 0 || task.due > round_) return Step::keep;
    if (task.due == round_) return end_of_checks(number, entry, task);
    if (task.outcome == Outcome::hidden) return late_reveal(number, entry, task);
    return settle_task(number, entry, task);
  }

  void mark_overdue(const SlotEntry& entry, PendingTask& task) {
    if (task.overdue == 0) task.overdue = work_.begin_overdue(entry.head.owner);
  }
  void forget_overdue(const SlotEntry& entry, const PendingTask& task) {
    if (task.overdue != 0) work_.end_overdue(entry.head.owner, task.overdue);
  }

  static std::vector<MaturingTask>::iterator maturing_of(SlotEntry& entry,
                                                         const PendingTask& task) {
    return std::ranges::find_if(entry.maturing, [&](const MaturingTask& one) {
      return one.task == task.task && one.pass == task.pass;
    });
  }

  /// Nobody is blamed. What is checked again stays where it matures.
  Step drop(SlotId number, const SlotEntry& entry, const PendingTask& task) {
    forget_overdue(entry, task);
    work_.job.reserved -= work_.reserve_of(task);
    if (!task.is_again) work_.give_back(number, task.task, task.pass);
    return Step::done;
  }

  /// Checkers that have said nothing are replaced, and the reveal waits for them.
  Step end_of_checks(SlotId number, const SlotEntry& entry, PendingTask& task) {
    bool is_whole = true;
    bool is_silent = false;
    for (std::uint8_t i = 0; i < task.parts.size(); ++i) {
      TaskPart& part = task.parts[i];
      if (part.said) continue;
      is_whole = false;
      if (!part.checker) continue;
      is_silent = true;
      note_silence(*part.checker, number, i);
      part.checker.reset();
    }
    if (is_whole) return Step::keep;
    if (is_silent && ++task.silent == draws_silent_max) {
      return drop(number, entry, task);
    }
    if (is_silent) mark_overdue(entry, task);
    task.due = 0;
    return Step::keep;
  }

  void note_silence(SlotId checker, SlotId target, std::uint8_t part) {
    if (!work_.has_slot(checker)) return;
    SlotHead& head = work_.slot(checker).head;
    const bool was_asked = std::ranges::any_of(head.duties, [&](const codec::Duty& duty) {
      return duty.target == target && duty.part == part && duty.due == work_.height;
    });
    if (!was_asked) return;  // the number is another's by now
    const auto round = round_at(work_.job, work_.cohort_of(checker), work_.height);
    head.idle_until = round.value_or(0) + idle_rounds;
    work_.note({JobEvent::Kind::silent, work_.id, checker, {}, 0});
  }

  Step late_reveal(SlotId number, const SlotEntry& entry, PendingTask& task) {
    mark_overdue(entry, task);
    const Height due = round_begins(work_.job, cohort_, task.due + 1);
    if (work_.height.value < due.value + work_.rules.params.answer_blocks) return Step::keep;
    work_.fault(number, 0);
    return Step::closed;
  }

  Step settle_task(SlotId number, SlotEntry& entry, PendingTask& task) {
    forget_overdue(entry, task);
    task.overdue = 0;
    if (task.outcome == Outcome::fits) {
      pass(number, entry, task);
      return Step::done;
    }
    work_.job.reserved -= work_.reserve_of(task);
    const PendingTask copy = task;
    if (const auto other = other_side(copy)) {
      open_dispute(work_,
                   copy.outcome == Outcome::part_differs ? codec::DisputeKind::check
                                                         : codec::DisputeKind::passes,
                   number, copy, *other);
    }
    if (copy.is_again) {
      work_.job.reserved -= work_.price_of(copy.pass);
      entry.maturing.erase(maturing_of(entry, copy));
    }
    work_.give_back(number, copy.task, copy.pass);
    return Step::done;
  }

  /// Whoever says otherwise, if it is still there.
  std::optional<codec::SlotSide> other_side(const PendingTask& task) {
    if (task.outcome == Outcome::first_differs) return task.first;
    const TaskPart& part = task.parts[task.differing];
    const auto head = work_.head_of(*part.checker);
    if (!head || head->worker != part.said->worker) return std::nullopt;
    return codec::SlotSide{*part.checker, head->worker, head->owner, head->since};
  }

  void pass(SlotId number, SlotEntry& entry, const PendingTask& task) {
    ++entry.head.passed;
    MemberEntry& owner = work_.member(entry.head.owner);
    ++owner.passed;
    work_.job.reserved -= work_.reserve_of(task) - (task.is_again ? 0 : work_.price_of(task.pass));
    pay_checkers(task);
    if (task.is_again) {
      ++fresh_.again;
      let_ask(*maturing_of(entry, task), task);
      work_.note({JobEvent::Kind::checked_again, work_.id, number, task.task, task.pass});
      return;
    }
    codec::Record record;
    record.genesis = work_.rules.genesis;
    record.job = work_.id;
    record.task = task.task;
    record.pass = task.pass;
    record.account = entry.head.owner;
    record.worker = entry.head.worker;
    record.device_class = entry.head.device_class;
    record.slot = number;
    record.round = task.round;
    record.root = task.root;
    for (const TaskPart& part : task.parts) record.checkers.push_back(*part.checker);
    record.checked = task.checked;
    record.seed = task.seed;
    MaturingTask& matures = entry.maturing.emplace_back();
    matures.task = task.task;
    matures.pass = task.pass;
    matures.record = codec::record_hash(record);
    matures.mark = owner.passed;
    let_ask(matures, task);
    ++fresh_.tasks;
    work_.note({JobEvent::Kind::settled, work_.id, number, task.task, task.pass, 0, record});
  }

  /// Until the slot's next round its checkers may ask on the ledger to be shown their parts.
  static void let_ask(MaturingTask& matures, const PendingTask& task) {
    matures.checked = task.checked;
    matures.seed = task.seed;
    matures.parts.clear();
    for (std::size_t i = 0; i < task.parts.size(); ++i) {
      matures.parts.push_back({*task.parts[i].checker, task.got[i], false});
    }
  }

  void pay_checkers(const PendingTask& task) {
    const auto units = static_cast<std::uint16_t>(task.checked / task.parts.size());
    const Amount price = work_.duty_price(units);
    for (const TaskPart& part : task.parts) {
      const auto head = work_.head_of(*part.checker);
      if (!head || head->worker != part.said->worker) continue;  // it has left: nobody is paid
      work_.member(head->owner).checks += units;
      work_.job.reserved += price;
      work_.pay(head->owner, price);
    }
  }

  /// Accepted: paid, and counted in its region.
  void take(SlotId number, const SlotHead& head, const MaturingTask& task) {
    MemberEntry& owner = work_.member(head.owner);
    ++owner.tasks;
    owner.units += work_.job.spec.units;
    work_.pay(head.owner, work_.price_of(task.pass));
    const auto index = static_cast<std::uint32_t>(task.task.value / work_.job.spec.region_tasks);
    RegionEntry& region = work_.region(index);
    auto& list = task.pass == 1 ? region.first : region.second;
    (void)list.append(task.record);
    (task.pass == 1 ? work_.job.accepted : work_.job.accepted_second) += 1;
    work_.note({JobEvent::Kind::accepted, work_.id, number, task.task, task.pass});
    if (list.count() < region_size(work_.job.spec, index)) return;
    (task.pass == 1 ? region.first_height : region.second_height) = work_.height;
    work_.note({JobEvent::Kind::region_done, work_.id, number, {}, task.pass, index});
    if (task.pass == 1 && work_.job.spec.passes == 2) compute_again(index);
  }

  /// Regions are computed again in the order in which they were complete.
  void compute_again(std::uint32_t index) {
    JobEntry& job = work_.job;
    if (job.second_last == 0) {
      job.second_first = index + 1;
    } else {
      work_.region(job.second_last - 1).next = index + 1;
    }
    job.second_last = index + 1;
  }

  /// Who has gone for long, or leaves and has nothing to wait for.
  void end_of_slot(SlotId number, SlotEntry& entry) {
    SlotHead& head = entry.head;
    const auto worker = find_worker(work_.entries, head.worker);
    if (!worker || worker->account != head.owner) head.is_leaving = true;
    if (head.disputes > 0) return;
    const codec::EnrolmentEntry* enrolment = work_.enrolment(head.worker);
    ASSERT(enrolment != nullptr);
    const bool is_gone = round_ > enrolment->seen + gone_rounds;
    const bool is_idle = entry.queue.empty() && entry.pending.empty() && entry.maturing.empty();
    const bool is_over = work_.job.state == codec::JobState::ending && work_.job.reserved == 0;
    if (is_gone || (is_idle && (head.is_leaving || is_over))) work_.close_slot(number, 0);
  }

  JobWork& work_;
  std::uint16_t cohort_;
  std::uint64_t round_;
  Fresh fresh_;
};

}  // namespace

void settle_cohort(JobWork& work, std::uint16_t cohort, std::uint64_t round) {
  Settlement settlement(work, cohort, round);
  std::vector<std::pair<SlotId, Fresh>> settled;
  for (const SlotId number : slots_of_cohort(work, cohort)) {
    settled.emplace_back(number, settlement.settle(number));
  }
  for (const auto& [number, fresh] : settled) {
    if (work.has_slot(number)) settlement.accept(number, fresh);
  }
}

}  // namespace kith::ledger
