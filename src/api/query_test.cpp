#include "api/query.h"

#include <gtest/gtest.h>

#include "codec/test_chain.h"
#include "ledger/memory_store.h"
#include "ledger/state.h"
#include "node/chain_store.h"

namespace kith::api {
namespace {

// Blocks become final while a question is under way: what it reads is of before.
TEST(Query, ReadsOneMoment) {
  codec::Genesis genesis;
  genesis.network = "test";
  ledger::MemoryStore store;
  store.write(node::make_genesis_batch(genesis));
  const Bytes key{1, 2, 3};
  Query query(store, [&](const ledger::Store& read) -> Result<void> {
    ledger::WriteBatch block;
    block.height = {1};
    const auto tip = TRY(store.get(ledger::Table::meta, base::as_bytes(ledger::tip_key)));
    auto next = TRY(ledger::decode_tip(*tip));
    next.height = {1};
    block.records = {
        {ledger::Table::meta, base::to_bytes(base::as_bytes(ledger::tip_key)), encode(next)},
        {ledger::Table::utxo, key, Bytes{4}}};
    block.first_leaf = next.txo_count;
    store.write(block);
    EXPECT_TRUE(TRY(store.get(ledger::Table::utxo, key)).has_value());
    EXPECT_FALSE(TRY(read.get(ledger::Table::utxo, key)).has_value());
    return {};
  });
  query.run();
  ASSERT_TRUE(query.found().has_value()) << query.found().error().message;
  EXPECT_EQ(query.height(), codec::Height{0});
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
