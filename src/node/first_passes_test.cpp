#include "node/first_passes.h"

#include <gtest/gtest.h>

#include "ledger/jobs_test_util.h"
#include "node/worker_memory.h"

namespace kith::node {
namespace {

using codec::test::hash_of;

constexpr JobId job{7};

codec::Record record_of(std::uint64_t task, std::uint8_t account = 1) {
  codec::Record record;
  record.genesis = hash_of(0x77);
  record.job = job;
  record.task = {task};
  record.account = hash_of(account);
  record.root = hash_of(static_cast<std::uint8_t>(task));
  record.checkers = {{6}};
  record.checked = 4;
  return record;
}

class FirstPassesTest : public testing::Test {
 protected:
  FirstPassesTest() { spec_.region_tasks = 5; }

  void settle(std::uint64_t task, std::uint8_t account = 1) {
    passes_.on_settled({record_of(task, account)});
  }
  /// Accepted next, in the ledger's list and here.
  void accept(std::uint64_t task, std::uint8_t account = 1) {
    passes_.on_placed({job, {task}, list_.count()});
    (void)list_.append(codec::record_hash(record_of(task, account)));
  }
  auto find(std::uint64_t task) { return passes_.find(job, spec_, {task}, list_); }

  codec::JobSpec spec_ = ledger::test::small_spec();
  FirstPasses passes_;
  codec::Mmr list_;
};

TEST_F(FirstPassesTest, OfAWholeRegionEachIsProvenInTheOrderOfAcceptance) {
  for (std::uint64_t task = 5; task < 10; ++task) settle(task);
  for (const std::uint64_t task : {7u, 5u, 9u, 6u, 8u}) accept(task);
  for (std::uint64_t task = 5; task < 10; ++task) {
    const auto first = find(task);
    ASSERT_TRUE(first.has_value()) << first.error().message;
    const auto record = check_first(*first, job, {task}, list_.root());
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(*record, record_of(task));
    EXPECT_FALSE(check_first(*first, job, {task + 1}, list_.root())) << "another task's";
    EXPECT_FALSE(check_first(*first, {8}, {task}, list_.root())) << "another job's";
    EXPECT_FALSE(check_first(*first, job, {task}, hash_of(1))) << "another list's";
  }
  EXPECT_EQ(find(4).error().code, Code::not_found);
  EXPECT_EQ(find(10).error().code, Code::not_found);
  EXPECT_TRUE(passes_.is_planted(job, 1));
  EXPECT_FALSE(passes_.is_planted(job, 0));
}

TEST_F(FirstPassesTest, WithOneMissingNothingOfTheRegionIsProven) {
  for (std::uint64_t task = 5; task < 9; ++task) settle(task);
  for (std::uint64_t task = 5; task < 10; ++task) accept(task);
  EXPECT_EQ(find(5).error().code, Code::not_found);
}

TEST_F(FirstPassesTest, WhatWasWithdrawnIsReplacedByWhatSettlesAfterIt) {
  for (std::uint64_t task = 5; task < 10; ++task) settle(task);
  settle(6, 2);
  for (std::uint64_t task = 5; task < 10; ++task) accept(task, task == 6 ? 2 : 1);
  EXPECT_EQ(codec::decode_record(find(6).value().record)->account, hash_of(2));
}

TEST_F(FirstPassesTest, WhatIsOverIsForgottenAndThereIsALimit) {
  for (std::uint64_t task = 4; task < 11; ++task) settle(task);
  passes_.forget_region(job, spec_, 1);
  EXPECT_EQ(passes_.all().size(), 2u);
  passes_.forget_jobs([](JobId id) { return id != job; });
  EXPECT_EQ(passes_.all().size(), 2u);
  passes_.forget_jobs([](JobId id) { return id == job; });
  EXPECT_TRUE(passes_.all().empty());
  for (std::uint64_t task = 0; task <= FirstPasses::records_max; ++task) settle(task);
  EXPECT_EQ(passes_.all().size(), FirstPasses::records_max);
  EXPECT_FALSE(passes_.has(job, {FirstPasses::records_max}));
  settle(0, 2);
  EXPECT_EQ(passes_.all().begin()->second.record.account, hash_of(2));
}

TEST(WorkerMemory, RemembersWhatItHasToShowOrToName) {
  const std::vector<Kept> all{KeptChecked{{4}, 2, {77}, record_of(5)},
                              KeptFirst{job, {6}, {{1, 2, 3}, {4, 5}}}, FirstSettled{record_of(7)},
                              FirstPlaced{job, {7}, 3}};
  WorkerMemory memory;
  for (const Kept& kept : all) {
    const Bytes bytes = encode_kept(kept);
    EXPECT_EQ(*decode_kept(bytes), kept);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_kept(ByteView(bytes).first(size)).has_value());
    }
    memory.keep(kept);
  }
  EXPECT_EQ(*memory.checked({job, {4}, 2, {77}}), record_of(5));
  EXPECT_EQ(memory.first(job, {6})->proof, (Bytes{4, 5}));
  EXPECT_EQ(memory.first_passes().all().begin()->second.place, 3u);
  // A journal that begins anew has all of it.
  WorkerMemory again;
  for (const Bytes& bytes : memory.all()) again.keep(*decode_kept(bytes));
  EXPECT_EQ(again.all(), memory.all());
  EXPECT_EQ(again.all().size(), 4u);
}

}  // namespace
}  // namespace kith::node
