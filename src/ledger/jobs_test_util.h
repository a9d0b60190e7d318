// For tests of jobs: a state with accounts and a job, workers who do what they should unless told
// otherwise, and an audit of everything after every block. A hash stands for what was computed: a
// task's root follows from the task and from which of its units are false.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "codec/chain_account.h"
#include "ledger/jobs_move.h"
#include "ledger/jobs_verdict.h"
#include "ledger/jobs_worker_test_util.h"

namespace kith::ledger::test {

inline codec::JobSpec small_spec() {
  codec::JobSpec spec;
  spec.workload = 1;
  spec.tasks = 100'000;
  spec.units = 64;
  spec.slices = 4;
  spec.region_tasks = 16;
  spec.round_blocks = 4;
  spec.lease_rounds = 4;
  spec.checked_min = 4;
  spec.eps_ppm = 50'000;
  spec.passes = 1;
  spec.price = 6'400;
  spec.price2 = 3'200;
  spec.bond = 16'000;
  return spec;
}

class JobWorld {
 public:
  static constexpr std::uint32_t submitter = 1;
  static constexpr Amount escrow = 10'000'000;

  JobWorld(const JobWorld&) = delete;
  JobWorld& operator=(const JobWorld&) = delete;
  explicit JobWorld(codec::JobSpec spec = small_spec(), Amount funds = escrow) : spec_(spec) {
    rules.genesis = hash_of(0x77);
    rules.params.draw_gap = 2;
    rules.params.min_bond = 16;
    rules.params.account_bond = 10;
    rules.params.answer_blocks = 24;
    for (std::uint32_t n = 90; n < 94; ++n) jury.push_back({identity(n).key, 1});
    rules.jury = &jury;
    add_account(submitter, 100);
    const auto made = order(codec::SubmitJob{account(submitter), spec, funds}, submitter);
    EXPECT_TRUE(made.has_value());
  }

  static AccountId account(std::uint32_t n) {
    return codec::account_id(hash_of(0x77), identity(n).key);
  }

  void add_account(std::uint32_t n, Amount bond) {
    codec::AccountEntry entry;
    entry.key = identity(n).key;
    entry.lock = identity(n).lock;
    entry.bond = bond;
    entries.put(EntryKind::account, account(n), codec::encode_account(entry));
    accounts_.push_back(account(n));
    expected_ += bond;
  }

  Worker& add_worker(std::uint32_t owner, std::uint32_t key, std::uint8_t device_class = 1) {
    codec::WorkerEntry entry;
    entry.account = account(owner);
    entry.device_class = device_class;
    entries.put(EntryKind::worker, identity(key).key, codec::encode_worker(entry));
    Worker worker;
    worker.account = owner;
    worker.key = key;
    worker.device_class = device_class;
    return workers[key] = worker;
  }

  /// `count` owners with a worker and a slot each, from number `first` on, of two classes.
  void populate(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t n = first; n < first + count; ++n) {
      add_account(n, 1'000'000);
      add_worker(n, n, static_cast<std::uint8_t>(1 + n % 2));
      const auto enrolled = enrol(n, 1);
      EXPECT_TRUE(enrolled.has_value());
    }
  }

  Result<JobEffect> order(const codec::JobOrder& order, std::uint32_t signer) {
    const auto decoded = codec::decode_job_order(codec::encode_job_order(order));
    EXPECT_TRUE(decoded.has_value());
    const auto effect = apply_job(rules, height, entries, *decoded,
                                  signer == 0 ? nullptr : &identity(signer).key, &log);
    if (effect) expected_ += effect->taken - effect->burnt;
    if (effect) burnt += effect->burnt;
    return effect;
  }
  Result<JobEffect> enrol(std::uint32_t key, std::uint16_t slots) {
    return order(codec::EnrolSlots{job, identity(key).key, slots}, key);
  }

  codec::JobEntry entry() const { return find_job(entries, job).value(); }
  codec::EnrolmentEntry enrolment(std::uint32_t key) const {
    return find_enrolment(entries, job, identity(key).key).value();
  }
  SlotId slot_of(std::uint32_t key) const { return enrolment(key).slots.at(0); }
  codec::SlotEntry slot(std::uint32_t key) const {
    return find_slot(entries, job, slot_of(key)).value();
  }
  codec::MemberEntry member(std::uint32_t account_number) const {
    return find_member(entries, job, account(account_number)).value();
  }

  /// What a worker says in this block: all of it in the last block of its round.
  std::optional<codec::JobStatement> statement_of(const Worker& worker);

  /// One block: everybody says what it has to, and the block ends.
  void block() {
    codec::CarryStatements carry;
    for (auto& [key, worker] : workers) {
      if (auto said = statement_of(worker)) carry.statements.push_back(*std::move(said));
    }
    if (!carry.statements.empty()) EXPECT_TRUE(order(carry, 0).has_value());
    end_block();
  }
  void end_block() {
    const Amount lost = end_block_jobs(
        rules, height, codec::tagged_hash("test/beacon", {numbers({height.value})}), entries, &log);
    burnt += lost;
    expected_ -= lost;
    note_records();
    audit();
    height = codec::next(height);
  }
  void rounds(int count) {
    for (int i = 0; i < count * spec_.round_blocks; ++i) block();
  }

  std::size_t count(JobEvent::Kind kind) const {
    std::size_t found = 0;
    for (const JobEvent& event : log) found += event.kind == kind ? 1 : 0;
    return found;
  }

  /// Everything that can be added up anew from the entries: jobs_audit_test_util.h.
  void audit();

  /// What the key's machine comes to, of its own task with its lies.
  static OwnResults results_of(const Worker& worker, const OwedMove& owed);
  /// The next move of every dispute that is this key's turn, as it is honest from where it stands;
  /// how many.
  std::size_t move(std::uint32_t key);
  Result<JobEffect> file(std::uint32_t key, SlotId slot, codec::FileDispute filed);
  /// The record of a task that matures in the slot.
  codec::Record record_of(const codec::MaturingTask& task) const {
    return settled_.at(task.task.value * 2 + task.pass);
  }
  codec::Record record_by(const Hash& hash) const { return by_hash_.at(hash); }
  /// By three of the four validators, with what is true, or with something else.
  Result<JobEffect> judge(std::uint64_t dispute, std::optional<Hash> digest = std::nullopt);
  codec::AccountEntry account_entry(std::uint32_t n) const {
    return codec::decode_account(*entries.find(EntryKind::account, account(n))).value();
  }

  Entries entries;
  Jury jury;
  JobRules rules;
  Height height{1'000};
  JobId job{1};
  JobLog log;
  Amount burnt = 0;
  std::map<std::uint32_t, Worker> workers;            // by key
  std::map<std::uint64_t, codec::Record> first_pass;  // accepted ones, by task
  std::map<std::uint32_t, std::vector<Hash>> lists;   // of the first pass, by region

 private:
  void say_checks(const Worker& worker, std::vector<codec::StatementLine>& lines);
  void say_reveal(const Worker& worker, const DueReveal& due,
                  std::vector<codec::StatementLine>& lines);
  std::optional<codec::FirstPass> shown(TaskIndex task) const;
  void note_records();

  codec::JobSpec spec_;
  std::vector<AccountId> accounts_;
  Amount expected_ = 0;                             // what accounts and jobs have together
  std::map<std::uint64_t, codec::Record> settled_;  // by pass and task
  std::map<Hash, codec::Record> by_hash_;
  std::size_t seen_events_ = 0;
};

inline std::optional<codec::FirstPass> JobWorld::shown(TaskIndex task) const {
  const auto record = first_pass.find(task.value);
  if (record == first_pass.end()) return std::nullopt;
  const auto region = static_cast<std::uint32_t>(task.value / spec_.region_tasks);
  const auto& list = lists.at(region);
  const Hash hash = codec::record_hash(record->second);
  const auto at = std::ranges::find(list, hash);
  if (at == list.end()) return std::nullopt;
  const auto index = static_cast<std::uint64_t>(at - list.begin());
  return codec::FirstPass{codec::encode_record(record->second),
                          codec::encode_merkle_proof(codec::prove_merkle(list, index))};
}

inline void JobWorld::say_checks(const Worker& worker, std::vector<codec::StatementLine>& lines) {
  const ChainKey& key = identity(worker.key).key;
  for (const AskedCheck& asked : checks_of(entries, job, key, height)) {
    if (worker.is_silent_checker) continue;
    Hash got = part_root(asked.task, asked.units, {});
    if (worker.makes_checks_up) got = hash_of(0xee);
    if (worker.believes) {
      if (const auto told = worker.believes(asked.task, asked.target.value)) {
        got = part_root(asked.task, asked.units, *told);
      }
    }
    const codec::TaskName name{rules.genesis, job, asked.task, asked.pass};
    lines.push_back({asked.slot, {}, {}, {}, {}});
    lines.back().checks.push_back(
        {asked.target, asked.part, codec::check_commitment(name, asked.part, key, got)});
  }
}

inline std::optional<codec::JobStatement> JobWorld::statement_of(const Worker& worker) {
  const ChainKey& key = identity(worker.key).key;
  const auto enrolled = find_enrolment(entries, job, key);
  const auto now = find_job(entries, job);
  if (!enrolled || !now || worker.is_away) return std::nullopt;
  const auto round = statement_round(*now, enrolled->cohort, height);
  if (!round || round_begins(*now, enrolled->cohort, *round + 1) != height) return std::nullopt;
  std::vector<codec::StatementLine> lines;
  for (const LeasedTask& task : leases_of(entries, job, key)) {
    const auto first = first_pass.find(task.task.value);
    if (task.pass == 2 && first->second.account == account(worker.account)) {
      lines.push_back({task.slot, {}, {}, shown(task.task), {}});
      continue;
    }
    const codec::TaskName name{rules.genesis, job, task.task, task.pass};
    const Hash root = root_of(task.task, worker.lies(task.task, task.pass), spec_.units);
    lines.push_back({task.slot, codec::task_commitment(name, task.slot, key, root), {}, {}, {}});
  }
  for (const DueReveal& due : reveals_of(entries, job, key)) {
    if (*round >= due.from && !worker.is_mute_at_reveal) say_reveal(worker, due, lines);
  }
  say_checks(worker, lines);
  codec::JobStatement said{job, *round, key, {}, {}};
  for (const SlotId slot : enrolled->slots) {
    for (const codec::StatementLine& line : lines) {
      if (line.slot == slot) said.lines.push_back(line);
    }
  }
  return said;
}

inline void JobWorld::say_reveal(const Worker& worker, const DueReveal& due,
                                 std::vector<codec::StatementLine>& lines) {
  const FalseUnits lies = worker.lies(due.task, due.pass);
  codec::RevealLine reveal{root_of(due.task, lies, spec_.units), {}};
  const FalseUnits told = worker.tells ? worker.tells(due.task).value_or(lies) : lies;
  for (const auto& units : due.parts) reveal.parts.push_back(part_root(due.task, units, told));
  codec::StatementLine line{due.slot, {}, std::move(reveal), {}, {}};
  if (due.is_again) {
    const auto& record = settled_.at(due.task.value * 2 + due.pass);
    line.reveal->root = record.root;
    line.first = codec::FirstPass{codec::encode_record(record), {}};
  } else if (due.pass == 2 && worker.tells_of_pass_1) {
    line.first = shown(due.task);
  }
  lines.push_back(std::move(line));
}

inline void JobWorld::note_records() {
  for (; seen_events_ < log.size(); ++seen_events_) {
    const JobEvent& event = log[seen_events_];
    const std::uint64_t name = event.task.value * 2 + event.pass;
    if (event.kind == JobEvent::Kind::settled) {
      settled_[name] = event.record;
      by_hash_[codec::record_hash(event.record)] = event.record;
    }
    if (event.kind != JobEvent::Kind::accepted || event.pass != 1) continue;
    first_pass[event.task.value] = settled_.at(name);
    lists[static_cast<std::uint32_t>(event.task.value / spec_.region_tasks)].push_back(
        codec::record_hash(settled_.at(name)));
  }
}

}  // namespace kith::ledger::test
