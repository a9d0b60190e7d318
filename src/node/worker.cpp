// What the worker learns of a state, and what it wants to be computed.
#include "node/worker.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/format.h"
#include "codec/chain_key.h"
#include "node/worker_job.h"

namespace kith::node {
namespace {

/// Blocks for which a check's roots are kept after it was due: its task is revealed and settled, or
/// in a dispute, by then.
constexpr std::uint64_t check_rounds_kept = 8;

/// That the parameters are those of a job with these numbers.
Result<void> check_shape(const compute::Workload& workload, const codec::JobSpec& spec) {
  const compute::TaskShape shape = TRY(workload.shape(spec.params));
  if (shape.tasks >= spec.tasks && shape.units == spec.units && shape.slices == spec.slices) {
    return {};
  }
  return fail(
      Code::malformed,
      base::format("parameters of {} tasks, {} units and {} slices in a job of {}, {}, {}",
                   shape.tasks, shape.units, shape.slices, spec.tasks, spec.units, spec.slices));
}

}  // namespace

std::vector<std::uint16_t> all_units(const codec::JobSpec& spec) {
  std::vector<std::uint16_t> units(spec.units);
  for (std::uint16_t i = 0; i < spec.units; ++i) units[i] = i;
  return units;
}

Worker::Worker(WorkerConfig config, const crypto::KeyPair& key, const std::vector<Bytes>& journal)
    : config_(std::move(config)), pair_(key), self_(codec::chain_key_of(key)) {
  for (const Bytes& record : journal) {
    auto kept = decode_kept(record);
    if (!kept) {
      is_damaged_ = true;
      continue;
    }
    appended_ += record.size();
    memory_.keep(*std::move(kept));
  }
}

Worker::~Worker() = default;

void Worker::on_block(const std::vector<codec::TxPtr>& txs, const ledger::JobLog& happened,
                      const ledger::Entries& after) {
  note_settled(happened);
  note_checked_again(txs, after);
  note_first_passes(happened, after);
}

bool Worker::is_chosen(JobId job) const {
  return config_.jobs.empty() || std::ranges::find(config_.jobs, job) != config_.jobs.end();
}

void Worker::on_final(Height height, std::uint64_t time_ms, const ledger::Entries& entries) {
  height_ = height;
  time_ms_ = time_ms;
  entries_ = entries;
  const codec::JobsEntry all = ledger::jobs_of(entries_);
  std::erase_if(jobs_,
                [&](const auto& job) { return !std::ranges::binary_search(all.jobs, job.first); });
  const std::size_t count = std::min(all.jobs.size(), codec::jobs_at_work_max);
  for (std::size_t i = 0; i < count; ++i) {
    if (is_chosen(all.jobs[i])) look_at_job(all.jobs[i]);
  }
  look_at_disputes();
  want_work();
  finish_work();
  forget_old();
}

void Worker::look_at_job(JobId id) {
  auto entry = ledger::find_job(entries_, id);
  ASSERT(entry.has_value());
  const auto [at, is_new] = jobs_.try_emplace(id);
  Job& job = at->second;
  job.entry = *std::move(entry);
  if (is_new && !board_.has_job(id)) {
    auto workload = config_.make_workload(job.entry.spec.workload, job.entry.spec.params);
    const auto fits =
        workload ? check_shape(**workload, job.entry.spec) : Result<void>(fail(workload.error()));
    if (fits) {
      board_.add_job(id, job.entry.spec, *std::move(workload));
    } else {
      job.trouble = fits.error().message;
    }
  }
  if (!board_.has_job(id)) return;
  look_at_slots(id, job);
  look_for_firsts(id, job);
  sign_records(id, job);
  claim_finds(id, job);
  note_revealed(id, job);
  ask_shows(id, job);
  enrol_or_leave(id, job);
}

void Worker::look_at_slots(JobId id, Job& job) {
  job.enrolment = ledger::find_enrolment(entries_, id, self_);
  job.slots.clear();
  if (job.enrolment) {
    for (const SlotId number : job.enrolment->slots) {
      auto slot = ledger::find_slot(entries_, id, number);
      ASSERT(slot.has_value());
      job.slots.emplace_back(number, *std::move(slot));
    }
  }
  job.checks = ledger::checks_of(entries_, id, self_, next_height());
  // What an earlier life said in this round is said again as it was.
  auto& before = memory_.statements();
  for (const codec::JobStatement& statement : before) {
    if (statement.job == id) job.said.push_back({statement, {}, {}, true});
  }
  std::erase_if(before, [&](const auto& statement) { return statement.job == id; });
  drop_unsaid(id, job);
}

/// Roots of other results than this version's, kept by an older one, are computed again as long as
/// nothing has been said that follows from them: whoever checks them computes as this version does.
void Worker::drop_unsaid(JobId id, const Job& job) {
  const std::uint16_t results = board_.workload(id).results_version();
  std::set<Hash> said;
  for (const Said& one : job.said) {
    for (const codec::StatementLine& line : one.statement.lines) {
      if (line.commit) said.insert(*line.commit);
      for (const codec::CheckLine& check : line.checks) said.insert(check.check);
    }
  }
  for (const auto& [number, slot] : job.slots) {
    for (const codec::QueuedTask& task : slot.queue) {
      const KeptTask* kept = memory_.task(id, task.task);
      if (kept == nullptr || kept->results == results) continue;
      const codec::TaskName name{config_.genesis, id, task.task, task.pass};
      const Hash root = compute::task_root(kept->roots);
      if (said.contains(codec::task_commitment(name, number, self_, root))) continue;
      memory_.tasks().erase({id, task.task});
    }
  }
  for (const ledger::AskedCheck& check : job.checks) {
    const WorkerMemory::CheckKey key{id, check.target, check.part, check.due};
    const KeptCheck* kept = memory_.check(key);
    if (kept == nullptr || kept->results == results) continue;
    const codec::TaskName name{config_.genesis, id, check.task, check.pass};
    const Hash root = part_root_of(kept->roots);
    if (said.contains(codec::check_commitment(name, check.part, self_, root))) continue;
    memory_.checks().erase(key);
  }
}

// --- what is to be computed ----------------------------------------------------------------------

/// Disputes first, then checks by when they are due, then tasks by when their lease ends.
void Worker::want_work() {
  std::vector<Due> due;
  for (const auto& [number, dispute] : disputes_) {
    auto units = wanted_in(number, dispute);
    if (!units) continue;
    due.push_back({Urgency::dispute, dispute.owed.until, due.size(), *std::move(units)});
  }
  for (const auto& [id, job] : jobs_) {
    for (const ledger::AskedCheck& check : job.checks) {
      if (memory_.check({id, check.target, check.part, check.due}) != nullptr) continue;
      due.push_back({Urgency::duty, check.due, due.size(), {id, check.task, 0, check.units}});
    }
    for (const auto& [number, slot] : job.slots) want_of(id, job, slot, due);
  }
  std::ranges::sort(due, {},
                    [](const Due& one) { return std::tuple(one.urgency, one.at, one.place); });
  std::vector<WantedUnits> wanted;
  for (Due& one : due) wanted.push_back(std::move(one.units));
  board_.want(std::move(wanted));
  while (const auto task = board_.poll_forgotten()) outputs_.push_back(*task);
}

/// A slot's own tasks.
void Worker::want_of(JobId id, const Job& job, const codec::SlotEntry& slot,
                     std::vector<Due>& due) const {
  const std::uint16_t cohort = job.enrolment->cohort;
  // A journal that was lost: what was committed to is computed once more, to be revealed.
  for (const codec::PendingTask& task : slot.pending) {
    if (!is_lost(id, task)) continue;
    const Height ends = ledger::round_begins(job.entry, cohort, task.round + 4);
    due.push_back({Urgency::duty, ends, due.size(), {id, task.task, 0, all_units(job.entry.spec)}});
  }
  const bool has_first_pass =
      std::ranges::any_of(slot.queue, [](const codec::QueuedTask& task) { return task.pass == 1; });
  std::uint64_t order = 0;
  for (const codec::QueuedTask& task : slot.queue) {
    if (!may_begin(id, slot.head, task) || memory_.task(id, task.task) != nullptr) continue;
    const Height ends = ledger::round_begins(job.entry, cohort, task.until + order++);
    // What stands in front of a first pass in its queue keeps that from being committed to.
    const bool can_wait = task.pass == 2 && !has_first_pass;
    due.push_back({can_wait ? Urgency::second_pass : Urgency::task,
                   ends,
                   due.size(),
                   {id, task.task, 0, all_units(job.entry.spec)}});
  }
}

/// Of a second pass: what is to be shown with it is here, and the first is not its owner's.
bool Worker::may_begin(JobId id, const codec::SlotHead& slot, const codec::QueuedTask& task) const {
  if (task.pass == 1) return true;
  const codec::FirstPass* const first = memory_.first(id, task.task);
  return first != nullptr && !is_own_first(*first, slot);
}

void Worker::on_computed(Token token, Result<compute::SliceResult> result) {
  ++(result ? stats_.slices : stats_.slices_failed);
  if (!board_.on_computed(token, std::move(result))) return;
  ++stats_.units;
  look_for_finds();
  finish_work();
}

/// What is whole is kept, and said when its time is.
void Worker::finish_work() {
  for (auto& [id, job] : jobs_) {
    keep_whole_tasks(id, job);
    keep_checks(id, job);
  }
  keep_disputed_tasks();
  finish_disputes();
  for (auto& [id, job] : jobs_) speak(id, job);
}

bool Worker::is_lost(JobId id, const codec::PendingTask& task) const {
  return task.outcome == codec::Outcome::hidden && memory_.task(id, task.task) == nullptr;
}

void Worker::keep_whole_tasks(JobId id, const Job& job) {
  for (const auto& [number, slot] : job.slots) {
    for (const codec::QueuedTask& task : slot.queue) keep_task(id, job, task.task);
    for (const codec::PendingTask& task : slot.pending) {
      if (is_lost(id, task)) keep_task(id, job, task.task);
    }
  }
}

/// If it is whole, and not kept yet.
void Worker::keep_task(JobId id, const Job& job, codec::TaskIndex task) {
  if (memory_.task(id, task) != nullptr) return;
  const auto done = board_.done({id, task, 0, all_units(job.entry.spec)});
  if (!done || is_naming(id, task)) return;
  KeptTask kept{id, task, {}, {}, board_.workload(id).results_version()};
  Result<Bytes> statistics = Bytes();
  for (const WorkBoard::UnitDone& unit : *done) {
    kept.roots.push_back(unit.root);
    statistics = kept.roots.size() == 1 ? unit.statistics
                                        : board_.workload(id).join(*statistics, unit.statistics);
    ASSERT(statistics.has_value());  // of its own making
  }
  kept.statistics = *std::move(statistics);
  ++stats_.tasks;
  std::vector<Kept> all{std::move(kept)};
  if (auto found = named_.extract({id, task})) all.emplace_back(std::move(found.mapped()));
  keep(std::move(all));
}

void Worker::keep_checks(JobId id, const Job& job) {
  for (const ledger::AskedCheck& check : job.checks) {
    if (memory_.check({id, check.target, check.part, check.due}) != nullptr) continue;
    const auto done = board_.done({id, check.task, 0, check.units});
    if (!done) continue;
    KeptCheck kept{
        id,         check.slot, check.target, check.part, check.task,
        check.pass, check.due,  check.units,  {},         board_.workload(id).results_version()};
    for (const WorkBoard::UnitDone& unit : *done) kept.roots.push_back(unit.root);
    keep({std::move(kept)});
  }
}

// --- what is kept --------------------------------------------------------------------------------

Token Worker::keep(std::vector<Kept> kept) {
  const Token token{++last_token_};
  KeepRecords records{token, {}, false};
  for (Kept& one : kept) {
    records.records.push_back(encode_kept(one));
    appended_ += records.records.back().size();
    // Statements stand in the job that says them.
    if (!std::holds_alternative<KeptStatement>(one)) memory_.keep(std::move(one));
  }
  outputs_.push_back(std::move(records));
  return token;
}

void Worker::on_kept(Token token) {
  kept_ = std::max(kept_, token.value);
  for (auto& [id, job] : jobs_) {
    for (Said& said : job.said) {
      if (said.kept.value == 0 || said.kept.value > kept_) continue;
      said.kept = {};
      said.at = height_;
      outputs_.push_back(SayStatement{said.statement});
    }
  }
}

/// Tasks that are no slot's of ours any more, and checks that are long over.
void Worker::forget_old() {
  std::set<WorkerMemory::TaskKey> needed;
  for (const auto& [id, job] : jobs_) {
    for (const auto& [number, slot] : job.slots) {
      for (const auto& task : slot.queue) needed.insert({id, task.task});
      for (const auto& task : slot.pending) needed.insert({id, task.task});
      for (const auto& task : slot.maturing) needed.insert({id, task.task});
    }
  }
  for (const auto& [number, dispute] : disputes_) {
    needed.insert({dispute.owed.job, dispute.owed.task});
  }
  const auto is_old = [&](const auto& task) { return !needed.contains(task.first); };
  std::erase_if(memory_.tasks(), is_old);
  std::erase_if(memory_.finds(), is_old);
  std::erase_if(memory_.firsts(), is_old);
  std::erase_if(named_, is_old);
  std::erase_if(claims_, is_old);
  std::erase_if(firsts_asked_, is_old);
  std::erase_if(memory_.checks(), [&](const auto& check) {
    const auto job = jobs_.find(check.first.job);
    if (job == jobs_.end()) return true;
    const std::uint64_t kept = check_rounds_kept * job->second.entry.spec.round_blocks;
    return check.second.due.value + kept < height_.value &&
           !needed.contains({check.second.job, check.second.task});
  });
  std::erase_if(memory_.all_checked(),
                [&](const auto& one) { return memory_.check(one.first) == nullptr; });
  memory_.first_passes().forget_jobs([&](JobId id) { return !ledger::find_job(entries_, id); });
  begin_journal_anew();
}

void Worker::begin_journal_anew() {
  if (appended_ < anew_at_) return;
  std::vector<Bytes> all = memory_.all();
  std::size_t bytes = 0;
  for (const auto& [id, job] : jobs_) {
    for (const Said& said : job.said) all.push_back(encode_kept(KeptStatement{said.statement}));
  }
  for (const Bytes& record : all) bytes += record.size();
  anew_at_ = 2 * bytes + waste_max;
  if (appended_ < anew_at_) return;
  appended_ = bytes;
  outputs_.push_back(KeepRecords{{++last_token_}, std::move(all), true});
}

std::optional<WorkerOutput> Worker::poll_output() {
  if (!outputs_.empty()) return outputs_.pop_front();
  if (is_paused_ || board_.in_flight() >= config_.in_flight_max) return std::nullopt;
  auto slice = board_.next({last_token_ + 1});
  if (!slice) return std::nullopt;
  ++last_token_;
  return *std::move(slice);
}

std::vector<Worker::JobStatus> Worker::jobs() const {
  std::vector<JobStatus> all;
  for (const auto& [id, job] : jobs_) {
    JobStatus status{id, job.slots.size(), 0, 0, 0, job.checks.size(), job.trouble};
    for (const auto& [number, slot] : job.slots) {
      status.queued += slot.queue.size();
      status.pending += slot.pending.size();
      status.maturing += slot.maturing.size();
    }
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace kith::node
