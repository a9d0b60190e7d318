// Workers at work: whole lives of tasks, and what must not be lost or said twice when one dies.
#include "node/worker.h"

#include "node/worker_test_util.h"

namespace kith::node::test {
namespace {

TEST(WorkerDispute, AMachineThatWasWrongFindsItsFaultAndConcedes) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(20);
  auto& liar = net.members.at(12);
  // For a while its memory flips a bit in all that it computes the first time.
  liar.spoil = [](const ComputeSlice& slice, Bytes& result) {
    if (!slice.is_fresh) result[15] ^= 1;
  };
  net.rounds(6);
  liar.spoil = {};
  net.rounds(20);
  EXPECT_GT(net.world.count(Kind::disputed), 0u);
  EXPECT_GT(liar.worker->stats().conceded, 0u);
  for (const auto& event : net.world.log) {
    if (event.kind != Kind::fault) continue;
    EXPECT_NE(event.slot, net.world.slot_of(11));
  }
  for (auto& [n, member] : net.members) {
    if (n != 12) EXPECT_EQ(member.worker->stats().conceded, 0u) << n;
  }
}

/// A device that is wrong about one slice of each task, whenever it computes it.
void break_for_good(WorkerWorld::Member& member) {
  member.spoil = [](const ComputeSlice& slice, Bytes& result) {
    if (slice.unit == slice.task.value % 16 && slice.slice == 1) result[15] ^= 1;
  };
}

/// That nobody but `liar` has had a fault.
void expect_only(const WorkerWorld& net, const std::set<SlotId>& liars) {
  for (const auto& event : net.world.log) {
    if (event.kind == Kind::fault) EXPECT_TRUE(liars.contains(event.slot)) << event.slot.value;
  }
}

TEST(WorkerDispute, WhoIsRightContestsDownToTheSliceAndWins) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(20);
  auto& liar = net.members.at(12);
  const SlotId slot = net.world.slot_of(12);
  break_for_good(liar);
  std::size_t as_worker = 0, as_checker = 0;
  for (int i = 0; i < 60 * 4 && as_worker * as_checker == 0; ++i) {
    net.block();
    for (const auto& asked : ledger::verdicts_asked(net.world.entries)) {
      // Both have moved to the end, and say what they have.
      const auto dispute = ledger::find_dispute(net.world.entries, asked.dispute).value();
      const bool is_liars = dispute.worker.worker == identity(12).key;
      const Hash truth = net.truth(asked.task, asked.unit, asked.slice);
      EXPECT_EQ(asked.unit, asked.task.value % 16);
      EXPECT_EQ(asked.slice, 1u);
      EXPECT_EQ(dispute.said == truth, !is_liars);
      EXPECT_EQ(dispute.said_other == truth, is_liars);
      ++(is_liars ? as_worker : as_checker);
    }
  }
  EXPECT_GT(as_worker, 0u);
  EXPECT_GT(as_checker, 0u);
  EXPECT_EQ(net.world.count(Kind::fault), 0u);
  EXPECT_EQ(liar.worker->stats().conceded, 0u) << "its machine says the same each time";
  EXPECT_GT(net.judge_all(), 0u);
  net.rounds(1);
  EXPECT_GT(net.world.count(Kind::fault), 0u);
  expect_only(net, {slot});
  for (auto& [n, member] : net.members) EXPECT_EQ(member.worker->stats().conceded, 0u) << n;
}

TEST(WorkerDispute, ADisputeIsContestedAllTheSameWhenBothSidesBeginAnewBeforeEachMove) {
  // Or once, when it is opened, and without their journals.
  for (const bool loses_journal : {false, true}) {
    SCOPED_TRACE(loses_journal);
    WorkerWorld net;
    for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
    net.rounds(20);
    auto& liar = net.members.at(12);
    const SlotId slot = net.world.slot_of(12);
    break_for_good(liar);
    std::size_t judged = 0;
    std::uint64_t seen = 0;
    for (int i = 0; i < 60 * 4 && judged == 0; ++i) {
      const ledger::Entries& entries = net.world.entries;
      std::set<ChainKey> sides;
      const std::uint64_t next = ledger::jobs_of(entries).next_dispute;
      for (std::uint64_t number = loses_journal ? seen + 1 : 1; number < next; ++number) {
        const auto dispute = ledger::find_dispute(entries, number);
        if (dispute) sides.insert({dispute->worker.worker, dispute->other.worker});
      }
      if (loses_journal && seen > 0) sides.clear();
      seen = next - 1;
      for (auto& [n, member] : net.members) {
        if (!sides.contains(identity(n).key)) continue;
        if (loses_journal) member.journal.clear();
        net.start(member);
      }
      net.block();
      judged += net.judge_all();
    }
    EXPECT_GT(judged, 0u);
    net.rounds(1);
    EXPECT_GT(net.world.count(Kind::fault), 0u);
    expect_only(net, {slot});
  }
}

TEST(WorkerDispute, OneThatWasWrongOnceConcedesWhenItIsAskedForTheUnit) {
  WorkerWorld net;
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  net.rounds(20);
  auto& wrong = net.members.at(12);
  wrong.spoil = [](const ComputeSlice& slice, Bytes& result) {
    if (!slice.is_fresh && slice.unit == 3 && slice.slice == 0) result[15] ^= 1;
  };
  for (int i = 0; i < 60 * 4 && wrong.worker->stats().conceded == 0; ++i) net.block();
  ASSERT_GT(wrong.worker->stats().conceded, 0u);
  std::size_t told = 0;
  for (const WorkerOutput& news : wrong.news) {
    const auto* const looked = std::get_if<DisputeLooked>(&news);
    if (looked != nullptr && looked->was_wrong) ++told;
  }
  EXPECT_EQ(told, wrong.worker->stats().conceded);
  net.rounds(1);
  EXPECT_TRUE(ledger::verdicts_asked(net.world.entries).empty());
  for (auto& [n, member] : net.members) {
    if (n != 12) EXPECT_EQ(member.worker->stats().conceded, 0u) << n;
  }
}

codec::JobSpec two_passes() {
  codec::JobSpec spec = goldbach_spec();
  spec.passes = 2;
  spec.tasks = 32;
  spec.region_tasks = 16;
  return spec;
}

TEST(WorkerDispute, AJobOfTwoPassesIsWorkedToItsEnd) {
  const codec::JobSpec spec = two_passes();
  WorkerWorld net(spec);
  for (std::uint32_t n = 10; n < 18; ++n) net.add(n);
  for (int i = 0; i < 300 * spec.round_blocks; ++i) {
    net.block();
    if (!ledger::find_job(net.world.entries, net.world.job)) break;
  }
  EXPECT_FALSE(ledger::find_job(net.world.entries, net.world.job));
  EXPECT_EQ(net.world.count(Kind::accepted), 2u * spec.tasks);
  EXPECT_EQ(net.world.count(Kind::fault) + net.world.count(Kind::disputed), 0u);
  std::set<std::uint64_t> first, second;
  for (const auto& event : net.world.log) {
    if (event.kind == Kind::accepted) (event.pass == 1 ? first : second).insert(event.task.value);
  }
  EXPECT_EQ(first.size(), spec.tasks);
  EXPECT_EQ(second.size(), spec.tasks);
  for (auto& [n, member] : net.members) {
    EXPECT_GT(member.worker->stats().firsts, 0u) << n;
    for (const codec::Record& record : member.records) {
      const auto& others = net.world.first_pass.at(record.task.value);
      if (record.pass == 2) EXPECT_NE(record.account, others.account) << record.task.value;
    }
  }
}

TEST(WorkerDispute, WhoHasNotSeenTheFirstPassAsksOthersAndWhoLosesItsMemoryReadsItAgain) {
  const codec::JobSpec spec = two_passes();
  WorkerWorld net(spec);
  for (std::uint32_t n = 10; n < 18; ++n) net.add(n);
  for (int i = 0; i < 300 * 4 && !net.world.entry().second_first; ++i) net.block();
  // All begin anew, two of them without what they had taken down of others' first passes.
  for (auto& [n, member] : net.members) {
    std::erase_if(member.journal, [&, key = n](const Bytes& record) {
      return key < 12 && (record.front() == 7 || record.front() == 8);
    });
    net.start(member);
  }
  for (int i = 0; i < 300 * spec.round_blocks; ++i) {
    net.block();
    if (!ledger::find_job(net.world.entries, net.world.job)) break;
  }
  EXPECT_FALSE(ledger::find_job(net.world.entries, net.world.job));
  EXPECT_EQ(net.world.count(Kind::fault), 0u);
  for (auto& [n, member] : net.members) EXPECT_GT(member.worker->stats().firsts, 0u) << n;
}

TEST(WorkerDispute, AFalseFirstPassIsFoundByTheSecondAndContestedByBoth) {
  codec::JobSpec spec = two_passes();
  WorkerWorld net(spec);
  for (std::uint32_t n = 10; n < 18; ++n) net.add(n);
  // All have the same fault, so that nobody finds it.
  for (auto& [n, member] : net.members) {
    member.spoil = [](const ComputeSlice& slice, Bytes& result) {
      if (slice.task.value == 3 && slice.unit == 5 && slice.slice == 1) result[15] ^= 1;
    };
  }
  for (int i = 0; i < 300 * 4 && !net.world.entry().second_first; ++i) net.block();
  ASSERT_TRUE(net.world.first_pass.contains(3));
  const codec::Record first = net.world.first_pass.at(3);
  for (auto& [n, member] : net.members) {
    if (identity(n).key != first.worker) member.spoil = {};
  }
  std::size_t judged = 0;
  for (int i = 0; i < 100 * 4 && judged == 0; ++i) {
    net.block();
    for (const auto& asked : ledger::verdicts_asked(net.world.entries)) {
      EXPECT_EQ(asked.kind, codec::DisputeKind::passes);
      EXPECT_EQ(asked.task.value, 3u);
      EXPECT_EQ(asked.unit, 5u);
      EXPECT_EQ(asked.slice, 1u);
      const auto dispute = ledger::find_dispute(net.world.entries, asked.dispute).value();
      EXPECT_EQ(dispute.said, net.truth(asked.task, asked.unit, asked.slice));
      EXPECT_EQ(dispute.other.worker, first.worker);
    }
    judged += net.judge_all();
  }
  EXPECT_EQ(judged, 1u);
  net.rounds(1);
  EXPECT_GT(net.world.count(Kind::fault), 0u);
  expect_only(net, {first.slot});
}

}  // namespace
}  // namespace kith::node::test
