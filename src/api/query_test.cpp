#include "api/query.h"

#include <gtest/gtest.h>

#include "ledger/memory_store.h"
#include "ledger/state.h"

namespace kith::api {
namespace {

// Blocks become final while a question is under way: what it reads is of before.
TEST(Query, ReadsOneMoment) {
  const Bytes tip_name = base::to_bytes(ledger::tip_key);
  const auto block = [&](std::uint64_t height) {
    ledger::TipRecord tip;
    tip.height = {height};
    ledger::WriteBatch batch;
    batch.height = tip.height;
    batch.records = {{ledger::Table::meta, tip_name, encode(tip)}};
    return batch;
  };
  ledger::MemoryStore store;
  store.write(block(1));
  const Bytes key{1, 2, 3};
  Query query(store, [&](const ledger::Store& read) -> Result<void> {
    ledger::WriteBatch next = block(2);
    next.records.push_back({ledger::Table::utxo, key, Bytes{4}});
    store.write(next);
    EXPECT_TRUE(TRY(store.get(ledger::Table::utxo, key)).has_value());
    EXPECT_FALSE(TRY(read.get(ledger::Table::utxo, key)).has_value());
    return {};
  });
  query.run();
  ASSERT_TRUE(query.found().has_value()) << query.found().error().message;
  EXPECT_EQ(query.height(), codec::Height{1});
}

TEST(Query, TellsWhatTheStoreSays) {
  ledger::MemoryStore store;
  Query query(store, [](const ledger::Store&) -> Result<void> {
    return fail(Code::not_found, "no such thing");
  });
  EXPECT_EQ(query.found().error().code, Code::internal);
  query.run();
  EXPECT_EQ(query.found().error().code, Code::not_found);
}

}  // namespace
}  // namespace kith::api
