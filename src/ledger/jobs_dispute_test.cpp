// Disputes that a side contests: each kind to its end, and one test for each lie that the rules are
// to stop (docs/protocol/compute.md, "Disputes" and "Attacks").
#include "ledger/jobs_dispute.h"

#include "ledger/jobs_audit_test_util.h"

namespace kith::ledger::test {
namespace {

using codec::DisputeKind;
using codec::DisputeMove;
using codec::DisputeStage;
using codec::FileDispute;
using Kind = JobEvent::Kind;

constexpr Amount bond = 16'000;

FalseUnits all_units(std::uint16_t units = units_of_tests) {
  FalseUnits all;
  for (std::uint16_t unit = 0; unit < units; ++unit) all.insert(unit);
  return all;
}

void until_disputed(JobWorld& world) {
  for (int i = 0; i < 400 && world.count(Kind::disputed) == 0; ++i) world.block();
  ASSERT_TRUE(find_dispute(world.entries, 1).has_value());
}

/// A network in which 10 computes falsely, until a checker says otherwise; who that is.
std::uint32_t false_worker(JobWorld& world, FalseUnits lies = all_units()) {
  world.populate(10, 10);
  world.workers[10].lies = [lies](TaskIndex, std::uint8_t) { return lies; };
  until_disputed(world);
  const auto dispute = find_dispute(world.entries, 1).value();
  EXPECT_EQ(dispute.worker.worker, identity(10).key);
  for (std::uint32_t key = 11; key < 20; ++key) {
    if (identity(key).key == dispute.other.worker) return key;
  }
  return 0;
}

/// One in which 11 makes up what it says of others; whom it accuses.
std::uint32_t false_checker(JobWorld& world) {
  world.populate(10, 10);
  world.workers[11].makes_checks_up = true;
  until_disputed(world);
  world.workers[11].makes_checks_up = false;
  const auto dispute = find_dispute(world.entries, 1).value();
  EXPECT_EQ(dispute.other.worker, identity(11).key);
  for (std::uint32_t key = 10; key < 20; ++key) {
    if (identity(key).key == dispute.worker.worker) return key;
  }
  return 0;
}

/// It goes on choosing the first entry, and says something.
void accuse(JobWorld& world, std::uint32_t worker, const Hash& digest) {
  ASSERT_EQ(world.move(worker), 1u);
  ASSERT_TRUE(world.order(DisputeMove{1, codec::ChooseMove{0, {}}}, 11));
  ASSERT_EQ(world.move(worker), 1u);
  ASSERT_TRUE(world.order(DisputeMove{1, codec::ChooseMove{0, digest}}, 11));
}

TEST(JobsDispute, AFalseSliceIsFoundAndTheKeyLosesAllItsBonds) {
  JobWorld world;
  const std::uint32_t checker = false_worker(world);
  ASSERT_TRUE(world.enrol(10, 2));
  for (int i = 0; i < 4; ++i) world.move(i % 2 == 0 ? 10 : checker);
  const auto dispute = find_dispute(world.entries, 1).value();
  ASSERT_EQ(dispute.stage, DisputeStage::verdict);
  EXPECT_EQ(dispute.slice, dispute.unit % slices_of_tests);
  const Amount earned = world.account_entry(checker).earned;
  ASSERT_TRUE(world.judge(1));
  EXPECT_EQ(world.burnt, 3 * bond / 2);
  EXPECT_EQ(world.account_entry(10).bond, 1'000'000 - 3 * bond);
  EXPECT_EQ(world.account_entry(checker).earned, earned + 3 * bond / 2);
  EXPECT_FALSE(find_enrolment(world.entries, world.job, identity(10).key).has_value());
  EXPECT_EQ(world.member(10).faults, 1u);
  EXPECT_EQ(world.slot(checker).head.disputes, 0);
  EXPECT_TRUE(world.member(checker).overdue.empty());
  world.rounds(2);
}

TEST(JobsDispute, WhoAccusesTheHonestToTheEndLosesItsBondToThem) {
  JobWorld world;
  const std::uint32_t worker = false_checker(world);
  accuse(world, worker, hash_of(0xee));
  const Amount earned = world.account_entry(worker).earned;
  ASSERT_TRUE(world.judge(1));
  EXPECT_EQ(world.account_entry(11).bond, 1'000'000 - bond);
  EXPECT_EQ(world.account_entry(worker).bond, 1'000'000u);
  EXPECT_EQ(world.account_entry(worker).earned, earned + bond / 2);
  EXPECT_EQ(world.member(worker).faults, 0u);
  EXPECT_EQ(world.slot(worker).head.disputes, 0);
}

TEST(JobsDispute, WhoSaysTheSameHasLostWithoutAVerdict) {
  JobWorld world;
  const std::uint32_t worker = false_checker(world);
  const auto dispute = find_dispute(world.entries, 1).value();
  const auto owed = moves_of(world.entries, identity(worker).key).at(0);
  accuse(world, worker, slice_digest(dispute.task, owed.part[0], 0, false));
  EXPECT_FALSE(find_dispute(world.entries, 1).has_value());
  EXPECT_EQ(world.account_entry(11).bond, 1'000'000 - bond);
}

TEST(JobsDispute, WhoAreBothWrongBothLoseAndAllIsBurnt) {
  JobWorld world;
  const std::uint32_t worker = false_checker(world);
  accuse(world, worker, hash_of(0xee));
  const Amount earned = world.account_entry(worker).earned;
  ASSERT_TRUE(world.judge(1, hash_of(0xdd)));
  EXPECT_EQ(world.burnt, 2 * bond);
  EXPECT_EQ(world.account_entry(worker).bond, 1'000'000 - bond);
  EXPECT_EQ(world.account_entry(worker).earned, earned);
}

TEST(JobsDispute, AnOpeningThatDoesNotFitIsNoMoveAndSilenceConcedes) {
  JobWorld world;
  const std::uint32_t checker = false_worker(world);
  const auto owed = moves_of(world.entries, identity(10).key).at(0);
  ASSERT_EQ(owed.stage, DisputeStage::open_part);
  std::vector<Hash> entries;
  for (const std::uint16_t unit : owed.part) entries.push_back(unit_root(owed.task, unit, {}));
  const Entries before = world.entries;
  EXPECT_EQ(world.order(DisputeMove{1, codec::OpenMove{entries}}, 10).error().code, Code::refused);
  entries.pop_back();
  EXPECT_EQ(world.order(DisputeMove{1, codec::OpenMove{entries}}, 10).error().code, Code::refused);
  EXPECT_TRUE(world.entries.changed_since(before).empty());
  world.workers[10].is_away = true;
  while (world.height <= owed.until) world.block();
  EXPECT_EQ(world.count(Kind::fault), 1u);
  EXPECT_EQ(world.account_entry(10).bond, 1'000'000 - bond / 16);
  EXPECT_EQ(world.slot(checker).head.disputes, 0);
}

TEST(JobsDispute, AMoveIsOfWhoseTurnItIsAndHasItsTime) {
  JobWorld world;
  const std::uint32_t checker = false_worker(world);
  const codec::OpenMove any{{hash_of(1)}};
  EXPECT_EQ(world.order(DisputeMove{1, any}, 0).error().code, Code::permission);
  EXPECT_EQ(world.order(DisputeMove{1, any}, checker).error().code, Code::permission);
  EXPECT_EQ(world.order(DisputeMove{2, any}, 10).error().code, Code::not_found);
  EXPECT_EQ(world.order(DisputeMove{1, codec::ChooseMove{0, {}}}, 10).error().code, Code::refused);
  EXPECT_EQ(world.order(DisputeMove{1, codec::ShowMove{{hash_of(1)}, {}}}, 10).error().code,
            Code::refused);
  EXPECT_EQ(world.judge(1).error().code, Code::not_found);  // nobody is asked yet
  for (int i = 0; i < 3; ++i) world.block();
  const Height until = find_dispute(world.entries, 1)->until;
  ASSERT_EQ(world.move(10), 1u);
  EXPECT_GT(find_dispute(world.entries, 1)->until, until);
  EXPECT_EQ(world.move(10), 0u);
  EXPECT_FALSE(world.order(DisputeMove{1, codec::ChooseMove{0, hash_of(1)}}, checker));
  ASSERT_EQ(world.move(checker), 1u);
  ASSERT_EQ(world.move(10), 1u);
  EXPECT_FALSE(world.order(DisputeMove{1, codec::ChooseMove{0, {}}}, checker));
  EXPECT_FALSE(world.order(DisputeMove{1, codec::ChooseMove{4, hash_of(1)}}, checker));  // of four
}

TEST(JobsDispute, WithoutAVerdictNobodyPays) {
  JobWorld world;
  const std::uint32_t checker = false_worker(world);
  for (int i = 0; i < 4; ++i) world.move(i % 2 == 0 ? 10 : checker);
  world.workers[10].is_away = true;
  const Height until = find_dispute(world.entries, 1)->until;
  while (world.height <= until) world.block();
  EXPECT_FALSE(find_dispute(world.entries, 1).has_value());
  EXPECT_EQ(world.burnt, 0u);
  EXPECT_EQ(world.member(10).faults, 1u);
  EXPECT_EQ(world.member(checker).faults, 1u);
  EXPECT_EQ(world.slot(10).head.disputes, 0);
}

TEST(JobsDispute, AVerdictNeedsMoreThanTwoThirdsOfTheWeight) {
  JobWorld world;
  const std::uint32_t checker = false_worker(world);
  for (int i = 0; i < 4; ++i) world.move(i % 2 == 0 ? 10 : checker);
  const Hash digest = hash_of(5);
  const auto code_of = [&](std::vector<codec::VerdictSignature> signatures) {
    return world.order(codec::GiveVerdict{1, digest, std::move(signatures)}, 0).error().code;
  };
  EXPECT_EQ(code_of({{0, {}}, {3, {}}}), Code::refused);
  EXPECT_EQ(code_of({{0, {}}, {1, {}}, {4, {}}}), Code::refused);  // there is no fifth
  world.jury[3].weight = 5;
  EXPECT_EQ(code_of({{0, {}}, {1, {}}, {2, {}}}), Code::refused);  // three of eight
  world.rules.jury = nullptr;
  EXPECT_EQ(code_of({{0, {}}, {1, {}}, {3, {}}}), Code::refused);
  world.rules.jury = &world.jury;
  EXPECT_TRUE(world.order(codec::GiveVerdict{1, digest, {{0, {}}, {3, {}}}}, 0));
}

/// In which all of what 10 computes is false under U, and nothing of what it tells of its parts.
void show_nothing(JobWorld& world) {
  world.populate(10, 10);
  world.workers[10].lies = [](TaskIndex, std::uint8_t) { return all_units(); };
  world.workers[10].tells = [](TaskIndex) { return FalseUnits{}; };
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  ASSERT_EQ(world.slot(10).maturing.at(0).parts.size(), 1u);
}

std::uint32_t checker_of(const JobWorld& world, const codec::MaturingTask& task) {
  const auto slot = find_slot(world.entries, world.job, task.parts.at(0).checker).value();
  for (const auto& [key, worker] : world.workers) {
    if (identity(key).key == slot.head.worker) return key;
  }
  return 0;
}

FileDispute unshown(std::uint16_t part = 0) { return {{}, {}, DisputeKind::unshown, part, 0, {}}; }

TEST(JobsDispute, ARootThatIsNotOverWhatWasCheckedIsFoundWhenItIsAskedFor) {
  JobWorld world;
  show_nothing(world);
  const std::uint32_t checker = checker_of(world, world.slot(10).maturing[0]);
  ASSERT_TRUE(world.file(checker, world.slot_of(10), unshown()));
  EXPECT_EQ(world.slot(10).head.disputes, 0);  // it works on
  EXPECT_EQ(world.slot(10).maturing[0].disputes, 1);
  EXPECT_EQ(world.member(10).overdue.size(), 1u);
  const auto owed = moves_of(world.entries, identity(10).key).at(0);
  ASSERT_EQ(owed.stage, DisputeStage::show_part);
  codec::ShowMove show;
  for (const std::uint16_t unit : owed.part) {
    show.entries.push_back(unit_root(owed.task, unit, {}));  // as it told
  }
  EXPECT_EQ(world.order(DisputeMove{1, show}, 10).error().code, Code::refused);
  for (Hash& entry : show.entries) entry[0] ^= 1;
  EXPECT_EQ(world.order(DisputeMove{1, show}, 10).error().code, Code::refused);
  const Amount fee = find_dispute(world.entries, 1)->held;
  EXPECT_EQ(fee, bond / 256);
  ASSERT_EQ(world.move(10), 1u);  // it finds that it cannot, and concedes
  EXPECT_EQ(world.count(Kind::fault), 1u);
  EXPECT_EQ(world.account_entry(10).bond, 1'000'000 - bond / 16);
  EXPECT_EQ(world.account_entry(checker).bond, 1'000'000u);
}

TEST(JobsDispute, WhoShowsIsPaidByWhoAskedAndLosesNothing) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  const std::uint32_t checker = checker_of(world, world.slot(10).maturing.at(0));
  const Amount earned = world.account_entry(10).earned;
  EXPECT_EQ(world.file(checker == 12 ? 13 : 12, world.slot_of(10), unshown()).error().code,
            Code::permission);
  EXPECT_EQ(world.file(checker, world.slot_of(10), unshown(1)).error().code, Code::refused);
  ASSERT_TRUE(world.file(checker, world.slot_of(10), unshown()));
  EXPECT_EQ(world.file(checker, world.slot_of(10), unshown()).error().code, Code::refused);
  ASSERT_EQ(world.move(10), 1u);
  EXPECT_EQ(world.count(Kind::shown), 1u);
  EXPECT_EQ(world.account_entry(10).earned, earned + bond / 256);
  EXPECT_EQ(world.account_entry(checker).bond, 1'000'000 - bond / 256);
  EXPECT_EQ(world.slot(10).maturing[0].disputes, 0);
  EXPECT_TRUE(world.member(10).overdue.empty());
  EXPECT_EQ(world.file(checker, world.slot_of(10), unshown()).error().code, Code::refused);
  EXPECT_EQ(world.burnt, 0u);
}

TEST(JobsDispute, WhatWasCheckedCanBeAskedForDuringOneRound) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  const std::uint32_t checker = checker_of(world, world.slot(10).maturing.at(0));
  world.rounds(1);
  ASSERT_FALSE(world.slot(10).maturing.empty());
  EXPECT_EQ(world.file(checker, world.slot_of(10), unshown()).error().code, Code::refused);
}

TEST(JobsDispute, NothingIsAcceptedWhileItIsInDispute) {
  codec::JobSpec spec = small_spec();
  spec.eps_ppm = 100'000;
  spec.checked_min = 64;
  JobWorld world(spec);
  world.rules.params.answer_blocks = 400;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  const Hash record = world.slot(10).maturing.at(0).record;
  world.workers[10].tells = [](TaskIndex) { return std::nullopt; };
  ASSERT_TRUE(
      world.file(checker_of(world, world.slot(10).maturing[0]), world.slot_of(10), unshown()));
  world.rounds(30);
  EXPECT_EQ(world.slot(10).maturing.at(0).record, record);
  EXPECT_GT(world.slot(10).head.passed, 10u);
  ASSERT_EQ(world.move(10), 1u);
  world.rounds(2);
  EXPECT_NE(world.slot(10).maturing.at(0).record, record);
}

/// 10 has a false unit in each task, and all vouch for it.
void vouch(JobWorld& world, std::uint16_t unit) {
  world.populate(10, 10);
  const FalseUnits lie{unit};
  world.workers[10].lies = [lie](TaskIndex, std::uint8_t) { return lie; };
  const std::uint32_t liar = world.slot_of(10).value;
  for (auto& [key, worker] : world.workers) {
    worker.believes = [lie, liar](TaskIndex, std::uint32_t target) -> std::optional<FalseUnits> {
      if (target != liar) return std::nullopt;
      return lie;
    };
  }
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  world.add_account(50, 100'000);  // a warden, without a slot
  world.add_worker(50, 51);
}

FileDispute doubt(const JobWorld& world, std::uint32_t key, std::uint16_t unit, bool is_right) {
  const TaskIndex task = world.slot(key).maturing.at(0).task;
  const auto slice = static_cast<std::uint16_t>(unit % slices_of_tests);
  const Hash digest = is_right ? slice_digest(task, unit, slice, false) : hash_of(0xab);
  return {{}, {}, DisputeKind::doubt, unit, slice, digest};
}

TEST(JobsDispute, ARightDoubtTakesTheBondOfTheWorkerAloneWhoeverVouchedForIt) {
  JobWorld world;
  vouch(world, 7);
  ASSERT_TRUE(world.file(51, world.slot_of(10), doubt(world, 10, 7, true)));
  EXPECT_EQ(world.account_entry(50).held, bond);
  EXPECT_EQ(world.slot(10).head.disputes, 1);
  ASSERT_EQ(world.move(10), 1u);
  ASSERT_EQ(find_dispute(world.entries, 1)->stage, DisputeStage::verdict);
  ASSERT_TRUE(world.judge(1));
  EXPECT_EQ(world.account_entry(10).bond, 1'000'000 - bond);
  EXPECT_EQ(world.account_entry(50).earned, bond / 2);
  EXPECT_EQ(world.account_entry(50).held, 0u);
  EXPECT_EQ(world.account_entry(50).bond, 100'000u);
  EXPECT_EQ(world.count(Kind::fault), 1u);
  world.rounds(2);
}

TEST(JobsDispute, WhoseCheckFittedWhatIsNotUnderTheRootIsNotBlamedForIt) {
  // 10 and a friend would else take the bonds of whoever has checked it honestly.
  JobWorld world;
  show_nothing(world);
  const std::uint32_t checker = checker_of(world, world.slot(10).maturing[0]);
  world.add_account(50, 100'000);
  world.add_worker(50, 51);
  ASSERT_TRUE(world.file(51, world.slot_of(10), doubt(world, 10, 5, true)));
  ASSERT_EQ(world.move(10), 1u);
  ASSERT_TRUE(world.judge(1));
  EXPECT_EQ(world.count(Kind::fault), 1u);
  EXPECT_EQ(world.account_entry(checker).bond, 1'000'000u);
}

TEST(JobsDispute, AWrongDoubtLosesItsBondAndTheTaskGoesOn) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  world.add_account(50, 100'000);
  world.add_worker(50, 51);
  const Amount earned = world.account_entry(10).earned;
  const Hash record = world.slot(10).maturing.at(0).record;
  ASSERT_TRUE(world.file(51, world.slot_of(10), doubt(world, 10, 5, false)));
  EXPECT_EQ(world.file(51, world.slot_of(10), doubt(world, 10, 6, false)).error().code,
            Code::refused);  // one at a time
  ASSERT_EQ(world.move(10), 1u);
  ASSERT_TRUE(world.judge(1));
  EXPECT_EQ(world.account_entry(50).bond, 100'000 - bond);
  EXPECT_EQ(world.account_entry(10).earned, earned + bond / 2);
  EXPECT_EQ(world.burnt, bond / 2);
  EXPECT_EQ(world.slot(10).maturing.at(0).record, record);
  EXPECT_EQ(world.slot(10).maturing[0].disputes, 0);
  EXPECT_EQ(world.member(10).faults, 0u);
}

TEST(JobsDispute, ADoubtOfWhatIsRightSaysNothingAndLoses) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  ASSERT_TRUE(world.file(12, world.slot_of(10), doubt(world, 10, 5, true)));
  ASSERT_EQ(world.move(10), 1u);
  EXPECT_FALSE(find_dispute(world.entries, 1).has_value());
  EXPECT_EQ(world.account_entry(12).bond, 1'000'000 - bond);
  EXPECT_EQ(world.slot(12).head.disputes, 0);  // the account's bond, not the slot's
}

TEST(JobsDispute, ADoubtWithoutAVerdictCostsASixteenthAndTheTask) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  const Hash record = world.slot(10).maturing.at(0).record;
  const std::uint32_t passed = world.member(10).passed;
  ASSERT_TRUE(world.file(12, world.slot_of(10), doubt(world, 10, 5, false)));
  ASSERT_EQ(world.move(10), 1u);
  const Height until = find_dispute(world.entries, 1)->until;
  while (world.height <= until) world.block();
  EXPECT_EQ(world.account_entry(12).bond, 1'000'000 - bond / 16);
  EXPECT_GE(world.member(10).passed, passed);
  for (const auto& task : world.slot(10).maturing) EXPECT_NE(task.record, record);
}

TEST(JobsDispute, ADoubtNeedsABondAndAStranger) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  const FileDispute filed = doubt(world, 10, 5, false);
  const SlotId slot = world.slot_of(10);
  EXPECT_EQ(world.file(10, slot, filed).error().code, Code::permission);
  EXPECT_EQ(world.file(99, slot, filed).error().code, Code::permission);  // nobody's worker
  world.add_account(50, bond);  // and nothing for the account itself
  world.add_worker(50, 51);
  EXPECT_EQ(world.file(51, slot, filed).error().code, Code::refused);
  FileDispute other = filed;
  other.unit = 64;
  EXPECT_EQ(world.file(12, slot, other).error().code, Code::refused);
  other = filed;
  other.slice = 4;
  EXPECT_EQ(world.file(12, slot, other).error().code, Code::refused);
  other = filed;
  other.job = world.job;
  codec::Record record = world.record_of(world.slot(10).maturing[0]);
  record.root = hash_of(1);
  other.record = codec::encode_record(record);
  EXPECT_EQ(world.order(other, 12).error().code, Code::refused);
}

TEST(JobsDispute, WhoDoubtsMayConcede) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  ASSERT_TRUE(world.file(12, world.slot_of(10), doubt(world, 10, 5, false)));
  ASSERT_TRUE(world.order(codec::ConcedeDispute{1}, 12));
  EXPECT_EQ(world.account_entry(12).bond, 1'000'000 - bond / 16);
  EXPECT_EQ(world.slot(10).head.disputes, 0);
  EXPECT_EQ(world.slot(10).maturing.at(0).disputes, 0);
}

/// A job whose first pass has a false unit of 10's, for which all have vouched, and the dispute
/// with the second.
void until_passes_differ(JobWorld& world, std::uint16_t unit) {
  world.populate(10, 8);
  const FalseUnits lie{unit};
  world.workers[10].lies = [lie](TaskIndex, std::uint8_t pass) {
    return pass == 1 ? lie : FalseUnits{};
  };
  const std::uint32_t liar = world.slot_of(10).value;
  for (auto& [key, worker] : world.workers) {
    worker.believes = [&world, lie, liar](TaskIndex,
                                          std::uint32_t target) -> std::optional<FalseUnits> {
      if (target == liar && world.count(Kind::region_done) == 0) return lie;
      return std::nullopt;
    };
  }
  for (int i = 0; i < 400 && world.count(Kind::disputed) == 0; ++i) world.block();
  ASSERT_EQ(find_dispute(world.entries, 1)->kind, DisputeKind::passes);
}

codec::JobSpec two_passes(std::uint16_t units) {
  codec::JobSpec spec = small_spec();
  spec.passes = 2;
  spec.tasks = 8;
  spec.region_tasks = 8;
  spec.eps_ppm = 100'000;
  spec.units = units;
  spec.checked_min = 64;
  return spec;
}

TEST(JobsDispute, PassesThatDifferAreOpenedByBothDownToTheSlice) {
  for (const std::uint16_t units : {std::uint16_t{64}, std::uint16_t{256}}) {
    SCOPED_TRACE(units);
    const auto unit = static_cast<std::uint16_t>(units - 3);
    JobWorld world(two_passes(units));
    until_passes_differ(world, unit);
    const ChainKey honest = find_dispute(world.entries, 1)->worker.worker;
    for (int i = 0; i < 3; ++i) {
      for (std::uint32_t key = 10; key < 18; ++key) {
        if (key == 10 || identity(key).key == honest) world.move(key);
      }
    }
    const auto dispute = find_dispute(world.entries, 1).value();
    ASSERT_EQ(dispute.stage, DisputeStage::verdict);
    EXPECT_EQ(dispute.unit, unit);
    EXPECT_EQ(dispute.slice, unit % slices_of_tests);
    ASSERT_TRUE(world.judge(1));
    EXPECT_EQ(world.account_entry(10).bond, 1'000'000 - bond);
    EXPECT_EQ(world.count(Kind::fault), 1u);
    EXPECT_EQ(world.burnt, bond / 2);
    world.rounds(1);
  }
}

TEST(JobsDispute, OfBothThatShouldOpenWhoDoesNotHasConceded) {
  JobWorld world(two_passes(64));
  until_passes_differ(world, 3);
  const auto dispute = find_dispute(world.entries, 1).value();
  for (std::uint32_t key = 11; key < 18; ++key) {
    if (identity(key).key == dispute.worker.worker) EXPECT_EQ(world.move(key), 1u);
    if (identity(key).key == dispute.worker.worker) EXPECT_EQ(world.move(key), 0u);
  }
  while (world.height <= dispute.until) world.block();
  EXPECT_EQ(world.account_entry(10).bond, 1'000'000 - bond / 16);
  EXPECT_EQ(world.count(Kind::fault), 1u);
}

TEST(JobsDispute, IfNeitherOpensBothHaveConceded) {
  JobWorld world(two_passes(64));
  until_passes_differ(world, 3);
  const auto dispute = find_dispute(world.entries, 1).value();
  while (world.height <= dispute.until) world.block();
  EXPECT_EQ(world.count(Kind::fault), 2u);
  EXPECT_EQ(world.burnt, 2 * bond / 16);
}

TEST(JobsDispute, WhoseMachineWasWrongConcedesWhenItIsAskedToOpen) {
  JobWorld world;
  const std::uint32_t checker = false_worker(world, {1, 2, 3});
  world.workers[10].lies = [](TaskIndex, std::uint8_t) { return FalseUnits{}; };  // computed anew
  ASSERT_EQ(world.move(10), 1u);
  EXPECT_FALSE(find_dispute(world.entries, 1).has_value());
  EXPECT_EQ(world.account_entry(10).bond, 1'000'000 - bond / 16);
  EXPECT_EQ(world.account_entry(checker).bond, 1'000'000u);
}

TEST(JobsDispute, AJobThatEndsBeforeItsDisputesGivesBackWhatIsHeld) {
  JobWorld world;
  world.rules.params.answer_blocks = 600;
  world.populate(10, 3);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  ASSERT_TRUE(
      world.file(checker_of(world, world.slot(10).maturing[0]), world.slot_of(10), unshown()));
  for (std::uint32_t key = 10; key < 13; ++key) world.workers[key].is_away = true;
  ASSERT_TRUE(world.order(codec::EndJob{world.job}, JobWorld::submitter));
  world.rounds(static_cast<int>(gone_rounds) + 6);
  ASSERT_FALSE(find_job(world.entries, world.job).has_value());
  ASSERT_TRUE(find_dispute(world.entries, 1).has_value());
  EXPECT_TRUE(moves_of(world.entries, identity(10).key).empty());
  EXPECT_FALSE(world.order(codec::ConcedeDispute{1}, 10).has_value());
  while (find_dispute(world.entries, 1)) world.end_block();
  for (std::uint32_t key = 10; key < 13; ++key) EXPECT_EQ(world.account_entry(key).held, 0u);
}

}  // namespace
}  // namespace kith::ledger::test
