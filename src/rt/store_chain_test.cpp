#include "rt/store_chain.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "ledger/memory_store.h"
#include "rt/files.h"
#include "rt/leaf_file.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

using ledger::MemoryStore;
using ledger::Table;
using ledger::WriteBatch;

constexpr Table tables[] = {Table::meta, Table::utxo, Table::spent, Table::validator,
                            Table::txo_chunk};
constexpr std::size_t leaf_header_bytes = 4096;

ledger::Hash hash_of(std::uint64_t number) {
  ledger::Hash hash{};
  SeededRng(number).fill(hash);
  return hash;
}

WriteBatch batch_at(std::uint64_t height, std::uint64_t first_leaf, std::size_t leaves) {
  WriteBatch batch;
  batch.height = {height};
  batch.first_leaf = first_leaf;
  for (std::size_t i = 0; i < leaves; ++i) batch.leaves.push_back(hash_of(first_leaf + i));
  return batch;
}

/// Puts and deletes of a few keys, so that they meet; leaves behind those that are there.
WriteBatch any_batch(std::uint64_t height, std::uint64_t leaves, SeededRng& rng) {
  WriteBatch batch = batch_at(height, leaves, rng.below(5));
  std::map<std::pair<Table, Bytes>, std::optional<Bytes>> changes;
  for (std::uint64_t i = rng.below(20); i > 0; --i) {
    Bytes key(rng.below(3));
    for (auto& byte : key)
      byte = rng.below(4) == 0 ? 0xff : static_cast<std::uint8_t>(rng.below(3));
    std::optional<Bytes> value;
    if (rng.below(3) > 0) rng.fill(value.emplace(rng.below(40)));
    changes[{tables[rng.below(std::size(tables))], key}] = value;
  }
  for (const auto& [at, value] : changes) batch.records.push_back({at.first, at.second, value});
  return batch;
}

using Found = std::vector<std::pair<Bytes, Bytes>>;
Found scan(const ledger::Store& store, Table table) {
  Found found;
  const auto done = store.scan(table, [&](ByteView key, ByteView value) {
    found.emplace_back(base::to_bytes(key), base::to_bytes(value));
  });
  EXPECT_TRUE(done) << base::to_string(done.error());
  return found;
}

void expect_same(const ChainStore& store, const MemoryStore& model) {
  for (const Table table : tables) {
    const Found found = scan(store, table);
    ASSERT_EQ(found, scan(model, table));
    for (const auto& [key, value] : found) ASSERT_EQ(store.get(table, key).value(), value);
  }
  ASSERT_EQ(store.leaf_count(), model.leaves().size());
  ASSERT_EQ(store.leaves(0, model.leaves().size()).value(), model.leaves());
}

class ChainStoreTest : public testing::Test {
 protected:
  std::unique_ptr<ChainStore> open(ChainStoreConfig config = {}) {
    auto store = ChainStore::open(folder(), config);
    EXPECT_TRUE(store) << base::to_string(store.error());
    return *std::move(store);
  }
  Error open_fails() {
    auto store = ChainStore::open(folder());
    EXPECT_FALSE(store);
    return store ? Error{} : store.error();
  }
  static void must(Result<void> result) { ASSERT_TRUE(result) << base::to_string(result.error()); }
  std::string folder() const { return dir_ / "chain"; }
  std::string leaves() const { return folder() + "/leaves.dat"; }

  TempDir dir_;
};

TEST_F(ChainStoreTest, IsTheModelThroughManyBatchesAndRestarts) {
  SeededRng rng(11);
  MemoryStore model;
  // Buffers so small that files are written and compacted underway.
  const ChainStoreConfig small{.memory_bytes = 1 << 20, .write_buffer_bytes = 64 * 1024};
  auto store = open(small);
  for (std::uint64_t height = 0; height < 300; ++height) {
    const WriteBatch batch = any_batch(height, model.leaves().size(), rng);
    must(store->write(batch));
    model.write(batch);
    ASSERT_EQ(store->height(), ledger::Height{height});
    if (height % 40 != 0) continue;
    expect_same(*store, model);
    store.reset();
    store = open(small);
    ASSERT_EQ(store->height(), ledger::Height{height});
    expect_same(*store, model);
  }
  must(store->compact());
  expect_same(*store, model);
}

TEST_F(ChainStoreTest, ScansFromAKeyToALimit) {
  auto store = open();
  WriteBatch batch = batch_at(0, 0, 0);
  for (std::uint8_t i = 0; i < 10; ++i)
    batch.records.push_back({Table::spent, {i, 0xff}, Bytes{i}});
  batch.records.push_back({Table::utxo, {0xff, 0xff}, Bytes{1}});
  batch.records.push_back({Table::validator, {}, Bytes{2}});
  must(store->write(batch));
  Bytes seen;
  const auto visit = [&](ByteView, ByteView value) { seen.push_back(value[0]); };
  auto next = store->scan_from(Table::spent, Bytes{3}, 4, visit).value();
  EXPECT_EQ(seen, (Bytes{3, 4, 5, 6}));
  ASSERT_EQ(next, (Bytes{7, 0xff}));
  next = store->scan_from(Table::spent, *next, 3, visit).value();
  EXPECT_EQ(seen, (Bytes{3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(next, std::nullopt);
  EXPECT_EQ(store->scan_from(Table::spent, {}, 0, visit).value(), (Bytes{0, 0xff}));
  EXPECT_EQ(seen.size(), 7u);
}

TEST_F(ChainStoreTest, ReadsLeavesWithinWhatThereIs) {
  auto store = open();
  EXPECT_EQ(store->height(), std::nullopt);
  EXPECT_TRUE(store->leaves(0, 0).value().empty());
  must(store->write(batch_at(0, 0, 10)));
  must(store->write(batch_at(1, 10, 10)));
  EXPECT_EQ(store->leaves(9, 2).value(), (std::vector{hash_of(9), hash_of(10)}));
  EXPECT_EQ(store->leaves(20, 1).error().code, Code::usage);
  EXPECT_EQ(store->leaves(~std::uint64_t{0}, 2).error().code, Code::usage);
}

TEST_F(ChainStoreTest, RefusesBatchesThatDoNotFollow) {
  auto store = open();
  must(store->write(batch_at(5, 0, 3)));
  EXPECT_EQ(store->write(batch_at(6, 2, 1)).error().code, Code::usage);
  EXPECT_EQ(store->write(batch_at(6, 4, 1)).error().code, Code::usage);
  EXPECT_EQ(store->write(batch_at(4, 3, 1)).error().code, Code::usage);
  must(store->write(batch_at(6, 0, 0)));  // no leaves, no place
  must(store->write(batch_at(6, 3, 1)));
}

// The leaves were written, the batch was not: killed in between, at every byte.
TEST_F(ChainStoreTest, TornLeavesAreCutOff) {
  MemoryStore model;
  {
    auto store = open();
    for (const auto& batch : {batch_at(0, 0, 3), batch_at(1, 3, 2)}) {
      must(store->write(batch));
      model.write(batch);
    }
  }
  const Bytes whole = read_file(leaves(), 1 << 20).value();
  ASSERT_EQ(whole.size(), leaf_header_bytes + 5 * 32);
  for (std::size_t more = 0; more <= 70; more += 7) {
    Bytes torn = whole;
    torn.resize(whole.size() + more, 0xaa);
    std::ofstream(leaves(), std::ios::binary) << base::as_text(torn);
    auto store = open();
    expect_same(*store, model);
    ASSERT_EQ(std::filesystem::file_size(leaves()), whole.size());
  }
  auto store = open();
  const auto batch = batch_at(2, 5, 4);
  must(store->write(batch));
  model.write(batch);
  expect_same(*store, model);
}

TEST_F(ChainStoreTest, MissingLeavesAreDamage) {
  {
    must(open()->write(batch_at(0, 0, 3)));
  }
  const Bytes whole = read_file(leaves(), 1 << 20).value();
  for (const std::size_t size : {whole.size() - 1, leaf_header_bytes, std::size_t{100}}) {
    std::filesystem::resize_file(leaves(), size);
    const Error error = open_fails();
    EXPECT_EQ(error.code, Code::malformed);
    EXPECT_NE(error.message.find("leaves.dat"), std::string::npos) << error.message;
  }
  std::filesystem::remove(leaves());
  EXPECT_EQ(open_fails().code, Code::malformed);
}

// One of the two slots is torn: the other says as much as the store needs.
TEST_F(ChainStoreTest, ATornHeaderSlotIsNoHarm) {
  {
    auto store = open();
    for (std::uint64_t i = 0; i < 4; ++i) must(store->write(batch_at(i, i, 1)));
  }
  const Bytes whole = read_file(leaves(), 1 << 20).value();
  for (const std::size_t slot : {0UL, 512UL}) {
    Bytes torn = whole;
    torn[slot + 10] ^= 1;
    std::ofstream(leaves(), std::ios::binary) << base::as_text(torn);
    EXPECT_EQ(open()->leaf_count(), 4u);
    torn[(512 - slot) + 20] ^= 1;
    std::ofstream(leaves(), std::ios::binary) << base::as_text(torn);
    EXPECT_EQ(open_fails().code, Code::malformed);
  }
}

// An older copy of the state, or a recovery that dropped final blocks.
TEST_F(ChainStoreTest, AStateThatWentBackIsDamage) {
  const std::string state = folder() + "/state";
  const std::string copy = dir_ / "copy";
  {
    must(open()->write(batch_at(0, 0, 1)));
  }
  std::filesystem::copy(state, copy, std::filesystem::copy_options::recursive);
  {
    auto store = open();
    must(store->write(batch_at(1, 1, 1)));
    must(store->write(batch_at(2, 2, 1)));
  }
  std::filesystem::remove_all(state);
  std::filesystem::rename(copy, state);
  Error error = open_fails();
  EXPECT_EQ(error.code, Code::malformed);
  EXPECT_NE(error.message.find("it ends at height 0, though height 1 was kept"), std::string::npos)
      << error.message;
  std::filesystem::remove_all(state);
  error = open_fails();
  EXPECT_NE(error.message.find("it is empty"), std::string::npos) << error.message;
}

// The last bytes of RocksDB's own log are torn: the last batch is gone, whole, and no more.
TEST_F(ChainStoreTest, ATornBatchIsGoneWhole) {
  SeededRng rng(3);
  std::vector<MemoryStore> models;
  {
    auto store = open();
    MemoryStore model;
    for (std::uint64_t height = 0; height < 3; ++height) {
      const auto batch = any_batch(height, model.leaves().size(), rng);
      must(store->write(batch));
      model.write(batch);
      models.push_back(model);
    }
    // As a kill leaves it: a closed database has moved its log into a table.
    std::filesystem::copy(folder(), dir_ / "killed", std::filesystem::copy_options::recursive);
  }
  std::string log;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ / "killed/state")) {
    if (entry.path().extension() == ".log") log = entry.path().filename().string();
  }
  ASSERT_FALSE(log.empty());
  const std::uintmax_t size = std::filesystem::file_size(dir_ / "killed/state" + "/" + log);
  for (const std::uintmax_t cut : {1U, 5U, 20U}) {
    std::filesystem::remove_all(folder());
    std::filesystem::copy(dir_ / "killed", folder(), std::filesystem::copy_options::recursive);
    std::filesystem::resize_file(folder() + "/state/" + log, size - cut);
    expect_same(*open(), models[1]);
  }
}

TEST_F(ChainStoreTest, DamageIsAnErrorThatNamesTheFolder) {
  {
    auto store = open();
    WriteBatch batch = batch_at(0, 0, 1);
    for (std::uint8_t i = 0; i < 100; ++i)
      batch.records.push_back({Table::utxo, {i}, Bytes(200, i)});
    must(store->write(batch));
    must(store->compact());
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder() + "/state")) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(3000);
    file << "rotten";
  }
  // Found at the latest when the block is read.
  auto store = ChainStore::open(folder());
  Error error;
  if (!store) {
    error = store.error();
  } else {
    const auto scanned = (*store)->scan(Table::utxo, [](ByteView, ByteView) {});
    ASSERT_FALSE(scanned);
    error = scanned.error();
  }
  EXPECT_EQ(error.code, Code::malformed) << error.message;
  EXPECT_NE(error.message.find(folder()), std::string::npos) << error.message;
  store = fail(Code::closed, "closed");
  std::ofstream(folder() + "/state/CURRENT") << "MANIFEST-999999\n";
  EXPECT_NE(open_fails().message.find(folder()), std::string::npos);
}

TEST_F(ChainStoreTest, RefusesAnotherProcess) {
  auto store = open();
  EXPECT_EQ(open_fails().code, Code::locked);  // this one again
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto second = ChainStore::open(folder());
    const bool is_right = !second && second.error().code == Code::locked &&
                          second.error().message.find("another process") != std::string::npos;
    ::_exit(is_right ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(ChainStoreTest, SpaceOfWhatWasDeletedComesBack) {
  const auto size = [&] {
    std::uintmax_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder() + "/state")) {
      if (entry.path().extension() == ".sst") bytes += entry.file_size();
    }
    return bytes;
  };
  auto store = open({.write_buffer_bytes = 1 << 20});
  constexpr std::uint32_t records = 40'000;
  for (const bool is_deleting : {false, true}) {
    WriteBatch batch = batch_at(is_deleting ? 1 : 0, 0, 0);
    for (std::uint32_t i = 0; i < records; ++i) {
      const auto key = hash_of(i);
      WriteBatch::Record record{Table::utxo, {key.begin(), key.end()}, std::nullopt};
      if (!is_deleting) record.value = Bytes(100, static_cast<std::uint8_t>(i));
      batch.records.push_back(std::move(record));
    }
    must(store->write(batch));
    if (!is_deleting) {
      must(store->compact());
      EXPECT_GT(size(), records * 100U);
    }
  }
  must(store->compact());
  EXPECT_LT(size(), records * 10U);
  EXPECT_TRUE(scan(*store, Table::utxo).empty());
}

/// Writes batches after `height` until it is killed, and tells the pipe the height of each.
[[noreturn]] void write_until_killed(const std::string& folder, std::uint64_t height, int pipe) {
  auto store = ChainStore::open(folder).value();
  for (std::uint64_t at = height + 1;; ++at) {
    WriteBatch batch = batch_at(at, store->leaf_count(), 50);
    for (std::uint8_t i = 0; i < 100; ++i) {
      batch.records.push_back({Table::utxo, {i}, Bytes(50, static_cast<std::uint8_t>(at))});
    }
    if (!store->write(batch) || ::write(pipe, &at, sizeof at) != sizeof at) ::_exit(1);
  }
}

/// Tells the pipe the height of what is there; nothing when it is not whole.
[[noreturn]] void look_after_kill(const std::string& folder, int pipe) {
  const auto store = ChainStore::open(folder).value();
  const std::uint64_t height = store->height()->value;
  const Found found = scan(*store, Table::utxo);
  const bool is_whole =
      store->leaf_count() == height * 50 && found.size() == 100 &&
      store->leaves(height * 50 - 1, 1).value().front() == hash_of(height * 50 - 1) &&
      std::ranges::all_of(found, [&](const auto& each) {
        return each.second == Bytes(50, static_cast<std::uint8_t>(height));
      });
  ::_exit(is_whole && ::write(pipe, &height, sizeof height) == sizeof height ? 0 : 1);
}

// kill -9 under load: every batch that was answered is there, whole, with its leaves. All of it in
// children: RocksDB's threads do not come along into one.
TEST_F(ChainStoreTest, SurvivesKills) {
  std::uint64_t height = 0;
  for (int round = 0; round < 4; ++round) {
    std::uint64_t heights[2] = {};  // told before the kill, found after it
    for (const bool is_look : {false, true}) {
      int pipe[2];
      ASSERT_EQ(::pipe(pipe), 0);
      const pid_t pid = ::fork();
      if (pid == 0 && is_look) look_after_kill(folder(), pipe[1]);
      if (pid == 0) write_until_killed(folder(), height, pipe[1]);
      ::close(pipe[1]);
      std::uint64_t& last = heights[is_look ? 1 : 0];
      for (int read = 0; ::read(pipe[0], &last, sizeof last) == sizeof last; ++read) {
        if (read == 40) ::kill(pid, SIGKILL);
      }
      ::close(pipe[0]);
      int status = 0;
      ::waitpid(pid, &status, 0);
      ASSERT_EQ(status, is_look ? 0 : SIGKILL);
    }
    ASSERT_GE(heights[1], heights[0]);
    height = heights[1];
  }
}

}  // namespace
}  // namespace kith::rt
