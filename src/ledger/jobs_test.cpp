// Whole lives of tasks, and one test for each lie that the rules are to stop: it fails when the
// rule is taken out (docs/protocol/compute.md, "Attacks").
#include "ledger/jobs.h"

#include "ledger/jobs_audit_test_util.h"

namespace kith::ledger::test {
namespace {

using Kind = JobEvent::Kind;

/// Concedes whatever is disputed, as one who was wrong and is asked to show it.
void concede_all(JobWorld& world, std::uint32_t liar) {
  for (std::uint64_t dispute = 1; dispute < jobs_of(world.entries).next_dispute; ++dispute) {
    if (find_dispute(world.entries, dispute)) {
      (void)world.order(codec::ConcedeDispute{dispute}, liar);
    }
  }
}

/// From now on all units of the tasks that it gets are false.
void begin_to_lie(JobWorld& world, std::uint32_t key) {
  const std::uint64_t from = world.entry().next;
  world.workers[key].lies = [from](TaskIndex task, std::uint8_t) {
    FalseUnits all;
    for (std::uint16_t unit = 0; unit < 64 && task.value >= from; ++unit) all.insert(unit);
    return all;
  };
}

bool has_accepted(const JobWorld& world, SlotId slot) {
  return std::ranges::any_of(world.log, [&](const JobEvent& event) {
    return event.kind == Kind::accepted && event.slot == slot;
  });
}

TEST(Jobs, ATaskLivesAsThePageSays) {
  JobWorld world;
  world.populate(10, 12);
  world.rounds(40);
  EXPECT_GT(world.entry().accepted, 20u);
  EXPECT_EQ(world.count(Kind::fault), 0u);
  EXPECT_EQ(world.count(Kind::disputed), 0u);
  EXPECT_EQ(world.count(Kind::withdrawn), 0u);
  EXPECT_EQ(world.burnt, 0u);
  int alike = 0;
  int diverse = 0;
  for (const auto& [task, record] : world.first_pass) {
    for (const SlotId checker : record.checkers) {
      const auto slot = find_slot(world.entries, world.job, checker);
      ASSERT_TRUE(slot.has_value());
      EXPECT_NE(slot->head.owner, record.account);
      ++(slot->head.device_class == record.device_class ? alike : diverse);
    }
  }
  EXPECT_GT(diverse, 20 * alike);  // that is so in the first tries only
}

TEST(Jobs, AJobEndsWhenAllIsAcceptedAndWhatIsLeftComesBack) {
  codec::JobSpec spec = small_spec();
  spec.tasks = 8;
  spec.eps_ppm = 100'000;
  spec.checked_min = 64;
  JobWorld world(spec);
  world.populate(10, 6);
  world.rounds(60);
  EXPECT_FALSE(find_job(world.entries, world.job).has_value());
  EXPECT_EQ(world.count(Kind::accepted), 8u);
  EXPECT_EQ(world.count(Kind::region_done), 1u);
  EXPECT_EQ(find_region(world.entries, world.job, 0)->first.count(), 8u);
  EXPECT_TRUE(jobs_of(world.entries).jobs.empty());
  const auto account = codec::decode_account(
      *world.entries.find(EntryKind::account, JobWorld::account(JobWorld::submitter)));
  EXPECT_GT(account->earned, 0u);
  EXPECT_LT(account->earned, JobWorld::escrow - 8 * 2 * spec.price + 1);
}

TEST(Jobs, AJobThatRunsDryPausesAndOwesNobody) {
  JobWorld world(small_spec(), 3 * 6'400 - 1);
  world.populate(10, 6);
  world.rounds(20);
  EXPECT_EQ(world.count(Kind::leased), 1u);
  ASSERT_TRUE(world.order(codec::FundJob{world.job, 1'000'000}, 0));
  world.rounds(10);
  EXPECT_GT(world.count(Kind::leased), 6u);
}

TEST(Jobs, WhoComputesFalselyIsCaughtAndLosesWhatMatured) {
  JobWorld world;
  world.populate(10, 10);
  world.rounds(14);
  const auto before = world.slot(10);
  ASSERT_GE(before.maturing.size() + before.head.passed, 2u);
  begin_to_lie(world, 10);
  for (int i = 0; i < 80 && world.count(Kind::fault) == 0; ++i) {
    world.block();
    concede_all(world, 10);
  }
  ASSERT_EQ(world.count(Kind::fault), 1u);
  EXPECT_EQ(world.burnt, small_spec().bond / 16);
  EXPECT_FALSE(find_enrolment(world.entries, world.job, identity(10).key).has_value());
  EXPECT_EQ(world.member(10).passed, 0u);
  EXPECT_EQ(world.member(10).faults, 1u);
}

TEST(Jobs, AFaultWithdrawsWhatMaturesInAllSlotsOfTheOwner) {
  JobWorld world;
  world.rules.fresh_slots = 64;
  world.populate(10, 10);
  world.add_account(40, 1'000'000);
  world.add_worker(40, 41, 1);
  world.add_worker(40, 42, 2);
  ASSERT_TRUE(world.enrol(41, 1));
  ASSERT_TRUE(world.enrol(42, 1));
  for (int i = 0; i < 80 && world.slot(41).maturing.empty(); ++i) world.block();
  ASSERT_FALSE(world.slot(41).maturing.empty());
  begin_to_lie(world, 42);
  const std::size_t withdrawn = world.count(Kind::withdrawn);
  for (int i = 0; i < 60 && world.count(Kind::fault) == 0; ++i) {
    world.block();
    concede_all(world, 42);
  }
  ASSERT_EQ(world.count(Kind::fault), 1u);
  world.rounds(2);
  EXPECT_GT(world.count(Kind::withdrawn), withdrawn);
  EXPECT_EQ(world.slot(41).head.faults, 1u);
}

TEST(Jobs, WhatIsPassedWhileSomethingIsOverdueCountsLaterOnly) {
  JobWorld world;
  world.populate(10, 10);
  world.add_account(40, 1'000'000);
  world.add_worker(40, 41, 1);
  world.add_worker(40, 42, 2);
  ASSERT_TRUE(world.enrol(41, 1));
  ASSERT_TRUE(world.enrol(42, 1));
  world.rounds(10);
  world.workers[42].is_mute_at_reveal = true;
  for (int i = 0; i < 80 && world.member(40).overdue.empty(); ++i) world.block();
  ASSERT_FALSE(world.member(40).overdue.empty());
  const std::uint32_t passed_then = world.member(40).overdue[0].passed;
  bool has_passed_more = false;
  while (!world.member(40).overdue.empty() && world.count(Kind::fault) == 0) {
    world.block();
    if (world.count(Kind::fault) > 0) break;
    const auto member = world.member(40);
    has_passed_more = has_passed_more || member.passed > passed_then + 2;
    EXPECT_EQ(passed_in_order(member), passed_then);
    EXPECT_LE(member.tasks, std::uint64_t{passed_then});
  }
  EXPECT_TRUE(has_passed_more);
  // Silent for as long as a dispute's move may take: that is a fault.
  EXPECT_EQ(world.count(Kind::fault), 1u);
}

TEST(Jobs, NobodyChecksItsOwn) {
  JobWorld world;
  world.populate(10, 4);
  world.add_account(40, 1'000'000);
  world.add_worker(40, 41, 1);
  world.add_worker(40, 42, 2);
  ASSERT_TRUE(world.enrol(41, 8));
  ASSERT_TRUE(world.enrol(42, 8));
  world.rounds(30);
  ASSERT_GT(world.first_pass.size(), 10u);
  for (const auto& [task, record] : world.first_pass) {
    for (const SlotId checker : record.checkers) {
      const auto slot = find_slot(world.entries, world.job, checker);
      if (slot) EXPECT_NE(slot->head.owner, record.account);
    }
  }
}

TEST(Jobs, WhoseCheckersAreSilentIsAcceptedAllTheSame) {
  // One of many slots nearly always waits for another checker: that must not stop all of them.
  JobWorld world;
  world.rules.fresh_slots = 64;
  world.populate(10, 10);
  for (std::uint32_t key = 10; key < 13; ++key) world.workers[key].is_silent_checker = true;
  world.add_account(40, 1'000'000);
  world.add_worker(40, 41, 1);
  ASSERT_TRUE(world.enrol(41, 16));
  world.rounds(40);
  EXPECT_GT(world.count(Kind::silent), 20u);
  EXPECT_GT(world.member(40).tasks, 16u);
  EXPECT_EQ(world.count(Kind::fault), 0u);
}

TEST(Jobs, AMadeUpCheckIsADisputeThatTheCheckerLoses) {
  JobWorld world;
  world.populate(10, 10);
  world.workers[11].makes_checks_up = true;
  for (int i = 0; i < 60 && world.count(Kind::disputed) == 0; ++i) world.block();
  ASSERT_GT(world.count(Kind::disputed), 0u);
  const auto dispute = find_dispute(world.entries, 1);
  ASSERT_TRUE(dispute.has_value());
  EXPECT_EQ(dispute->other.worker, identity(11).key);
  EXPECT_FALSE(world.order(codec::ConcedeDispute{1}, 12).has_value());  // a stranger
  ASSERT_TRUE(world.order(codec::ConcedeDispute{1}, 11).has_value());
  EXPECT_EQ(world.count(Kind::fault), 1u);
  EXPECT_FALSE(find_enrolment(world.entries, world.job, identity(11).key).has_value());
}

TEST(Jobs, WhoIsSilentInADisputeHasConcededAndWhoMovesLosesNothing) {
  JobWorld world;
  world.populate(10, 10);
  world.workers[11].makes_checks_up = true;
  for (int i = 0; i < 60 && world.count(Kind::disputed) == 0; ++i) world.block();
  world.workers[11].makes_checks_up = false;
  const auto dispute = find_dispute(world.entries, 1).value();
  const SlotId worker = dispute.worker.slot;
  EXPECT_EQ(find_slot(world.entries, world.job, worker)->head.owed_moves, 1);
  for (std::uint32_t key = 10; key < 20; ++key) {
    if (key != 11) world.move(key);
  }
  EXPECT_EQ(find_slot(world.entries, world.job, worker)->head.owed_moves, 0);
  EXPECT_EQ(find_slot(world.entries, world.job, worker)->head.disputes, 1);
  EXPECT_GE(world.slot(11).head.owed_moves, 1);
  const std::uint64_t leases = world.count(Kind::leased);
  while (find_dispute(world.entries, 1)) world.block();
  EXPECT_GT(world.count(Kind::leased), leases);
  EXPECT_EQ(world.count(Kind::fault), 1u);
  EXPECT_EQ(world.burnt, small_spec().bond / 16);
  EXPECT_EQ(world.member(11).faults, 1u);
  EXPECT_EQ(find_slot(world.entries, world.job, worker)->head.disputes, 0);
}

TEST(Jobs, ASilentCheckerIsReplacedAndRests) {
  JobWorld world;
  world.populate(10, 10);
  world.workers[11].is_silent_checker = true;
  world.rounds(16);
  EXPECT_GT(world.count(Kind::silent), 0u);
  EXPECT_EQ(world.count(Kind::fault), 0u);
  EXPECT_GT(world.count(Kind::settled), 10u);
  EXPECT_GT(world.slot(11).head.idle_until, 0u);
}

TEST(Jobs, WhoIsGoneLapsesAndHasAShorterQueue) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(12).queue.empty(); ++i) world.block();
  const TaskIndex task = world.slot(12).queue.front().task;
  world.workers[12].is_away = true;
  world.rounds(small_spec().lease_rounds + 2);
  EXPECT_TRUE(world.slot(12).head.has_lapsed);
  const bool lapsed = std::ranges::any_of(world.log, [&](const JobEvent& event) {
    return event.kind == Kind::lapsed && event.task == task;
  });
  EXPECT_TRUE(lapsed);
  EXPECT_EQ(world.burnt, 0u);
  world.rounds(static_cast<int>(gone_rounds) + 2);
  EXPECT_FALSE(find_enrolment(world.entries, world.job, identity(12).key).has_value());
}

TEST(Jobs, ARevealBeforeTheChecksAreInIsVoidAndSoIsACopiedCommitment) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && (world.slot(10).pending.empty() || world.slot(10).pending[0].due == 0);
       ++i) {
    world.block();
  }
  const codec::PendingTask pending = world.slot(10).pending.at(0);
  ASSERT_NE(pending.due, 0u);
  const auto cohort = world.enrolment(10).cohort;
  codec::RevealLine reveal{root_of(pending.task, {}), {}};
  for (std::uint8_t i = 0; i < pending.parts.size(); ++i) {
    reveal.parts.push_back(part_root(
        pending.task, codec::units_of_part(pending.seed, small_spec(), i, pending.checked), {}));
  }
  const auto say = [&](std::uint32_t key, codec::StatementLine line) {
    const auto round = statement_round(world.entry(), world.enrolment(key).cohort, world.height);
    codec::JobStatement said{
        world.job, round.value_or(0), identity(key).key, {std::move(line)}, {}};
    ASSERT_TRUE(world.order(codec::CarryStatements{{said}}, 0).has_value());
  };
  ASSERT_LT(*statement_round(world.entry(), cohort, world.height), pending.due);
  say(10, {world.slot_of(10), std::nullopt, reveal, std::nullopt, {}});
  EXPECT_EQ(world.slot(10).pending[0].outcome, codec::Outcome::hidden);
  // Another's commitment does not open to the same root, for it names slot and key.
  say(11, {world.slot_of(11), pending.commit, std::nullopt, std::nullopt, {}});
  EXPECT_NE(codec::task_commitment({world.rules.genesis, world.job, pending.task, 1},
                                   world.slot_of(11), identity(11).key, reveal.root),
            pending.commit);
}

TEST(Jobs, StatementsOfOthersSlotsOfOtherRoundsOrTwiceHaveNoEffect) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).queue.empty(); ++i) world.block();
  ASSERT_FALSE(world.slot(10).queue.empty());
  const auto round = *statement_round(world.entry(), world.enrolment(10).cohort, world.height);
  const codec::StatementLine line{world.slot_of(10), hash_of(5), std::nullopt, std::nullopt, {}};
  const auto carry = [&](std::uint32_t key, std::uint64_t of_round) {
    const codec::JobStatement said{world.job, of_round, identity(key).key, {line}, {}};
    return world.order(codec::CarryStatements{{said}}, 0).has_value();
  };
  EXPECT_TRUE(carry(11, round));      // not its slot
  EXPECT_TRUE(carry(10, round + 1));  // not yet
  EXPECT_TRUE(carry(99, round));      // nobody's key
  EXPECT_TRUE(world.slot(10).pending.empty());
  EXPECT_TRUE(carry(10, round));
  EXPECT_EQ(world.slot(10).pending.size(), 1u);
  EXPECT_TRUE(carry(10, round));  // again
  EXPECT_EQ(world.slot(10).pending.size(), 1u);
}

TEST(Jobs, ACommitmentThatIsSaidTwiceIsNoneToTheNextTask) {
  JobWorld world;
  world.populate(10, 10);
  const auto round = [&] {
    return *statement_round(world.entry(), world.enrolment(10).cohort, world.height);
  };
  const auto is_ready = [&] { return world.slot(10).queue.size() == 2; };
  for (int i = 0; i < 400 && !is_ready(); ++i) world.block();
  ASSERT_TRUE(is_ready());
  const std::size_t before = world.slot(10).pending.size();
  const auto carry = [&](std::uint8_t commitment) {
    const codec::StatementLine line{world.slot_of(10), hash_of(commitment), {}, {}, {}};
    const codec::JobStatement said{world.job, round(), identity(10).key, {line}, {}};
    EXPECT_TRUE(world.order(codec::CarryStatements{{said}}, 0).has_value());
    return world.slot(10).pending.size() - before;
  };
  EXPECT_EQ(carry(5), 1u);
  EXPECT_EQ(carry(5), 1u) << "by two carriers, or by who wants it to be a fault";
  EXPECT_EQ(world.slot(10).queue.size(), 1u);
  EXPECT_EQ(carry(6), 2u);
}

TEST(Jobs, BeginnersAreCheckedInWholeAndGetOneTaskAtATime) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 200; ++i) {
    world.block();
    for (const auto& [key, worker] : world.workers) {
      const auto slot = world.slot(key);
      if (slot.head.passed < 2) EXPECT_LE(slot.queue.size() + slot.pending.size(), 1u);
      for (const auto& task : slot.pending) {
        if (slot.head.passed < 2 && task.checked != 0) EXPECT_EQ(task.checked, 64);
      }
    }
  }
}

TEST(Jobs, SlotsNeedABondAndComeInNumbersThatCheckersCanBear) {
  JobWorld world;
  world.add_account(10, 10 + 3 * small_spec().bond);
  world.add_worker(10, 10);
  EXPECT_EQ(world.enrol(10, 4).error().code, Code::refused);  // the bond is for three
  EXPECT_TRUE(world.enrol(10, 3));
  EXPECT_EQ(world.enrol(10, 1).error().code, Code::refused);
  world.add_account(11, 100'000'000);
  world.add_worker(11, 11);
  EXPECT_EQ(world.enrol(11, 30).error().code, Code::limit);
  EXPECT_TRUE(world.enrol(11, 29));
  EXPECT_EQ(world.enrol(11, 1).error().code, Code::limit);
  world.rounds(2);
  EXPECT_TRUE(world.enrol(11, 32));
  world.add_worker(JobWorld::submitter, 12);
  EXPECT_EQ(world.enrol(12, 1).error().code, Code::refused);  // its own job
  EXPECT_EQ(world.order(codec::EnrolSlots{world.job, identity(11).key, 1}, 10).error().code,
            Code::permission);
}

TEST(Jobs, WhatIsSaidInTheGapChangesNobodysPresence) {
  JobWorld world;
  world.populate(10, 4);
  world.workers[10].is_away = true;
  world.rounds(8);
  const auto cohort = world.enrolment(10).cohort;
  const auto present = [&](Height at) {
    JobWork work(world.rules, world.height, world.entries, world.job, world.entry(), nullptr);
    return is_present(work, identity(10).key, at);
  };
  const Height now = world.height;
  ASSERT_FALSE(present(now));
  const auto round = *statement_round(world.entry(), cohort, now);
  const codec::JobStatement said{world.job, round, identity(10).key, {}, {}};
  ASSERT_TRUE(world.order(codec::CarryStatements{{said}}, 0).has_value());
  EXPECT_FALSE(present(now));
  world.rounds(1);
  EXPECT_TRUE(present(world.height));
  EXPECT_FALSE(present(now));
}

TEST(Jobs, CredibilityIsOfOneJob) {
  JobWorld world;
  world.populate(10, 8);
  world.rounds(12);
  ASSERT_GE(world.member(10).passed, 2u);
  ASSERT_TRUE(world.order(codec::SubmitJob{JobWorld::account(11), small_spec(), 0}, 11));
  EXPECT_FALSE(find_member(world.entries, {2}, JobWorld::account(10)).has_value());
}

codec::JobSpec two_passes() {
  codec::JobSpec spec = small_spec();
  spec.passes = 2;
  spec.tasks = 8;
  spec.region_tasks = 8;
  spec.eps_ppm = 100'000;
  spec.checked_min = 64;
  return spec;
}

TEST(Jobs, TheSecondPassComparesWithTheFirst) {
  JobWorld world(two_passes());
  world.populate(10, 8);
  world.rounds(90);
  EXPECT_EQ(world.count(Kind::region_done), 2u);
  EXPECT_EQ(world.count(Kind::fault), 0u);
  EXPECT_EQ(find_region(world.entries, world.job, 0)->second.count(), 8u);
}

TEST(Jobs, AFalseFirstPassIsFoundByTheSecond) {
  JobWorld world(two_passes());
  world.populate(10, 8);
  // All agree about worker 10's false unit, until the first pass is done.
  const FalseUnits lie{3};
  world.workers[10].lies = [&](TaskIndex, std::uint8_t pass) {
    return pass == 1 ? lie : FalseUnits{};
  };
  const std::uint32_t liar = world.slot_of(10).value;
  for (auto& [key, worker] : world.workers) {
    worker.believes = [&, liar](TaskIndex, std::uint32_t target) -> std::optional<FalseUnits> {
      if (target == liar && world.count(Kind::region_done) == 0) return lie;
      return std::nullopt;
    };
  }
  for (int i = 0; i < 400 && world.count(Kind::disputed) == 0; ++i) world.block();
  ASSERT_TRUE(has_accepted(world, {liar}));
  const auto dispute = find_dispute(world.entries, 1);
  ASSERT_TRUE(dispute.has_value());
  EXPECT_EQ(dispute->kind, codec::DisputeKind::passes);
  EXPECT_EQ(dispute->other.worker, identity(10).key);
  ASSERT_TRUE(world.order(codec::ConcedeDispute{1}, 10));
  EXPECT_EQ(world.count(Kind::fault), 1u);
}

TEST(Jobs, WithoutTheFirstPassRecordASecondCountsForNothing) {
  JobWorld world(two_passes());
  world.populate(10, 8);
  for (auto& [key, worker] : world.workers) worker.tells_of_pass_1 = false;
  world.rounds(60);
  EXPECT_EQ(world.count(Kind::region_done), 1u);
  for (const JobEvent& event : world.log) {
    if (event.kind == Kind::accepted) EXPECT_EQ(event.pass, 1);
  }
}

TEST(Jobs, WhoLeavesGetsNoMoreLeasesAndItsBondBack) {
  JobWorld world;
  world.populate(10, 8);
  ASSERT_TRUE(world.order(codec::LeaveJob{world.job, identity(10).key, 1}, 10));
  world.rounds(4);
  EXPECT_FALSE(find_enrolment(world.entries, world.job, identity(10).key).has_value());
  const auto account =
      codec::decode_account(*world.entries.find(EntryKind::account, JobWorld::account(10)));
  EXPECT_EQ(account->held, 0u);
  EXPECT_EQ(account->bond, 1'000'000u);
  ASSERT_TRUE(world.enrol(10, 1));  // the number is used again
  world.rounds(10);
  EXPECT_GT(world.slot(10).head.passed, 0u);
}

TEST(Jobs, WhoLeavesIsCheckedAgainUntilAllItsTasksAreAccepted) {
  JobWorld world;
  world.populate(10, 8);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  ASSERT_FALSE(world.slot(10).maturing.empty());
  const std::uint64_t leased = world.count(Kind::leased);
  ASSERT_TRUE(world.order(codec::LeaveJob{world.job, identity(10).key, 1}, 10));
  world.rounds(24);
  EXPECT_FALSE(find_enrolment(world.entries, world.job, identity(10).key).has_value());
  EXPECT_GT(world.count(Kind::checked_again), 0u);
  EXPECT_GT(world.member(10).tasks, 0u);
  EXPECT_GT(world.count(Kind::leased), leased);  // by the others
  EXPECT_EQ(world.count(Kind::withdrawn), 0u);
}

TEST(Jobs, AWithdrawnKeyIsOutOfTheJob) {
  JobWorld world;
  world.populate(10, 8);
  world.entries.erase(EntryKind::worker, identity(10).key);
  world.rounds(4);
  EXPECT_FALSE(find_enrolment(world.entries, world.job, identity(10).key).has_value());
}

TEST(Jobs, OrdersNeedTheirSigner) {
  JobWorld world;
  EXPECT_EQ(world.order(codec::EndJob{world.job}, 0).error().code, Code::permission);
  EXPECT_EQ(world.order(codec::EndJob{world.job}, 9).error().code, Code::permission);
  EXPECT_EQ(world.order(codec::SubmitJob{JobWorld::account(1), small_spec(), 5}, 9).error().code,
            Code::permission);
  codec::JobSpec slow = small_spec();
  slow.checked_min = 1;
  slow.eps_ppm = 10;
  EXPECT_EQ(world.order(codec::SubmitJob{JobWorld::account(1), slow, 5}, 1).error().code,
            Code::refused);
  ASSERT_TRUE(world.order(codec::EndJob{world.job}, 1).has_value());
  world.rounds(3);
  EXPECT_FALSE(find_job(world.entries, world.job).has_value());
}

}  // namespace
}  // namespace kith::ledger::test
