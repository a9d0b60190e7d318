// Showing: a checker whose result fitted asks for the unit roots of its part, which must be under
// the root that was revealed. Else a worker could tell only what it was asked for. Who has not
// shown them when the time in which it may be asked on the ledger is nearly over is asked there.
//
// To name a result there its record is needed, whose hash alone is in the state: it is taken down
// when the block settles it, or, of one that is checked again, when its worker shows it.
#include <algorithm>

#include "base/format.h"
#include "codec/chain_merkle_many.h"
#include "node/worker_job.h"

namespace kith::node {
namespace {

/// What asking on the ledger holds of the account's bond, of a slot's.
constexpr codec::Amount ask_share = 256;
/// Of peers, before the ledger is asked: their state may have been a block behind.
constexpr std::uint64_t asks_min = 2;

/// Calls `look` with each statement that the transactions carry.
template <class Look>
void each_statement(const std::vector<codec::TxPtr>& txs, const Look& look) {
  for (const codec::TxPtr& tx : txs) {
    for (const codec::TxAction& action : tx->tx.actions) {
      if (action.module != codec::module_jobs) continue;
      const auto order = codec::decode_job_order(action.body);
      const auto* const carry = order ? std::get_if<codec::CarryStatements>(&*order) : nullptr;
      if (carry == nullptr) continue;
      for (const codec::JobStatement& statement : carry->statements) look(statement);
    }
  }
}

/// The result that matures, if it is this one.
const codec::MaturingTask* maturing_of(const codec::SlotEntry& slot, const codec::Record& record) {
  const auto at =
      std::ranges::find(slot.maturing, codec::record_hash(record), &codec::MaturingTask::record);
  return at == slot.maturing.end() ? nullptr : &*at;
}

}  // namespace

void Worker::note_settled(const ledger::JobLog& happened) {
  for (const ledger::JobEvent& event : happened) {
    if (event.kind != ledger::JobEvent::Kind::settled) continue;
    const codec::Record& record = event.record;
    const auto& checks = memory_.checks();
    for (auto at = checks.lower_bound({event.job, event.slot, 0, {}});
         at != checks.end() && at->first.job == event.job && at->first.target == event.slot; ++at) {
      const auto& [key, check] = *at;
      const bool is_it = check.task == record.task && check.pass == record.pass &&
                         key.part < record.checkers.size() &&
                         record.checkers[key.part] == check.slot;
      if (is_it) note_checked(key, record);
    }
  }
}

/// Its worker shows the record with the reveal.
void Worker::note_checked_again(const std::vector<codec::TxPtr>& txs,
                                const ledger::Entries& after) {
  const auto& checks = memory_.checks();
  if (checks.empty()) return;
  each_statement(txs, [&](const codec::JobStatement& statement) {
    for (const codec::StatementLine& line : statement.lines) {
      if (!line.reveal || !line.first) continue;
      auto at = checks.lower_bound({statement.job, line.slot, 0, {}});
      const auto is_about = [&] {
        return at != checks.end() && at->first.job == statement.job &&
               at->first.target == line.slot;
      };
      if (!is_about()) continue;
      const auto record = codec::decode_record(line.first->record);
      const auto slot = ledger::find_slot(after, statement.job, line.slot);
      if (!record || !slot || maturing_of(*slot, *record) == nullptr) continue;
      for (; is_about(); ++at) {
        const KeptCheck& check = at->second;
        if (check.task == record->task && check.pass == record->pass) {
          note_checked(at->first, *record);
        }
      }
    }
  });
}

void Worker::note_checked(const WorkerMemory::CheckKey& key, const codec::Record& record) {
  const codec::Record* const known = memory_.checked(key);
  if (known != nullptr && codec::record_hash(*known) == codec::record_hash(record)) return;
  keep({KeptChecked{key.target, key.part, key.due, record}});
}

/// What has been revealed, or has settled since.
void Worker::begin_to_ask(JobId id, const Job& job) {
  const std::uint16_t length = job.entry.spec.round_blocks;
  for (const auto& [key, check] : memory_.checks()) {
    if (check.job != id || shows_.contains(key)) continue;
    const auto target = ledger::find_slot(entries_, id, check.target);
    if (!target || target->head.is_free) continue;
    const auto cohort = static_cast<std::uint16_t>(key.target.value % length);
    const auto round = ledger::statement_round(job.entry, cohort, next_height());
    if (!round) continue;
    // It settles at the round's end, and may be asked for on the ledger for one more.
    const Height ends = ledger::round_begins(job.entry, cohort, *round + 1);
    const AskShow what{id, check.task, check.pass, check.part, target->head.worker};
    const auto revealed = std::ranges::find_if(target->pending, [&](const auto& task) {
      return task.task == check.task && task.pass == check.pass && check.part < task.parts.size() &&
             task.parts[check.part].checker == check.slot && task.outcome != codec::Outcome::hidden;
    });
    if (revealed != target->pending.end()) {
      shows_.emplace(key, Asked{what, revealed->root, {}, Height{ends.value + length}});
    } else if (may_file(check, *target)) {
      shows_.emplace(key, Asked{what, memory_.checked(key)->root, {}, ends});
    }
  }
}

void Worker::ask_shows(JobId id, const Job& job) {
  begin_to_ask(id, job);
  const std::uint64_t every = ask_every(job.entry.spec);
  const std::uint64_t lead =
      std::min<std::uint64_t>(statement_lead, job.entry.spec.round_blocks / 2u);
  for (auto& [key, asked] : shows_) {
    if (key.job != id || !asked.until) continue;
    const bool is_over = next_height() > *asked.until;
    // Whose state is a block behind shows nothing yet: asked once more, unless it is the last
    // moment.
    const std::uint64_t before = asked.times < asks_min ? lead / 2 : lead;
    if (is_over || (asked.at && next_height().value + before > asked.until->value)) {
      asked.until.reset();
      ++stats_.not_shown;
      const bool is_filed = !is_over && file_unshown(key, job);
      outputs_.push_back(NotShown{id, asked.what.task, asked.what.pass, asked.what.part, key.target,
                                  asked.what.worker, is_filed});
    } else if (!asked.at || height_.value >= asked.at->value + every) {
      asked.at = height_;
      ++asked.times;
      outputs_.push_back(asked.what);
    }
  }
  std::erase_if(shows_, [&](const auto& asked) {
    return asked.first.job == id && memory_.check(asked.first) == nullptr;
  });
}

/// Whether the ledger would hear of it: what was checked is as the checker has it, and has settled.
bool Worker::may_file(const KeptCheck& check, const codec::SlotEntry& target) const {
  const codec::Record* const record =
      memory_.checked({check.job, check.target, check.part, check.due});
  const codec::MaturingTask* const task =
      record == nullptr ? nullptr : maturing_of(target, *record);
  if (task == nullptr || check.part >= task->parts.size()) return false;
  const codec::CheckedPart& part = task->parts[check.part];
  return part.checker == check.slot && !part.is_asked && part.got == part_root_of(check.roots);
}

bool Worker::file_unshown(const WorkerMemory::CheckKey& key, const Job& job) {
  const KeptCheck* const check = memory_.check(key);
  const auto target = ledger::find_slot(entries_, key.job, key.target);
  if (check == nullptr || !target || !may_file(*check, *target)) return false;
  if (free_bond() < job.entry.spec.bond / ask_share) return false;
  ++stats_.filed;
  give(codec::FileDispute{key.job,
                          codec::encode_record(*memory_.checked(key)),
                          codec::DisputeKind::unshown,
                          key.part,
                          0,
                          {}});
  return true;
}

void Worker::on_shown(const AskShow& what, const Result<Shown>& shown) {
  if (!shown) return;  // asked again, while there is time
  for (auto& [key, asked] : shows_) {
    const AskShow& ours = asked.what;
    if (!asked.until || key.job != what.job || ours.task != what.task || ours.pass != what.pass ||
        ours.part != what.part || ours.worker != what.worker) {
      continue;
    }
    const KeptCheck* const check = memory_.check(key);
    const auto job = jobs_.find(key.job);
    if (check == nullptr || job == jobs_.end() || shown->roots != check->roots) continue;
    if (!codec::verify_merkle_many(asked.root, job->second.entry.spec.units, check->units,
                                   shown->roots, shown->siblings)) {
      continue;
    }
    asked.until.reset();
    ++stats_.shows;
  }
}

/// What is revealed stays so when it has been settled, for as long as it can be disputed.
void Worker::note_revealed(JobId id, const Job& job) {
  const Height until{height_.value + 2u * job.entry.spec.round_blocks};
  for (const auto& [number, slot] : job.slots) {
    for (const codec::PendingTask& task : slot.pending) {
      if (task.outcome == codec::Outcome::hidden) continue;
      revealed_[{id, task.task, task.pass}] = {task.seed, task.checked, until};
    }
  }
  std::erase_if(revealed_, [&](const auto& one) { return one.second.until < height_; });
}

Result<Worker::Shown> Worker::show(JobId id, codec::TaskIndex task, std::uint8_t pass,
                                   std::uint8_t part) const {
  const auto job = jobs_.find(id);
  const KeptTask* const kept = memory_.task(id, task);
  if (job == jobs_.end() || kept == nullptr) {
    return fail(Code::not_found,
                base::format("task {} of job {} is not here", task.value, id.value));
  }
  const codec::JobSpec& spec = job->second.entry.spec;
  const auto revealed = revealed_.find({id, task, pass});
  if (revealed != revealed_.end()) {
    return shown_of(*kept, spec, revealed->second.seed, revealed->second.checked, part);
  }
  // Settled before this life began.
  const KeptRecord* const record = memory_.record({id, task, pass});
  if (record != nullptr && record->is_signed()) {
    return shown_of(*kept, spec, record->seed, record->checked, part);
  }
  return fail(Code::refused, base::format("task {} is not revealed yet", task.value));
}

Result<Worker::Shown> Worker::shown_of(const KeptTask& task, const codec::JobSpec& spec,
                                       const Hash& seed, std::uint16_t checked, std::uint8_t part) {
  if (part >= codec::parts_of(checked)) {
    return fail(Code::not_found, base::format("no part {} of a check of {} units", part, checked));
  }
  Shown shown;
  const auto units = codec::units_of_part(seed, spec, part, checked);
  for (const std::uint16_t unit : units) shown.roots.push_back(task.roots[unit]);
  shown.siblings = codec::prove_merkle_many(task.roots, units);
  return shown;
}

}  // namespace kith::node
