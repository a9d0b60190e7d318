#include "ledger/validators.h"

#include "codec/chain_receipt.h"
#include "ledger/ledger_test_util.h"

namespace kith::ledger {
namespace {

using codec::OutPoint;
using codec::Transaction;
using codec::test::bond_of;
using codec::test::hash_of;
using test::coin;
using test::identity;
using test::Paying;
using test::payment;
using test::rich_amount;
using test::some_fee;
using test::World;

/// Key `from`'s coins of genesis, with orders; `bonded` goes into them.
Transaction order(const World& world, std::uint32_t from, Amount bonded,
                  const std::vector<codec::test::Ordering>& orders) {
  return payment({{world.rich(from), from}}, {{from, rich_amount - bonded - some_fee}}, some_fee,
                 world.rules.genesis, orders);
}
Transaction bond(const World& world, std::uint32_t from, std::uint32_t validator, Amount stake) {
  return order(
      world, from, stake,
      {{bond_of(validator, validator + 100, stake, world.rich(from), world.rules.genesis), 0}});
}

/// Executes empty blocks up to the last of the epoch.
void end_epoch_of(World& world) {
  do world.block({});
  while (!is_last_of_epoch(world.rules.params, world.tree->tip()->height()));
}

std::string refusal(const World& world, const Transaction& tx) {
  const auto executed = world.execute_on(world.tree->tip(), {tx});
  EXPECT_FALSE(executed);
  return executed ? "" : executed.error().message;
}

bool says(const std::string& message, const char* words) {
  return message.find(words) != std::string::npos;
}

TEST(Validators, AGenesisWithAKeyThatAnybodySignsForIsRefused) {
  codec::Genesis genesis;
  genesis.network = "test";
  genesis.validators = {{identity(1).key, identity(1).lock, 1'000 * coin}};
  EXPECT_TRUE(check_genesis_keys(genesis));
  // The neutral point in its one encoding, and a point of order 8.
  codec::ChainKey neutral{};
  neutral[0] = 1;
  const auto eighth =
      base::from_hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
  codec::ChainKey small{};
  std::ranges::copy(*eighth, small.begin());
  for (const codec::ChainKey& key : {neutral, small}) {
    genesis.validators[0].key = key;
    ASSERT_TRUE(codec::check(genesis));
    const auto refused = check_genesis_keys(genesis);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::bad_key);
    EXPECT_TRUE(says(refused.error().message, base::to_hex(key).c_str()));
  }
}

TEST(Validators, WeightIsWholeCoinsOrTheTier) {
  codec::ChainParams params;
  params.min_stake = 10 * coin;
  EXPECT_EQ(weight_of(params, 10 * coin - 1), 0u);
  EXPECT_EQ(weight_of(params, 10 * coin), 10u);
  EXPECT_EQ(weight_of(params, 11 * coin - 1), 10u);
  params.tiers = {{10 * coin, 1}, {100 * coin, 15}};
  EXPECT_EQ(weight_of(params, 99 * coin), 1u);
  EXPECT_EQ(weight_of(params, 100 * coin), 15u);
  EXPECT_LE(codec::amount_max / coin * codec::validators_max, codec::weight_sum_max);
}

TEST(Validators, TheHighestStakesAreChosen) {
  codec::ChainParams params;
  params.validators_max = 2;
  Registry registry;
  const auto put = [&](std::uint8_t key, Amount coins, ValidatorStatus status) {
    ValidatorEntry entry;
    entry.key = hash_of(key);
    entry.stake = coins * coin;
    entry.status = status;
    registry.put(entry);
  };
  put(1, 2'000, ValidatorStatus::active);
  put(2, 3'000, ValidatorStatus::active);
  put(3, 2'000, ValidatorStatus::active);
  put(4, 9'000, ValidatorStatus::jailed);
  put(5, 9'000, ValidatorStatus::tombstoned);
  put(6, 999, ValidatorStatus::active);
  EXPECT_EQ(next_validators(params, registry),
            (std::vector<WeightedKey>{{hash_of(1), 2'000}, {hash_of(2), 3'000}}));
}

TEST(Validators, WhoeverBondsValidatesFromTheNextEpochOn) {
  World world(2);
  world.block({bond(world, 1, 150, 2'000 * coin)});
  EXPECT_EQ(world.validator(150).stake, 2'000 * coin);
  EXPECT_EQ(world.validator(150).weight, 0u);
  EXPECT_EQ(current_validators(world.tree->tip()->registry()).size(), 2u);
  end_epoch_of(world);
  EXPECT_EQ(world.validator(150).weight, 2'000u);
  EXPECT_EQ(world.validator(150).weight_before, 0u);
  EXPECT_EQ(current_validators(world.tree->tip()->registry()).size(), 3u);
  // Its first block carries a certificate of those before; the second may have its vote.
  world.block({});
  EXPECT_EQ(world.validator(150).voted_ever + world.validator(150).missed_ever, 0u);
  world.block({});
  EXPECT_EQ(world.validator(150).voted_ever, 1u);
  test::expect_consistent(world);
}

TEST(Validators, OrdersThatDoNotHoldAreNamed) {
  World world(2);
  world.block({bond(world, 1, 150, 2'000 * coin)});
  const Hash& genesis = world.rules.genesis;
  const ChainKey key = identity(150).key;
  EXPECT_TRUE(says(refusal(world, bond(world, 2, 150, 2'000 * coin)), "is registered"));
  EXPECT_TRUE(says(refusal(world, bond(world, 2, 151, 999 * coin)), "at least"));
  codec::Bond forged = bond_of(151, 2, 2'000 * coin, world.rich(2), genesis);
  forged.proof[0] ^= 1;
  EXPECT_TRUE(
      says(refusal(world, order(world, 2, 2'000 * coin, {{forged, 0}})), "does not verify"));
  const codec::Unbond less{key, 1'000 * coin};
  EXPECT_TRUE(says(refusal(world, order(world, 2, 0, {{less, 0}})), "not signed by its owner"));
  EXPECT_TRUE(says(refusal(world, order(world, 2, 0, {{less, 2}})), "not signed by its owner"));
  EXPECT_TRUE(says(refusal(world, order(world, 2, 0, {{less, 150}})), "not signed by its owner"));
  EXPECT_TRUE(world.execute_on(world.tree->tip(), {order(world, 2, 0, {{less, 250}})}));
  EXPECT_TRUE(says(refusal(world, order(world, 2, 0, {{codec::Unbond{key, 2'001 * coin}, 250}})),
                   "of a stake of"));
  EXPECT_TRUE(says(refusal(world, order(world, 2, 0, {{codec::Unbond{key, 1'001 * coin}, 250}})),
                   "unbonding leaves"));
  EXPECT_TRUE(says(refusal(world, order(world, 2, 0, {{codec::Unjail{key}, 250}})),
                   "is active, not jailed"));
  EXPECT_TRUE(
      says(refusal(world, order(world, 2, 0, {{codec::Unjail{hash_of(1)}, 250}})), "no validator"));
  // What is bonded has to come from somewhere.
  EXPECT_TRUE(says(refusal(world, order(world, 2, 0, {{codec::AddStake{key, coin}, 0}})),
                   "outputs, fee and bonds"));
  // Two orders of one transaction build on each other, or none of them counts.
  const codec::Unbond all{key, 2'000 * coin};
  EXPECT_TRUE(says(refusal(world, order(world, 2, 0, {{all, 250}, {all, 250}})), "of a stake of"));
  EXPECT_EQ(world.validator(150).stake, 2'000 * coin);
}

// By ZIP-215 anybody can sign for a key of small order.
TEST(Validators, AKeyThatAnybodySignsForIsNone) {
  const Registry registry;
  RegistryDraft draft(registry);
  codec::Bond bond{};
  bond.key[0] = 1;  // the neutral element
  bond.amount = ChainParams().min_stake;
  const auto bonded = apply_order(ChainParams(), {0}, draft, bond, nullptr);
  ASSERT_FALSE(bonded.has_value());
  EXPECT_EQ(bonded.error().code, Code::bad_key);
}

TEST(Validators, StakeComesBackAfterItsTime) {
  World world(2);
  world.block({bond(world, 1, 150, 3'000 * coin)});
  end_epoch_of(world);
  const ChainKey key = identity(150).key;
  world.block({order(world, 2, 0, {{codec::Unbond{key, 1'000 * coin}, 250}})});
  world.block({order(world, 3, 0, {{codec::Unbond{key, 2'000 * coin}, 250}})});
  EXPECT_EQ(world.validator(150).status, ValidatorStatus::leaving);
  EXPECT_EQ(world.validator(150).unbondings,
            (std::vector<codec::Unbonding>{{3, 3'000 * coin}}));  // one part, of one epoch
  EXPECT_EQ(world.validator(150).weight, 3'000u);                 // until the epoch ends
  end_epoch_of(world);
  EXPECT_EQ(world.validator(150).weight, 0u);
  EXPECT_EQ(world.validator(150).weight_before, 3'000u);
  end_epoch_of(world);
  ASSERT_TRUE(world.tree->tip()->registry().find(key));
  const Amount rewards = world.validator(150).rewards;
  EXPECT_EQ(rewards, 0u);  // paid at the end of the epochs in which they were earned
  end_epoch_of(world);
  EXPECT_FALSE(world.tree->tip()->registry().find(key));
  const OutPoint paid{codec::system_txid(world.rules.genesis, world.tree->tip()->height()), 0};
  bool is_paid = false;
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto utxo = world.tree->tip()->find({paid.txid, i}).value();
    is_paid = is_paid || (utxo && utxo->output.lock == identity(250).lock &&
                          utxo->output.value == 3'000 * coin);
  }
  EXPECT_TRUE(is_paid);
  test::expect_consistent(world);
}

TEST(Validators, LeavingAndComingBack) {
  World world(2);
  world.block({bond(world, 1, 150, 1'000 * coin)});
  const ChainKey key = identity(150).key;
  world.block({order(world, 2, 0, {{codec::Unbond{key, 1'000 * coin}, 250}})});
  EXPECT_TRUE(
      says(refusal(world, order(world, 3, coin, {{codec::AddStake{key, coin}, 0}})), "at least"));
  world.block({order(world, 3, 2'000 * coin, {{codec::AddStake{key, 2'000 * coin}, 0}})});
  EXPECT_EQ(world.validator(150).status, ValidatorStatus::active);
  end_epoch_of(world);
  EXPECT_EQ(world.validator(150).weight, 2'000u);
  EXPECT_EQ(world.validator(150).bonded(), 3'000 * coin);
}

/// A block that `absent` has not signed for.
void block_without(World& world, std::uint32_t absent) {
  BlockContext context = world.context_on(*world.tree->tip());
  std::erase(context.signers, identity(absent).key);
  if (context.proposer == identity(absent).key) context.proposer = context.signers.back();
  const auto executed = execute(world.rules, world.tree->tip(), context, {}, {});
  ASSERT_TRUE(executed) << executed.error().message;
  world.tree->add(test::block_id(++world.blocks), executed->state);
  world.finalize(test::block_id(world.blocks));
}

TEST(Validators, TheAbsentAreJailedAndMayComeBack) {
  codec::Genesis genesis = test::make_genesis(3);
  genesis.params.slash_absence = 100;
  World world(genesis);
  world.block({});
  for (int i = 0; i < 3; ++i) block_without(world, 102);
  const ValidatorEntry& jailed = world.validator(102);  // at height 4: a window and an epoch end
  EXPECT_EQ(jailed.status, ValidatorStatus::jailed);
  EXPECT_EQ(jailed.uptime, 0u);
  EXPECT_EQ(jailed.missed_ever, 3u);
  EXPECT_EQ(jailed.jailed_until, 2u);
  EXPECT_EQ(jailed.stake, 2'000 * coin - 20 * coin);
  EXPECT_EQ(jailed.weight, 0u);
  EXPECT_EQ(world.validator(101).uptime, 10'000u);
  EXPECT_EQ(world.tree->tip()->supply().burnt, 20 * coin);
  const ChainKey key = identity(102).key;
  EXPECT_TRUE(
      says(refusal(world, order(world, 1, 0, {{codec::Unjail{key}, 102}})), "until epoch 2"));
  // Leaving and adding stake is no way around.
  const auto around =
      world.execute_on(world.tree->tip(),
                       {order(world, 1, 0, {{codec::Unbond{key, jailed.stake}, 202}}),
                        order(world, 2, 2'000 * coin, {{codec::AddStake{key, 2'000 * coin}, 0}})});
  ASSERT_TRUE(around);
  EXPECT_EQ(around->state->registry().find(key)->status, ValidatorStatus::jailed);
  end_epoch_of(world);
  world.block({order(world, 1, 0, {{codec::Unjail{key}, 102}})});
  EXPECT_EQ(world.validator(102).status, ValidatorStatus::active);
  end_epoch_of(world);
  EXPECT_EQ(world.validator(102).weight, 1'980u);
  test::expect_consistent(world);
}

TEST(Validators, AChainDoesNotJailItselfAway) {
  World world(1);
  Registry registry = world.tree->tip()->registry();
  Supply supply = world.tree->tip()->supply();
  ValidatorEntry entry = world.validator(101);
  entry.status = ValidatorStatus::jailed;
  registry.put(entry);
  EXPECT_EQ(next_validators(world.rules.params, registry),
            (std::vector<WeightedKey>{{entry.key, 1'000}}));
  end_epoch(world.rules.params, Epoch{0}, registry, supply);
  EXPECT_EQ(current_validators(registry).size(), 1u);
}

TEST(Validators, TheLastOneStaysUntilAnotherComes) {
  World world(1);
  const ChainKey key = identity(101).key;
  world.block({order(world, 1, 0, {{codec::Unbond{key, 1'000 * coin}, 201}})});
  for (int i = 0; i < 4; ++i) end_epoch_of(world);
  EXPECT_EQ(world.validator(101).bonded(), 0u);  // paid back, and there is nobody else
  EXPECT_EQ(world.validator(101).weight, 1'000u);
  world.block({bond(world, 2, 150, 2'000 * coin)});
  for (int i = 0; i < 2; ++i) end_epoch_of(world);
  EXPECT_FALSE(world.tree->tip()->registry().find(key));
  EXPECT_EQ(current_validators(world.tree->tip()->registry()).size(), 1u);
  test::expect_consistent(world);
}

TEST(Validators, EvidenceBurnsAndBars) {
  World world(3);
  // The evidence of this test: a validator's number, and the epoch.
  world.rules.check_evidence = [](ByteView evidence) -> Result<Offence> {
    if (evidence.size() != 2) return fail(Code::malformed, "no evidence");
    return Offence{identity(evidence[0]).key, {evidence[1]}};
  };
  world.block({});
  const auto punished = [&](const Bytes& evidence) {
    return world.execute_on(world.tree->tip(), {}, {evidence});
  };
  EXPECT_EQ(punished({1}).error().code, Code::malformed);
  EXPECT_EQ(punished({199, 0}).error().code, Code::not_found);
  EXPECT_EQ(punished({103, 1}).error().code, Code::refused);  // of an epoch to come
  const ChainKey key = identity(103).key;
  world.block({order(world, 1, 0, {{codec::Unbond{key, 1'000 * coin}, 203}})});
  world.block({}, {{103, 0}});
  EXPECT_EQ(world.validator(103).status, ValidatorStatus::tombstoned);
  EXPECT_EQ(world.validator(103).stake, 1'900 * coin);
  EXPECT_EQ(world.validator(103).unbondings[0].amount, 950 * coin);
  EXPECT_EQ(world.tree->tip()->supply().burnt, 150 * coin);
  EXPECT_EQ(punished({103, 0}).error().code, Code::exists);  // once is enough
  EXPECT_TRUE(
      says(refusal(world, order(world, 2, coin, {{codec::AddStake{key, coin}, 0}})), "tombstoned"));
  end_epoch_of(world);
  EXPECT_EQ(world.validator(103).weight, 0u);
  // The rest is its owner's, and the key stays barred without any stake.
  world.block({order(world, 2, 0, {{codec::Unbond{key, 1'900 * coin}, 203}})});
  for (int i = 0; i < 3; ++i) end_epoch_of(world);
  EXPECT_EQ(world.validator(103).bonded(), 0u);
  EXPECT_TRUE(says(refusal(world, bond(world, 3, 103, 2'000 * coin)), "is registered"));
  // Evidence has a time.
  EXPECT_EQ(punished({102, 0}).error().code, Code::refused);
  EXPECT_TRUE(punished({102, 2}));
  test::expect_consistent(world);
}

TEST(Validators, StakeThatLeftBeforeTheOffenceIsNotBurnt) {
  World world(3);
  world.rules.check_evidence = [](ByteView) -> Result<Offence> {
    return Offence{identity(103).key, {1}};
  };
  world.block({order(world, 1, 0, {{codec::Unbond{identity(103).key, 1'000 * coin}, 203}})});
  end_epoch_of(world);
  world.block({}, {Bytes(1)});
  EXPECT_EQ(world.validator(103).stake, 1'900 * coin);
  EXPECT_EQ(world.validator(103).unbondings[0].amount, 1'000 * coin);
}

TEST(Validators, RewardsAreSharedByWeight) {
  codec::Genesis genesis = test::make_genesis(3);
  genesis.params.block_reward = 60 * coin;
  genesis.params.treasury_share = 1'000;
  genesis.params.treasury_lock = hash_of(0x77);
  genesis.params.proposer_share = 1'000;
  World world(genesis);
  world.block({});  // no certificate: all to the proposer
  const ChainKey proposer = world.context_on(*world.tree->tip()).proposer;
  EXPECT_EQ(world.tree->tip()->registry().find(proposer)->rewards, 54 * coin);
  EXPECT_EQ(world.tree->tip()->supply().treasury, 6 * coin);
  const Amount before = world.tree->tip()->supply().owed;
  world.block({});
  // 54, of which a tenth and what rounding leaves for the proposer, the rest 1 : 2 : 3.
  const Amount shared = 54 * coin * 9 / 10;
  for (std::uint32_t v = 101; v <= 103; ++v) {
    const Amount fixed = identity(v).key == proposer ? 54 * coin + 54 * coin / 10 : 0;
    EXPECT_EQ(world.validator(v).rewards, fixed + shared * (v - 100) / 6) << v;
  }
  EXPECT_EQ(world.tree->tip()->supply().owed, before + 54 * coin);
  end_epoch_of(world);
  EXPECT_EQ(world.tree->tip()->supply().owed, 0u);
  EXPECT_EQ(world.tree->tip()->supply().treasury, 0u);
  const OutPoint first{codec::system_txid(world.rules.genesis, Height{4}), 0};
  const auto treasury = world.tree->tip()->find(first).value();
  ASSERT_TRUE(treasury);
  EXPECT_EQ(treasury->output.value, 24 * coin);
  EXPECT_EQ(treasury->output.lock, hash_of(0x77));
  test::expect_consistent(world);
}

TEST(Validators, StrangersNeitherProposeNorSign) {
  World world(3);
  world.block({});
  BlockContext context = world.context_on(*world.tree->tip());
  const auto refused = [&](const BlockContext& bad) {
    return !execute(world.rules, world.tree->tip(), bad, {}, {}).has_value();
  };
  EXPECT_FALSE(refused(context));
  BlockContext bad = context;
  bad.proposer = identity(1).key;
  EXPECT_TRUE(refused(bad));
  bad = context;
  bad.signers[0] = identity(1).key;
  EXPECT_TRUE(refused(bad));
  bad = context;
  std::swap(bad.signers[0], bad.signers[1]);
  EXPECT_TRUE(refused(bad));
  bad = context;
  bad.signers.insert(bad.signers.begin(), bad.signers[0]);
  EXPECT_TRUE(refused(bad));
}

TEST(Validators, NoMoreCoinsThanThereMayBe) {
  codec::Genesis genesis = test::make_genesis(1);
  genesis.params.block_reward = codec::amount_max / 2;
  genesis.params.halving_blocks = 0;
  World world(genesis);
  for (int i = 0; i < 6; ++i) world.block({});
  EXPECT_EQ(world.tree->tip()->supply().minted, codec::amount_max);
  test::expect_consistent(world);
}

}  // namespace
}  // namespace kith::ledger
