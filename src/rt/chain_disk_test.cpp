#include "rt/chain_disk.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "rt/test_world.h"

namespace kith::rt {
namespace {

class Answers {
 public:
  ChainDisk::Done done() {
    return [this](Token token) {
      const std::lock_guard lock(mutex_);
      tokens_.push_back(token.value);
      changed_.notify_all();
    };
  }
  std::vector<std::uint64_t> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 30s, [&] { return tokens_.size() >= count; });
    return tokens_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::uint64_t> tokens_;
};

host::AppendLog append_of(std::uint64_t token, std::uint64_t segment, bool begins_anew = false) {
  const Bytes record = base::to_bytes(std::to_string(token));
  return {Token{token}, segment, {record}, begins_anew};
}
host::WriteChain write_of(std::uint64_t height) {
  auto batch = std::make_shared<ledger::WriteBatch>();
  batch->height = {height};
  batch->records.push_back({ledger::Table::meta, {1}, Bytes{static_cast<std::uint8_t>(height)}});
  return {Token{height}, batch};
}

class ChainDiskTest : public testing::Test {
 protected:
  void open() {
    wal = Wal::open(dir / "log", rng).value();
    store = ChainStore::open(dir / "chain").value();
  }
  void close() {
    wal.reset();
    store.reset();
  }

  TempDir dir;
  SeededRng rng{1};
  std::unique_ptr<Wal> wal;
  std::unique_ptr<ChainStore> store;
};

TEST_F(ChainDiskTest, AnswersAllInOrderAndWhatItAnsweredIsThere) {
  open();
  Answers appended;
  Answers written;
  std::vector<std::uint64_t> wanted;
  {
    ChainDisk disk(*wal, *store, base::null_log());
    for (std::uint64_t i = 0; i < 400; ++i) {
      wanted.push_back(i);
      disk.append(append_of(i, i / 100, i == 150), appended.done());
      if (i < 50) disk.write(write_of(i), written.done());
    }
    EXPECT_EQ(appended.wait(400), wanted);
  }  // the rest of what waited
  wanted.resize(50);
  EXPECT_EQ(written.wait(50), wanted);
  close();
  open();
  EXPECT_EQ(store->height(), ledger::Height{49});
  const auto segments = wal->take_records();
  ASSERT_EQ(segments.size(), 3u);  // 150 began anew
  EXPECT_EQ(segments.at(1).size(), 50u);
  EXPECT_EQ(segments.at(1).front(), base::to_bytes("150"));
  for (const std::uint64_t segment : {2U, 3U}) {
    ASSERT_EQ(segments.at(segment).size(), 100u);
    for (std::size_t i = 0; i < 100; ++i) {
      EXPECT_EQ(segments.at(segment)[i], base::to_bytes(std::to_string(segment * 100 + i)));
    }
  }
}

// More at once than one frame holds: then several.
TEST_F(ChainDiskTest, LargeAppendsThatWaitTogether) {
  open();
  Answers appended;
  {
    ChainDisk disk(*wal, *store, base::null_log());
    for (std::uint64_t i = 0; i < 5; ++i) {
      auto append = append_of(i, 1);
      append.records.push_back(Bytes(30 * 1024 * 1024, static_cast<std::uint8_t>(i)));
      disk.append(std::move(append), appended.done());
    }
  }
  EXPECT_EQ(appended.wait(5).size(), 5u);
  close();
  open();
  EXPECT_FALSE(wal->damage());
  EXPECT_EQ(wal->take_records().at(1).size(), 10u);
}

using ChainDiskDeathTest = ChainDiskTest;

TEST_F(ChainDiskDeathTest, ADiskThatRefusesEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto fill = [&](bool is_log) {
    ::signal(SIGXFSZ, SIG_IGN);
    open();
    const rlimit limit{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Answers answers;
    ChainDisk disk(*wal, *store, base::null_log());
    for (std::uint64_t i = 0; i < 100; ++i) {
      auto append = append_of(i, 1);
      append.records.push_back(Bytes(100'000));
      auto write = write_of(i);
      auto batch = std::make_shared<ledger::WriteBatch>(*write.batch);
      batch->records.push_back({ledger::Table::utxo, {1}, Bytes(100'000)});
      write.batch = batch;
      if (is_log) disk.append(std::move(append), answers.done());
      if (!is_log) disk.write(std::move(write), answers.done());
    }
    answers.wait(100);
  };
  EXPECT_EXIT(fill(true), testing::ExitedWithCode(74), "cannot be written: cannot write .*wal");
  EXPECT_EXIT(fill(false), testing::ExitedWithCode(74), "cannot be written: writing the chain's");
}

class SquareJob final : public host::Job {
 public:
  explicit SquareJob(std::uint64_t number) : number_(number) {}
  void run() override {
    ran_on = std::this_thread::get_id();
    result = number_ * number_;
  }
  std::uint64_t result = 0;
  std::thread::id ran_on;

 private:
  std::uint64_t number_;
};

TEST_F(ChainDiskTest, TheReactorPerformsAllOfIt) {
  open();
  ChainDisk disk(*wal, *store, base::null_log());
  TestWorld world;
  Reactor reactor(world, {.workers = 2}, base::null_log(), nullptr, nullptr, &disk);
  constexpr std::uint64_t count = 300;  // more jobs than may wait
  for (std::uint64_t i = 0; i < count; ++i) {
    world.say(host::AppendLog(append_of(i, 7)));
    world.say(host::WriteChain(write_of(i)));
    world.say(host::RunJob{Token{i}, std::make_shared<SquareJob>(i)});
  }
  ASSERT_TRUE(run_until(reactor, [&] {
    return world.appended.size() == count && world.chain_written.size() == count &&
           world.jobs_done.size() == count;
  }));
  for (std::uint64_t i = 0; i < count; ++i) {
    EXPECT_EQ(world.appended[i], Token{i});
    EXPECT_EQ(world.chain_written[i], Token{i});
  }
  std::uint64_t elsewhere = 0;
  for (const auto& done : world.jobs_done) {
    const auto& job = static_cast<const SquareJob&>(*done.job);
    EXPECT_EQ(job.result, done.token.value * done.token.value);
    if (job.ran_on != std::this_thread::get_id()) ++elsewhere;
  }
  EXPECT_GE(elsewhere, 250u);
  EXPECT_EQ(store->height(), ledger::Height{count - 1});
}

// What is on its way when the reactor ends is written, and answered to nobody.
TEST_F(ChainDiskTest, AnswersThatComeTooLateAreDropped) {
  open();
  {
    ChainDisk disk(*wal, *store, base::null_log());
    TestWorld world;
    Reactor reactor(world, {}, base::null_log(), nullptr, nullptr, &disk);
    for (std::uint64_t i = 0; i < 100; ++i) world.say(host::WriteChain(write_of(i)));
    reactor.post([&] { reactor.stop(); });
    reactor.run();
  }
  EXPECT_EQ(store->height(), ledger::Height{99});
}

}  // namespace
}  // namespace kith::rt
