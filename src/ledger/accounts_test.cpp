#include "ledger/accounts.h"

#include <gtest/gtest.h>

#include <map>

#include "codec/account_name.h"
#include "codec/test_chain.h"

namespace kith::ledger {
namespace {

using codec::test::hash_of;
using codec::test::identity;

constexpr Amount coin = codec::units_per_coin;
const Hash genesis = hash_of(0x77);

/// A small world of accounts: the key of account n is identity n.
struct World {
  Entries entries;
  Height height{100};
  Epoch epoch{3};
  ComputeParams params;

  static AccountId id(std::uint32_t n) { return codec::account_id(genesis, identity(n).key); }

  Result<Amount> obey(const codec::AccountOrder& order, std::uint32_t by) {
    Entries draft = entries;
    const ChainKey* signer = by == 0 ? nullptr : &identity(by).key;
    const auto taken =
        apply_account({params, genesis, epoch, height}, draft, order, signer);
    if (taken) entries = draft;
    return taken;
  }
  void open(std::uint32_t n, Amount bond = 10 * coin) {
    ASSERT_EQ(obey(codec::OpenAccount{identity(n + 100).lock, bond, {}}, n).value(), bond);
  }
  void name(std::uint32_t n, const std::string& text) {
    const Hash salt = hash_of(static_cast<std::uint8_t>(n));
    ASSERT_TRUE(obey(codec::SealName{id(n), codec::name_seal(id(n), salt, text)}, n));
    height = {height.value + codec::name_seal_blocks_min};
    const auto taken = obey(codec::TakeName{id(n), salt, text}, n);
    ASSERT_TRUE(taken) << taken.error().message;
  }
  std::string why(const codec::AccountOrder& order, std::uint32_t by) {
    const auto taken = obey(order, by);
    return taken ? "obeyed" : taken.error().message;
  }
  AccountEntry account(std::uint32_t n) const { return find_account(entries, id(n)).value(); }
  std::string text(std::uint32_t n) const { return base::to_hex(id(n)); }
};

std::string key_text(std::uint32_t n) { return base::to_hex(identity(n).key); }

codec::AddWorker worker_of(std::uint32_t n, std::uint32_t worker) {
  return {World::id(n), identity(worker).key, 1, {}};
}

TEST(Accounts, OpenWithABond) {
  World world;
  EXPECT_EQ(world.why(codec::OpenAccount{{}, coin, {}}, 0), "account opened without a key");
  EXPECT_EQ(world.why(codec::OpenAccount{{}, coin - 1, {}}, 1),
            "bond of 99999999, an account has 100000000 at least");
  EXPECT_EQ(world.obey(codec::OpenAccount{hash_of(2), coin, hash_of(3)}, 1).value(), coin);
  const AccountEntry entry = world.account(1);
  EXPECT_EQ(entry.key, identity(1).key);
  EXPECT_EQ(entry.lock, hash_of(2));
  EXPECT_EQ(entry.bond, coin);
  EXPECT_EQ(entry.seal, hash_of(3));
  EXPECT_EQ(entry.sealed, Height{100});
  EXPECT_EQ(world.why(codec::OpenAccount{{}, coin, {}}, 1),
            "account " + world.text(1) + " is there");
  const ChainKey small{1};
  Entries draft = world.entries;
  EXPECT_EQ(apply_account({{}, genesis, {}, {1}}, draft, codec::OpenAccount{{}, coin, {}}, &small)
                .error()
                .code,
            Code::bad_key);
}

TEST(Accounts, AnOrderIsSignedByTheAccountsKey) {
  World world;
  world.open(1);
  const AccountId id = World::id(1);
  const codec::AccountOrder orders[] = {
      codec::TakeBond{id, 1},     codec::SealName{id, hash_of(1)},
      worker_of(1, 5),            codec::TakeName{id, {}, "kith"},
      codec::JoinTeam{id, {}},    codec::OpenTeam{id, true},
      codec::ChangeKey{id, identity(5).key, {}}};
  for (const codec::AccountOrder& order : orders) {
    for (const std::uint32_t by : {0u, 2u, 101u}) {
      EXPECT_EQ(world.why(order, by), "order to account " + world.text(1) +
                                          " not signed by its key")
          << order.index();
    }
    EXPECT_FALSE(world.why(order, 1).starts_with("order to account")) << order.index();
  }
  EXPECT_EQ(world.why(codec::TakeBond{World::id(2), 1}, 2), "no account " + world.text(2));
  EXPECT_EQ(world.why(codec::AddBond{World::id(2), 1}, 2), "no account " + world.text(2));
}

TEST(Accounts, ABondIsTakenWhenItsTimeHasCome) {
  World world;
  world.open(1, 10 * coin);
  EXPECT_EQ(world.obey(codec::AddBond{World::id(1), 5 * coin}, 0).value(), 5 * coin);
  EXPECT_EQ(world.why(codec::AddBond{World::id(1), codec::amount_max}, 0),
            "bond of " + std::to_string(codec::amount_max) + " more");
  ASSERT_TRUE(hold_bond(world.params, world.entries, World::id(1), 4 * coin));
  EXPECT_EQ(world.why(codec::TakeBond{World::id(1), 10 * coin + 1}, 1),
            "takes 1000000001 of a bond of 1500000000, of which 1000000000 are free");
  EXPECT_EQ(world.why(codec::TakeBond{World::id(1), 15 * coin}, 1),
            "takes 1500000000 of a bond of 1500000000, of which 1000000000 are free");
  ASSERT_TRUE(world.obey(codec::TakeBond{World::id(1), 3 * coin}, 1));
  ASSERT_TRUE(world.obey(codec::TakeBond{World::id(1), 2 * coin}, 1));
  EXPECT_EQ(world.account(1).unbondings, (std::vector<codec::Unbonding>{{5, 5 * coin}}));
  EXPECT_EQ(world.account(1).bond, 10 * coin);
  for (const std::uint64_t epoch : {3u, 4u}) {
    EXPECT_TRUE(end_epoch_accounts(546, {epoch}, world.entries).payouts.empty()) << epoch;
  }
  const auto end = end_epoch_accounts(546, {5}, world.entries);
  EXPECT_EQ(end.payouts, (std::vector<Payout>{{identity(101).lock, 5 * coin}}));
  EXPECT_EQ(end.burnt, 0u);
  EXPECT_TRUE(end_epoch_accounts(546, {5}, world.entries).payouts.empty());
}

TEST(Accounts, SoManyPartsOfABondAreOnTheirWay) {
  World world;
  world.open(1, 100 * coin);
  for (std::size_t i = 0; i < codec::unbondings_max; ++i) {
    ASSERT_TRUE(world.obey(codec::TakeBond{World::id(1), 1}, 1));
    ++world.epoch.value;
  }
  EXPECT_EQ(world.why(codec::TakeBond{World::id(1), 1}, 1),
            "account " + world.text(1) + " has 32 parts of its bond on their way");
}

TEST(Accounts, AClosedAccountIsForgottenWhenItIsPaid) {
  World world;
  world.open(1);
  world.open(2);
  world.name(1, "kith");
  ASSERT_TRUE(world.obey(worker_of(1, 50), 1));
  ASSERT_TRUE(world.obey(codec::OpenTeam{World::id(1), true}, 1));
  ASSERT_TRUE(add_earned(world.entries, World::id(1), 500));
  ASSERT_TRUE(world.obey(codec::TakeBond{World::id(1), 10 * coin}, 1));
  EXPECT_TRUE(world.account(1).is_closed());
  EXPECT_FALSE(find_worker(world.entries, identity(50).key));
  const std::string closed = "account " + world.text(1) + " is closed";
  EXPECT_EQ(world.why(codec::AddBond{World::id(1), coin}, 0), closed);
  EXPECT_EQ(world.why(codec::OpenTeam{World::id(1), true}, 1), closed);
  EXPECT_EQ(world.why(codec::JoinTeam{World::id(2), World::id(1)}, 2), closed);
  EXPECT_EQ(world.why(codec::OpenAccount{{}, coin, {}}, 1),
            "account " + world.text(1) + " is there");
  EXPECT_EQ(end_epoch_accounts(546, {4}, world.entries).payouts.size(), 0u);
  const auto end = end_epoch_accounts(546, {5}, world.entries);
  EXPECT_EQ(end.payouts, (std::vector<Payout>{{identity(101).lock, 10 * coin + 500}}));
  EXPECT_FALSE(find_account(world.entries, World::id(1)));
  EXPECT_FALSE(add_earned(world.entries, World::id(1), 1));
  world.open(1);  // again, and without its name
  EXPECT_TRUE(world.account(1).name.empty());
}

TEST(Accounts, WhatNoOutputCanHoldIsBurntWithTheAccount) {
  World world;
  world.params.account_bond = 1;
  world.open(1, 500);
  ASSERT_TRUE(add_earned(world.entries, World::id(1), 45));
  EXPECT_TRUE(end_epoch_accounts(546, {4}, world.entries).payouts.empty());
  EXPECT_EQ(world.account(1).earned, 45u);
  ASSERT_TRUE(world.obey(codec::TakeBond{World::id(1), 500}, 1));
  const auto end = end_epoch_accounts(546, {5}, world.entries);
  EXPECT_TRUE(end.payouts.empty());
  EXPECT_EQ(end.burnt, 545u);
  EXPECT_EQ(world.entries.size(), 0u);
}

TEST(Accounts, PayoutsAreInTheOrderOfIds) {
  World world;
  std::map<AccountId, Hash> locks;
  for (std::uint32_t n = 1; n <= 8; ++n) {
    world.open(n);
    ASSERT_TRUE(add_earned(world.entries, World::id(n), 1'000 + n));
    locks[World::id(n)] = identity(n + 100).lock;
  }
  const auto end = end_epoch_accounts(1'000, {3}, world.entries);
  ASSERT_EQ(end.payouts.size(), locks.size());
  auto payout = end.payouts.begin();
  for (const auto& [id, lock] : locks) EXPECT_EQ((payout++)->lock, lock);
}

TEST(Accounts, TheKeyChangesAndTheIdStays) {
  World world;
  world.open(1);
  const AccountId id = World::id(1);
  EXPECT_EQ(world.why(codec::ChangeKey{id, identity(1).key, {}}, 1),
            "account " + world.text(1) + " has the key " + key_text(1));
  EXPECT_EQ(world.why(codec::ChangeKey{id, ChainKey{1}, {}}, 1),
            "anybody can sign for the key 01" + std::string(62, '0'));
  ASSERT_TRUE(world.obey(codec::ChangeKey{id, identity(2).key, {}}, 1));
  EXPECT_EQ(world.why(codec::OpenTeam{id, true}, 1),
            "order to account " + world.text(1) + " not signed by its key");
  ASSERT_TRUE(world.obey(codec::OpenTeam{id, true}, 2));
  // The first key's id is taken for ever; the new one may open an account of its own.
  EXPECT_EQ(world.why(codec::OpenAccount{{}, coin, {}}, 1),
            "account " + world.text(1) + " is there");
  world.open(2);
}

TEST(Accounts, ANameIsSealedThenTaken) {
  World world;
  world.open(1);
  const AccountId id = World::id(1);
  const Hash salt = hash_of(9);
  const codec::TakeName take{id, salt, "kith"};
  const std::string unsealed =
      "name kith is not the one that account " + world.text(1) + " has sealed";
  EXPECT_EQ(world.why(take, 1), unsealed);
  ASSERT_TRUE(world.obey(codec::SealName{id, codec::name_seal(id, salt, "kith")}, 1));
  EXPECT_EQ(world.why(codec::TakeName{id, hash_of(8), "kith"}, 1), unsealed);
  EXPECT_EQ(world.why(codec::TakeName{id, salt, "ki--th"}, 1),
            "name \"ki--th\": - twice in a row");
  world.height = {115};
  EXPECT_EQ(world.why(take, 1), "seal of 15 blocks, good from 16 to 10000");
  world.height = {10'101};
  EXPECT_EQ(world.why(take, 1), "seal of 10001 blocks, good from 16 to 10000");
  world.height = {10'100};
  ASSERT_TRUE(world.obey(take, 1));
  EXPECT_EQ(world.account(1).name, "kith");
  EXPECT_EQ(world.account(1).seal, Hash{});
  EXPECT_EQ(find_name(world.entries, "k1th").value(), (codec::NameEntry{id, {0}}));
  const std::string named = "account " + world.text(1) + " has the name kith already";
  EXPECT_EQ(world.why(codec::SealName{id, hash_of(1)}, 1), named);
  EXPECT_EQ(world.why(take, 1), named);
}

TEST(Accounts, ASealCanBeGivenUp) {
  World world;
  world.open(1);
  const AccountId id = World::id(1);
  ASSERT_TRUE(world.obey(codec::SealName{id, codec::name_seal(id, {}, "kith")}, 1));
  ASSERT_TRUE(world.obey(codec::SealName{id, {}}, 1));
  EXPECT_EQ(world.account(1).sealed, Height{0});
  world.height = {200};
  EXPECT_TRUE(world.why(codec::TakeName{id, {}, "kith"}, 1).starts_with("name kith is not"));
}

TEST(Accounts, OneNameForAllThatLookAlikeUntilItHasRested) {
  World world;
  world.open(1);
  world.open(2);
  world.name(1, "k1th");
  const auto take = [&] {
    const Hash salt = hash_of(2);
    const Hash seal = codec::name_seal(World::id(2), salt, "k-ith");
    EXPECT_TRUE(world.obey(codec::SealName{World::id(2), seal}, 2));
    world.height = {world.height.value + 20};
    return world.why(codec::TakeName{World::id(2), salt, "k-ith"}, 2);
  };
  EXPECT_EQ(take(), "name k-ith is, or looks like, that of account " + world.text(1));
  ASSERT_TRUE(world.obey(codec::TakeBond{World::id(1), 10 * coin}, 1));
  const std::uint64_t free_from = world.height.value + 10'000;
  EXPECT_EQ(take(), "name k-ith was account " + world.text(1) + "'s, and rests until height " +
                        std::to_string(free_from));
  world.height = {free_from - 20};
  EXPECT_EQ(take(), "obeyed");
  EXPECT_EQ(find_name(world.entries, "kith").value(), (codec::NameEntry{World::id(2), {0}}));
}

TEST(Accounts, WorkersAreAddedOnceAndWithdrawnByEither) {
  World world;
  world.open(1);
  world.open(2);
  ASSERT_TRUE(world.obey(worker_of(1, 50), 1));
  EXPECT_EQ(find_worker(world.entries, identity(50).key)->device_class, 1);
  EXPECT_EQ(world.why(worker_of(2, 50), 2),
            "worker " + key_text(50) + " is account " + world.text(1) + "'s");
  EXPECT_EQ(world.why(codec::AddWorker{World::id(1), ChainKey{1}, 0, {}}, 1),
            "anybody can sign for the key 01" + std::string(62, '0'));
  const codec::DropWorker drop{World::id(1), identity(50).key};
  EXPECT_EQ(world.why(codec::DropWorker{World::id(2), identity(50).key}, 2),
            "account " + world.text(2) + " has no worker " + key_text(50));
  EXPECT_EQ(world.why(drop, 2), "worker " + key_text(50) +
                                    " withdrawn by neither its account's key nor its own");
  EXPECT_EQ(world.why(drop, 0), "worker " + key_text(50) +
                                    " withdrawn by neither its account's key nor its own");
  ASSERT_TRUE(world.obey(drop, 50));
  EXPECT_TRUE(world.account(1).workers.empty());
  ASSERT_TRUE(world.obey(worker_of(2, 50), 2));
  ASSERT_TRUE(world.obey(codec::DropWorker{World::id(2), identity(50).key}, 2));
  EXPECT_EQ(world.entries.size(), 2u);
}

TEST(Accounts, SoManyWorkersAnAccount) {
  World world;
  world.open(1);
  for (std::uint32_t n = 0; n < codec::account_workers_max; ++n) {
    ASSERT_TRUE(world.obey(worker_of(1, 200 + n), 1));
  }
  EXPECT_EQ(world.why(worker_of(1, 300), 1), "account " + world.text(1) + " has 64 workers");
  EXPECT_TRUE(codec::decode_account(codec::encode_account(world.account(1))));
}

TEST(Accounts, TeamsAreAccountsThatLetOthersJoin) {
  World world;
  world.open(1);
  world.open(2);
  const codec::JoinTeam join{World::id(1), World::id(2)};
  EXPECT_EQ(world.why(join, 1), "account " + world.text(2) + " lets nobody join");
  EXPECT_EQ(world.why(codec::JoinTeam{World::id(1), World::id(1)}, 1),
            "account " + world.text(1) + " as its own team");
  EXPECT_EQ(world.why(codec::JoinTeam{World::id(1), World::id(3)}, 1),
            "no account " + world.text(3));
  ASSERT_TRUE(world.obey(codec::OpenTeam{World::id(2), true}, 2));
  ASSERT_TRUE(world.obey(join, 1));
  EXPECT_EQ(world.account(1).team, World::id(2));
  ASSERT_TRUE(world.obey(codec::OpenTeam{World::id(2), false}, 2));
  EXPECT_EQ(world.account(1).team, World::id(2));  // who is in it stays
  ASSERT_TRUE(world.obey(codec::JoinTeam{World::id(1), {}}, 1));
  EXPECT_EQ(world.account(1).team, AccountId{});
}

TEST(Accounts, WhatIsHeldStaysAndWhatIsForfeitGoes) {
  World world;
  world.open(1, 10 * coin);
  const AccountId id = World::id(1);
  EXPECT_EQ(free_bond(world.params, world.account(1)), 9 * coin);
  EXPECT_EQ(hold_bond(world.params, world.entries, id, 9 * coin + 1).error().message,
            "account " + world.text(1) + " has 900000000 of its bond free, not 900000001");
  EXPECT_EQ(hold_bond(world.params, world.entries, World::id(2), 1).error().code, Code::not_found);
  ASSERT_TRUE(hold_bond(world.params, world.entries, id, 9 * coin));
  EXPECT_EQ(free_bond(world.params, world.account(1)), 0u);
  release_bond(world.entries, id, 2 * coin);
  forfeit_bond(world.entries, id, 7 * coin);
  EXPECT_EQ(world.account(1).held, 0u);
  EXPECT_EQ(world.account(1).bond, 3 * coin);
  EXPECT_EQ(free_bond(world.params, world.account(1)), 2 * coin);
}

}  // namespace
}  // namespace kith::ledger
