// Who gives verdicts, and finds, which are nothing before validators have said so.
#include "ledger/jobs_verdict.h"

#include "ledger/jobs_audit_test_util.h"

namespace kith::ledger::test {
namespace {

using Kind = JobEvent::Kind;

constexpr Amount bond = 16'000;

TEST(JobsVerdict, SignaturesOfAVerdictAreThoseOfTheJury) {
  Jury jury;
  for (std::uint32_t n = 90; n < 94; ++n) jury.push_back({identity(n).key, 1});
  const codec::GiveVerdict verdict{7, hash_of(1), {{1, {}}, {3, {}}}};
  const auto jobs = verdict_jobs(verdict, hash_of(2), jury);
  ASSERT_TRUE(jobs && jobs->size() == 2u);
  EXPECT_EQ((*jobs)[1].key, identity(93).key);
  EXPECT_EQ((*jobs)[1].message, codec::verdict_message(hash_of(2), 7, hash_of(1)));
  EXPECT_FALSE(verdict_jobs(codec::GiveVerdict{7, {}, {{4, {}}}}, hash_of(2), jury));
  EXPECT_TRUE(verdict_jobs(codec::EndJob{{1}}, hash_of(2), jury)->empty());
  Registry registry;
  for (std::uint32_t n = 0; n < 3; ++n) {
    ValidatorEntry entry;
    entry.key = identity(n).key;
    entry.weight = n;  // the first has none
    registry.put(entry);
  }
  const Jury active = jury_of(registry);
  ASSERT_EQ(active.size(), 2u);
  EXPECT_LT(active[0].key, active[1].key);
  EXPECT_EQ(quorum_of(active), 3u);
}

codec::ClaimFind claim_of(const JobWorld& world, std::uint32_t key) {
  codec::ClaimFind claim;
  claim.job = world.job;
  claim.record = codec::encode_record(world.record_of(world.slot(key).maturing.at(0)));
  claim.unit = 9;
  claim.number[15] = 27;
  claim.what = 1;
  return claim;
}

TEST(JobsVerdict, AFindIsItsWorkersWhenTheValidatorsSaySo) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  const codec::ClaimFind claim = claim_of(world, 10);
  EXPECT_EQ(world.order(claim, 11).error().code, Code::permission);  // out of the mempool
  ASSERT_TRUE(world.order(claim, 10));
  EXPECT_EQ(world.order(claim, 10).error().code, Code::refused);
  const auto asked = verdicts_asked(world.entries).at(0);
  EXPECT_EQ(asked.number, claim.number);
  EXPECT_EQ(asked.unit, 9);
  EXPECT_EQ(world.judge(1, hash_of(3)).error().code, Code::refused);
  ASSERT_TRUE(world.judge(1, asked.find));
  const auto bytes = world.entries.find(EntryKind::find, job_key(world.job, asked.find));
  ASSERT_NE(bytes, nullptr);
  const auto find = codec::decode_entry<codec::FindEntry>(*bytes).value();
  EXPECT_EQ(find.account, JobWorld::account(10));
  EXPECT_EQ(find.number, claim.number);
  EXPECT_EQ(world.burnt, 0u);
  EXPECT_EQ(world.order(claim, 10).error().code, Code::refused);  // it is known
  world.rounds(1);
}

TEST(JobsVerdict, AFindThatIsNoneIsAFault) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  ASSERT_TRUE(world.order(claim_of(world, 10), 10));
  ASSERT_TRUE(world.judge(1, Hash{}));
  EXPECT_EQ(world.count(Kind::fault), 1u);
  EXPECT_EQ(world.account_entry(10).bond, 1'000'000 - bond / 16);
}

TEST(JobsVerdict, AFindWithoutAVerdictIsForgotten) {
  JobWorld world;
  world.populate(10, 10);
  for (int i = 0; i < 80 && world.slot(10).maturing.empty(); ++i) world.block();
  ASSERT_TRUE(world.order(claim_of(world, 10), 10));
  const Height until = find_dispute(world.entries, 1)->until;
  while (world.height <= until) world.block();
  EXPECT_FALSE(find_dispute(world.entries, 1).has_value());
  EXPECT_EQ(world.count(Kind::fault), 0u);
  EXPECT_GT(world.slot(10).head.passed, 0u);
}

}  // namespace
}  // namespace kith::ledger::test
