// What tasks of ours have found: numbers that break a conjecture, or records. Named by whoever has
// the time, kept with the task, and claimed for its account once its record is signed; validators
// say whether it is one (docs/protocol/compute.md, "Disputes").
#include <algorithm>

#include "base/format.h"
#include "codec/chain_entry_text.h"
#include "compute/collatz/wide.h"
#include "node/worker_job.h"

namespace kith::node {
namespace {

/// Nothing when it is none that an order can claim: a number of 16 bytes.
std::optional<KeptFind> kept_of(std::uint32_t unit, const compute::Find& find) {
  const auto number = compute::collatz::parse_number(find.number);
  if (!number) return std::nullopt;
  KeptFind kept;
  kept.unit = static_cast<std::uint16_t>(unit);
  for (std::size_t i = 0; i < kept.number.size(); ++i) {
    kept.number[i] = static_cast<std::uint8_t>(*number >> (8 * (kept.number.size() - 1 - i)));
  }
  kept.what = static_cast<std::uint8_t>(find.kind);
  return kept;
}

}  // namespace

/// A task that is to be computed or has been, and not one that is only checked.
bool Worker::is_ours(JobId id, codec::TaskIndex task) const {
  const auto job = jobs_.find(id);
  if (job == jobs_.end()) return false;
  return std::ranges::any_of(job->second.slots, [&](const auto& slot) {
    return std::ranges::find(slot.second.queue, task, &codec::QueuedTask::task) !=
               slot.second.queue.end() ||
           std::ranges::find(slot.second.pending, task, &codec::PendingTask::task) !=
               slot.second.pending.end();
  });
}

bool Worker::is_naming(JobId job, codec::TaskIndex task) const {
  return std::ranges::any_of(
      naming_, [&](const auto& one) { return one.second.job == job && one.second.task == task; });
}

void Worker::look_for_finds() {
  while (auto finds = board_.poll_finds()) {
    // Who only checks a task has no claim to what is in it.
    if (!is_ours(finds->job, finds->task)) continue;
    finds->token = {++last_token_};
    naming_.emplace(finds->token,
                    NameFinds{finds->token, finds->job, 0, {}, finds->task, finds->unit, {}});
    outputs_.push_back(*std::move(finds));
  }
}

void Worker::on_named(Token token, const Result<std::vector<compute::Find>>& finds) {
  const auto asked = naming_.extract(token);
  if (asked.empty()) return;
  const NameFinds& of = asked.mapped();
  if (finds) {
    for (const compute::Find& find : *finds) {
      KeptFinds& all =
          named_.try_emplace({of.job, of.task}, KeptFinds{of.job, of.task, {}}).first->second;
      const auto kept = kept_of(of.unit, find);
      const bool is_known = kept && std::ranges::find(all.finds, *kept) != all.finds.end();
      if (!kept || is_known || all.finds.size() == kept_finds_max) continue;
      all.finds.push_back(*kept);
      ++stats_.finds;
      outputs_.push_back(FindMade{of.job, of.task, kept->unit, find});
    }
  }
  finish_work();
}

/// One of a result at a time: while validators have not said what they say of it, the ledger takes
/// no other.
void Worker::claim_finds(JobId id, const Job& job) {
  for (const auto& [number, slot] : job.slots) {
    for (const codec::MaturingTask& task : slot.maturing) {
      const KeptFinds* found = memory_.finds(id, task.task);
      if (found == nullptr || task.disputes > 0) continue;
      const KeptRecord* record = memory_.record({id, task.task, task.pass});
      if (record == nullptr || !record->is_signed()) continue;
      if (codec::record_hash(record->record) != task.record) continue;
      for (std::size_t i = 0; i < found->finds.size(); ++i) {
        const KeptFind& find = found->finds[i];
        codec::ClaimFind order{id, codec::encode_record(record->record), find.unit, find.number,
                               find.what};
        if (!is_claimable(order, task.task, i)) continue;
        std::vector<Claimed>& claims = claims_[{id, task.task}];
        claims.resize(found->finds.size());
        claims[i] = {height_, claims[i].count + 1};
        ++stats_.claims;
        give(std::move(order));
        break;
      }
    }
  }
}

/// Not one that the ledger has, nor one that has just been claimed, or often enough.
bool Worker::is_claimable(const codec::ClaimFind& order, codec::TaskIndex task,
                          std::size_t find) const {
  const Hash name = codec::find_digest(task, order);
  if (entries_.contains(codec::EntryKind::find, codec::find_id(order.job.value, name))) {
    return false;
  }
  const auto before = claims_.find({order.job, task});
  if (before == claims_.end()) return true;
  const Claimed& claimed = before->second.at(find);
  return claimed.count == 0 ||
         (claimed.count < claims_max && height_.value >= claimed.at.value + order_wait);
}

}  // namespace kith::node
