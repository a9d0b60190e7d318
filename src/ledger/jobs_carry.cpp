#include "ledger/jobs_carry.h"

#include <algorithm>

#include "base/format.h"
#include "ledger/jobs_work.h"

namespace kith::ledger {
namespace {

using codec::PendingTask;
using codec::SlotEntry;
using codec::StatementLine;

/// Looks at one order's statements, one after the other.
class Look {
 public:
  Look(const Entries& entries, Height height, std::size_t& looks)
      : entries_(entries), height_(height), looks_(looks) {}

  Result<void> at(const codec::JobStatement& statement) {
    if (!job_ || id_ != statement.job) {
      if (!may_look()) return {};
      job_ = find_job(entries_, statement.job);
      id_ = statement.job;
    }
    if (!job_ || job_->state == codec::JobState::waiting) {
      return fail(Code::refused, base::format("job {} is not at work", id_.value));
    }
    const auto enrolment = find_enrolment(entries_, id_, statement.worker);
    if (!enrolment) {
      return fail(Code::refused, base::format("worker {} has no slots in job {}",
                                              base::to_hex(statement.worker), id_.value));
    }
    TRY_VOID(check_round(statement.round, enrolment->cohort));
    if (enrolment->seen < statement.round) return {};  // it says that the worker is there
    round_ = statement.round;
    for (const StatementLine& line : statement.lines) {
      if (!std::ranges::binary_search(enrolment->slots, line.slot)) continue;
      if (says_something(line)) return {};
    }
    return fail(Code::refused, base::format("worker {} has said all of it in round {}",
                                            base::to_hex(statement.worker), statement.round));
  }

 private:
  Result<void> check_round(std::uint64_t round, std::uint16_t cohort) const {
    const std::uint64_t begins = job_->start.value + cohort;
    const std::uint64_t blocks = job_->spec.round_blocks;
    // Compared in rounds: a round out of a statement is any number.
    const auto round_at = [&](std::uint64_t height) {
      return height <= begins ? 0 : (height - 1 - begins) / blocks;
    };
    if (round >= round_at(height_.value) &&
        round <= round_at(height_.value + carried_early_blocks)) {
      return {};
    }
    return fail(Code::refused,
                base::format("statement of round {}, now {}", round, round_at(height_.value)));
  }

  bool says_something(const StatementLine& line) {
    if (!may_look()) return true;
    const auto slot = find_slot(entries_, id_, line.slot);
    if (!slot) return false;
    if (line.commit && may_commit(*slot, *line.commit)) return true;
    if (line.reveal && may_reveal(*slot, line.reveal->parts.size())) return true;
    if (!line.reveal && line.first &&
        std::ranges::any_of(slot->queue, [](const auto& task) { return task.pass == 2; })) {
      return true;
    }
    return std::ranges::any_of(line.checks, [&](const codec::CheckLine& check) {
      return is_asked(line.slot, *slot, check);
    });
  }

  bool may_commit(const SlotEntry& slot, const Hash& commitment) const {
    const auto said = std::ranges::count(slot.pending, round_, &PendingTask::round);
    return !slot.queue.empty() && slot.pending.size() < codec::slot_pending_max &&
           said < static_cast<std::ptrdiff_t>(codec::slot_queue_max) &&
           !has_committed(slot, commitment);
  }

  bool may_reveal(const SlotEntry& slot, std::size_t parts) const {
    return std::ranges::any_of(slot.pending, [&](const PendingTask& task) {
      return task.due != 0 && round_ >= task.due && task.outcome == codec::Outcome::hidden &&
             task.parts.size() == parts;
    });
  }

  bool is_asked(SlotId checker, const SlotEntry& slot, const codec::CheckLine& check) {
    const bool has_duty = std::ranges::any_of(slot.head.duties, [&](const codec::Duty& duty) {
      return duty.target == check.target && duty.part == check.part && duty.due >= height_;
    });
    if (!has_duty) return false;
    if (!may_look()) return true;
    const auto target = find_slot(entries_, id_, check.target);
    return target && std::ranges::any_of(target->pending, [&](const PendingTask& task) {
             return check.part < task.parts.size() && task.parts[check.part].checker == checker &&
                    !task.parts[check.part].said;
           });
  }

  bool may_look() {
    if (looks_ == 0) return false;
    --looks_;
    return true;
  }

  const Entries& entries_;
  const Height height_;
  JobId id_;
  std::optional<codec::JobEntry> job_;
  std::uint64_t round_ = 0;
  std::size_t& looks_;
};

}  // namespace

Result<void> check_carried(const Entries& entries, Height height,
                           const codec::CarryStatements& order, std::size_t& looks) {
  Look look(entries, height, looks);
  Result<void> seen;
  for (const codec::JobStatement& statement : order.statements) {
    seen = look.at(statement);
    if (seen) return {};
  }
  return seen;
}

}  // namespace kith::ledger
