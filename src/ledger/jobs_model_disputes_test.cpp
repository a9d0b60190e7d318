// The second writing of the rules, for disputes: whoever moves has been let by the rules; who has
// lost what, and what comes next, is told anew here.
#include "ledger/jobs_model_test_util.h"

namespace kith::ledger::test {

using codec::DisputeKind;

std::uint32_t JobModel::owed_moves(std::uint32_t number) const {
  std::uint32_t count = 0;
  for (const auto& [id, dispute] : disputes) {
    const bool is_worker = is_side(dispute.worker, number);
    if (!is_worker && !(is_side(dispute.other, number) && has_two_slots(dispute))) continue;
    bool owes = false;
    switch (dispute.kind) {
      case codec::DisputeKind::check:
        owes = dispute.turn < 4 && (dispute.turn % 2 == 0) == is_worker;
        break;
      case codec::DisputeKind::passes:
        owes = dispute.turn < (spec.units > 64 ? 3 : 2) &&
               !(is_worker ? dispute.has_worker_opened : dispute.has_other_opened);
        break;
      case codec::DisputeKind::doubt: owes = dispute.turn != 100; break;
      case codec::DisputeKind::unshown:
      case codec::DisputeKind::find: break;
    }
    count += owes ? 1 : 0;
  }
  return count;
}
/// A sixteenth of the slot's bond, and the slot.
void JobModel::fine(const codec::SlotSide& side) {
  if (!is_side(side, side.slot.value)) return;
  lost[side.owner] += spec.bond / 16;
  burnt += spec.bond / 16;
  close(side.slot.value, true);
}

void JobModel::lose_key(const ChainKey& worker, const AccountId& owner, const AccountId* winner) {
  forget_passed(owner);
  Amount sum = 0;
  std::vector<std::uint32_t> mine;
  for (const auto& [number, slot] : slots) {
    if (slot.worker == worker && slot.owner == owner) mine.push_back(number);
  }
  for (const std::uint32_t number : mine) {
    sum += spec.bond;
    close(number, false);
  }
  lost[owner] += sum;
  if (winner != nullptr) earned[*winner] += sum / 2;
  burnt += winner != nullptr ? sum - sum / 2 : sum;
}

void JobModel::lose(ModelDispute& dispute, bool is_worker, const AccountId* winner) {
  const codec::SlotSide& side = is_worker ? dispute.worker : dispute.other;
  if (is_worker || has_two_slots(dispute)) return lose_key(side.worker, side.owner, winner);
  lost[side.owner] += spec.bond;
  if (winner != nullptr) earned[*winner] += spec.bond / 2;
  burnt += winner != nullptr ? spec.bond - spec.bond / 2 : spec.bond;
}

void JobModel::concede(std::uint64_t number, const ChainKey& loser) {
  const ModelDispute dispute = disputes.at(number);
  disputes.erase(number);
  const bool is_worker = dispute.worker.worker == loser;
  if (is_worker || has_two_slots(dispute)) return fine(is_worker ? dispute.worker : dispute.other);
  if (dispute.kind == DisputeKind::unshown) {  // asks no more
    lost[dispute.other.owner] += spec.bond / 256;
    earned[dispute.worker.owner] += spec.bond / 256;
    return;
  }
  lost[dispute.other.owner] += spec.bond / 16;
  burnt += spec.bond / 16;
}

void JobModel::file(const codec::FileDispute& order, const ChainKey& who, const AccountId& account,
                    std::uint64_t height) {
  const codec::Record record = codec::decode_record(order.record).value();
  const ModelSlot& slot = slots.at(record.slot.value);
  const auto task =
      std::ranges::find(slot.maturing, codec::record_hash(record), &ModelTask::record);
  ASSERT_TRUE(task != slot.maturing.end());
  note_overdue(slot.owner, height);
  ModelDispute dispute;
  dispute.kind = order.kind;
  dispute.worker = {record.slot, slot.worker, slot.owner, {slot.since}};
  dispute.overdue = (height - start) / spec.round_blocks;
  dispute.record = task->record;
  if (order.kind == DisputeKind::unshown) {
    const std::uint32_t checker = task->checkers.at(order.unit)->value;
    dispute.other = {{checker}, who, account, {slots.at(checker).since}};
  } else {
    dispute.other = {codec::no_slot, who, account, {0}};
    dispute.said_other = order.digest;
    dispute.turn = order.slice;  // which of them the worker is to show
  }
  begin_turn(dispute, height);
  disputes[next_dispute++] = dispute;
}

void JobModel::end_equal(std::uint64_t number) {
  ModelDispute dispute = disputes.at(number);
  disputes.erase(number);
  lose(dispute, false, &dispute.worker.owner);
}

/// What both have opened: the first that differs is opened next, or judged.
void JobModel::compare_openings(ModelDispute& dispute, const codec::OpenMove& move, bool is_worker,
                                std::uint64_t height) {
  (is_worker ? dispute.has_worker_opened : dispute.has_other_opened) = true;
  if (!dispute.has_worker_opened || !dispute.has_other_opened) {
    dispute.opened = move.entries;
    return;
  }
  std::uint16_t at = 0;
  while (dispute.opened.at(at) == move.entries.at(at)) ++at;
  dispute.said = is_worker ? move.entries[at] : dispute.opened[at];
  dispute.said_other = is_worker ? dispute.opened[at] : move.entries[at];
  ++dispute.turn;
  begin_turn(dispute, height);
}

void JobModel::move(std::uint64_t number, const ChainKey& who, const codec::DisputeMove& order,
                    std::uint64_t height) {
  ModelDispute& dispute = disputes.at(number);
  if (const auto* const open = std::get_if<codec::OpenMove>(&order.move)) {
    if (dispute.kind == DisputeKind::passes) {
      return compare_openings(dispute, *open, who == dispute.worker.worker, height);
    }
    dispute.opened = open->entries;
    ++dispute.turn;
    return begin_turn(dispute, height);
  }
  if (const auto* const choose = std::get_if<codec::ChooseMove>(&order.move)) {
    ++dispute.turn;
    if (choose->digest) {
      dispute.said = dispute.opened.at(choose->index);
      dispute.said_other = *choose->digest;
      if (dispute.said == dispute.said_other) return end_equal(number);
    }
    return begin_turn(dispute, height);
  }
  if (dispute.kind == DisputeKind::unshown) {
    const ModelDispute ended = dispute;
    disputes.erase(number);
    lost[ended.other.owner] += spec.bond / 256;
    earned[ended.worker.owner] += spec.bond / 256;
    return;
  }
  dispute.said =
      std::get<codec::ShowMove>(order.move).entries.at(static_cast<std::size_t>(dispute.turn));
  if (dispute.said == dispute.said_other) return end_equal(number);
  dispute.turn = 100;  // only the verdict is left
  begin_turn(dispute, height);
}

void JobModel::judge(std::uint64_t number, const Hash& digest) {
  ModelDispute dispute = disputes.at(number);
  disputes.erase(number);
  const bool has_worker_lost = dispute.said != digest;
  const bool has_other_lost = dispute.said_other != digest;
  if (has_worker_lost) lose(dispute, true, has_other_lost ? nullptr : &dispute.other.owner);
  if (has_other_lost) lose(dispute, false, has_worker_lost ? nullptr : &dispute.worker.owner);
}

void JobModel::end_silent(std::uint64_t number) {
  const ModelDispute dispute = disputes.at(number);
  disputes.erase(number);
  switch (dispute.kind) {
    case DisputeKind::check:
      if (dispute.turn < 4) return fine(dispute.turn % 2 == 0 ? dispute.worker : dispute.other);
      break;
    case DisputeKind::passes:
      if (dispute.turn >= (spec.units > 64 ? 3 : 2)) break;
      if (!dispute.has_worker_opened) fine(dispute.worker);
      if (!dispute.has_other_opened) fine(dispute.other);
      return;
    case DisputeKind::unshown: return fine(dispute.worker);
    case DisputeKind::doubt: {
      if (dispute.turn != 100) return fine(dispute.worker);
      lost[dispute.other.owner] += spec.bond / 16;
      burnt += spec.bond / 16;
      if (!is_side(dispute.worker, dispute.worker.slot.value)) return;
      std::erase_if(slots.at(dispute.worker.slot.value).maturing, [&](const ModelTask& task) {
        if (task.record != dispute.record) return false;
        redo.emplace_back(task.task, task.pass);
        return true;
      });
      return;
    }
    case DisputeKind::find: return;
  }
  for (const codec::SlotSide* side : {&dispute.worker, &dispute.other}) {
    if (is_side(*side, side->slot.value)) forget_passed(side->owner);
  }
}

}  // namespace kith::ledger::test
