#include "rt/compute_slices.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "base/log.h"
#include "compute/workload_goldbach.h"
#include "rt/rng_system.h"
#include "rt/worker_disk.h"

namespace kith::rt {
namespace {

using compute::SliceResult;

class SlicePoolTest : public testing::Test {
 protected:
  SlicePoolTest() : folder_(testing::TempDir() + "kith_slices_" + std::to_string(::getpid())) {
    std::filesystem::remove_all(folder_);
    compute::GoldbachParams params;
    params.first = 10'000;
    params.units = 4;
    params.slices = 4;
    params.unit_numbers = 64;
    params.numbers = 64 * 4 * 100;
    params_ = std::make_shared<const Bytes>(compute::encode_params(params));
  }
  ~SlicePoolTest() override { std::filesystem::remove_all(folder_); }

  void open(compute::WorkRules rules = {}) {
    SlicePool::Options options;
    options.make_workload = [this](std::uint8_t,
                                   ByteView) -> Result<std::unique_ptr<compute::Workload>> {
      ++made_;
      if (is_broken_) return fail(Code::unsupported, "no such device");
      return std::make_unique<compute::GoldbachWorkload>();
    };
    options.folder = folder_;
    options.threads = 2;
    options.rules = [rules] { return rules; };
    options.done = [this](Token token, Result<SliceResult> result) {
      const std::scoped_lock lock(mutex_);
      results_.insert_or_assign(token.value, std::move(result));
      changed_.notify_all();
    };
    auto pool = SlicePool::make(std::move(options), base::null_log());
    ASSERT_TRUE(pool.has_value()) << pool.error().message;
    pool_ = *std::move(pool);
  }
  node::ComputeSlice slice(std::uint64_t token, std::uint32_t unit, std::uint32_t number) const {
    return {{token}, {1}, 2, params_, {7}, unit, number, false};
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60),
                             [&] { return results_.size() >= count; });
  }
  SliceResult expected(std::uint32_t unit, std::uint32_t number) const {
    struct Goes final : compute::Progress {
      bool go_on(std::uint64_t, std::uint64_t) override { return true; }
    } goes;
    const compute::GoldbachWorkload goldbach;
    return *goldbach.run(*goldbach.unit_of(*params_, {7}, unit), number, goes);
  }
  std::string journal() const { return folder_ + "/1-7.slices"; }

  const std::string folder_;
  std::shared_ptr<const Bytes> params_;
  std::atomic<int> made_ = 0;
  std::atomic<bool> is_broken_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Result<SliceResult>> results_;
  std::unique_ptr<SlicePool> pool_;
};

TEST_F(SlicePoolTest, ComputesWhatTheWorkloadDoes) {
  open();
  for (std::uint32_t i = 0; i < 16; ++i) pool_->compute(slice(i, i / 4, i % 4));
  ASSERT_TRUE(wait_for(16));
  for (std::uint32_t i = 0; i < 16; ++i) EXPECT_EQ(results_.at(i).value(), expected(i / 4, i % 4));
  EXPECT_LE(made_, 2);
}

TEST_F(SlicePoolTest, WhatWasDoneComesOutOfTheJournalOfAnEarlierLife) {
  open();
  for (std::uint32_t i = 0; i < 16; ++i) pool_->compute(slice(i, i / 4, i % 4));
  ASSERT_TRUE(wait_for(16));
  pool_.reset();
  results_.clear();
  is_broken_ = true;  // nothing can be computed any more
  open();
  for (std::uint32_t i = 0; i < 16; ++i) pool_->compute(slice(i, i / 4, i % 4));
  auto fresh = slice(16, 0, 0);
  fresh.is_fresh = true;
  pool_->compute(fresh);
  ASSERT_TRUE(wait_for(17));
  for (std::uint32_t i = 0; i < 16; ++i) EXPECT_EQ(results_.at(i).value(), expected(i / 4, i % 4));
  EXPECT_FALSE(results_.at(16).has_value());
}

TEST_F(SlicePoolTest, ADamagedJournalIsBegunAnewAndAForgottenOneIsGone) {
  open();
  pool_->compute(slice(1, 0, 0));
  ASSERT_TRUE(wait_for(1));
  pool_.reset();
  {
    std::FILE* file = std::fopen(journal().c_str(), "r+");
    ASSERT_NE(file, nullptr);
    std::fputs("not what it was", file);
    std::fclose(file);
  }
  open();
  pool_->compute(slice(2, 0, 0));
  ASSERT_TRUE(wait_for(2));
  EXPECT_EQ(results_.at(2).value(), expected(0, 0));
  pool_->forget({{1}, {7}});
  EXPECT_FALSE(std::filesystem::exists(journal()));
}

TEST_F(SlicePoolTest, RestsWhileARuleHolds) {
  compute::WorkRules rules;
  rules.is_paused = true;
  open(rules);
  pool_->compute(slice(1, 0, 0));
  EXPECT_EQ(pool_->pause(), compute::WorkPause::paused);
  {
    std::unique_lock lock(mutex_);
    EXPECT_FALSE(
        changed_.wait_for(lock, std::chrono::milliseconds(300), [&] { return !results_.empty(); }));
  }
  pool_.reset();  // ends all the same
  EXPECT_TRUE(results_.empty());
}

TEST_F(SlicePoolTest, TheWorkersJournalIsReadBackInOrder) {
  SystemRng rng;
  std::promise<void> last;
  {
    auto disk = WorkerDisk::open(folder_ + "/said", rng, base::null_log());
    ASSERT_TRUE(disk.has_value());
    for (std::uint8_t i = 1; i <= 5; ++i) {
      (*disk)->keep({{i}, {Bytes{i}, Bytes{i, i}}, i == 3}, [&](Token token) {
        if (token.value == 5) last.set_value();
      });
    }
    last.get_future().wait();
  }
  auto disk = WorkerDisk::open(folder_ + "/said", rng, base::null_log());
  ASSERT_TRUE(disk.has_value());
  const std::vector<Bytes> kept{{3}, {3, 3}, {4}, {4, 4}, {5}, {5, 5}};
  EXPECT_EQ((*disk)->take_records(), kept);
}

}  // namespace
}  // namespace kith::rt
