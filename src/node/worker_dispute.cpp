// Disputes (docs/protocol/compute.md): the moves of the worker's key, as the one whose task it is
// and as the one who checked it. To open what was said nothing need be computed: that is in the
// journal, and costs nobody anything. The one unit that a dispute comes down to is computed once
// more before its slices are opened, or chosen among. Who then finds that it was wrong says so: it
// costs least.
#include <algorithm>

#include "ledger/jobs_move.h"
#include "node/worker_job.h"

namespace kith::node {
namespace {

using codec::DisputeStage;
using ledger::OwedMove;

/// A move that nobody has seen by then is made again, a few times before its time is over.
constexpr std::uint64_t tries_of_a_move = 4;

bool is_disputed(const codec::SlotEntry& slot) {
  return slot.head.disputes > 0 ||
         std::ranges::any_of(slot.maturing, [](const auto& task) { return task.disputes > 0; });
}

/// Whether the task is the key's own; else it has checked a part of it.
bool is_own(const OwedMove& owed) {
  return owed.is_worker || owed.kind == codec::DisputeKind::passes;
}

/// The unit that has to be computed once more before the move is made. `said`: roots, by unit.
std::optional<std::uint16_t> unit_of(const OwedMove& owed, const std::vector<Hash>& said) {
  switch (owed.stage) {
    case DisputeStage::open_unit:
    case DisputeStage::choose_slice:
    case DisputeStage::show_slice:
    case DisputeStage::open_slices: return owed.unit;
    case DisputeStage::choose_unit: {
      const std::size_t count = std::min(owed.part.size(), owed.entries.size());
      for (std::size_t i = 0; i < count; ++i) {
        if (said.at(owed.part[i]) != owed.entries[i]) return owed.part[i];
      }
      return std::nullopt;
    }
    case DisputeStage::open_part:
    case DisputeStage::show_part:
    case DisputeStage::open_nodes:
    case DisputeStage::open_units:
    case DisputeStage::verdict: break;
  }
  return std::nullopt;
}

}  // namespace

void Worker::look_at_disputes() {
  const bool has_some = std::ranges::any_of(jobs_, [](const auto& job) {
    return std::ranges::any_of(job.second.slots,
                               [](const auto& slot) { return is_disputed(slot.second); });
  });
  if (!has_some) return disputes_.clear();
  std::erase_if(disputes_, [&](const auto& dispute) {
    return !ledger::find_dispute(entries_, dispute.first);
  });
  for (auto& [number, dispute] : disputes_) dispute.is_turn = false;
  for (const OwedMove& owed : ledger::moves_of(entries_, self_)) {
    if (jobs_.contains(owed.job) && board_.has_job(owed.job)) take_up(owed);
  }
}

void Worker::take_up(const OwedMove& owed) {
  if (!disputes_.contains(owed.dispute)) {
    if (disputes_.size() >= disputes_max) {
      std::erase_if(disputes_, [](const auto& one) { return !one.second.is_turn; });
    }
    if (disputes_.size() >= disputes_max) return;
    ++stats_.disputes;
  }
  Disputed& dispute = disputes_[owed.dispute];
  const bool is_next = dispute.owed.stage != owed.stage || dispute.owed.until != owed.until;
  if (is_next) dispute.given.reset();
  dispute.owed = owed;
  dispute.is_turn = true;
  if (const auto said = said_in(owed)) dispute.unit = unit_of(owed, *said);
}

/// What is still to be computed for it, or has been and must not be forgotten.
std::optional<WantedUnits> Worker::wanted_in(std::uint64_t number, const Disputed& dispute) const {
  const OwedMove& owed = dispute.owed;
  if (dispute.is_turn && !said_in(owed)) {
    // Its journal was lost, or it was accepted long ago.
    const codec::JobSpec& spec = jobs_.at(owed.job).entry.spec;
    return WantedUnits{owed.job, owed.task, 0, is_own(owed) ? all_units(spec) : owed.part};
  }
  if (!dispute.unit) return std::nullopt;
  return WantedUnits{owed.job, owed.task, number, {*dispute.unit}};
}

/// The roots that were said, by unit; of a checker, of its part alone. None: they are not here.
std::optional<std::vector<Hash>> Worker::said_in(const OwedMove& owed) const {
  if (is_own(owed)) {
    const KeptTask* const task = memory_.task(owed.job, owed.task);
    if (task == nullptr) return std::nullopt;
    return task->roots;
  }
  std::vector<Hash> roots(owed.units);
  const auto check = std::ranges::find_if(memory_.checks(), [&](const auto& one) {
    const KeptCheck& kept = one.second;
    return kept.job == owed.job && kept.task == owed.task && kept.pass == owed.pass &&
           kept.units == owed.part;
  });
  if (check != memory_.checks().end()) {
    for (std::size_t i = 0; i < owed.part.size(); ++i) {
      roots.at(owed.part[i]) = check->second.roots[i];
    }
    return roots;
  }
  const auto done = board_.done({owed.job, owed.task, 0, owed.part});
  if (!done) return std::nullopt;
  for (std::size_t i = 0; i < owed.part.size(); ++i) roots.at(owed.part[i]) = (*done)[i].root;
  return roots;
}

/// None: something has to be computed before.
std::optional<codec::JobOrder> Worker::next_move(std::uint64_t number,
                                                 const Disputed& dispute) const {
  const OwedMove& owed = dispute.owed;
  const auto said = said_in(owed);
  if (!said) return std::nullopt;
  std::vector<Hash> slices;
  if (const auto unit = unit_of(owed, *said)) {
    const auto done = board_.done({owed.job, owed.task, number, {*unit}});
    if (!done) return std::nullopt;
    if (done->front().root != said->at(*unit)) return codec::ConcedeDispute{number};
    slices = done->front().slices;
  }
  return ledger::honest_move(owed, {[&](std::uint16_t unit) { return said->at(unit); },
                                    [&](std::uint16_t) { return slices; }});
}

void Worker::finish_disputes() {
  for (auto& [number, dispute] : disputes_) {
    if (!dispute.is_turn) continue;
    const std::uint64_t left =
        dispute.owed.until.value - std::min(height_.value, dispute.owed.until.value);
    const std::uint64_t wait = std::clamp(left / tries_of_a_move, repeat_after, order_wait);
    if (dispute.given && height_.value < dispute.given->value + wait) continue;
    auto move = next_move(number, dispute);
    if (!move) continue;
    const bool is_first = !dispute.given;
    const bool concedes = std::holds_alternative<codec::ConcedeDispute>(*move);
    dispute.given = height_;
    if (is_first) ++(concedes ? stats_.conceded : stats_.moves);
    if ((concedes || dispute.unit) && !std::exchange(dispute.is_told, true)) {
      outputs_.push_back(DisputeLooked{number, concedes});
    }
    give(*std::move(move));
  }
}

/// Of tasks that are in no slot of ours any more.
void Worker::keep_disputed_tasks() {
  for (const auto& [number, dispute] : disputes_) {
    const auto job = jobs_.find(dispute.owed.job);
    if (dispute.is_turn && is_own(dispute.owed) && job != jobs_.end()) {
      keep_task(job->first, job->second, dispute.owed.task);
    }
  }
}

}  // namespace kith::node
