#include "rt/compute_slices.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "base/log.h"
#include "compute/workload_goldbach.h"
#include "rt/compute_journal.h"
#include "rt/files.h"
#include "rt/rng_system.h"
#include "rt/worker_disk.h"

namespace kith::rt {
namespace {

using compute::SliceResult;

class RecordingLog final : public Log {
 public:
  bool is_on(LogLevel level, std::string_view) const override { return level >= LogLevel::warn; }
  void write(LogLevel, std::string_view, std::string_view sentence) override {
    const std::scoped_lock lock(mutex_);
    lines_ += std::string(sentence) + "\n";
  }
  bool has(std::string_view words) {
    const std::scoped_lock lock(mutex_);
    return lines_.find(words) != std::string::npos;
  }

 private:
  std::mutex mutex_;
  std::string lines_;
};

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
    const auto make = [this](std::uint8_t, ByteView) -> Result<std::unique_ptr<compute::Workload>> {
      ++made_;
      if (is_broken_) return fail(Code::unsupported, "no such device");
      if (make_) return make_();
      return std::make_unique<compute::GoldbachWorkload>();
    };
    options.folder = folder_;
    options.hands.assign(hands_, {make});
    options.rules = [rules] { return rules; };
    options.done = [this](Token token, Result<SliceResult> result) {
      const std::scoped_lock lock(mutex_);
      results_.insert_or_assign(token.value, std::move(result));
      changed_.notify_all();
    };
    options.named = [this](Token token, Result<std::vector<compute::Find>> finds) {
      const std::scoped_lock lock(mutex_);
      named_.insert_or_assign(token.value, std::move(finds));
      changed_.notify_all();
    };
    auto pool = SlicePool::make(std::move(options), log_);
    ASSERT_TRUE(pool.has_value()) << pool.error().message;
    pool_ = *std::move(pool);
  }
  node::ComputeSlice slice(std::uint64_t token, std::uint32_t unit, std::uint32_t number) const {
    return {{token}, {1}, 2, params_, {7}, unit, number, false};
  }
  void ask(node::ComputeSlice slice) { pool_->compute({std::move(slice)}); }
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
  std::size_t hands_ = 2;
  std::function<std::unique_ptr<compute::Workload>()> make_;  // in the place of Goldbach's
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Result<SliceResult>> results_;
  std::map<std::uint64_t, Result<std::vector<compute::Find>>> named_;
  RecordingLog log_;
  std::unique_ptr<SlicePool> pool_;
};

TEST_F(SlicePoolTest, ComputesWhatTheWorkloadDoes) {
  open();
  for (std::uint32_t i = 0; i < 16; ++i) ask(slice(i, i / 4, i % 4));
  ASSERT_TRUE(wait_for(16));
  for (std::uint32_t i = 0; i < 16; ++i) EXPECT_EQ(results_.at(i).value(), expected(i / 4, i % 4));
  EXPECT_LE(made_, 2);
}

TEST_F(SlicePoolTest, WhatWasDoneComesOutOfTheJournalOfAnEarlierLife) {
  open();
  for (std::uint32_t i = 0; i < 16; ++i) ask(slice(i, i / 4, i % 4));
  ASSERT_TRUE(wait_for(16));
  pool_.reset();
  results_.clear();
  is_broken_ = true;  // nothing can be computed any more
  open();
  for (std::uint32_t i = 0; i < 16; ++i) ask(slice(i, i / 4, i % 4));
  auto fresh = slice(16, 0, 0);
  fresh.is_fresh = true;
  ask(fresh);
  ASSERT_TRUE(wait_for(17));
  for (std::uint32_t i = 0; i < 16; ++i) EXPECT_EQ(results_.at(i).value(), expected(i / 4, i % 4));
  EXPECT_FALSE(results_.at(16).has_value());
}

TEST_F(SlicePoolTest, ADamagedJournalIsBegunAnewAndAForgottenOneIsGone) {
  open();
  ask(slice(1, 0, 0));
  ASSERT_TRUE(wait_for(1));
  pool_.reset();
  {
    std::FILE* file = std::fopen(journal().c_str(), "r+");
    ASSERT_NE(file, nullptr);
    std::fputs("not what it was", file);
    std::fclose(file);
  }
  open();
  ask(slice(2, 0, 0));
  ASSERT_TRUE(wait_for(2));
  EXPECT_EQ(results_.at(2).value(), expected(0, 0));
  pool_->forget({{1}, {7}});
  EXPECT_FALSE(std::filesystem::exists(journal()));
}

TEST_F(SlicePoolTest, AJournalOfOtherResultsIsBegunAnewAndTheLogSaysSo) {
  open();
  ask(slice(1, 0, 0));
  ASSERT_TRUE(wait_for(1));
  pool_.reset();
  // What another version had come to: told as a result, if anybody went on with it.
  const Bytes stale(results_.at(1)->size(), 9);
  for (const bool says_results : {true, false}) {
    JournalHeader header{compute::WorkloadId::goldbach, *params_, 7, 1, 0};
    Bytes bytes = encode(header);
    base::append(bytes, encode_frame(bytes, bytes.size(), 0, {{7}, 0, 0, stale}));
    if (!says_results) bytes[7] = '1';  // the last of "kithjob2"
    ASSERT_TRUE(write_file_atomic(journal(), bytes, 0600));
    results_.clear();
    open();
    ask(slice(2, 0, 0));
    ASSERT_TRUE(wait_for(1));
    EXPECT_EQ(results_.at(2).value(), expected(0, 0));
    pool_.reset();
    EXPECT_TRUE(log_.has(says_results ? "is a journal of results 0, this version's are 1"
                                      : "a journal of an older version"));
    EXPECT_TRUE(log_.has("; begun anew"));
  }
}

/// As a GPU has it: many slices at once, of which it is told how many it was given.
class WideGoldbach final : public compute::GoldbachWorkload {
 public:
  explicit WideGoldbach(std::vector<std::uint32_t>& counts) : counts_(counts) {}
  std::uint32_t slices_at_once() const override { return 3; }
  Result<std::vector<SliceResult>> run_some(ByteView unit, std::uint32_t first, std::uint32_t count,
                                            compute::Progress& progress) const override {
    counts_.push_back(count);
    return compute::GoldbachWorkload::run_some(unit, first, count, progress);
  }

 private:
  std::vector<std::uint32_t>& counts_;
};

TEST_F(SlicePoolTest, WhoLikesManyAtOnceGetsThoseOfAUnitTogether) {
  std::vector<std::uint32_t> counts;  // of the one thread
  make_ = [&] { return std::make_unique<WideGoldbach>(counts); };
  hands_ = 1;
  open();
  std::vector<node::ComputeSlice> slices;
  for (std::uint32_t i = 0; i < 8; ++i) slices.push_back(slice(i, i / 4, i % 4));
  pool_->compute(slices);
  ASSERT_TRUE(wait_for(8));
  pool_.reset();
  EXPECT_EQ(counts, (std::vector<std::uint32_t>{3, 1, 3, 1}));
  for (std::uint32_t i = 0; i < 8; ++i) EXPECT_EQ(results_.at(i).value(), expected(i / 4, i % 4));
  // One that an earlier life has done parts those before it from those behind it.
  results_.clear();
  std::filesystem::remove(journal());
  open();
  ask(slice(0, 0, 1));
  ASSERT_TRUE(wait_for(1));
  pool_.reset();
  results_.clear();
  counts.clear();
  open();
  pool_->compute({slice(0, 0, 0), slice(1, 0, 1), slice(2, 0, 2)});
  ASSERT_TRUE(wait_for(3));
  pool_.reset();
  EXPECT_EQ(counts, (std::vector<std::uint32_t>{1, 1}));
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(results_.at(i).value(), expected(0, i));
}

TEST_F(SlicePoolTest, NamesFindsAndTakesMoreHands) {
  compute::GoldbachParams params;
  params.first = 1'000;
  params.units = 4;
  params.slices = 4;
  params.unit_numbers = 64;
  params.numbers = 64 * 4 * 100;
  params.limit = 3;  // hides most primes, so that there is something to find
  params_ = std::make_shared<const Bytes>(compute::encode_params(params));
  open();
  pool_->add({[](std::uint8_t, ByteView) -> Result<std::unique_ptr<compute::Workload>> {
    return std::make_unique<compute::GoldbachWorkload>();
  }});
  node::NameFinds asked{{7}, {1}, 2, params_, {7}, 1, {}};
  for (std::uint32_t i = 0; i < 4; ++i) asked.results.push_back(expected(1, i));
  pool_->name(asked);
  {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return !named_.empty(); }));
  }
  ASSERT_TRUE(named_.at(7).has_value());
  ASSERT_FALSE(named_.at(7)->empty());
  EXPECT_EQ(named_.at(7)->front().kind, compute::Find::Kind::counterexample);
}

TEST_F(SlicePoolTest, RestsWhileARuleHolds) {
  compute::WorkRules rules;
  rules.is_paused = true;
  open(rules);
  ask(slice(1, 0, 0));
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
