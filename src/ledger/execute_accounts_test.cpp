// Accounts as blocks change them: by transactions, at the ends of epochs, in the registry's root,
// in batches and in stores that are opened anew.
#include <set>

#include "codec/account_name.h"
#include "codec/chain_proof_check.h"
#include "ledger/beacon.h"
#include "ledger/ledger_test_util.h"

namespace kith::ledger {
namespace {

using codec::test::Ordering;
using test::coin;
using test::identity;
using test::rich_amount;
using test::some_fee;
using test::World;

constexpr std::uint32_t owner = 301;
constexpr std::uint32_t worker = 401;

codec::Genesis computing_genesis() {
  codec::Genesis genesis = test::make_genesis(3);
  genesis.params.compute.emplace();
  genesis.params.compute->bond_epochs = 1;
  return genesis;
}

class ExecuteAccounts : public testing::Test {
 protected:
  /// Key 1's coins pay for all; what is left comes back to it.
  codec::Transaction tx(const std::vector<Ordering>& orders, Amount taken) const {
    return test::payment({{coins_, 1}}, {{1, left_ - taken - some_fee}}, some_fee,
                         world_.rules.genesis, orders);
  }
  Executed obey(const std::vector<Ordering>& orders, Amount taken) {
    const codec::Transaction paying = tx(orders, taken);
    Executed executed = world_.block({paying});
    coins_ = {codec::txid_of(paying), 0};
    left_ -= taken + some_fee;
    test::expect_consistent(world_);
    return executed;
  }
  std::string refusal(const std::vector<Ordering>& orders, Amount taken) const {
    const auto executed = world_.execute_on(world_.tree->tip(), {tx(orders, taken)});
    EXPECT_FALSE(executed);
    return executed ? "executed" : executed.error().message;
  }
  Ordering open(Amount bond) const { return {codec::OpenAccount{lock_, bond, {}}, owner}; }
  codec::AddWorker add_worker() const {
    codec::AddWorker order{id_, identity(worker).key, 1, {}};
    order.proof =
        identity(worker).pair.sign(codec::add_worker_message(world_.rules.genesis, order, coins_));
    return order;
  }
  std::optional<AccountEntry> account() const {
    return find_account(world_.tree->tip()->registry().by_kind(), id_);
  }
  Amount owned_by_lock() const {
    Amount sum = 0;
    EXPECT_TRUE(world_.store.scan(Table::utxo, [&](ByteView, ByteView value) {
      const auto utxo = codec::decode_utxo(value);
      if (utxo->output.lock == lock_) sum += utxo->output.value;
    }));
    return sum;
  }

  World world_{computing_genesis()};
  AccountId id_ = codec::account_id(world_.rules.genesis, identity(owner).key);
  Hash lock_ = identity(owner + 1).lock;
  codec::OutPoint coins_ = world_.rich(1);
  Amount left_ = rich_amount;
};

TEST_F(ExecuteAccounts, ABondGoesIntoEscrowAndComesBack) {
  obey({open(5 * coin)}, 5 * coin);
  EXPECT_EQ(world_.tree->tip()->supply().escrow, 5 * coin);
  EXPECT_EQ(account()->bond, 5 * coin);
  obey({{codec::AddBond{id_, 2 * coin}, 0}}, 2 * coin);
  EXPECT_EQ(world_.tree->tip()->supply().escrow, 7 * coin);
  obey({{codec::TakeBond{id_, 3 * coin}, owner}}, 0);
  while (world_.tree->tip()->height().value < 8) {
    EXPECT_EQ(owned_by_lock(), 0u);
    world_.block({});
  }
  EXPECT_EQ(owned_by_lock(), 3 * coin);
  EXPECT_EQ(world_.tree->tip()->supply().escrow, 4 * coin);
  test::expect_consistent(world_);
  obey({{codec::TakeBond{id_, 4 * coin}, owner}}, 0);
  EXPECT_TRUE(account()->is_closed());
  while (world_.tree->tip()->height().value < 16) world_.block({});
  EXPECT_EQ(owned_by_lock(), 7 * coin);
  EXPECT_EQ(world_.tree->tip()->supply().escrow, 0u);
  EXPECT_FALSE(account());
  EXPECT_EQ(world_.store.size(Table::entry), 1u) << "the beacon alone";
  test::expect_consistent(world_);
}

TEST_F(ExecuteAccounts, OrdersOfOneTransactionBuildOnEachOther) {
  obey({open(3 * coin), {codec::AddBond{id_, coin}, 0}, {add_worker(), owner}}, 4 * coin);
  EXPECT_EQ(account()->bond, 4 * coin);
  EXPECT_EQ(account()->workers, (std::vector{identity(worker).key}));
  // One that does not hold voids the others.
  const std::string why =
      refusal({{codec::AddBond{id_, coin}, 0}, {codec::JoinTeam{id_, id_}, owner}}, coin);
  EXPECT_NE(why.find("as its own team"), std::string::npos) << why;
  EXPECT_EQ(account()->bond, 4 * coin);
}

TEST_F(ExecuteAccounts, WhatIsNotPaidForIsRefused) {
  EXPECT_NE(refusal({open(3 * coin)}, 2 * coin).find("outputs, fee and bonds of"),
            std::string::npos);
  EXPECT_NE(refusal({open(coin - 1)}, coin - 1).find("an account has 100000000 at least"),
            std::string::npos);
  Ordering unsigned_order = open(coin);
  unsigned_order.by = 0;
  EXPECT_NE(refusal({unsigned_order}, coin).find("without a key"), std::string::npos);
}

TEST_F(ExecuteAccounts, AWorkersProofIsVerifiedAndGoodOnce) {
  obey({open(coin)}, coin);
  codec::AddWorker forged = add_worker();
  forged.proof[3] ^= 1;
  EXPECT_NE(refusal({{forged, owner}}, 0).find("does not verify"), std::string::npos);
  const codec::AddWorker of_this_input = add_worker();
  obey({{codec::OpenTeam{id_, true}, owner}}, 0);  // another input from now on
  EXPECT_NE(refusal({{of_this_input, owner}}, 0).find("does not verify"), std::string::npos);
  obey({{add_worker(), owner}}, 0);
  EXPECT_EQ(account()->workers.size(), 1u);
}

TEST_F(ExecuteAccounts, ANameOfAnAccount) {
  const Hash salt = codec::test::hash_of(7);
  obey({open(coin)}, coin);
  obey({{codec::SealName{id_, codec::name_seal(id_, salt, "kith")}, owner}}, 0);
  const Ordering take{codec::TakeName{id_, salt, "kith"}, owner};
  EXPECT_NE(refusal({take}, 0).find("good from 16"), std::string::npos);
  for (int i = 0; i < 16; ++i) world_.block({});
  obey({take}, 0);
  EXPECT_EQ(account()->name, "kith");
  EXPECT_EQ(world_.store.size(Table::entry), 3u);  // and the beacon
}

TEST_F(ExecuteAccounts, EntriesAreUnderTheRegistryRoot) {
  const Executed executed = obey({open(2 * coin)}, 2 * coin);
  const Hash place = codec::entry_key(EntryKind::account, id_);
  const auto proof = world_.tree->tip()->registry().tree().prove(place);
  const auto said = codec::verify_sparse_proof(executed.roots.registry, place, proof);
  ASSERT_TRUE(said && *said);
  EXPECT_EQ(**said, codec::entry_hash(EntryKind::account, codec::encode_account(*account())));
  const Hash nowhere = codec::entry_key(EntryKind::name, codec::name_id("kith"));
  const auto none = codec::verify_sparse_proof(
      executed.roots.registry, nowhere, world_.tree->tip()->registry().tree().prove(nowhere));
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST_F(ExecuteAccounts, ForksHaveEntriesOfTheirOwn) {
  const auto one = world_.execute_on(world_.tree->tip(), {tx({open(2 * coin)}, 2 * coin)});
  const auto other = world_.execute_on(world_.tree->tip(), {tx({}, 0)});
  ASSERT_TRUE(one && other);
  EXPECT_TRUE(find_account(one->state->registry().by_kind(), id_));
  EXPECT_FALSE(find_account(other->state->registry().by_kind(), id_));
  EXPECT_NE(one->roots.registry, other->roots.registry);
  world_.tree->add(test::block_id(1), one->state);
  world_.tree->add(test::block_id(2), other->state);
  const auto writes_entry = [&](std::uint64_t block) {
    return std::ranges::any_of(
        world_.tree->batch_of(test::block_id(block)).records,
        [&](const WriteBatch::Record& record) {
          return record.table == Table::entry &&
                 record.key == record_key({EntryKind::account, Bytes(id_.begin(), id_.end())});
        });
  };
  EXPECT_TRUE(writes_entry(1));
  EXPECT_FALSE(writes_entry(2));
  world_.finalize(test::block_id(1));
  world_.blocks = 2;
  const auto next = world_.execute_on(world_.tree->tip(), {});
  ASSERT_TRUE(next);
  world_.tree->add(test::block_id(3), next->state);
  EXPECT_FALSE(writes_entry(3));
}

TEST_F(ExecuteAccounts, ADamagedEntryIsNotOpened) {
  obey({open(2 * coin)}, 2 * coin);
  const auto opens_with = [&](Bytes key, std::optional<Bytes> value) {
    MemoryStore damaged = world_.store;
    WriteBatch batch;
    batch.records = {{Table::entry, std::move(key), std::move(value)}};
    batch.first_leaf = damaged.leaves().size();
    damaged.write(batch);
    return StateTree::open(damaged, world_.tree->tip_id(), world_.config).has_value();
  };
  const Bytes key = record_key({EntryKind::account, Bytes(id_.begin(), id_.end())});
  AccountEntry entry = *account();
  EXPECT_TRUE(opens_with(key, codec::encode_account(entry)));
  entry.bond += 1;
  EXPECT_FALSE(opens_with(key, codec::encode_account(entry)));
  EXPECT_FALSE(opens_with(key, Bytes{1, 2}));
  EXPECT_FALSE(opens_with(key, std::nullopt));
  EXPECT_FALSE(opens_with({1, 2}, Bytes{1}));
  EXPECT_FALSE(opens_with({99}, Bytes{1}));
  const Bytes beacon = {static_cast<std::uint8_t>(EntryKind::beacon)};
  EXPECT_FALSE(opens_with(beacon, Bytes{1}));
  EXPECT_FALSE(opens_with(beacon, Bytes(64, 1)));
  EXPECT_TRUE(opens_with(beacon, Bytes(65, 1)));
}

/// A body of nothing but `proof` on the tip, as the validator whose turn it is proposes it.
std::string verdict_on(const World& world, std::optional<crypto::VrfProof> proof) {
  const auto executed = execute(world.rules, world.tree->tip(),
                                world.context_on(*world.tree->tip()), {{}, {}, proof}, {});
  return executed ? "" : executed.error().message;
}

TEST(ExecuteBeacon, ABlockHasItsProposersProofOfItsHeight) {
  World world{computing_genesis()};
  world.block({});
  const BlockContext context = world.context_on(*world.tree->tip());
  ASSERT_EQ(context.height, Height{2});
  const auto other =
      std::ranges::find_if(world.tree->tip()->registry().entries(),
                           [&](const auto& e) { return e.first != context.proposer; });
  EXPECT_EQ(verdict_on(world, world.proof_of(context.proposer, {2})), "");
  EXPECT_EQ(verdict_on(world, std::nullopt), "a body without its proposer's proof");
  const std::string wrong = "the proposer's proof of height 2: ";
  for (const auto& [key, height] : {std::pair{other->first, Height{2}},
                                    {context.proposer, Height{1}},  // the block's before, again
                                    {context.proposer, Height{3}}}) {
    EXPECT_TRUE(verdict_on(world, world.proof_of(key, height)).starts_with(wrong));
  }
  crypto::VrfProof bent = world.proof_of(context.proposer, {2});
  bent.back() ^= 1;
  EXPECT_TRUE(verdict_on(world, bent).starts_with(wrong));
  // Of another chain.
  World twin{[] {
    codec::Genesis genesis = computing_genesis();
    genesis.network = "twin";
    return genesis;
  }()};
  EXPECT_TRUE(verdict_on(world, twin.proof_of(context.proposer, {2})).starts_with(wrong));
}

TEST(ExecuteBeacon, AChainThatDoesNotComputeHasNoProof) {
  World world;
  const ChainKey proposer = world.context_on(*world.tree->tip()).proposer;
  EXPECT_EQ(verdict_on(world, world.proof_of(proposer, {1})),
            "a body with a proof on a chain without compute");
  world.block({});
  EXPECT_FALSE(world.tree->tip()->registry().by_kind().contains(EntryKind::beacon, {}));
}

TEST(ExecuteBeacon, WhatIsAssembledHasTheProofAndLeavesItsRoom) {
  codec::Genesis genesis = computing_genesis();
  genesis.params.block_bytes_max = 1024;
  genesis.params.tx_bytes_max = 512;
  World world{genesis};
  const BlockContext context = world.context_on(*world.tree->tip());
  std::uint32_t from = 0;
  const auto next = [&]() -> codec::TxPtr {
    return ++from <= 9 ? codec::seal(world.pay(from, 2, coin)) : nullptr;
  };
  const auto made = assemble(world.rules, world.tree->tip(), context, next, {});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->body.proof, context.proof);
  EXPECT_GT(made->body.transactions.size(), 1u);
  const std::size_t size = encoded_size(made->body);
  EXPECT_LE(size, 1024u);
  EXPECT_GT(size + made->body.transactions[0]->bytes + codec::body_item_overhead, 1024u);
  const auto executed = execute(world.rules, world.tree->tip(), context, made->body, {});
  ASSERT_TRUE(executed) << executed.error().message;
  EXPECT_EQ(executed->roots, made->executed.roots);
  BlockContext without = context;
  without.proof.reset();
  EXPECT_FALSE(assemble(world.rules, world.tree->tip(), without, next, {}));
}

TEST(ExecuteBeacon, FollowsFromTheBodiesAndOrdersTheNextEpochsLeaders) {
  World world{computing_genesis()};
  Entries expected;
  std::set<Hash> seen;
  for (std::uint64_t height = 1; height <= 10; ++height) {
    const BlockContext context = world.context_on(*world.tree->tip());
    world.block({});
    ASSERT_TRUE(
        advance_beacon(expected, world.rules.genesis, {height}, context.proposer, *context.proof));
    if (height % 4 == 0) seed_leaders(expected, world.rules.genesis);
    const Entries& entries = world.tree->tip()->registry().by_kind();
    EXPECT_TRUE(entries.changed_since(expected).empty()) << height;
    EXPECT_TRUE(seen.insert(beacon_of(entries, world.rules.genesis)).second);
    test::expect_consistent(world);
  }
}

TEST(ExecuteWithoutAccounts, OrdersAreUnsupported) {
  World world;
  const codec::Transaction tx =
      test::payment({{world.rich(1), 1}}, {{1, rich_amount - coin - some_fee}}, some_fee,
                    world.rules.genesis, {{codec::OpenAccount{identity(1).lock, coin, {}}, 1}});
  const auto executed = world.execute_on(world.tree->tip(), {tx});
  ASSERT_FALSE(executed);
  EXPECT_EQ(executed.error().code, Code::unsupported);
}

}  // namespace
}  // namespace kith::ledger
