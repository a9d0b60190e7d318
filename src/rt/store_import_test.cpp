// The store's import (a second state that takes the first one's place) and the files of snapshots.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "rt/store_chain.h"

namespace kith::rt {
namespace {

using ledger::BatchTarget;
using ledger::Table;
using ledger::WriteBatch;

class StoreImport : public testing::Test {
 protected:
  StoreImport() {
    std::string name = "/tmp/kith-import-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~StoreImport() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<ChainStore> open() { return ChainStore::open(folder_ + "/chain").value(); }
  static WriteBatch batch(BatchTarget target, std::uint64_t height, std::uint8_t key,
                          std::uint64_t first_leaf, std::size_t leaves) {
    WriteBatch batch;
    batch.target = target;
    batch.height = {height};
    batch.records.push_back({Table::utxo, Bytes{key}, Bytes{1, key}});
    batch.first_leaf = first_leaf;
    batch.leaves.assign(leaves, ledger::Hash{key});
    return batch;
  }
  static bool has(const ledger::Store& store, std::uint8_t key) {
    return store.get(Table::utxo, Bytes{key}).value().has_value();
  }
  static WriteBatch adopt() {
    WriteBatch batch;
    batch.target = BatchTarget::adopt;
    return batch;
  }

  std::string folder_;
};

TEST_F(StoreImport, TakesThePlaceOfTheStateAtOnce) {
  auto store = open();
  ASSERT_TRUE(store->write(batch(BatchTarget::state, 3, 1, 0, 2)));
  EXPECT_EQ(store->import(), nullptr);
  ASSERT_TRUE(store->write(batch(BatchTarget::import_anew, 0, 7, 0, 300)));
  ASSERT_TRUE(store->write(batch(BatchTarget::import, 0, 8, 300, 20)));
  EXPECT_FALSE(store->write(batch(BatchTarget::import, 0, 9, 999, 1)));
  store = nullptr;
  store = open();  // what was not flushed may be gone, in order
  if (store->import() == nullptr || !has(*store->import(), 7)) {
    ASSERT_TRUE(store->write(batch(BatchTarget::import_anew, 0, 7, 0, 300)));
  }
  if (!has(*store->import(), 8)) {
    ASSERT_TRUE(store->write(batch(BatchTarget::import, 0, 8, 300, 20)));
  }
  // The state goes on meanwhile.
  ASSERT_TRUE(store->write(batch(BatchTarget::state, 4, 2, 2, 1)));
  EXPECT_TRUE(has(*store, 2));
  EXPECT_FALSE(has(*store, 7));
  ASSERT_TRUE(store->write(batch(BatchTarget::import, 40, 9, 320, 0)));
  ASSERT_TRUE(store->write(adopt()));
  for (int lives = 0; lives < 2; ++lives) {
    EXPECT_EQ(store->import(), nullptr);
    for (const std::uint8_t key : Bytes{7, 8, 9}) EXPECT_TRUE(has(*store, key));
    for (const std::uint8_t key : Bytes{1, 2}) EXPECT_FALSE(has(*store, key));
    EXPECT_EQ(store->height(), ledger::Height{40});
    EXPECT_EQ(store->leaf_count(), 320u);
    EXPECT_EQ(store->leaves(310, 10).value(), std::vector<ledger::Hash>(10, ledger::Hash{8}));
    store = nullptr;
    store = open();
  }
  ASSERT_TRUE(store->write(batch(BatchTarget::state, 41, 3, 320, 5)));
  EXPECT_FALSE(store->write(adopt()));
}

/// Each step of adopting may be the last one before the power goes.
TEST_F(StoreImport, AdoptingGoesOnWhereACrashBrokeItOff) {
  namespace fs = std::filesystem;
  const std::string chain = folder_ + "/chain";
  {
    auto store = open();
    ASSERT_TRUE(store->write(batch(BatchTarget::state, 3, 1, 0, 2)));
    ASSERT_TRUE(store->write(batch(BatchTarget::import_anew, 40, 7, 0, 3)));
  }
  {
    // Flushed by hand: what adopt() does first.
    auto imported = ChainStore::open(folder_ + "/other").value();
    ASSERT_TRUE(imported->write(batch(BatchTarget::state, 40, 7, 0, 3)));
  }
  fs::remove_all(chain + "/import");
  fs::copy(folder_ + "/other", folder_ + "/import", fs::copy_options::recursive);
  fs::copy(chain, folder_ + "/before", fs::copy_options::recursive);
  for (int step = 0; step < 4; ++step) {
    fs::remove_all(chain);
    fs::copy(folder_ + "/before", chain, fs::copy_options::recursive);
    fs::copy(folder_ + "/import", chain + "/import", fs::copy_options::recursive);
    std::ofstream(chain + "/ADOPT");
    if (step >= 1) fs::remove_all(chain + "/state");
    if (step >= 2) fs::rename(chain + "/import/state", chain + "/state");
    if (step >= 3) fs::rename(chain + "/import/leaves.dat", chain + "/leaves.dat");
    const auto store = open();
    EXPECT_TRUE(has(*store, 7)) << step;
    EXPECT_FALSE(has(*store, 1)) << step;
    EXPECT_EQ(store->leaf_count(), 3u) << step;
    EXPECT_FALSE(fs::exists(chain + "/ADOPT")) << step;
    EXPECT_FALSE(fs::exists(chain + "/import")) << step;
  }
}

TEST_F(StoreImport, AFrozenViewStaysAsItWas) {
  const auto store = open();
  ASSERT_TRUE(store->write(batch(BatchTarget::state, 1, 1, 0, 2)));
  const auto frozen = store->freeze();
  WriteBatch change = batch(BatchTarget::state, 2, 2, 2, 1);
  change.records.push_back({Table::utxo, Bytes{1}, std::nullopt});
  ASSERT_TRUE(store->write(change));
  EXPECT_TRUE(has(*frozen, 1));
  EXPECT_FALSE(has(*frozen, 2));
  std::size_t count = 0;
  EXPECT_EQ(frozen->scan_from(Table::utxo, {}, 10, [&](ByteView, ByteView) { ++count; }).value(),
            std::nullopt);
  EXPECT_EQ(count, 1u);
  EXPECT_FALSE(has(*store, 1));
  EXPECT_EQ(frozen->leaves(0, 2).value().size(), 2u);
}

TEST_F(StoreImport, SpaceOfWhatWasDeletedComesBack) {
  const auto store = open();
  constexpr std::uint64_t blocks = 400;
  const auto key = [](std::uint64_t i) {
    return Bytes{static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
  };
  for (std::uint64_t i = 0; i < blocks; ++i) {
    WriteBatch one;
    one.height = {i};
    one.records.push_back(
        {static_cast<Table>(16), key(i), Bytes(64 * 1024, static_cast<std::uint8_t>(i))});
    ASSERT_TRUE(store->write(one));
  }
  ASSERT_TRUE(store->compact());
  const std::uint64_t full = store->disk_bytes();
  EXPECT_GT(full, blocks * 60 * 1024);
  WriteBatch pruned;
  pruned.height = {blocks};
  for (std::uint64_t i = 0; i + 40 < blocks; ++i) {
    pruned.records.push_back({static_cast<Table>(16), key(i), std::nullopt});
  }
  ASSERT_TRUE(store->write(pruned));
  store->reclaim(static_cast<Table>(16), {}, key(blocks - 40));
  EXPECT_LT(store->disk_bytes(), full / 4);
}

TEST_F(StoreImport, SnapshotsAreListedOnceTheyAreWhole) {
  const auto store = open();
  ledger::SnapshotShelf& shelf = *store->shelf();
  EXPECT_TRUE(shelf.list().empty());
  for (const std::uint64_t height : {20U, 40U}) {
    ASSERT_TRUE(shelf.begin({height}));
    ASSERT_TRUE(shelf.spill(3, Bytes{1, 2}));
    ASSERT_TRUE(shelf.spill(3, Bytes{3}));
    EXPECT_EQ(shelf.take_spill(3).value(), (Bytes{1, 2, 3}));
    EXPECT_TRUE(shelf.take_spill(3).value().empty());
    ASSERT_TRUE(shelf.put(Bytes{9, 9}));
    ASSERT_TRUE(shelf.put(Bytes{8}));
    EXPECT_EQ(shelf.list().size(), height == 20 ? 0u : 1u);
    ASSERT_TRUE(shelf.finish(Bytes{7, 7, 7}));
  }
  EXPECT_EQ(shelf.list(), (std::vector<ledger::Height>{{20}, {40}}));
  EXPECT_EQ(shelf.part({20}, 0).value(), (Bytes{9, 9}));
  EXPECT_EQ(shelf.part({40}, 1).value(), Bytes{8});
  EXPECT_FALSE(shelf.part({40}, 2));
  EXPECT_FALSE(shelf.part({40}, UINT64_MAX));
  EXPECT_EQ(shelf.manifest({40}).value(), (Bytes{7, 7, 7}));
  shelf.drop({20});
  EXPECT_EQ(shelf.list(), (std::vector<ledger::Height>{{40}}));
  EXPECT_EQ(shelf.part({20}, 0).error().code, Code::not_found);
  ASSERT_TRUE(shelf.begin({60}));  // and the process ends
  EXPECT_EQ(ChainStore::open(folder_ + "/second").value()->shelf()->list().size(), 0u);
}

}  // namespace
}  // namespace kith::rt
