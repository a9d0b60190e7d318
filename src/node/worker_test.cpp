// Workers at work: whole lives of tasks, and what must not be lost or said twice when one dies.
#include "node/worker.h"

#include "node/worker_test_util.h"

namespace kith::node::test {
namespace {

TEST(Worker, HonestOnesEnrolComputeCheckAndAreAccepted) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(40);
  EXPECT_EQ(net.world.count(Kind::fault), 0u);
  EXPECT_EQ(net.world.count(Kind::disputed), 0u);
  EXPECT_EQ(net.world.count(Kind::silent), 0u);
  EXPECT_EQ(net.world.count(Kind::lapsed), 0u);
  EXPECT_GT(net.world.entry().accepted, 100u);
  for (auto& [n, member] : net.members) {
    EXPECT_GT(net.accepted(n), 0u) << n;
    EXPECT_GT(net.world.entries.size(), 0u);
    EXPECT_GT(member.records.size(), 5u);
    for (const codec::Record& record : member.records) {
      EXPECT_TRUE(codec::verify_record(record));
      const codec::Record* found = member.worker->record(codec::cid_of(record));
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(*found, record);
    }
    // Everything that fitted was shown: roots of units under U, and under D.
    EXPECT_GT(member.worker->stats().shows, 5u);
    EXPECT_EQ(member.worker->stats().not_shown, 0u);
    EXPECT_TRUE(member.news.empty());
    net.expect_consistent(member);
  }
}

TEST(Worker, ARoundHasOneStatementOrTwo) {
  codec::JobSpec spec = goldbach_spec();
  spec.round_blocks = 16;
  WorkerWorld net(spec);
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(12);
  for (auto& [n, member] : net.members) {
    std::map<std::uint64_t, int> rounds;
    for (const auto& said : member.said) ++rounds[said.round];
    EXPECT_GT(rounds.size(), 8u);
    for (const auto& [round, count] : rounds) EXPECT_LE(count, 2) << "round " << round;
    EXPECT_EQ(member.worker->stats().repeats, 0u);
  }
}

TEST(Worker, SeveralSlotsOfAKeyShareItsStatement) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 16; ++n) net.add(n, 3);
  net.rounds(30);
  EXPECT_EQ(net.world.count(Kind::fault) + net.world.count(Kind::silent), 0u);
  for (auto& [n, member] : net.members) {
    EXPECT_EQ(net.world.enrolment(n).slots.size(), 3u);
    EXPECT_GT(net.accepted(n), 10u);
  }
}

TEST(Worker, KilledAtEachKeepItLosesNothingAndSaysNothingElse) {
  for (const bool is_before : {true, false}) {
    WorkerWorld net;
    for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
    auto& victim = net.members.at(12);
    // Each time a little further: dies at every keep once, and then gets through it.
    auto lived = std::make_shared<bool>(false);
    const auto die = [lived] { return !std::exchange(*lived, !*lived); };
    (is_before ? victim.dies_before : victim.dies_after) = die;
    net.rounds(40);
    EXPECT_GT(victim.kills, 60);
    EXPECT_EQ(net.world.count(Kind::fault) + net.world.count(Kind::disputed), 0u);
    EXPECT_EQ(net.world.count(Kind::silent) + net.world.count(Kind::lapsed), 0u);
    EXPECT_GT(net.accepted(12), 0u);
    EXPECT_GT(victim.records.size(), 5u);
    net.expect_consistent(victim);
  }
}

TEST(Worker, WhatWasKeptButNotSaidIsSaidAsItWas) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(8);
  auto& victim = net.members.at(12);
  // It dies when its statement is durable, before it is said.
  bool dies = true;
  victim.dies_after = [&] {
    const bool is_statement = !victim.journal.empty() && victim.journal.back().front() == 3;
    return is_statement && std::exchange(dies, false);
  };
  const std::size_t said = victim.said.size();
  net.rounds(2);
  EXPECT_EQ(victim.kills, 1);
  ASSERT_GT(victim.said.size(), said);
  std::set<Bytes> kept;
  for (const Bytes& record : victim.journal) {
    const auto read = decode_kept(record);
    ASSERT_TRUE(read.has_value());
    if (const auto* one = std::get_if<KeptStatement>(&*read)) {
      kept.insert(codec::encode_statement(one->statement));
    }
  }
  for (const auto& statement : victim.said) {
    EXPECT_TRUE(kept.contains(codec::encode_statement(statement)));
  }
}

TEST(Worker, WhoseJournalIsLostComputesAgainWhatItCommittedTo) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(6);
  auto& member = net.members.at(12);
  for (int i = 0; i < 40 && net.world.slot(12).pending.empty(); ++i) net.block();
  ASSERT_FALSE(net.world.slot(12).pending.empty());
  const std::uint32_t passed = net.world.slot(12).head.passed;
  member.journal.clear();
  net.start(member);
  net.rounds(8);
  EXPECT_EQ(net.world.count(Kind::fault), 0u);
  EXPECT_EQ(net.world.count(Kind::disputed), 0u);
  EXPECT_GT(net.world.slot(12).head.passed, passed);
}

TEST(Worker, WhoIsNotHeardRepeatsItself) {
  codec::JobSpec spec = goldbach_spec();
  spec.round_blocks = 32;
  WorkerWorld net(spec);
  for (std::uint32_t n = 10; n < 18; ++n) net.add(n);
  net.rounds(4);
  auto& deaf = net.members.at(12);
  deaf.is_deaf = true;
  const std::size_t before = deaf.said.size();
  net.rounds(2);
  EXPECT_GT(deaf.worker->stats().repeats, 2u);
  // The same bytes again.
  std::map<std::uint64_t, std::set<Bytes>> by_round;
  for (std::size_t i = before; i < deaf.said.size(); ++i) {
    by_round[deaf.said[i].round].insert(codec::encode_statement(deaf.said[i]));
  }
  for (const auto& [round, different] : by_round) EXPECT_LE(different.size(), 2u);
}

TEST(Worker, BlocksThatComeLateDoNoHarm) {
  codec::JobSpec spec = goldbach_spec();
  spec.round_blocks = 8;
  WorkerWorld net(spec);
  net.is_late = true;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(30);
  EXPECT_EQ(net.world.count(Kind::fault) + net.world.count(Kind::silent), 0u);
  EXPECT_GT(net.world.entry().accepted, 50u);
}

TEST(Worker, WhoWasAwayComesBackAndRevealsWhatItHad) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(20);
  auto& member = net.members.at(12);
  member.is_away = true;
  net.rounds(4);  // less than answer_blocks
  member.is_away = false;
  net.start(member);
  net.rounds(30);
  // What it was asked to show meanwhile it shows on the ledger.
  EXPECT_EQ(net.world.count(Kind::fault), 0u);
  EXPECT_EQ(net.world.count(Kind::disputed), net.world.count(Kind::shown));
  EXPECT_GT(net.accepted(12), 5u);
}

TEST(Worker, WhoLeavesIsDoneWithAllItHas) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(16);
  net.members.at(12).worker->want_slots(0);
  net.members.at(12).slots = 0;
  net.rounds(60);
  EXPECT_FALSE(ledger::find_enrolment(net.world.entries, net.world.job, identity(12).key));
  EXPECT_EQ(net.world.count(Kind::fault), 0u);
  EXPECT_EQ(net.world.count(Kind::withdrawn), 0u);
  EXPECT_GT(net.accepted(12), 5u);
}

TEST(Worker, AJobIsWorkedToItsEnd) {
  codec::JobSpec spec = goldbach_spec();
  spec.tasks = 24;
  WorkerWorld net(spec);
  for (std::uint32_t n = 10; n < 18; ++n) net.add(n);
  for (int i = 0; i < 150 * spec.round_blocks; ++i) {
    net.block();
    if (!ledger::find_job(net.world.entries, net.world.job)) break;
  }
  EXPECT_FALSE(ledger::find_job(net.world.entries, net.world.job));
  EXPECT_EQ(net.world.count(Kind::accepted), 24u);
  EXPECT_EQ(net.world.count(Kind::fault), 0u);
}

TEST(Worker, WhoShowsNothingIsNamed) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.members.at(12).shows_nothing = true;
  net.rounds(24);
  std::size_t named = 0;
  for (auto& [n, member] : net.members) {
    for (const WorkerOutput& news : member.news) {
      const auto* missing = std::get_if<NotShown>(&news);
      ASSERT_NE(missing, nullptr);
      EXPECT_TRUE(missing->worker == identity(12).key);
      EXPECT_TRUE(missing->is_filed);
      ++named;
    }
  }
  EXPECT_GT(named, 3u);
  // Asked on the ledger it shows all of it, and is paid for that.
  net.rounds(2);
  std::size_t filed = 0;
  for (auto& [n, member] : net.members) filed += member.worker->stats().filed;
  EXPECT_GE(filed, named);
  EXPECT_GT(net.world.count(Kind::shown), 3u);
  EXPECT_EQ(net.world.count(Kind::fault), 0u);
  EXPECT_GE(net.members.at(12).worker->stats().moves, net.world.count(Kind::shown));
  EXPECT_EQ(net.members.at(12).worker->stats().conceded, 0u);
}

TEST(Worker, WhoRevealsInTheLastBlockIsAskedAllTheSame) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(12);
  auto& late = net.members.at(12);
  late.reveals_late = true;
  late.shows_nothing = true;
  net.rounds(16);
  std::size_t filed = 0;
  for (auto& [n, member] : net.members) {
    for (const WorkerOutput& news : member.news) {
      const auto& missing = std::get<NotShown>(news);
      EXPECT_TRUE(missing.worker == identity(12).key);
      filed += missing.is_filed ? 1 : 0;
    }
  }
  EXPECT_GT(filed, 3u);
  EXPECT_EQ(net.world.count(Kind::fault), 0u);
  // It is shown as soon as it is asked for, then.
  late.shows_nothing = false;
  net.rounds(2);
  const std::size_t disputes = net.world.count(Kind::disputed);
  net.rounds(8);
  EXPECT_EQ(net.world.count(Kind::disputed), disputes);
}

TEST(Worker, WhoIsAskedOnTheLedgerAndShowsNothingLoses) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(16);
  auto& liar = net.members.at(12);
  const SlotId slot = net.world.slot_of(12);
  liar.shows_nothing = true;
  for (int i = 0; i < 60 && net.world.count(Kind::disputed) == 0; ++i) net.block();
  ASSERT_GT(net.world.count(Kind::disputed), 0u);
  liar.is_away = true;
  net.rounds(7);  // answer_blocks and a little
  std::size_t faults = 0;
  for (const auto& event : net.world.log) {
    if (event.kind != Kind::fault) continue;
    EXPECT_EQ(event.slot, slot);
    ++faults;
  }
  EXPECT_EQ(faults, 1u);
  EXPECT_EQ(net.world.count(Kind::shown), 0u);
}

TEST(Worker, NothingIsShownBeforeTheRevealIsFinal) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  std::size_t early = 0, shown = 0;
  for (int i = 0; i < 80; ++i) {
    net.block();
    Worker& worker = *net.members.at(12).worker;
    worker.on_final({net.world.height.value - 1}, 0, net.world.entries);
    for (const codec::PendingTask& task : net.world.slot(12).pending) {
      if (task.is_again) continue;
      for (std::uint8_t part = 0; part < task.parts.size(); ++part) {
        const auto got = worker.show(net.world.job, task.task, task.pass, part);
        const bool is_hidden = task.outcome == codec::Outcome::hidden;
        EXPECT_EQ(got.has_value(), !is_hidden);
        (is_hidden ? early : shown) += 1;
      }
      const auto parts = static_cast<std::uint8_t>(task.parts.size());
      EXPECT_FALSE(worker.show(net.world.job, task.task, task.pass, parts).has_value());
    }
  }
  EXPECT_GT(early, 5u);
  EXPECT_GT(shown, 5u);
}

TEST(Worker, PausedItComputesNothingAndStillSpeaks) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(20);
  Worker& worker = *net.members.at(12).worker;
  worker.pause(true);
  const std::uint64_t slices = worker.stats().slices;
  const std::uint64_t statements = worker.stats().statements;
  net.rounds(4);
  EXPECT_EQ(worker.stats().slices, slices);
  EXPECT_GE(worker.stats().statements, statements + 3);
  worker.pause(false);
  net.rounds(2);
  EXPECT_GT(worker.stats().slices, slices);
}

/// Of a worker that the world does not lead.
WorkerConfig alone_in(const WorkerWorld& net) {
  WorkerConfig config;
  config.genesis = net.world.rules.genesis;
  config.params = net.world.rules.params;
  config.make_workload = make_goldbach;
  return config;
}

// Its program makes other results than the job's: it would be fined for what is no fault.
TEST(Worker, TakesNoPartInAJobOfOtherResultsAndSaysWhy) {
  codec::JobSpec spec = goldbach_spec();
  ++spec.params[1];
  WorkerWorld net(spec);
  net.world.add_account(12, 1'000'000);
  net.world.add_worker(12, 12);
  Worker worker(alone_in(net), identity(12).pair, {});
  worker.on_final({1'000}, 0, net.world.entries);
  EXPECT_FALSE(worker.poll_output());
  ASSERT_EQ(worker.jobs().size(), 1u);
  EXPECT_EQ(worker.jobs()[0].trouble,
            "parameters of results of version 2, where this program's are of 1");
}

TEST(Worker, WithoutAnAccountOrABondItSaysWhyItDoesNotWork) {
  WorkerWorld net;
  Worker worker(alone_in(net), identity(99).pair, {});
  worker.on_final({1'000}, 0, net.world.entries);
  EXPECT_FALSE(worker.poll_output());
  ASSERT_EQ(worker.jobs().size(), 1u);
  EXPECT_EQ(worker.jobs()[0].trouble, "the worker's key is no account's");
  net.world.add_account(99, 10 + 15'999);
  net.world.add_worker(99, 99);
  worker.on_final({1'001}, 0, net.world.entries);
  EXPECT_FALSE(worker.poll_output());
  EXPECT_EQ(worker.jobs()[0].trouble,
            "15999 of the account's bond are free, 1 more slots need 16000");
}

/// What an older version kept of a slice that comes to something else now.
Bytes as_older(Bytes record, bool has_other_root) {
  auto kept = decode_kept(record).value();
  if (auto* task = std::get_if<KeptTask>(&kept)) {
    task->results = 0;
    if (has_other_root) task->roots.at(0) = codec::test::hash_of(99);
  } else if (auto* check = std::get_if<KeptCheck>(&kept)) {
    check->results = 0;
    if (has_other_root) check->roots.at(0) = codec::test::hash_of(99);
  }
  return encode_kept(kept);
}

TEST(Worker, RootsOfOtherResultsAreComputedAgainUnlessTheyHaveBeenSaid) {
  codec::JobSpec spec = goldbach_spec();
  spec.round_blocks = 16;
  WorkerWorld net(spec);
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(4);
  auto& member = net.members.at(12);
  const auto unsaid = [&](const Kept& kept) {
    if (const auto* task = std::get_if<KeptTask>(&kept)) {
      const auto& queue = net.world.slot(12).queue;
      return std::ranges::find(queue, task->task, &codec::QueuedTask::task) != queue.end();
    }
    const auto* check = std::get_if<KeptCheck>(&kept);
    const auto asked =
        ledger::checks_of(net.world.entries, net.world.job, identity(12).key, net.world.height);
    return check != nullptr && std::ranges::any_of(asked, [&](const ledger::AskedCheck& one) {
             return one.target == check->target && one.part == check->part && one.due == check->due;
           });
  };
  // With a check and a task that are done and wait for their round's end, and one that is said.
  const auto count = [&](std::size_t kind) {
    return std::ranges::count_if(member.journal, [&](const Bytes& record) {
      const auto kept = decode_kept(record).value();
      return kept.index() == kind && unsaid(kept);
    });
  };
  for (int i = 0; i < 200; ++i) {
    if (count(0) > 0 && count(1) > 0 && !net.world.slot(12).pending.empty()) break;
    net.block();
  }
  ASSERT_GT(count(0), 0);
  ASSERT_GT(count(1), 0);
  ASSERT_FALSE(net.world.slot(12).pending.empty());
  for (Bytes& record : member.journal) {
    record = as_older(record, unsaid(decode_kept(record).value()));
  }
  net.start(member);
  const std::uint32_t passed = net.world.slot(12).head.passed;
  const std::uint64_t slices = member.worker->stats().slices;
  net.rounds(8);
  EXPECT_GT(member.worker->stats().slices, slices);
  EXPECT_EQ(net.world.count(Kind::fault) + net.world.count(Kind::disputed), 0u);
  EXPECT_EQ(net.world.count(Kind::silent) + net.world.count(Kind::lapsed), 0u);
  EXPECT_GT(net.world.slot(12).head.passed, passed);
}

TEST(Worker, WhatAnOlderVersionKeptIsReadAndIsOfResultsOne) {
  const KeptTask task{{1}, {7}, {codec::test::hash_of(1)}, Bytes{1, 2}, 1};
  const KeptCheck check{{1}, {3}, {4}, 2, {5}, 1, {77}, {1}, task.roots, 1};
  for (const Kept& kept : {Kept(task), Kept(check)}) {
    Bytes old = encode_kept(kept);
    old.erase(old.begin() + 1, old.begin() + 3);
    old[0] -= 15;
    EXPECT_EQ(decode_kept(old).value(), kept);
  }
}

TEST(Worker, AJournalThatGrowsBeginsAnewWithWhatIsNeeded) {
  KeptTask task{{1}, {7}, {codec::test::hash_of(1), codec::test::hash_of(2)}, Bytes{1, 2}, 2};
  KeptCheck check{{1}, {3}, {4}, 2, {5}, 1, {77}, {1, 9}, task.roots, 300};
  WorkerMemory memory;
  memory.keep(task);
  memory.keep(check);
  const auto all = memory.all();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(*decode_kept(all[0]), Kept(task));
  EXPECT_EQ(*decode_kept(all[1]), Kept(check));
  for (const Bytes& record : all) {
    for (std::size_t size = 0; size < record.size(); ++size) {
      EXPECT_FALSE(decode_kept(ByteView(record).first(size)).has_value());
    }
  }
}

}  // namespace
}  // namespace kith::node::test
