// For tests: a chain of a few validators and rich keys over a store in memory, and blocks on it in
// one line. Keys are codec/test_chain.h's numbers: 1 to 9 hold coins, 101 and up validate, and the
// owner of validator v is v + 100.
#pragma once

#include <gtest/gtest.h>

#include "codec/chain_beacon.h"
#include "codec/test_chain.h"
#include "ledger/execute.h"
#include "ledger/memory_store.h"
#include "ledger/state_tree.h"

namespace kith::ledger::test {

using codec::test::identity;
using codec::test::Paying;
using codec::test::payment;
using codec::test::Spending;

inline constexpr Amount coin = codec::units_per_coin;
inline constexpr std::uint32_t rich_keys = 9;
inline constexpr Amount rich_amount = 10'000 * coin;
inline constexpr Amount some_fee = 10'000;

inline codec::Genesis make_genesis(std::uint32_t validators) {
  codec::Genesis genesis;
  genesis.network = "test";
  genesis.params.epoch_blocks = 4;
  genesis.params.unbonding_epochs = 2;
  genesis.params.jail_window = 4;
  for (std::uint32_t key = 1; key <= rich_keys; ++key) {
    genesis.outputs.push_back({0, 0, rich_amount, identity(key).lock});
  }
  for (std::uint32_t v = 101; v < 101 + validators; ++v) {
    genesis.validators.push_back(
        {identity(v).key, identity(v + 100).lock, 1'000 * coin * (v - 100)});
  }
  std::ranges::sort(genesis.validators, {}, &codec::GenesisValidator::key);
  return genesis;
}

/// A name for a block: a test's headers are their order.
inline Hash block_id(std::uint64_t number) {
  Hash id{};
  for (std::size_t i = 0; i < 8; ++i) id[i] = static_cast<std::uint8_t>(number >> (8 * i));
  id[31] = 0xb;
  return id;
}

struct World {
  explicit World(std::uint32_t validators = 3) : World(make_genesis(validators)) {}
  explicit World(const codec::Genesis& genesis)
      : rules{genesis.params, codec::genesis_hash(genesis), {}} {
    EXPECT_TRUE(codec::check(genesis));
    store.write(make_genesis_state(genesis).batch);
    tree = StateTree::open(store, block_id(0), config).value();
  }

  /// The context of a block on `parent` that the lowest key proposes and all of the epoch signed.
  BlockContext context_on(const BlockState& parent) const {
    BlockContext context;
    context.height = codec::next(parent.height());
    const bool is_first =
        context.height.value > 1 && (context.height.value - 1) % rules.params.epoch_blocks == 0;
    for (const auto& [key, entry] : parent.registry().entries()) {
      if (entry->weight > 0 && context.proposer == ChainKey{}) context.proposer = key;
      if (context.height.value == 1) continue;
      if ((is_first ? entry->weight_before : entry->weight) > 0) context.signers.push_back(key);
    }
    if (rules.params.compute) context.proof = proof_of(context.proposer, context.height);
    return context;
  }

  /// By the key of a validator of genesis.
  crypto::VrfProof proof_of(const ChainKey& validator, Height height) const {
    std::uint32_t number = 101;
    while (identity(number).key != validator) ++number;
    return crypto::vrf_prove(identity(number).pair, codec::beacon_input(rules.genesis, height));
  }

  Result<Executed> execute_on(const std::shared_ptr<const BlockState>& parent,
                              const std::vector<codec::Transaction>& txs,
                              std::vector<Bytes> evidence = {}) const {
    codec::BlockBody body;
    for (const codec::Transaction& tx : txs) body.transactions.push_back(codec::seal(tx));
    body.evidence = std::move(evidence);
    const BlockContext context = context_on(*parent);
    body.proof = context.proof;
    return execute(rules, parent, context, body, {});
  }

  /// Executes on the tip and makes it final; what it was.
  Executed block(const std::vector<codec::Transaction>& txs, std::vector<Bytes> evidence = {}) {
    Result<Executed> executed = execute_on(tree->tip(), txs, std::move(evidence));
    EXPECT_TRUE(executed) << (executed ? "" : executed.error().message);
    if (!executed) std::abort();
    const Hash id = block_id(++blocks);
    tree->add(id, executed->state);
    finalize(id);
    return *executed;
  }

  void finalize(const Hash& id) {
    store.write(tree->batch_of(id));
    tree->finalize(id);
  }

  codec::OutPoint rich(std::uint32_t key) const { return {rules.genesis, key - 1}; }
  /// Key `from`'s coins of genesis: `value` to `to`, the rest back.
  codec::Transaction pay(std::uint32_t from, std::uint32_t to, Amount value) const {
    return payment({{rich(from), from}}, {{to, value}, {from, rich_amount - value - some_fee}},
                   some_fee, rules.genesis);
  }
  const ValidatorEntry& validator(std::uint32_t number) const {
    return *tree->tip()->registry().find(identity(number).key);
  }

  StateTree::Config config{64, 99};
  Rules rules;
  MemoryStore store;
  std::unique_ptr<StateTree> tree;
  std::uint64_t blocks = 0;
};

/// Everything that the supply says, counted anew out of the store and the registry.
inline Supply recount(const MemoryStore& store, const BlockState& tip) {
  Supply supply;
  EXPECT_TRUE(store.scan(Table::utxo, [&](ByteView, ByteView value) {
    supply.outputs += codec::decode_utxo(value)->output.value;
  }));
  for (const auto& [key, entry] : tip.registry().entries()) {
    supply.bonded += entry->bonded();
    supply.owed += entry->rewards;
  }
  tip.registry().by_kind().visit_all(
      [&](const EntryKey& key, const std::shared_ptr<const Bytes>& entry) {
        supply.escrow += escrow_of(key, *entry).value();
      });
  supply.treasury = tip.supply().treasury;
  supply.minted = tip.supply().minted;
  supply.burnt = tip.supply().burnt;
  return supply;
}

/// What a store, read anew, and the tip in memory have to agree on.
inline void expect_consistent(const World& world) {
  const BlockState& tip = *world.tree->tip();
  EXPECT_EQ(recount(world.store, tip), tip.supply());
  EXPECT_TRUE(tip.supply().is_conserved());
  const auto again = StateTree::open(world.store, world.tree->tip_id(), world.config);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->txos().root(), world.tree->txos().root());
  EXPECT_EQ((*again)->tip()->registry().tree().root(), tip.registry().tree().root());
  EXPECT_EQ((*again)->tip()->height(), tip.height());
  EXPECT_EQ((*again)->tip()->supply(), tip.supply());
}

}  // namespace kith::ledger::test
