// Disputes in the scenario "compute": the honest move as a worker's machine would, liars each in
// its way, and validators say what is true.
#include <algorithm>
#include <utility>

#include "codec/chain_merkle_many.h"
#include "sim/scenario_compute_net.h"

namespace kith::sim {
namespace {

using codec::DisputeKind;
using codec::DisputeStage;
using ledger::Hash;

/// Of a network of 200 validators, two thirds.
constexpr std::size_t jury_signatures = 134;

std::size_t bytes_of(const codec::JobOrder& order) { return codec::encode_job_order(order).size(); }

}  // namespace

void ComputeNet::note_dispute(const Job& job, const ledger::JobEvent& event) {
  ++count_.disputes;
  const auto dispute = ledger::find_dispute(entries_, event.number);
  ASSERT(dispute.has_value());
  Contest& contest = contests_[event.number];
  if (const Lie* const lie = lie_of(job, event.slot, {event.task.value, event.pass})) {
    contest.worker = *lie;
  }
  if (dispute->kind == DisputeKind::passes) {
    const auto wrong = job.wrong.find(event.task.value);
    if (wrong != job.wrong.end()) contest.other = wrong->second;
  } else if (lie_at(job, dispute->other.slot) == ComputeLie::device) {
    contest.other = fault_of_device(event.task.value);
  }
}

/// Whoever has checked a part of it and is not shown its units asks for them on the ledger.
void ComputeNet::ask_for_parts(const Job& job, const ledger::JobEvent& event) {
  if (lie_at(job, event.slot) != ComputeLie::hollow) return;
  const Bytes record = codec::encode_record(event.record);
  for (std::uint16_t part = 0; part < event.record.checkers.size(); ++part) {
    const auto checker = job.slots.find(event.record.checkers[part]);
    if (checker == job.slots.end() || keys_[checker->second.key].lie != ComputeLie::none) continue;
    asks_.push_back({checker->second.key, {job.id, record, DisputeKind::unshown, part, 0, {}}});
  }
}

bool ComputeNet::say(const codec::JobOrder& order, const ledger::ChainKey& key) {
  const auto effect = ledger::apply_job(rules_, height_, entries_, order, &key, &log_);
  if (!effect) {
    ++count_.refused_moves;
    return false;
  }
  money_ -= effect->burnt;
  ++count_.moves;
  count_.dispute_bytes += bytes_of(order);
  return true;
}

void ComputeNet::play_disputes() {
  for (const auto& [key, order] : std::exchange(asks_, {})) say(order, keys_[key].key);
  take_all();
  for (auto at = contests_.begin(); at != contests_.end();) {
    const auto [number, contest] = *at;
    if (height_ < contest.wakes) {
      ++at;
    } else if (const auto dispute = ledger::find_dispute(entries_, number)) {
      if (!play(number, *dispute)) at->second.wakes = codec::next(dispute->until);
      ++at;
    } else {
      at = contests_.erase(at);
    }
  }
}

bool ComputeNet::play(std::uint64_t number, const codec::DisputeEntry& dispute) {
  if (dispute.stage == DisputeStage::verdict) {
    codec::GiveVerdict verdict{number, {}, {{0, {}}}};
    verdict.digest = results_.slices(dispute.task.value, dispute.unit, nullptr)[dispute.slice];
    count_.dispute_bytes += (jury_signatures - 1) * (2 + crypto::ed25519_signature_bytes);
    return say(verdict, {});
  }
  const Job& job = job_of(dispute.job);
  bool has_moved = false;
  for (const codec::SlotSide* side : {&dispute.worker, &dispute.other}) {
    const auto now = ledger::find_dispute(entries_, number);  // the other side may have moved
    if (!now) break;
    const auto owed = ledger::move_of(job.spec, number, *now, side->worker);
    const auto key = by_key_.find(side->worker);
    if (owed && key != by_key_.end()) has_moved |= move(keys_[key->second], *owed);
  }
  return has_moved;
}

bool ComputeNet::move(const Key& key, const ledger::OwedMove& owed) {
  const Contest& contest = contests_.at(owed.dispute);
  const Lie& mine = owed.is_worker ? contest.worker : contest.other;
  const std::uint64_t task = owed.task.value;
  const ledger::OwnResults own{
      [this, task, &mine](std::uint16_t unit) { return results_.unit(task, unit, &mine); },
      [this, task, &mine](std::uint16_t unit) { return results_.slices(task, unit, &mine); }};
  if (key.lie == ComputeLie::none) {
    const bool was_obeyed = say(ledger::honest_move(owed, own), key.key);
    ASSERT(was_obeyed);
    return true;
  }
  return key.contest != ComputeContest::silence && say(liars_move(key, owed, own), key.key);
}

codec::JobOrder ComputeNet::liars_move(const Key& key, const ledger::OwedMove& owed,
                                       const ledger::OwnResults& own) {
  if (key.contest == ComputeContest::concede) return codec::ConcedeDispute{owed.dispute};
  if (owed.stage == DisputeStage::show_part) {
    // What it told of the part, with what is beside it under another root.
    codec::ShowMove show{{}, {}};
    show.entries.assign(owed.part.size(), results_.unit(owed.task.value, 0, nullptr));
    std::vector<Hash> all;
    for (std::uint16_t unit = 0; unit < owed.units; ++unit) all.push_back(own.root_of(unit));
    show.siblings = codec::prove_merkle_many(all, owed.part);
    return codec::DisputeMove{owed.dispute, show};
  }
  codec::JobOrder order = ledger::honest_move(owed, own);
  auto* const move = std::get_if<codec::DisputeMove>(&order);
  if (move == nullptr) {
    // Nothing differs from what it has: it says so all the same.
    if (owed.entries.empty()) return order;
    codec::ChooseMove choice{static_cast<std::uint8_t>(owed.dispute % owed.entries.size()), {}};
    if (owed.stage == DisputeStage::choose_slice) choice.digest = key.key;
    return codec::DisputeMove{owed.dispute, choice};
  }
  if (key.contest == ComputeContest::opening) {
    if (auto* const open = std::get_if<codec::OpenMove>(&move->move)) open->entries[0][0] ^= 1;
  }
  if (key.contest == ComputeContest::path) {
    auto* const show = std::get_if<codec::ShowMove>(&move->move);
    if (show != nullptr && !show->siblings.empty()) show->siblings[0][0] ^= 1;
  }
  return order;
}

}  // namespace kith::sim
