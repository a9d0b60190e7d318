// How disputes end, and what that costs. By verdict: the bonds of all slots of the key, half of it
// to the other side. Conceded, or silent in its turn: a sixteenth of the slot's bond. Without a
// verdict: nobody's money, but what both have passed.
#include "ledger/jobs_verdict.h"

#include <algorithm>

#include "base/format.h"
#include "crypto/ed25519_zip215.h"
#include "ledger/jobs_dispute.h"

namespace kith::ledger {
namespace {

constexpr std::uint64_t disputes_ended_a_block = 64;
/// What a doubt costs that is conceded, or that no verdict came to: as much as a fault.
constexpr Amount doubt_share = 16;

const SlotSide& side_of(const DisputeEntry& entry, Side side) {
  return side == Side::worker ? entry.worker : entry.other;
}

/// Neither side has lost: what they passed is worth nothing more, and what matures is done again.
void end_without_loser(JobWork& work, const SlotSide& side) {
  if (is_there(work, side)) forget_passed(work.member(side.owner));
}

/// The job has ended before it: only what the other side holds is left.
void drop(Entries& entries, std::uint64_t number, const DisputeEntry& entry) {
  unlink_dispute(entries, entry);
  entries.erase(EntryKind::dispute, job_key(JobId{number}));
  if (entry.held > 0) release_bond(entries, entry.other.owner, entry.held);
}

}  // namespace

void Dispute::resume() {
  unlink_dispute(work_.entries, entry);
  work_.entries.erase(EntryKind::dispute, job_key(JobId{number_}));
  if (entry.overdue != 0) work_.end_overdue(entry.worker.owner, entry.overdue);
  if (entry.overdue_other != 0) work_.end_overdue(entry.other.owner, entry.overdue_other);
  count_owed(false, false);
  for (const Side side : {Side::worker, Side::other}) {
    const SlotSide& slot = side_of(entry, side);
    if (binds(entry.kind, side) && is_there(work_, slot)) --work_.slot(slot.slot).head.disputes;
  }
  if (codec::MaturingTask* const result = task()) --result->disputes;
}

codec::MaturingTask* Dispute::task() {
  if (entry.record == Hash{} || !is_there(work_, entry.worker)) return nullptr;
  auto& maturing = work_.slot(entry.worker.slot).maturing;
  const auto at = std::ranges::find(maturing, entry.record, &codec::MaturingTask::record);
  return at == maturing.end() ? nullptr : &*at;
}

void Dispute::release_held(Amount lost) {
  if (lost > 0) forfeit_bond(work_.entries, entry.other.owner, lost);
  if (entry.held > lost) release_bond(work_.entries, entry.other.owner, entry.held - lost);
  work_.burnt += lost;
  entry.held = 0;
}

/// Nobody knows whether it is right.
void Dispute::withdraw_task() {
  codec::MaturingTask* const result = task();
  if (result == nullptr) return;
  SlotEntry& slot = work_.slot(entry.worker.slot);
  work_.job.reserved -= work_.price_of(entry.pass);
  work_.note({JobEvent::Kind::withdrawn, work_.id, entry.worker.slot, entry.task, entry.pass});
  work_.give_back(entry.worker.slot, entry.task, entry.pass);
  slot.maturing.erase(slot.maturing.begin() + (result - slot.maturing.data()));
}

void Dispute::end_conceded(Side loser) {
  resume();
  if (entry.kind == DisputeKind::unshown) {
    // A checker that asks no more has been shown what it wanted.
    if (loser == Side::other) return end_shown_after_resume();
  }
  const bool is_doubter = entry.kind == DisputeKind::doubt && loser == Side::other;
  release_held(is_doubter ? entry.held / doubt_share : 0);
  if (is_doubter) {
    work_.note({JobEvent::Kind::fault, work_.id, codec::no_slot, {}, 0, number_});
    return;
  }
  const SlotSide& side = side_of(entry, loser);
  if (is_there(work_, side)) work_.fault(side.slot, number_);
}

void Dispute::end_shown() {
  resume();
  end_shown_after_resume();
}

void Dispute::end_shown_after_resume() {
  const Amount fee = entry.held;
  release_held(fee);
  if (add_earned(work_.entries, entry.worker.owner, fee)) work_.burnt -= fee;
  work_.note({JobEvent::Kind::shown, work_.id, entry.worker.slot, entry.task, entry.pass, number_});
}

void Dispute::end_silent() {
  if (entry.stage == DisputeStage::verdict) return end_void();
  const bool is_worker = is_turn(entry.stage, entry.opened, Side::worker);
  const bool is_other = is_turn(entry.stage, entry.opened, Side::other);
  end_conceded(is_worker ? Side::worker : Side::other);
  if (is_worker && is_other && is_there(work_, entry.other)) {
    work_.fault(entry.other.slot, number_);
  }
}

void Dispute::end_void() {
  resume();
  if (entry.kind == DisputeKind::find) return;
  if (entry.kind == DisputeKind::doubt) {
    // Whoever cannot show it pays; else doubts would be free where nobody gives verdicts.
    release_held(entry.held / doubt_share);
    return withdraw_task();
  }
  end_without_loser(work_, entry.worker);
  end_without_loser(work_, entry.other);
}

void Dispute::lose(Side loser, const AccountId* winner) {
  const SlotSide side = side_of(entry, loser);
  if (side.slot != codec::no_slot) return work_.lose_all(side, winner, number_);
  const Amount lost = entry.held;
  release_held(lost);
  work_.note({JobEvent::Kind::fault, work_.id, codec::no_slot, {}, 0, number_});
  if (winner != nullptr) work_.award_half(lost, *winner);
}

void Dispute::end_equal() {
  resume();
  lose(Side::other, &entry.worker.owner);
}

void Dispute::end_judged(const Hash& digest) {
  resume();
  work_.note(
      {JobEvent::Kind::verdict, work_.id, entry.worker.slot, entry.task, entry.pass, number_});
  const bool has_worker_lost = digest != entry.said;
  const bool has_other_lost = digest != entry.said_other;
  if (has_worker_lost) lose(Side::worker, has_other_lost ? nullptr : &entry.other.owner);
  if (has_other_lost) lose(Side::other, has_worker_lost ? nullptr : &entry.worker.owner);
  release_held(0);
}

void Dispute::end_find(bool is_one) {
  resume();
  work_.note({is_one ? JobEvent::Kind::found : JobEvent::Kind::verdict, work_.id, entry.worker.slot,
              entry.task, entry.pass, number_});
  if (!is_one) {
    if (is_there(work_, entry.worker)) work_.fault(entry.worker.slot, number_);
    return;
  }
  const codec::FindEntry find{entry.worker.owner, entry.worker.worker, entry.task,  entry.unit,
                              entry.number,       entry.what,          work_.height};
  work_.entries.put(EntryKind::find, job_key(work_.id, entry.said), codec::encode_entry(find));
}

Result<Amount> DisputeOrders::concede(const codec::ConcedeDispute& order) const {
  auto found = find_dispute(entries, order.dispute);
  if (!found) return fail(Code::not_found, base::format("no dispute {}", order.dispute));
  const bool is_worker = signer != nullptr && *signer == found->worker.worker;
  const bool is_other = signer != nullptr && *signer == found->other.worker;
  if (!is_worker && !is_other) {
    return fail(Code::permission, base::format("dispute {} is not the signer's", order.dispute));
  }
  auto work = open_job(rules, height, entries, found->job, log);
  if (!work) return fail(Code::not_found, base::format("job {} is over", found->job.value));
  Dispute(*work, order.dispute, *std::move(found))
      .end_conceded(is_worker ? Side::worker : Side::other);
  work->flush();
  return work->burnt;
}

Result<Amount> DisputeOrders::judge(const codec::GiveVerdict& order) const {
  auto found = find_dispute(entries, order.dispute);
  if (!found || found->stage != DisputeStage::verdict) {
    return fail(Code::not_found, base::format("no verdict is asked in dispute {}", order.dispute));
  }
  if (rules.jury == nullptr) return fail(Code::refused, "there is no jury");
  codec::Weight weight = 0;
  for (const codec::VerdictSignature& one : order.signatures) {
    if (one.validator >= rules.jury->size()) {
      return fail(Code::refused,
                  base::format("verdict of validator {} of {}", one.validator, rules.jury->size()));
    }
    weight += (*rules.jury)[one.validator].weight;
  }
  const codec::Weight quorum = quorum_of(*rules.jury);
  if (weight < quorum) {
    return fail(Code::refused, base::format("verdict of weight {}, at least {}", weight, quorum));
  }
  const bool is_find = found->kind == DisputeKind::find;
  if (is_find && order.digest != found->said && order.digest != Hash{}) {
    return fail(Code::refused, "verdict on another find");
  }
  auto work = open_job(rules, height, entries, found->job, log);
  if (!work) return fail(Code::not_found, base::format("job {} is over", found->job.value));
  Dispute dispute(*work, order.dispute, *std::move(found));
  if (is_find) {
    dispute.end_find(order.digest == dispute.entry.said);
  } else {
    dispute.end_judged(order.digest);
  }
  work->flush();
  return work->burnt;
}

Amount end_disputes(const JobRules& rules, Height height, Entries& entries, JobLog* log) {
  Amount burnt = 0;
  for (std::uint64_t ended = 0; ended < disputes_ended_a_block; ++ended) {
    const std::uint64_t number = jobs_of(entries).first_dispute;
    if (number == 0) break;
    auto found = find_dispute(entries, number);
    ASSERT(found.has_value());
    if (found->until > height) break;
    auto work = open_job(rules, height, entries, found->job, log);
    if (!work) {
      drop(entries, number, *found);
      continue;
    }
    Dispute(*work, number, *std::move(found)).end_silent();
    work->flush();
    burnt += work->burnt;
  }
  return burnt;
}

Jury jury_of(const Registry& registry) {
  Jury jury;
  for (const auto& [key, entry] : registry.entries()) {
    if (entry->weight > 0) jury.push_back({key, entry->weight});
  }
  return jury;
}

codec::Weight quorum_of(const Jury& jury) {
  codec::Weight total = 0;
  for (const Juror& juror : jury) total += juror.weight;
  return total / 3 * 2 + total % 3 * 2 / 3 + 1;
}

Result<std::vector<codec::SignatureJob>> verdict_jobs(const codec::JobOrder& order,
                                                      const Hash& genesis, const Jury& jury) {
  std::vector<codec::SignatureJob> signatures;
  const auto* const verdict = std::get_if<codec::GiveVerdict>(&order);
  if (verdict == nullptr) return signatures;
  const Hash message = codec::verdict_message(genesis, verdict->dispute, verdict->digest);
  for (const codec::VerdictSignature& one : verdict->signatures) {
    if (one.validator >= jury.size()) {
      return fail(Code::refused,
                  base::format("verdict of validator {} of {}", one.validator, jury.size()));
    }
    signatures.push_back({jury[one.validator].key, message, one.signature});
  }
  return signatures;
}

Result<void> verify_verdicts(const codec::Transaction& tx, const Hash& genesis,
                             const Registry& registry) {
  for (const codec::TxAction& action : tx.actions) {
    if (action.module != codec::module_jobs) continue;
    const codec::JobOrder order = TRY(codec::decode_job_order(action.body));
    if (!std::holds_alternative<codec::GiveVerdict>(order)) continue;
    for (const codec::SignatureJob& one : TRY(verdict_jobs(order, genesis, jury_of(registry)))) {
      if (crypto::verify_zip215(one.key, one.message, one.signature)) continue;
      return fail(Code::bad_signature,
                  base::format("verdict's signature of {} does not verify", base::to_hex(one.key)));
    }
  }
  return {};
}

}  // namespace kith::ledger
