// Whatever is paid, ordered, proven and missed: coins are conserved, whoever executes a block comes
// to the roots of whoever made it, and a store opened anew holds the state in memory.
#include <rapidcheck.h>

#include "ledger/ledger_test_util.h"

namespace kith::ledger {
namespace {

using codec::OutPoint;
using codec::Transaction;
using test::coin;
using test::identity;
using test::World;

constexpr std::uint32_t validators_first = 101;
constexpr std::uint32_t validators_last = 106;  // three at genesis, and some who come
constexpr std::uint32_t accounts_first = 301;
constexpr std::uint32_t accounts_last = 303;
constexpr std::uint32_t workers_first = 401;

struct Coin {
  OutPoint at;
  std::uint32_t owner = 0;
  Amount value = 0;
};

class Economy {
 public:
  explicit Economy(std::uint64_t seed) : rng_(seed), world_(genesis(seed)) {
    for (std::uint32_t key = 1; key <= test::rich_keys; ++key) {
      coins_.push_back({world_.rich(key), key, test::rich_amount});
    }
    world_.rules.check_evidence = [](ByteView evidence) -> Result<Offence> {
      if (evidence.size() != 2) return fail(Code::malformed, "no evidence");
      return Offence{identity(evidence[0]).key, {evidence[1]}};
    };
  }

  void block() {
    BlockContext context = world_.context_on(*world_.tree->tip());
    std::erase_if(context.signers, [&](const ChainKey&) { return rng_.below(4) == 0; });
    std::vector<codec::TxPtr> candidates;
    for (std::uint64_t i = 0; i < rng_.below(6); ++i) candidates.push_back(codec::seal(any_tx()));
    std::vector<Bytes> evidence;
    if (rng_.below(8) == 0) {
      evidence.push_back(
          {static_cast<std::uint8_t>(any_validator()), static_cast<std::uint8_t>(rng_.below(8))});
    }
    std::size_t at = 0;
    const auto next = [&] { return at < candidates.size() ? candidates[at++] : nullptr; };
    const auto made = assemble(world_.rules, world_.tree->tip(), context, next, evidence);
    RC_ASSERT(made.has_value());
    RC_ASSERT(made->skipped.size() + made->body.transactions.size() == candidates.size());
    const auto body = codec::decode_body(encode_body(made->body), 1 << 22);
    RC_ASSERT(body.has_value());
    const auto executed = execute(world_.rules, world_.tree->tip(), context, *body, {});
    RC_ASSERT(executed.has_value());
    RC_ASSERT(executed->roots == made->executed.roots);
    const Hash id = test::block_id(++world_.blocks);
    world_.tree->add(id, executed->state);
    world_.finalize(id);
    applied_ += body->transactions.size();
    note_coins(*body);
    test::expect_consistent(world_);
    check_weights();
  }

  std::size_t applied() const { return applied_; }
  bool has_accounts() const { return world_.tree->tip()->supply().escrow > 0; }

 private:
  static codec::Genesis genesis(std::uint64_t seed) {
    codec::Genesis genesis = test::make_genesis(3);
    genesis.params.slash_absence = 7;
    genesis.params.treasury_share = seed % 2 == 0 ? 333 : 0;
    genesis.params.halving_blocks = 5;
    genesis.params.jail_window = 3;
    if (seed % 4 != 0) {
      genesis.params.compute.emplace();
      genesis.params.compute->bond_epochs = 1;
    }
    return genesis;
  }

  std::uint32_t any_validator() {
    return validators_first +
           static_cast<std::uint32_t>(rng_.below(validators_last - validators_first + 1));
  }

  /// On a chain without accounts none applies.
  codec::test::Ordering any_account_order(const OutPoint& first, Amount& bonded) {
    const std::uint32_t owner =
        accounts_first + static_cast<std::uint32_t>(rng_.below(accounts_last - accounts_first + 1));
    const AccountId id = codec::account_id(world_.rules.genesis, identity(owner).key);
    const Amount amount = 1 + rng_.below(3 * coin);
    switch (rng_.below(5)) {
      case 0: bonded += amount; return {codec::OpenAccount{identity(1).lock, amount, {}}, owner};
      case 1: bonded += amount; return {codec::AddBond{id, amount}, 0};
      case 2: return {codec::TakeBond{id, rng_.below(2) == 0 ? amount : bond_of(id)}, owner};
      case 3: return {codec::OpenTeam{id, true}, owner};
      default: {
        const auto worker = workers_first + static_cast<std::uint32_t>(rng_.below(2));
        codec::AddWorker order{id, identity(worker).key, 1, {}};
        order.proof = identity(worker).pair.sign(
            codec::add_worker_message(world_.rules.genesis, order, first));
        return {order, owner};
      }
    }
  }
  Amount bond_of(const AccountId& id) const {
    const auto account = find_account(world_.tree->tip()->registry().by_kind(), id);
    return account && account->bond > 0 ? account->bond : 1;
  }

  codec::test::Ordering any_order(const OutPoint& first, Amount& bonded) {
    if (rng_.below(2) == 0) return any_account_order(first, bonded);
    const std::uint32_t validator = any_validator();
    const ChainKey key = identity(validator).key;
    const Amount amount = (1 + rng_.below(3'000)) * coin / (1 + rng_.below(2));
    switch (rng_.below(4)) {
      case 0:
        bonded += amount;
        return {
            codec::test::bond_of(validator, validator + 100, amount, first, world_.rules.genesis),
            0};
      case 1: bonded += amount; return {codec::AddStake{key, amount}, 0};
      case 2: return {codec::Unbond{key, amount}, validator + 100};
      default: return {codec::Unjail{key}, validator};
    }
  }

  /// Often one that does not apply.
  Transaction any_tx() {
    const Coin from = coins_[rng_.below(coins_.size())];
    std::vector<codec::test::Ordering> orders;
    Amount bonded = 0;
    for (std::uint64_t i = 0; i < rng_.below(2); ++i) {
      orders.push_back(any_order(from.at, bonded));
    }
    std::vector<test::Paying> out;
    const Amount spent = test::some_fee + bonded + coin;
    out.push_back({1 + static_cast<std::uint32_t>(rng_.below(test::rich_keys)), coin});
    if (from.value > spent) out.push_back({from.owner, from.value - spent});
    return test::payment({{from.at, from.owner}}, out, test::some_fee, world_.rules.genesis,
                         orders);
  }

  void note_coins(const codec::BlockBody& body) {
    for (const codec::TxPtr& tx : body.transactions) {
      std::erase_if(coins_, [&](const Coin& old) { return old.at == tx->tx.inputs[0].from; });
      for (std::uint32_t i = 0; i < tx->tx.outputs.size(); ++i) {
        for (std::uint32_t key = 1; key <= test::rich_keys; ++key) {
          if (identity(key).lock != tx->tx.outputs[i].lock) continue;
          coins_.push_back({{tx->txid, i}, key, tx->tx.outputs[i].value});
        }
      }
    }
  }

  void check_weights() {
    const auto current = current_validators(world_.tree->tip()->registry());
    RC_ASSERT(!current.empty() && current.size() <= codec::validators_max);
    Weight sum = 0;
    for (const WeightedKey& validator : current) sum += validator.weight;
    RC_ASSERT(sum <= codec::weight_sum_max);
  }

  SeededRng rng_;
  World world_;
  std::vector<Coin> coins_;
  std::size_t applied_ = 0;
};

TEST(Ledger, ConservesCoinsWhateverHappens) {
  std::size_t applied = 0;
  std::size_t with_accounts = 0;
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Economy economy(seed);
    for (int i = 0; i < 24; ++i) economy.block();
    applied += economy.applied();
    if (economy.has_accounts()) ++with_accounts;
  }));
  EXPECT_GT(applied, 1'000u) << applied;
  EXPECT_GT(with_accounts, 10u) << with_accounts;
}

}  // namespace
}  // namespace kith::ledger
