// A small chain, one that computes or not, under arbitrary payments, orders, evidence, forks and
// finality, chosen byte by byte; some transactions go through the mempool. Coins are conserved,
// whoever executes a block comes to the roots of whoever made it, no other proof of its proposer is
// taken, and a store opened anew is the state in memory. First, the records that stores hold are
// read from the bytes as they are.
#include <cstdint>

#include "codec/chain_beacon.h"
#include "codec/test_chain.h"
#include "input.h"
#include "ledger/execute.h"
#include "ledger/memory_store.h"
#include "ledger/mempool.h"
#include "ledger/state_tree.h"

namespace {

using namespace kith;
using namespace kith::ledger;
using codec::test::identity;

constexpr Amount coin = codec::units_per_coin;
constexpr std::uint32_t payers = 4;
constexpr std::uint32_t first_validator = 101;
constexpr WallTime now{1'000};

struct Coin {
  OutPoint at;
  std::uint32_t owner = 0;
  Amount value = 0;
};

codec::Genesis genesis(bool computes) {
  codec::Genesis genesis;
  if (computes) genesis.params.compute.emplace();
  genesis.network = "fuzz";
  genesis.params.epoch_blocks = 3;
  genesis.params.jail_window = 2;
  genesis.params.unbonding_epochs = 1;
  genesis.params.slash_absence = 100;
  for (std::uint32_t key = 1; key <= payers; ++key) {
    genesis.outputs.push_back({0, 0, 5'000 * coin, identity(key).lock});
  }
  for (std::uint32_t v = first_validator; v < first_validator + 2; ++v) {
    genesis.validators.push_back({identity(v).key, identity(v + 100).lock, 1'500 * coin});
  }
  std::ranges::sort(genesis.validators, {}, &codec::GenesisValidator::key);
  return genesis;
}

class Chain {
 public:
  explicit Chain(fuzz::Input& input) : input_(input), pool_(pool_config()) {
    const codec::Genesis made = genesis(input_.byte() % 2 == 1);
    rules_ = {made.params, codec::genesis_hash(made), [](ByteView evidence) -> Result<Offence> {
                if (evidence.size() != 2) return fail(Code::malformed, "no evidence");
                return Offence{identity(first_validator + evidence[0] % 4).key, {evidence[1]}};
              }};
    store_.write(make_genesis_state(made).batch);
    tree_ = StateTree::open(store_, name(0), {4, 1}).value();
    for (std::uint32_t key = 1; key <= payers; ++key) {
      coins_.push_back({{rules_.genesis, key - 1}, key, 5'000 * coin});
    }
  }

  void step() {
    switch (input_.byte() % 4) {
      case 0: offer(); break;
      case 1: finalize(); break;
      default: block(); break;
    }
  }

  void check() {
    const Supply& supply = tree_->tip()->supply();
    ASSERT(supply.is_conserved());
    const auto again = StateTree::open(store_, tree_->tip_id(), {0, 2});
    ASSERT(again.has_value());
    ASSERT((*again)->txos().root() == tree_->txos().root());
    ASSERT((*again)->tip()->registry().tree().root() == tree_->tip()->registry().tree().root());
    ASSERT((*again)->tip()->supply() == supply);
  }

 private:
  static MempoolConfig pool_config() {
    MempoolConfig config;
    config.count_max = 5;
    config.ancestors_max = 2;
    config.orphans.count = 3;
    return config;
  }
  static Hash name(std::uint64_t number) {
    Hash id{};
    id[0] = static_cast<std::uint8_t>(number);
    id[1] = static_cast<std::uint8_t>(number >> 8);
    return id;
  }

  codec::test::Ordering order(const OutPoint& first, Amount& bonded) {
    const std::uint32_t validator = first_validator + input_.byte() % 4;
    const codec::ChainKey key = identity(validator).key;
    const Amount amount = (1 + input_.byte()) * 8 * coin;
    switch (input_.byte() % 4) {
      case 0: bonded += amount; return {codec::AddStake{key, amount}, 0};
      case 1: return {codec::Unbond{key, amount}, validator + 100};
      case 2: return {codec::Unjail{key}, validator};
      default:
        bonded += amount;
        return {codec::test::bond_of(validator, validator + 100, amount, first, rules_.genesis), 0};
    }
  }

  codec::TxPtr any_tx() {
    const Coin from = coins_[coins_.size() - 1 - input_.byte() % coins_.size()];
    const Amount fee = 300 + 100 * input_.byte();
    std::vector<codec::test::Ordering> orders;
    Amount bonded = 0;
    if (input_.byte() % 4 == 0) orders.push_back(order(from.at, bonded));
    const std::uint32_t to = 1 + input_.byte() % payers;
    std::vector<codec::test::Paying> out = {{to, coin}};
    const Amount spent = fee + bonded + coin;
    if (from.value > spent) out.push_back({from.owner, from.value - spent});
    codec::TxPtr tx = codec::seal(
        codec::test::payment({{from.at, from.owner}}, out, fee, rules_.genesis, orders));
    coins_.push_back({{tx->txid, 0}, to, coin});
    if (out.size() == 2) coins_.push_back({{tx->txid, 1}, from.owner, out[1].value});
    return tx;
  }

  void offer() {
    const Source source =
        input_.byte() % 2 == 0 ? Source() : PeerId::from_multihash(Bytes(34, input_.byte() % 2));
    pool_.add(any_tx(), source, now, rules_, *tree_->tip());
  }

  BlockContext context_on(const BlockState& parent) {
    BlockContext context;
    context.height = codec::next(parent.height());
    const bool is_first = context.height.value > 1 && epoch_of(rules_.params, parent.height()) !=
                                                          epoch_of(rules_.params, context.height);
    for (const auto& [key, entry] : parent.registry().entries()) {
      if (entry->weight > 0) context.proposer = key;
      const bool has_voted = (is_first ? entry->weight_before : entry->weight) > 0;
      if (context.height.value > 1 && has_voted && input_.byte() % 4 != 0) {
        context.signers.push_back(key);
      }
    }
    if (rules_.params.compute) context.proof = proof_of(context);
    return context;
  }

  crypto::VrfProof proof_of(const BlockContext& context) const {
    std::uint32_t number = first_validator;
    while (identity(number).key != context.proposer) ++number;
    return crypto::vrf_prove(identity(number).pair,
                             codec::beacon_input(rules_.genesis, context.height));
  }

  void block() {
    const std::size_t which = input_.byte() % (heads_.size() + 1);
    const auto parent = which == heads_.size() ? tree_->tip() : tree_->find(heads_[which]);
    const BlockContext context = context_on(*parent);
    std::vector<codec::TxPtr> own;
    for (int i = input_.byte() % 3; i > 0; --i) own.push_back(any_tx());
    Mempool::Walk walk(pool_, *parent);
    const auto next = [&]() -> codec::TxPtr {
      if (own.empty()) return walk.next();
      codec::TxPtr tx = own.back();
      own.pop_back();
      return tx;
    };
    std::vector<Bytes> evidence;
    if (input_.byte() % 8 == 0) evidence.push_back(base::to_bytes(input_.bytes(2)));
    const auto made = assemble(rules_, parent, context, next, std::move(evidence));
    ASSERT(made.has_value());
    const auto body = codec::decode_body(encode_body(made->body), 1 << 22);
    ASSERT(body.has_value());
    const auto executed = execute(rules_, parent, context, *body, {});
    ASSERT(executed.has_value() && executed->roots == made->executed.roots);
    if (body->proof) {
      codec::BlockBody bent = *body;
      (*bent.proof)[input_.byte() % bent.proof->size()] ^= 1;
      ASSERT(!execute(rules_, parent, context, bent, {}).has_value());
    }
    const Hash id = name(++blocks_);
    tree_->add(id, executed->state);
    heads_.push_back(id);
    bodies_[id] = body->transactions;
  }

  void finalize() {
    const auto child = std::ranges::find_if(
        heads_, [&](const Hash& id) { return tree_->find(id)->parent() == tree_->tip(); });
    if (child == heads_.end()) return;
    const Hash id = *child;
    store_.write(tree_->batch_of(id));
    tree_->finalize(id);
    std::erase_if(heads_, [&](const Hash& head) { return head == id || !tree_->find(head); });
    pool_.on_final(bodies_[id], now, rules_, *tree_->tip());
    check();
  }

  fuzz::Input& input_;
  Rules rules_;
  MemoryStore store_;
  std::unique_ptr<StateTree> tree_;
  Mempool pool_;
  std::vector<Coin> coins_;
  std::vector<Hash> heads_;
  std::map<Hash, std::vector<codec::TxPtr>> bodies_;
  std::uint64_t blocks_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes{data, size};
  if (const auto spend = decode_spend(bytes)) ASSERT(base::equal(encode(*spend), bytes));
  if (const auto supply = decode_supply(bytes)) ASSERT(base::equal(encode(*supply), bytes));
  if (const auto tip = decode_tip(bytes)) ASSERT(base::equal(encode(*tip), bytes));
  (void)Mempool::decode_snapshot(bytes, 1 << 20);

  fuzz::Input input{bytes};
  Chain chain(input);
  for (int steps = 0; !input.rest.empty() && steps < 40; ++steps) chain.step();
  chain.check();
  return 0;
}
