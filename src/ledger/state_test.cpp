#include "ledger/state.h"

#include <rapidcheck.h>

#include <list>

#include "ledger/ledger_test_util.h"

namespace kith::ledger {
namespace {

using codec::OutPoint;
using codec::Transaction;
using codec::test::hash_of;
using test::block_id;
using test::coin;
using test::identity;
using test::payment;
using test::rich_amount;
using test::some_fee;
using test::World;

/// Executes and keeps a block without making it final.
std::shared_ptr<const BlockState> fork(World& world, std::uint64_t id,
                                       const std::shared_ptr<const BlockState>& parent,
                                       const std::vector<Transaction>& txs) {
  const auto executed = world.execute_on(parent, txs);
  EXPECT_TRUE(executed);
  world.tree->add(block_id(id), executed->state);
  return executed->state;
}

TEST(StateTree, ForksDoNotSeeEachOther) {
  World world;
  const auto tip = world.tree->tip();
  const auto a = fork(world, 1, tip, {world.pay(1, 2, coin)});
  const auto b = fork(world, 2, tip, {world.pay(1, 3, coin), world.pay(2, 3, coin)});
  const auto a2 = fork(world, 3, a, {world.pay(2, 4, coin)});
  EXPECT_FALSE(a->find(world.rich(1)).value());
  EXPECT_TRUE(a->find(world.rich(2)).value());
  EXPECT_FALSE(a2->find(world.rich(2)).value());
  EXPECT_FALSE(b->find(world.rich(2)).value());
  EXPECT_TRUE(tip->find(world.rich(1)).value());
  EXPECT_EQ(world.tree->pending(), 3u);
  EXPECT_EQ(world.tree->find(block_id(3)), a2);
  EXPECT_EQ(world.tree->find(block_id(9)), nullptr);

  const Hash before = a2->registry().tree().root();
  world.store.write(world.tree->batch_of(block_id(1)));
  EXPECT_TRUE(world.tree->find(block_id(2)));  // written is not yet final
  EXPECT_EQ(world.tree->finalize(block_id(1)), std::vector<Hash>{block_id(2)});
  EXPECT_EQ(world.tree->pending(), 1u);
  EXPECT_EQ(world.tree->find(block_id(2)), nullptr);
  EXPECT_FALSE(a2->find(world.rich(1)).value());
  EXPECT_FALSE(a2->find(world.rich(2)).value());
  EXPECT_TRUE(a2->find(world.rich(3)).value());
  EXPECT_EQ(a2->registry().tree().root(), before);
  const auto a3 = fork(world, 4, a2, {world.pay(3, 4, coin)});
  world.finalize(block_id(3));
  world.finalize(block_id(4));
  EXPECT_EQ(world.tree->tip()->height(), Height{3});
  EXPECT_EQ(a3->height(), Height{3});
  test::expect_consistent(world);
}

TEST(StateTree, ACrashLeavesOneStateOrTheOther) {
  World world;
  const auto executed = world.execute_on(world.tree->tip(), {world.pay(1, 2, coin)});
  ASSERT_TRUE(executed);
  world.tree->add(block_id(1), executed->state);
  const WriteBatch batch = world.tree->batch_of(block_id(1));
  const auto before = StateTree::open(world.store, block_id(0), world.config).value();
  EXPECT_EQ(before->tip()->height(), Height{0});
  EXPECT_TRUE(before->tip()->find(world.rich(1)).value());
  world.store.write(batch);
  const auto after = StateTree::open(world.store, block_id(1), world.config).value();
  EXPECT_EQ(after->tip()->height(), Height{1});
  EXPECT_FALSE(after->tip()->find(world.rich(1)).value());
  EXPECT_EQ(after->txos().root(), executed->roots.utxos);
}

TEST(StateTree, ABatchHasWhatTheBlockChanged) {
  World world;
  const OutPoint first = world.rich(1);
  const codec::Bond bond = codec::test::bond_of(150, 250, 2'000 * coin, first, world.rules.genesis);
  const auto a = fork(world, 1, world.tree->tip(),
                      {payment({{first, 1}}, {{1, rich_amount - 2'000 * coin - some_fee}}, some_fee,
                               world.rules.genesis, {{bond, 0}})});
  fork(world, 2, a, {});
  const auto writes_newcomer = [](const WriteBatch& batch) {
    return std::ranges::any_of(batch.records, [](const WriteBatch::Record& record) {
      return record.table == Table::validator && base::equal(record.key, identity(150).key);
    });
  };
  EXPECT_TRUE(writes_newcomer(world.tree->batch_of(block_id(1))));
  world.finalize(block_id(1));
  const WriteBatch second = world.tree->batch_of(block_id(2));
  EXPECT_FALSE(writes_newcomer(second));
  EXPECT_TRUE(second.leaves.empty());
  // No key twice, so that the order of writing does not matter.
  std::set<std::pair<Table, Bytes>> keys;
  for (const auto& record : second.records) {
    EXPECT_TRUE(keys.emplace(record.table, record.key).second);
  }
}

TEST(StateTree, ADamagedStoreIsNotOpened) {
  const World world;
  const auto refused = [&](const WriteBatch::Record& record) {
    MemoryStore damaged = world.store;
    WriteBatch batch;
    batch.records = {record};
    batch.first_leaf = damaged.leaves().size();
    damaged.write(batch);
    return !StateTree::open(damaged, block_id(0), world.config).has_value();
  };
  EXPECT_EQ(StateTree::open(MemoryStore(), block_id(0), world.config).error().code,
            Code::not_found);
  const Bytes tip = base::to_bytes(tip_key);
  EXPECT_TRUE(refused({Table::meta, tip, Bytes(10)}));
  EXPECT_TRUE(refused({Table::meta, tip, Bytes{2}}));
  EXPECT_TRUE(refused({Table::txo_chunk, Bytes(8), std::nullopt}));
  EXPECT_TRUE(refused({Table::txo_chunk, Bytes(8), Bytes(64)}));
  EXPECT_TRUE(refused({Table::txo_chunk, Bytes(8, 1), Bytes(64)}));
  const Bytes key = base::to_bytes(identity(101).key);
  ValidatorEntry richer = world.validator(101);
  ASSERT_FALSE(refused({Table::validator, key, codec::encode_validator(richer)}));
  richer.stake += 1;
  EXPECT_TRUE(refused({Table::validator, key, codec::encode_validator(richer)}));
  EXPECT_TRUE(refused({Table::validator, key, std::nullopt}));
  EXPECT_TRUE(refused({Table::validator, Bytes(32), codec::encode_validator(richer)}));
}

TEST(StateTree, OutputsAsTheirOwnersSeeThem) {
  World world;
  const Transaction tx = world.pay(1, 2, coin);
  const OutPoint made{codec::txid_of(tx), 0};
  const Hash txid = codec::txid_of(tx);
  const auto status = [&](const BlockState& head, const OutPoint& outpoint,
                          std::optional<Hash> lock = {}) {
    return status_of(*world.tree, head, outpoint, lock).value();
  };
  const auto tip = world.tree->tip();
  EXPECT_EQ(status(*tip, made).state, OutputState::unknown);
  EXPECT_EQ(status(*tip, world.rich(1)).state, OutputState::unspent);
  EXPECT_EQ(status(*tip, world.rich(1), txid).state, OutputState::locked);
  EXPECT_EQ(status(*tip, world.rich(1), txid).spender, txid);
  const auto head = fork(world, 1, tip, {tx});
  EXPECT_EQ(status(*head, made).state, OutputState::pending);
  EXPECT_FALSE(status(*head, made).spender);
  EXPECT_EQ(status(*head, world.rich(1)).state, OutputState::pending);
  EXPECT_EQ(status(*head, world.rich(1)).spender, txid);
  world.finalize(block_id(1));
  EXPECT_EQ(status(*world.tree->tip(), made).state, OutputState::unspent);
  EXPECT_EQ(status(*world.tree->tip(), world.rich(1)).state, OutputState::finalized);
  EXPECT_EQ(status(*world.tree->tip(), world.rich(1)).spender, txid);
  EXPECT_EQ(name_of(OutputState::finalized), "finalized");
}

TEST(StateTree, PaymentsThatGoOnHitTheCache) {
  World world;
  OutPoint at = world.rich(1);
  Amount amount = rich_amount;
  for (int i = 0; i < 50; ++i) {
    amount -= some_fee;
    const Transaction tx = payment({{at, 1}}, {{1, amount}}, some_fee, world.rules.genesis);
    world.block({tx});
    at = {codec::txid_of(tx), 0};
  }
  const HotCache::Counters& counters = world.tree->hot_counters();
  EXPECT_EQ(counters.misses, 1u);
  EXPECT_EQ(counters.hits, 49u);
}

/// The ledger beside the simplest one: a map of outputs for each block.
struct Model {
  using Outputs = std::map<OutPoint, std::pair<std::uint32_t, Amount>>;  // owner, value
  std::map<std::uint64_t, Outputs> blocks;
};

struct History {
  explicit History(std::uint64_t seed) : rng(seed) {
    codec::Genesis genesis = test::make_genesis(3);
    genesis.params.dust = 1;
    // Without rewards nothing comes from outside, so that the model stays a map.
    genesis.params.block_reward = 0;
    genesis.params.min_fee_rate = 0;
    world = std::make_unique<World>(genesis);
    for (std::uint32_t key = 1; key <= test::rich_keys; ++key) {
      model.blocks[0][world->rich(key)] = {key, rich_amount};
    }
  }

  /// A transaction of one to three outputs of `outputs`; they change as it says.
  Transaction spend(Model::Outputs& outputs) {
    std::vector<test::Spending> in;
    Amount sum = 0;
    for (std::uint64_t i = 0; i <= rng.below(3) && !outputs.empty(); ++i) {
      const auto from =
          std::next(outputs.begin(), static_cast<std::ptrdiff_t>(rng.below(outputs.size())));
      in.push_back({from->first, from->second.first});
      sum += from->second.second;
      outputs.erase(from);
    }
    std::vector<test::Paying> out;
    for (std::uint64_t i = 0; i <= rng.below(3) && sum > 1; ++i) {
      const Amount value = 1 + rng.below(sum - 1);
      out.push_back({1 + static_cast<std::uint32_t>(rng.below(test::rich_keys)), value});
      sum -= value;
    }
    if (sum > 0) out.push_back({1, sum});
    const Transaction tx = payment(in, out, 0, world->rules.genesis);
    const Hash txid = codec::txid_of(tx);
    for (std::uint32_t i = 0; i < out.size(); ++i) {
      outputs[{txid, i}] = {out[i].to, out[i].value};
    }
    return tx;
  }

  void extend() {
    const auto parent = std::next(model.blocks.begin(),
                                  static_cast<std::ptrdiff_t>(rng.below(model.blocks.size())));
    const auto state = world->tree->find(block_id(parent->first));
    Model::Outputs outputs = parent->second;
    std::vector<Transaction> txs;
    for (std::uint64_t i = 0; i < rng.below(4) && !outputs.empty(); ++i) {
      txs.push_back(spend(outputs));
    }
    if (!txs.empty() && rng.below(4) == 0) {
      std::vector<Transaction> twice = txs;
      twice.push_back(txs[rng.below(txs.size())]);
      RC_ASSERT(!world->execute_on(state, twice));
    }
    const auto executed = world->execute_on(state, txs);
    RC_ASSERT(executed.has_value());
    const std::uint64_t id = ++last;
    parents[id] = parent->first;
    world->tree->add(block_id(id), executed->state);
    model.blocks[id] = std::move(outputs);
  }

  void finalize() {
    std::vector<std::uint64_t> children;
    for (const auto& [id, outputs] : model.blocks) {
      if (id != final_one && parents[id] == final_one) children.push_back(id);
    }
    if (children.empty()) return;
    const std::uint64_t chosen = children[rng.below(children.size())];
    world->finalize(block_id(chosen));
    std::erase_if(model.blocks, [&](const auto& block) {
      std::uint64_t at = block.first;
      while (at > chosen) at = parents[at];  // parents have lower numbers
      return at != chosen;
    });
    final_one = chosen;
    test::expect_consistent(*world);
  }

  void compare() {
    RC_ASSERT(world->tree->pending() + 1 == model.blocks.size());
    for (const auto& [id, outputs] : model.blocks) {
      const auto state = world->tree->find(block_id(id));
      for (const auto& [other, theirs] : model.blocks) {
        for (const auto& [outpoint, output] : theirs) {
          const auto found = state->find(outpoint).value();
          const auto wanted = outputs.find(outpoint);
          RC_ASSERT(found.has_value() == (wanted != outputs.end()));
          if (!found) continue;
          RC_ASSERT(found->output.value == wanted->second.second);
          RC_ASSERT(state->txos().is_unspent(found->position));
        }
      }
    }
    RC_ASSERT(world->store.size(Table::utxo) == model.blocks[final_one].size());
  }

  SeededRng rng;
  std::unique_ptr<World> world;
  Model model;
  std::map<std::uint64_t, std::uint64_t> parents;
  std::uint64_t last = 0;
  std::uint64_t final_one = 0;
};

TEST(StateTree, AgreesWithAMapThroughForksAndFinality) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    History run(seed);
    for (int step = 0; step < 25; ++step) {
      if (run.rng.below(3) == 0) {
        run.finalize();
      } else {
        run.extend();
      }
      run.compare();
    }
  }));
}

TEST(HotCache, ForgetsWhatWasNotTouchedTheLongest) {
  MemoryStore store;
  WriteBatch batch;
  const auto at = [](std::uint32_t i) { return OutPoint{hash_of(1), i}; };
  for (std::uint32_t i = 0; i < 10; ++i) {
    const auto key = codec::encode(at(i));
    const auto value = codec::encode(Utxo{i, {0, 0, 1, hash_of(2)}, Height{1}});
    batch.records.push_back(
        {Table::utxo, Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end())});
  }
  store.write(batch);
  HotCache cache(3, 5);
  for (const std::uint32_t i : {0u, 1u, 2u, 0u, 3u, 0u, 2u, 1u}) {
    EXPECT_EQ(cache.find(store, at(i)).value()->position, i);
  }
  EXPECT_EQ(cache.counters().hits, 3u);  // 0, 0, 2; 1 had made room for 3
  EXPECT_EQ(cache.counters().misses, 5u);
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_FALSE(cache.find(store, at(77)).value());
  EXPECT_EQ(cache.size(), 3u);
  cache.erase(at(1));
  cache.erase(at(1));
  EXPECT_EQ(cache.size(), 2u);
  cache.put(at(2), Utxo{9, {}, Height{1}});
  EXPECT_EQ(cache.find(store, at(2)).value()->position, 9u);
  HotCache none(0, 5);
  EXPECT_TRUE(none.find(store, at(1)).value());
  EXPECT_EQ(none.size(), 0u);
}

/// Outputs by when they were touched, the latest first; what is not in it the empty store lacks
/// too.
TEST(HotCache, IsAListByLastTouch) {
  rc::check("as a list", [] {
    const auto at = [](std::uint32_t i) {
      return OutPoint{hash_of(static_cast<std::uint8_t>(i)), i};
    };
    const MemoryStore store;
    const std::size_t capacity = *rc::gen::inRange<std::size_t>(1, 40);
    HotCache cache(capacity, *rc::gen::arbitrary<std::uint64_t>());
    std::list<std::pair<std::uint32_t, std::uint64_t>> model;
    const auto steps = *rc::gen::inRange(1, 400);
    for (int step = 0; step < steps; ++step) {
      const auto i = *rc::gen::inRange<std::uint32_t>(0, 60);
      const auto known =
          std::ranges::find(model, i, &std::pair<std::uint32_t, std::uint64_t>::first);
      switch (*rc::gen::inRange(0, 4)) {
        case 0:
          cache.erase(at(i));
          if (known != model.end()) model.erase(known);
          break;
        case 1: {
          const auto found = cache.find(store, at(i)).value();
          RC_ASSERT(found.has_value() == (known != model.end()));
          if (!found) break;
          RC_ASSERT(found->position == known->second);
          model.splice(model.begin(), model, known);
          break;
        }
        default: {
          const auto position = static_cast<std::uint64_t>(step);
          cache.put(at(i), Utxo{position, {}, Height{1}});
          if (known != model.end()) model.erase(known);
          model.emplace_front(i, position);
          if (model.size() > capacity) model.pop_back();
        }
      }
      RC_ASSERT(cache.size() == model.size());
    }
  });
}

}  // namespace
}  // namespace kith::ledger
