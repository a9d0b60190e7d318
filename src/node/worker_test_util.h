// For tests of workers: real ones (node/worker.h) on the real rules of jobs (ledger/jobs.h), each
// with a journal that may lose its power at any moment. What they compute are real even numbers.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "base/machine.h"
#include "compute/workload_goldbach.h"
#include "ledger/jobs_audit_test_util.h"
#include "node/worker.h"

namespace kith::node::test {

using codec::test::identity;
using ledger::test::JobWorld;
using Kind = ledger::JobEvent::Kind;

inline codec::JobSpec goldbach_spec() {
  codec::JobSpec spec = ledger::test::small_spec();
  compute::GoldbachParams params;
  params.first = 1'000;
  params.units = 16;
  params.slices = 2;
  params.unit_numbers = 8;
  params.numbers = 16 * 8 * 4'000;
  spec.workload = 2;
  spec.params = compute::encode_params(params);
  spec.tasks = 4'000;
  spec.units = 16;
  spec.slices = 2;
  return spec;
}

inline Result<std::unique_ptr<compute::Workload>> make_goldbach(std::uint8_t workload, ByteView) {
  if (workload != 2) return fail(Code::unsupported, "only Goldbach here");
  return std::make_unique<compute::GoldbachWorkload>();
}

class WorkerWorld {
 public:
  struct Member {
    std::uint32_t key = 0;
    std::uint16_t slots = 1;
    std::unique_ptr<Worker> worker = {};
    std::vector<Bytes> journal = {};
    std::vector<codec::JobStatement> said = {};
    std::vector<codec::Record> records = {};
    std::vector<WorkerOutput> news = {};  // NotShown, DisputeLooked, FindMade
    int kills = 0;
    std::size_t events_seen = 0;  // of the world's log
    std::size_t txs_seen = 0;
    bool is_away = false;
    bool shows_nothing = false;
    bool is_deaf = false;       // its statements do not reach the chain
    bool reveals_late = false;  // in the last block of the round
    std::vector<codec::JobStatement> held = {};
    /// Its device: what it makes of a slice's result.
    std::function<void(const ComputeSlice&, Bytes&)> spoil = {};
    /// Asked at each KeepRecords: ends the worker before these are durable, or right after.
    std::function<bool()> dies_before = [] { return false; };
    std::function<bool()> dies_after = [] { return false; };
  };

  using MakeWorkload = decltype(WorkerConfig::make_workload);

  explicit WorkerWorld(codec::JobSpec spec = goldbach_spec(), MakeWorkload make = make_goldbach)
      : world(spec), make_(std::move(make)), workload_(make_(spec.workload, spec.params).value()) {}

  Member& add(std::uint32_t n, std::uint16_t slots = 1) {
    world.add_account(n, 1'000'000);
    world.add_worker(n, n, static_cast<std::uint8_t>(1 + n % 2));
    Member& member = members[n];
    member.key = n;
    member.slots = slots;
    start(member);
    return member;
  }
  void start(Member& member) {
    WorkerConfig config;
    config.genesis = world.rules.genesis;
    config.params = world.rules.params;
    config.make_workload = make_;
    config.slots = member.slots;
    member.worker = std::make_unique<Worker>(config, identity(member.key).pair, member.journal);
    EXPECT_FALSE(member.worker->is_damaged());
  }

  /// One block: everybody looks at the last state, works, and what is said is in the next one.
  void block() {
    codec::CarryStatements carry;
    for (auto& [n, member] : members) {
      if (!member.is_away) work(member, carry.statements);
      release(member, carry.statements);
    }
    if (is_late) std::swap(carry.statements, late_);
    if (!carry.statements.empty()) {
      const auto carried = world.order(carry, 0);
      EXPECT_TRUE(carried.has_value());
      codec::Transaction tx;
      tx.actions.push_back(
          {codec::module_jobs, codec::TxAction::no_witness, codec::encode_job_order(carry)});
      txs_.push_back(codec::seal(std::move(tx)));
    }
    world.end_block();
  }
  void rounds(int count) {
    for (int i = 0; i < count * world.entry().spec.round_blocks; ++i) block();
  }

  struct Goes final : compute::Progress {
    bool go_on(std::uint64_t, std::uint64_t) override { return true; }
  };

  /// What a slice really comes to.
  Hash truth(codec::TaskIndex task, std::uint16_t unit, std::uint16_t slice) const {
    Goes goes;
    const auto bytes = workload_->unit_of(world.entry().spec.params, {task.value}, unit);
    return workload_->digest(*bytes, slice, *workload_->run(*bytes, slice, goes));
  }
  /// Validators say what is true, wherever they are asked.
  std::size_t judge_all() {
    const auto asked = ledger::verdicts_asked(world.entries);
    for (const ledger::AskedVerdict& one : asked) {
      const Hash digest = truth(one.task, one.unit, one.slice);
      EXPECT_TRUE(world.judge(one.dispute, digest).has_value());
    }
    return asked.size();
  }

  std::size_t accepted(std::uint32_t key) const {
    const auto member = ledger::find_member(world.entries, world.job, JobWorld::account(key));
    return member ? member->tasks : 0;
  }

  /// Nobody has ever said two different things: of a task, a check, or in a signature's bytes.
  void expect_consistent(const Member& member) const {
    std::map<std::tuple<std::uint64_t, codec::SlotId>, Hash> commits;  // by round
    std::map<std::tuple<codec::SlotId, std::uint8_t, std::uint64_t>, std::set<Hash>> checks;
    for (const codec::JobStatement& said : member.said) {
      for (const codec::StatementLine& line : said.lines) {
        if (line.commit) {
          const auto [at, is_new] =
              commits.emplace(std::tuple(said.round, line.slot), *line.commit);
          EXPECT_EQ(at->second, *line.commit) << "two commitments in round " << said.round;
        }
        for (const codec::CheckLine& check : line.checks) {
          checks[{check.target, check.part, said.round}].insert(check.check);
        }
      }
    }
    for (const auto& [name, different] : checks) EXPECT_LE(different.size(), 2u);
  }

  JobWorld world;
  std::map<std::uint32_t, Member> members;
  bool is_late = false;  // what is said is in the block after the next

 private:
  void work(Member& member, std::vector<codec::JobStatement>& carried) {
    // A worker that dies begins again at once; it comes to rest when nobody kills it.
    while (true) {
      const Height final{world.height.value - 1};
      const std::vector<codec::TxPtr> txs(
          txs_.begin() + static_cast<std::ptrdiff_t>(member.txs_seen), txs_.end());
      const ledger::JobLog happened(
          world.log.begin() + static_cast<std::ptrdiff_t>(member.events_seen), world.log.end());
      member.worker->on_block(txs, happened, world.entries);
      member.worker->on_final(final, final.value * 1'000, world.entries);
      if (drain(member, carried)) {
        member.txs_seen = txs_.size();
        member.events_seen = world.log.size();
        return;
      }
      ++member.kills;
      start(member);
    }
  }

  /// Whether it lives on.
  bool drain(Member& member, std::vector<codec::JobStatement>& carried) {
    while (auto output = member.worker->poll_output()) {
      if (auto* keep = std::get_if<KeepRecords>(&*output)) {
        if (member.dies_before()) return false;
        if (keep->begins_anew) member.journal.clear();
        member.journal.insert(member.journal.end(), keep->records.begin(), keep->records.end());
        if (member.dies_after()) return false;
        member.worker->on_kept(keep->token);
      } else {
        perform(member, *output, carried);
      }
    }
    return true;
  }

  void perform(Member& member, WorkerOutput& output, std::vector<codec::JobStatement>& carried) {
    std::visit(Overload{[&](const ComputeSlice& slice) { compute(member, slice); },
                        [](const ForgetTask&) {}, [](const KeepRecords&) {},
                        [&](const SayStatement& say) {
                          member.said.push_back(say.statement);
                          if (member.is_deaf) return;
                          const bool reveals = std::ranges::any_of(
                              say.statement.lines,
                              [](const auto& line) { return line.reveal.has_value(); });
                          const bool is_held = member.reveals_late && reveals;
                          (is_held ? member.held : carried).push_back(say.statement);
                        },
                        [&](const GiveOrder& give) {
                          const auto obeyed = world.order(give.order, member.key);
                          EXPECT_TRUE(obeyed.has_value()) << obeyed.error().message;
                        },
                        [&](const AskShow& ask) { show(member, ask); },
                        [&](const AskFirst& ask) { tell_first(member, ask); },
                        [&](const RecordMade& made) { member.records.push_back(made.record); },
                        [&](const NameFinds& finds) { name(member, finds); },
                        [&](const FindMade&) { member.news.push_back(output); },
                        [&](const NotShown&) { member.news.push_back(output); },
                        [&](const DisputeLooked&) { member.news.push_back(output); }},
               output);
  }

  /// What was held back until the last block that may have it.
  void release(Member& member, std::vector<codec::JobStatement>& carried) const {
    if (member.held.empty()) return;
    const std::uint16_t cohort = world.enrolment(member.key).cohort;
    std::erase_if(member.held, [&](const codec::JobStatement& statement) {
      const Height last = ledger::round_begins(world.entry(), cohort, statement.round + 1);
      if (last == world.height) carried.push_back(statement);
      return last <= world.height;
    });
  }

  void compute(Member& member, const ComputeSlice& slice) {
    Goes goes;
    const auto unit = workload_->unit_of(*slice.params, {slice.task.value}, slice.unit);
    ASSERT_TRUE(unit.has_value());
    auto result = workload_->run(*unit, slice.slice, goes);
    ASSERT_TRUE(result.has_value());
    if (member.spoil) member.spoil(slice, *result);
    member.worker->on_computed(slice.token, std::move(result));
  }

  void name(Member& member, const NameFinds& finds) {
    const auto unit = workload_->unit_of(*finds.params, {finds.task.value}, finds.unit).value();
    member.worker->on_named(finds.token, workload_->finds(unit, finds.results));
  }

  void show(Member& member, const AskShow& ask) {
    for (auto& [n, other] : members) {
      if (identity(n).key != ask.worker || other.shows_nothing || other.is_away) continue;
      // Its state may be a block behind; then it is asked again.
      const auto shown = other.worker->show(ask.job, ask.task, ask.pass, ask.part);
      member.worker->on_shown(ask, shown);
    }
  }

  void tell_first(Member& member, const AskFirst& ask) {
    for (auto& [n, other] : members) {
      if (&other == &member || other.shows_nothing || other.is_away) continue;
      member.worker->on_first(ask, other.worker->first_pass(ask.job, ask.task));
    }
  }

  const MakeWorkload make_;
  const std::unique_ptr<compute::Workload> workload_;
  std::vector<codec::JobStatement> late_;
  std::vector<codec::TxPtr> txs_;  // of all blocks
};

}  // namespace kith::node::test
