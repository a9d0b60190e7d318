// For tests of jobs on a chain: what workers say, read from the entries of a final state as a
// worker's program would, and signed. What is wrong with a worker is in its description
// (jobs_worker_test_util.h); a hash stands for what was computed.
#pragma once

#include <algorithm>
#include <map>
#include <set>

#include "codec/chain_account.h"
#include "codec/chain_record.h"
#include "ledger/jobs_view.h"
#include "ledger/jobs_worker_test_util.h"

namespace kith::ledger::test {

/// A job whose rounds are of four blocks, and of which results count after two passes more.
inline codec::JobSpec quick_job() {
  codec::JobSpec spec;
  spec.workload = 1;
  spec.params = {1, 2, 3};
  spec.tasks = 10'000;
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

inline codec::ComputeParams quick_compute() {
  codec::ComputeParams params;
  params.draw_gap = 2;
  params.min_bond = 16;
  params.account_bond = 10;
  params.bond_epochs = 1;
  params.answer_blocks = 24;
  return params;
}

/// The workers of one job.
class Speakers {
 public:
  Speakers(const Hash& genesis, JobId job) : genesis_(genesis), job_(job) {}

  std::map<std::uint32_t, Worker> workers;  // by key

  Worker& add(std::uint32_t account, std::uint32_t key) {
    Worker worker;
    worker.account = account;
    worker.key = key;
    return workers[key] = worker;
  }

  /// What has become final: records are needed where a result is checked again.
  void hear(const JobLog& log) {
    for (const JobEvent& event : log) {
      if (event.kind != JobEvent::Kind::settled || event.job != job_) continue;
      records_[{event.task.value, event.pass}] = event.record;
    }
  }

  /// Of the workers whose round ends with one of the `early` blocks from `next` on, and who have
  /// said nothing in it.
  std::vector<codec::JobStatement> statements(const Entries& entries, Height next,
                                              std::uint64_t early = 1) const {
    std::vector<codec::JobStatement> all;
    for (const auto& [key, worker] : workers) {
      if (auto said = statement_of(entries, next, early, worker)) all.push_back(*std::move(said));
    }
    return all;
  }

  void sign(codec::JobStatement& said) const {
    for (const auto& [key, worker] : workers) {
      if (identity(key).key != said.worker) continue;
      said.signature = identity(key).pair.sign(codec::statement_message(genesis_, said));
    }
  }

 private:
  std::optional<codec::JobStatement> statement_of(const Entries& entries, Height next,
                                                  std::uint64_t early, const Worker& worker) const {
    const ChainKey& key = identity(worker.key).key;
    const auto job = find_job(entries, job_);
    const auto enrolled = find_enrolment(entries, job_, key);
    if (!job || !enrolled || worker.is_away) return std::nullopt;
    const auto round = statement_round(*job, enrolled->cohort, next);
    if (!round || enrolled->seen >= *round + (*round == 0 ? 1 : 0)) return std::nullopt;
    if (round_begins(*job, enrolled->cohort, *round + 1).value >= next.value + early) {
      return std::nullopt;
    }
    codec::JobStatement said{job_, *round, key, {}, {}};
    for (const LeasedTask& task : leases_of(entries, job_, key)) {
      const Hash root = root_of(task.task, worker.lies(task.task, task.pass));
      said.lines.push_back(
          {task.slot,
           codec::task_commitment(name_of(task.task, task.pass), task.slot, key, root),
           {},
           {},
           {}});
    }
    for (const DueReveal& due : reveals_of(entries, job_, key)) {
      if (*round >= due.from && !worker.is_mute_at_reveal)
        said.lines.push_back(reveal(worker, due));
    }
    for (const AskedCheck& asked : checks_of(entries, job_, key, next)) {
      if (worker.is_silent_checker) continue;
      said.lines.push_back({asked.slot, {}, {}, {}, {}});
      Hash got = part_root(asked.task, asked.units, {});
      if (worker.makes_checks_up) got = hash_of(0xee);
      said.lines.back().checks.push_back(
          {asked.target, asked.part,
           codec::check_commitment(name_of(asked.task, asked.pass), asked.part, key, got)});
    }
    if (said.lines.empty() && enrolled->seen >= *round) return std::nullopt;  // it has enrolled
    std::ranges::sort(said.lines, {}, &codec::StatementLine::slot);
    sign(said);
    return said;
  }

  codec::TaskName name_of(TaskIndex task, std::uint8_t pass) const {
    return {genesis_, job_, task, pass};
  }

  codec::StatementLine reveal(const Worker& worker, const DueReveal& due) const {
    const FalseUnits lies = worker.lies(due.task, due.pass);
    codec::RevealLine told{root_of(due.task, lies), {}};
    for (const auto& units : due.parts) told.parts.push_back(part_root(due.task, units, lies));
    codec::StatementLine line{due.slot, {}, std::move(told), {}, {}};
    const auto record = records_.find({due.task.value, due.pass});
    if (due.is_again && record != records_.end()) {
      line.first = codec::FirstPass{codec::encode_record(record->second), {}};
    }
    return line;
  }

  Hash genesis_;
  JobId job_;
  std::map<std::pair<std::uint64_t, std::uint8_t>, codec::Record> records_;
};

}  // namespace kith::ledger::test
