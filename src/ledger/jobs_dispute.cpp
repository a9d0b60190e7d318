// Disputes as far as they are built: the chain opens them, a side may concede, and without that
// they end after answer_blocks without a loser. Bisection to one slice, and validators' verdicts on
// it, are not: docs/design/compute-ledger.md has them.
#include "base/format.h"
#include "ledger/jobs_work.h"

namespace kith::ledger {
namespace {

using codec::DisputeEntry;
using codec::SlotSide;

constexpr std::uint64_t disputes_ended_a_block = 64;

Bytes dispute_key(std::uint64_t dispute) { return job_key(JobId{dispute}); }

/// Whether the slot is still the one that it was.
bool is_there(JobWork& work, const SlotSide& side) {
  if (!work.has_slot(side.slot)) return false;
  const SlotHead& head = work.slot(side.slot).head;
  return head.worker == side.worker && head.since == side.since;
}

/// The round from which something of its owner's is overdue.
std::uint64_t suspend(JobWork& work, SlotId slot) {
  SlotHead& head = work.slot(slot).head;
  ++head.disputes;
  return work.begin_overdue(head.owner);
}

void resume(JobWork& work, const SlotSide& side, std::uint64_t since) {
  work.end_overdue(side.owner, since);
  if (is_there(work, side)) --work.slot(side.slot).head.disputes;
}

/// Neither side has lost: what they passed is worth nothing more, and what matures is done again.
void end_without_loser(JobWork& work, const SlotSide& side) {
  if (!is_there(work, side)) return;
  forget_passed(work.member(side.owner));
}

std::optional<DisputeEntry> take_dispute(Entries& entries, std::uint64_t number) {
  const auto entry = find_dispute(entries, number);
  if (entry) entries.erase(EntryKind::dispute, dispute_key(number));
  return entry;
}

}  // namespace

void open_dispute(JobWork& work, codec::DisputeKind kind, SlotId slot, const PendingTask& task,
                  const SlotSide& other) {
  if (other.slot == slot || !is_there(work, other)) return;
  codec::JobsEntry jobs = jobs_of(work.entries);
  const std::uint64_t number = jobs.next_dispute++;
  put_jobs(work.entries, jobs);
  const SlotHead& head = work.slot(slot).head;
  DisputeEntry dispute;
  dispute.kind = kind;
  dispute.job = work.id;
  dispute.task = task.task;
  dispute.pass = task.pass;
  dispute.part = task.differing;
  dispute.until = {work.height.value + work.rules.params.answer_blocks};
  dispute.worker = {slot, head.worker, head.owner, head.since};
  dispute.other = other;
  dispute.overdue = suspend(work, slot);
  dispute.overdue_other = suspend(work, other.slot);
  work.entries.put(EntryKind::dispute, dispute_key(number), codec::encode_entry(dispute));
  work.note({JobEvent::Kind::disputed, work.id, slot, task.task, task.pass, number});
}

Result<Amount> concede(const JobRules& rules, Height height, Entries& entries, std::uint64_t number,
                       const ChainKey* signer, JobLog* log) {
  const auto found = find_dispute(entries, number);
  if (!found) return fail(Code::not_found, base::format("no dispute {}", number));
  const bool is_worker = signer != nullptr && *signer == found->worker.worker;
  const bool is_other = signer != nullptr && *signer == found->other.worker;
  if (!is_worker && !is_other) {
    return fail(Code::permission, base::format("dispute {} is not the signer's", number));
  }
  (void)take_dispute(entries, number);
  auto work = open_job(rules, height, entries, found->job, log);
  ASSERT(work.has_value());
  const SlotSide& loser = is_worker ? found->worker : found->other;
  resume(*work, found->worker, found->overdue);
  resume(*work, found->other, found->overdue_other);
  if (is_there(*work, loser)) work->fault(loser.slot, number);
  work->flush();
  return work->burnt;
}

Amount end_disputes(const JobRules& rules, Height height, Entries& entries, JobLog* log) {
  codec::JobsEntry jobs = jobs_of(entries);
  Amount burnt = 0;
  std::uint64_t ended = 0;
  for (; jobs.open_dispute < jobs.next_dispute && ended < disputes_ended_a_block;
       ++jobs.open_dispute, ++ended) {
    const auto found = find_dispute(entries, jobs.open_dispute);
    if (!found) continue;  // a side has conceded
    if (found->until > height) break;
    (void)take_dispute(entries, jobs.open_dispute);
    auto work = open_job(rules, height, entries, found->job, log);
    ASSERT(work.has_value());
    resume(*work, found->worker, found->overdue);
    resume(*work, found->other, found->overdue_other);
    end_without_loser(*work, found->worker);
    end_without_loser(*work, found->other);
    work->flush();
    burnt += work->burnt;
  }
  if (ended > 0) put_jobs(entries, jobs);
  return burnt;
}

}  // namespace kith::ledger
