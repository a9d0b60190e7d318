#include "ledger/execute.h"

#include <rapidcheck.h>

#include <functional>

#include "codec/chain_receipt.h"
#include "ledger/ledger_test_util.h"
#include "ledger/mempool.h"

namespace kith::ledger {
namespace {

using codec::OutPoint;
using codec::Transaction;
using codec::test::hash_of;
using test::coin;
using test::identity;
using test::payment;
using test::rich_amount;
using test::some_fee;
using test::World;

TEST(Execute, APaymentMovesCoins) {
  World world;
  const Transaction tx = world.pay(1, 2, 5 * coin);
  const Executed executed = world.block({tx});
  EXPECT_EQ(executed.fees, some_fee);
  EXPECT_EQ(executed.tx_count, 1u);
  const BlockState& tip = *world.tree->tip();
  const Hash txid = codec::txid_of(tx);
  EXPECT_FALSE(tip.find(world.rich(1)).value());
  const auto paid = tip.find({txid, 0}).value();
  ASSERT_TRUE(paid);
  EXPECT_EQ(paid->output.value, 5 * coin);
  EXPECT_EQ(paid->output.lock, identity(2).lock);
  EXPECT_EQ(paid->height, Height{1});
  EXPECT_EQ(paid->position, test::rich_keys);
  EXPECT_EQ(tip.find({txid, 1}).value()->position, test::rich_keys + 1);
  EXPECT_FALSE(tip.find({txid, 2}).value());
  EXPECT_EQ(tip.supply().outputs, test::rich_keys * rich_amount - some_fee);
  EXPECT_EQ(tip.supply().owed, some_fee + world.rules.params.block_reward);
  test::expect_consistent(world);
}

TEST(Execute, OneBlockMaySpendWhatItCreates) {
  World world;
  const Transaction first = world.pay(1, 2, 5 * coin);
  const OutPoint made{codec::txid_of(first), 0};
  const Transaction second =
      payment({{made, 2}}, {{3, 5 * coin - some_fee}}, some_fee, world.rules.genesis);
  // The other way round there is nothing to spend yet.
  const auto early = world.execute_on(world.tree->tip(), {second, first});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Code::not_found);
  EXPECT_NE(early.error().message.find(base::to_hex(codec::txid_of(second))), std::string::npos);
  world.block({first, second});
  EXPECT_FALSE(world.tree->tip()->find(made).value());
  EXPECT_TRUE(world.tree->tip()->find({codec::txid_of(second), 0}).value());
  EXPECT_TRUE(find_spend(world.store, made).value());
  test::expect_consistent(world);
}

struct Fault {
  const char* says;
  Code code;
  std::function<Transaction(const World&)> make;
};

std::vector<Fault> faults() {
  const auto spend = [](const World& world, const OutPoint& from, std::uint32_t owner, Amount out,
                        Amount fee) {
    return payment({{from, owner}}, {{2, out}}, fee, world.rules.genesis);
  };
  return {
      {"spent or was never there", Code::not_found,
       [=](const World& w) { return spend(w, {hash_of(9), 0}, 1, coin, some_fee); }},
      {"spent or was never there", Code::not_found,
       [=](const World& w) { return spend(w, {w.rules.genesis, 999}, 1, coin, some_fee); }},
      {"another key's", Code::permission,
       [=](const World& w) { return spend(w, w.rich(1), 2, rich_amount - some_fee, some_fee); }},
      {"but outputs, fee and bonds of", Code::refused,
       [=](const World& w) { return spend(w, w.rich(1), 1, rich_amount, some_fee); }},
      {"but outputs, fee and bonds of", Code::refused,
       [=](const World& w) {
         return spend(w, w.rich(1), 1, rich_amount - some_fee - 1, some_fee);
       }},
      {"fee of 1, at least", Code::refused,
       [=](const World& w) { return spend(w, w.rich(1), 1, rich_amount - 1, 1); }},
      {"dust", Code::refused,
       [](const World& w) {
         return payment({{w.rich(1), 1}}, {{2, 545}, {1, rich_amount - 545 - some_fee}}, some_fee,
                        w.rules.genesis);
       }},
      {"expired at height 1, now 2", Code::refused,
       [](const World& w) {
         Transaction tx = w.pay(1, 2, coin);
         tx.expiry = 1;
         codec::sign(tx, identity(1).pair, w.rules.genesis);
         return tx;
       }},
      {"does not verify", Code::bad_signature,
       [](const World& w) {
         Transaction tx = w.pay(1, 2, coin);
         tx.witnesses[0].signature[0] ^= 1;
         return tx;
       }},
      {"does not verify", Code::bad_signature,
       [](const World& w) {
         World other(test::make_genesis(2));
         Transaction tx = w.pay(1, 2, coin);
         codec::sign(tx, identity(1).pair, other.rules.genesis);
         return tx;
       }},
      {"module 2", Code::unsupported,
       [](const World& w) {
         Transaction tx = w.pay(1, 2, coin);
         tx.actions.push_back({2, 0xffff, {}});
         codec::sign(tx, identity(1).pair, w.rules.genesis);
         return tx;
       }},
      {"bytes, limit 600", Code::too_large,
       [](const World& w) {
         Transaction tx = w.pay(1, 2, coin);
         tx.actions.push_back({1, 0xffff, Bytes(400)});
         return tx;
       }},
  };
}

TEST(Execute, EachFaultIsNamed) {
  codec::Genesis genesis = test::make_genesis(3);
  genesis.params.tx_bytes_max = 600;
  World world(genesis);
  world.block({});
  for (const Fault& fault : faults()) {
    SCOPED_TRACE(fault.says);
    const Transaction tx = fault.make(world);
    const auto executed = world.execute_on(world.tree->tip(), {tx});
    ASSERT_FALSE(executed);
    EXPECT_EQ(executed.error().code, fault.code);
    EXPECT_NE(executed.error().message.find(fault.says), std::string::npos)
        << executed.error().message;
  }
  // A block on the wrong height, too large, or with evidence where there is none.
  BlockContext context = world.context_on(*world.tree->tip());
  context.height.value += 1;
  EXPECT_EQ(execute(world.rules, world.tree->tip(), context, {}, {}).error().code, Code::malformed);
  EXPECT_EQ(world.execute_on(world.tree->tip(), {}, {Bytes(3)}).error().code, Code::unsupported);
  world.rules.params.block_bytes_max = 100;
  EXPECT_EQ(world.execute_on(world.tree->tip(), {world.pay(1, 2, coin)}).error().code,
            Code::too_large);
}

TEST(Execute, NothingIsSpentTwice) {
  World world;
  const Transaction a = world.pay(1, 2, coin);
  const Transaction b = world.pay(1, 3, coin);
  EXPECT_FALSE(world.execute_on(world.tree->tip(), {a, b}));
  EXPECT_FALSE(world.execute_on(world.tree->tip(), {a, a}));
  const auto first = world.execute_on(world.tree->tip(), {a});
  ASSERT_TRUE(first);
  world.tree->add(test::block_id(1), first->state);
  EXPECT_FALSE(world.execute_on(first->state, {b}));
  EXPECT_FALSE(world.execute_on(first->state, {a}));
  EXPECT_TRUE(world.execute_on(world.tree->tip(), {b}));  // on a fork
  world.finalize(test::block_id(1));
  EXPECT_FALSE(world.execute_on(world.tree->tip(), {b}));
}

TEST(Execute, SignaturesAreTakenOnTrustOnlyWhereSaid) {
  World world;
  Transaction forged = world.pay(1, 2, coin);
  forged.witnesses[0].signature[0] ^= 1;
  const codec::BlockBody body{{codec::seal(forged), codec::seal(world.pay(2, 2, coin))}, {}};
  const BlockContext context = world.context_on(*world.tree->tip());
  EXPECT_FALSE(execute(world.rules, world.tree->tip(), context, body, {}));
  EXPECT_FALSE(execute(world.rules, world.tree->tip(), context, body, {false, true}));
  EXPECT_TRUE(execute(world.rules, world.tree->tip(), context, body, {true, false}));
}

TEST(Execute, RootsFollowFromTheBlockAlone) {
  World a;
  World b;
  b.config.seed = 1234567;
  b.config.hot_outputs = 0;
  b.tree = StateTree::open(b.store, test::block_id(0), b.config).value();
  for (std::uint32_t key = 1; key <= 6; ++key) {
    const Transaction tx = a.pay(key, key + 1, coin);
    EXPECT_EQ(a.block({tx}).roots, b.block({tx}).roots);
  }
  EXPECT_EQ(a.store, b.store);
  const BlockRoots one = a.execute_on(a.tree->tip(), {a.pay(7, 1, coin)})->roots;
  const BlockRoots other = a.execute_on(a.tree->tip(), {a.pay(7, 1, coin + 1)})->roots;
  EXPECT_NE(one.txs, other.txs);
  EXPECT_NE(one.utxos, other.utxos);
  EXPECT_NE(one.receipts, other.receipts);
}

TEST(Execute, TheRootsProveOutputsAndEntries) {
  World world;
  const Transaction tx = world.pay(1, 2, coin);
  const Executed executed = world.block({tx});
  // The output, out of the leaves that the store has.
  const OutPoint made{codec::txid_of(tx), 0};
  const Utxo utxo = *world.tree->tip()->find(made).value();
  const auto proof = world.tree->txos().prove(utxo.position, world.store.leaves());
  ASSERT_TRUE(proof);
  EXPECT_TRUE(codec::verify_txo_proof(executed.roots.utxos, utxo.position,
                                      codec::txo_leaf(made, utxo), *proof)
                  .value());
  // A validator's entry, and the supply.
  const codec::SparseTree& registry = world.tree->tip()->registry().tree();
  const Hash key = registry_key_of(identity(101).key);
  EXPECT_EQ(codec::verify_sparse_proof(executed.roots.registry, key, registry.prove(key)).value(),
            codec::validator_hash(world.validator(101)));
  const Hash supply = registry_key_of_supply();
  EXPECT_EQ(
      codec::verify_sparse_proof(executed.roots.registry, supply, registry.prove(supply)).value(),
      supply_hash(world.tree->tip()->supply()));
}

TEST(Assemble, TakesWhatAppliesAndFits) {
  World world;
  std::vector<codec::TxPtr> candidates = {
      codec::seal(world.pay(1, 2, coin)), codec::seal(world.pay(1, 3, coin)),  // the same coins
      codec::seal(world.pay(2, 3, coin)), codec::seal(world.pay(3, 3, coin))};
  const std::size_t each = candidates[0]->bytes + codec::body_item_overhead;
  world.rules.params.block_bytes_max =
      static_cast<std::uint32_t>(codec::body_empty_bytes + 2 * each + codec::body_item_overhead +
                                 5);  // exactly, with the evidence
  std::size_t at = 0;
  const auto next = [&] { return at < candidates.size() ? candidates[at++] : nullptr; };
  const BlockContext context = world.context_on(*world.tree->tip());
  const auto assembled = assemble(world.rules, world.tree->tip(), context, next, {Bytes(5)});
  ASSERT_TRUE(assembled) << assembled.error().message;
  EXPECT_EQ(assembled->body.transactions,
            (std::vector<codec::TxPtr>{candidates[0], candidates[2]}));
  EXPECT_TRUE(assembled->body.evidence.empty());  // it convicts nobody
  ASSERT_EQ(assembled->skipped.size(), 1u);
  EXPECT_EQ(assembled->skipped[0].first, candidates[1]->txid);
  // Whoever executes it comes to the same.
  const auto executed = execute(world.rules, world.tree->tip(), context, assembled->body, {});
  ASSERT_TRUE(executed);
  EXPECT_EQ(executed->roots, assembled->executed.roots);
}

/// A disk that fails from a given moment on.
struct FailingStore final : Store {
  explicit FailingStore(const Store& whole) : inner(&whole) {}
  Result<std::optional<Bytes>> get(Table table, ByteView key) const override {
    if (is_broken) return fail(Code::io, "input/output error");
    return inner->get(table, key);
  }
  Result<void> scan(Table table, const Visit& visit) const override {
    return inner->scan(table, visit);
  }
  Result<std::optional<Bytes>> scan_from(Table table, ByteView from, std::size_t limit,
                                         const Visit& visit) const override {
    return inner->scan_from(table, from, limit, visit);
  }
  const Store* inner;
  bool is_broken = false;
};

TEST(Execute, AFailingDiskIsNotTheBlocksFault) {
  World world;
  FailingStore store(world.store);
  const auto tree = StateTree::open(store, test::block_id(0), world.config).value();
  store.is_broken = true;
  const codec::TxPtr tx = codec::seal(world.pay(1, 2, coin));
  const BlockContext context = world.context_on(*tree->tip());
  EXPECT_EQ(execute(world.rules, tree->tip(), context, {{tx}, {}}, {}).error().code, Code::io);
  EXPECT_EQ(assemble(world.rules, tree->tip(), context, [&] { return tx; }, {}).error().code,
            Code::io);
  Mempool pool({});
  const auto answer = pool.add(tx, {}, {0}, world.rules, *tree->tip());
  EXPECT_EQ(answer.refusal, Refusal::store);
  // A record that does not decode is the disk's fault as well.
  MemoryStore damaged = world.store;
  WriteBatch batch;
  const auto key = codec::encode(world.rich(1));
  batch.records = {{Table::utxo, Bytes(key.begin(), key.end()), Bytes(5)}};
  batch.first_leaf = damaged.leaves().size();
  damaged.write(batch);
  EXPECT_EQ(find_utxo(damaged, world.rich(1)).error().code, Code::io);
}

TEST(Assemble, IsBoundedByBytesAlone) {
  World world;
  std::size_t asked = 0;
  const codec::TxPtr tx = codec::seal(world.pay(1, 2, coin));
  world.rules.params.block_bytes_max = 100;
  const auto endless = [&] {
    ++asked;
    return tx;
  };
  const auto assembled =
      assemble(world.rules, world.tree->tip(), world.context_on(*world.tree->tip()), endless, {});
  ASSERT_TRUE(assembled);
  EXPECT_TRUE(assembled->body.transactions.empty());
  EXPECT_LE(asked, 100u);
}

}  // namespace
}  // namespace kith::ledger
