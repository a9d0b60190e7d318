// What a worker's statement does. Its signature holds and its form does; what else is wrong with it
// makes a line of it void, never the transaction.
#include <algorithm>

#include "ledger/jobs_work.h"

namespace kith::ledger {
namespace {

using codec::CheckLine;
using codec::Outcome;
using codec::Record;
using codec::StatementLine;
using codec::TaskPart;

class Hearing {
 public:
  Hearing(JobWork& work, const ChainKey& worker, std::uint64_t round)
      : work_(work), worker_(worker), round_(round) {}

  void hear(const StatementLine& line) {
    SlotEntry& entry = work_.slot(line.slot);
    if (line.commit) commit(entry, *line.commit);
    if (line.reveal) {
      reveal(line, entry);
    } else if (line.first) {
      ask_for_another(line.slot, entry, *line.first);
    }
    for (const CheckLine& check : line.checks) hear_check(line.slot, entry.head, check);
  }

 private:
  /// Two a round, as many as are queued, so that who does a little more than one does not wait.
  void commit(SlotEntry& entry, const Hash& commitment) {
    if (entry.queue.empty() || entry.pending.size() >= codec::slot_pending_max) return;
    const auto said = std::ranges::count(entry.pending, round_, &PendingTask::round);
    if (said >= static_cast<std::ptrdiff_t>(codec::slot_queue_max)) return;
    // It names its task: what two carry, or somebody says again, is no commitment to the next one.
    if (has_committed(entry, commitment)) return;
    PendingTask task;
    task.task = entry.queue.front().task;
    task.pass = entry.queue.front().pass;
    task.commit = commitment;
    task.round = round_;
    entry.pending.push_back(std::move(task));
    entry.queue.erase(entry.queue.begin());
    entry.head.has_lapsed = false;
    if (!entry.queue.empty()) {
      entry.queue.front().until = round_ + 1 + work_.job.spec.lease_rounds;
    }
  }

  codec::TaskName name_of(const PendingTask& task) const {
    return {work_.rules.genesis, work_.id, task.task, task.pass};
  }

  void reveal(const StatementLine& line, SlotEntry& entry) {
    const codec::RevealLine& told = *line.reveal;
    const auto task = std::ranges::find_if(entry.pending, [&](const PendingTask& pending) {
      return pending.due != 0 && round_ >= pending.due && pending.outcome == Outcome::hidden &&
             pending.parts.size() == told.parts.size() && opens(line, entry, pending);
    });
    if (task == entry.pending.end()) return;
    Outcome outcome = Outcome::fits;
    if (task->pass == 2 && !task->is_again) {
      const auto compared = compare(entry, *task, line.first, told.root);
      if (!compared) return;
      outcome = *compared;
    }
    for (std::uint8_t i = 0; i < told.parts.size(); ++i) {
      const TaskPart& part = task->parts[i];
      if (codec::check_commitment(name_of(*task), i, part.said->worker, told.parts[i]) ==
          part.said->check) {
        continue;
      }
      outcome = Outcome::part_differs;
      task->differing = i;
      break;
    }
    task->root = told.root;
    task->got = told.parts;
    task->outcome = outcome;
  }

  /// Whether the root that is told is the one that was committed to; of what is checked again, the
  /// one of the record that matures, which the line shows.
  bool opens(const StatementLine& line, const SlotEntry& entry, const PendingTask& task) const {
    const Hash& root = line.reveal->root;
    if (!task.is_again) {
      return codec::task_commitment(name_of(task), line.slot, worker_, root) == task.commit;
    }
    if (!line.first) return false;
    const auto record = codec::decode_record(line.first->record);
    if (!record || record->root != root) return false;
    const Hash hash = codec::record_hash(*record);
    return std::ranges::any_of(entry.maturing, [&](const codec::MaturingTask& one) {
      return one.task == task.task && one.pass == task.pass && one.record == hash;
    });
  }

  /// The first pass' record, if that is what it is and the region's list has it.
  std::optional<Record> proven(TaskIndex task, const codec::FirstPass& first) {
    const auto record = codec::decode_record(first.record);
    if (!record || record->task != task || record->pass != 1) return std::nullopt;
    const auto index = static_cast<std::uint32_t>(task.value / work_.job.spec.region_tasks);
    const codec::RegionEntry& region = work_.region(index);
    if (region.first_height.value == 0) return std::nullopt;
    const auto proof = codec::decode_merkle_proof(first.proof);
    if (!proof) return std::nullopt;
    if (!codec::verify_merkle_proof(region.first.root(), codec::record_hash(*record), *proof)) {
      return std::nullopt;
    }
    return *record;
  }

  /// None: not shown, or of the same owner, which counts for nothing.
  std::optional<Outcome> compare(const SlotEntry& entry, PendingTask& task,
                                 const std::optional<codec::FirstPass>& first, const Hash& root) {
    if (!first) return std::nullopt;
    const auto record = proven(task.task, *first);
    if (!record || record->account == entry.head.owner) return std::nullopt;
    if (record->root == root) return Outcome::fits;
    const auto head = work_.head_of(record->slot);
    // Nobody is left who would stand for the first one: the second counts by its own checks.
    if (!head || head->worker != record->worker) return Outcome::fits;
    task.first = {record->slot, head->worker, head->owner, head->since};
    task.first_root = record->root;
    return Outcome::first_differs;
  }

  /// A task of the second pass whose first was its owner's goes to somebody else.
  void ask_for_another(SlotId slot, SlotEntry& entry, const codec::FirstPass& first) {
    for (auto task = entry.queue.begin(); task != entry.queue.end(); ++task) {
      if (task->pass != 2) continue;
      const auto record = proven(task->task, first);
      if (!record || record->account != entry.head.owner) continue;
      work_.job.reserved -= work_.lease_reserve(task->pass);
      work_.give_back(slot, task->task, task->pass);
      const bool was_first = task == entry.queue.begin();
      entry.queue.erase(task);
      if (was_first && !entry.queue.empty()) {
        entry.queue.front().until = round_ + 1 + work_.job.spec.lease_rounds;
      }
      return;
    }
  }

  void hear_check(SlotId checker, const SlotHead& head, const CheckLine& check) {
    const auto duty = std::ranges::find_if(head.duties, [&](const codec::Duty& asked) {
      return asked.target == check.target && asked.part == check.part && asked.due >= work_.height;
    });
    if (duty == head.duties.end() || !work_.has_slot(check.target)) return;
    const std::uint16_t cohort = work_.cohort_of(check.target);
    for (PendingTask& task : work_.slot(check.target).pending) {
      if (task.due == 0 || round_begins(work_.job, cohort, task.due) != duty->due) continue;
      if (check.part >= task.parts.size()) continue;
      TaskPart& part = task.parts[check.part];
      if (part.checker != checker || part.said) continue;
      part.said = codec::SaidCheck{check.check, worker_};
      return;
    }
  }

  JobWork& work_;
  const ChainKey& worker_;
  std::uint64_t round_;
};

void note_presence(codec::EnrolmentEntry& enrolment, std::uint64_t round) {
  if (round <= enrolment.seen) return;
  const std::uint64_t since = round - enrolment.seen;
  enrolment.before =
      since > 8 ? 0 : static_cast<std::uint8_t>((enrolment.before << 1 | 1) << (since - 1));
  enrolment.seen = round;
}

}  // namespace

bool has_committed(const SlotEntry& slot, const Hash& commitment) {
  return std::ranges::find(slot.pending, commitment, &PendingTask::commit) != slot.pending.end();
}

void apply_statement(JobWork& work, const codec::JobStatement& statement) {
  codec::EnrolmentEntry* enrolment = work.enrolment(statement.worker);
  if (enrolment == nullptr || work.job.state == codec::JobState::waiting) return;
  const auto round = round_at(work.job, enrolment->cohort, work.height);
  if (!round || *round != statement.round) return;
  note_presence(*enrolment, *round);
  Hearing hearing(work, statement.worker, *round);
  for (const StatementLine& line : statement.lines) {
    if (std::ranges::binary_search(enrolment->slots, line.slot)) hearing.hear(line);
  }
}

}  // namespace kith::ledger
