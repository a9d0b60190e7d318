// A job's orders through the mempools of several nodes: what one is given another puts into a
// block, and all come to the same state. Workers here are descriptions
// (ledger/jobs_chain_test_util.h); whole ones: node_work_test.cpp.
#include <gtest/gtest.h>

#include "codec/test_chain.h"
#include "ledger/jobs_chain_test_util.h"
#include "node/test_config_effect.h"

namespace kith::node {
namespace {

using codec::test::identity;
using codec::test::Ordering;

constexpr std::size_t nodes = 4;
constexpr codec::Amount coin = codec::units_per_coin;
constexpr codec::Amount fee = 100'000;
constexpr std::uint32_t submitter = 300;
constexpr std::uint32_t owners_first = 301;
constexpr std::uint32_t workers_first = 401;
constexpr std::uint32_t payers_first = 201;
/// Blocks before its round ends that a worker speaks.
constexpr std::uint64_t early = 8;
constexpr codec::JobId job{1};

/// Coins of a key, of which each payment leaves some for the next.
struct Purse {
  std::uint32_t key = 0;
  codec::OutPoint coins;
  codec::Amount left = 0;
};

class NodeJobsTest : public NodeTest {
 protected:
  NodeJobsTest() {
    SeededRng rng(99);
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 100;
    genesis_.params.epoch_blocks = 20;
    genesis_.params.jail_threshold = 0;
    genesis_.params.compute = ledger::test::quick_compute();
    for (std::uint32_t i = 0; i < nodes; ++i) {
      purses_.push_back({payers_first + i, {}, 100 * coin});
      genesis_.outputs.push_back({0, 0, purses_.back().left, identity(payers_first + i).lock});
      keys_.push_back(crypto::KeyPair::generate(rng));
      codec::GenesisValidator validator;
      std::ranges::copy(keys_.back().public_key().data, validator.key.begin());
      validator.owner = codec::lock_of(validator.key);
      validator.stake = 1'000 * coin;
      genesis_.validators.push_back(validator);
    }
    std::ranges::sort(genesis_.validators, {}, &codec::GenesisValidator::key);
    hash_ = codec::genesis_hash(genesis_);
    for (std::uint32_t i = 0; i < nodes; ++i) purses_[i].coins = {hash_, i};
    speakers_.emplace(hash_, job);
    world_.after_turn = [this](std::size_t i) { collect(i); };
    for (const crypto::KeyPair& key : keys_) add_node(&key, 0);
    for (std::size_t a = 0; a < nodes; ++a) {
      for (std::size_t b = a + 1; b < nodes; ++b) connect(a, b, a * 10 + b);
    }
    world_.run_for(2s);
  }

  void collect(std::size_t i) {
    while (auto report = members_[i]->node.poll_report()) {
      const auto* const done = std::get_if<BlockFinalized>(&*report);
      if (done == nullptr) {
        members_[i]->reports.push_back(std::move(*report));
      } else if (i == 0) {
        speakers_->hear(done->jobs);
        log_.insert(log_.end(), done->jobs.begin(), done->jobs.end());
      }
    }
  }
  /// It takes a snapshot when it is so many blocks behind; 0: never.
  void add_node(const crypto::KeyPair* key, std::uint64_t snapshot_behind) {
    const std::size_t index = members_.size();
    NodeConfig with = config();
    with.chain.keeping = config_with({{"chain.snapshot_behind", std::to_string(snapshot_behind)},
                                      {"chain.snapshot_interval", "1"}})
                             .chain.keeping;
    members_.push_back(std::make_unique<Member>(index + 1, with));
    Member& member = *members_.back();
    world_.add(member.node);
    ledger::MemoryStore& store = world_.work[index].chain;
    store.write(make_genesis_batch(genesis_));
    ChainConfig chain_config;
    chain_config.keeping = with.chain.keeping;
    auto chain = Chain::open(chain_config, {genesis_, &store, key}, member.rng, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    member.node.keep_chain(*std::move(chain), key);
    const auto wall = 1'700'000'000'000 + base::to_ms(world_.now() - Instant{});
    world_.input(index, host::WallClock{{wall}});
    member.node.start(world_.now());
    world_.turn(index);
    world_.run_for(1ms);
  }

  const Chain& chain(std::size_t i) const { return *members_[i]->node.chain(); }
  const ledger::Entries& entries(std::size_t i = 0) const {
    return chain(i).states().tip()->registry().by_kind();
  }
  codec::AccountId account(std::uint32_t owner) const {
    return codec::account_id(hash_, identity(owner).key);
  }
  std::size_t count(ledger::JobEvent::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(log_, kind, &ledger::JobEvent::kind));
  }

  /// What the mempool of node `i` says of a transaction that this purse pays for.
  Result<void> submit(std::size_t i, Purse& purse, const std::vector<Ordering>& orders,
                      codec::Amount taken = 0) {
    const codec::Amount left = purse.left - taken - fee;
    const auto tx = codec::seal(
        codec::test::payment({{purse.coins, purse.key}}, {{purse.key, left}}, fee, hash_, orders));
    const std::size_t before = members_[i]->count<TransactionAnswered>();
    command(i, SubmitTransaction{Token{77}, tx});
    EXPECT_TRUE(
        world_.run_until([&] { return members_[i]->count<TransactionAnswered>() > before; }, 5s));
    const auto* const answered = members_[i]->last<TransactionAnswered>();
    if (answered == nullptr) return fail(Code::internal, "no answer");
    if (answered->accepted) {
      purse.coins = {tx->txid, 0};
      purse.left = left;
    }
    return answered->accepted;
  }
  void must_submit(std::size_t i, Purse& purse, const std::vector<Ordering>& orders,
                   codec::Amount taken = 0) {
    const auto accepted = submit(i, purse, orders, taken);
    EXPECT_TRUE(accepted.has_value()) << accepted.error().message;
  }
  Result<void> enrol(std::size_t i) {
    const auto number = static_cast<std::uint32_t>(i);
    return submit(i, purses_[i],
                  {{codec::EnrolSlots{job, identity(workers_first + number).key, 1},
                    workers_first + number}});
  }
  /// An owner with a worker, by the mempool of node `i`.
  void open_account(std::size_t i) {
    const std::uint32_t owner = owners_first + static_cast<std::uint32_t>(i);
    const std::uint32_t worker = workers_first + static_cast<std::uint32_t>(i);
    codec::AddWorker add{
        account(owner), identity(worker).key, static_cast<std::uint8_t>(1 + i % 2), {}};
    add.proof = identity(worker).pair.sign(codec::add_worker_message(hash_, add, purses_[i].coins));
    must_submit(i, purses_[i],
                {{codec::OpenAccount{identity(owner).lock, coin, {}}, owner}, {add, owner}}, coin);
    speakers_->add(owner, worker);
  }
  static codec::JobSpec spec() {
    codec::JobSpec spec = ledger::test::quick_job();
    spec.round_blocks = 16;
    return spec;
  }
  /// Workers say what they have to, each by the mempool of a node of its own (`by` names worker
  /// 0's), until it is so.
  bool live_until(const std::function<bool()>& is_so, std::size_t by = 0) {
    for (int i = 0; i < 1'000 && !is_so(); ++i) {
      const auto next = codec::next(chain(by).height());
      for (const auto& said : speakers_->statements(entries(by), next, early)) {
        if (!said_.insert({said.worker, said.round}).second) continue;
        for (std::size_t w = 0; w < nodes; ++w) {
          if (said.worker != identity(workers_first + static_cast<std::uint32_t>(w)).key) continue;
          must_submit(w == 0 ? by : w, purses_[w], {{codec::CarryStatements{{said}}, 0}});
        }
      }
      world_.run_for(200ms);
    }
    return is_so();
  }

  /// Of one height, what the nodes have is the same.
  void expect_same_state(std::size_t a, std::size_t b) {
    ASSERT_TRUE(world_.run_until([&] { return chain(a).height() == chain(b).height(); }, 10s));
    EXPECT_EQ(chain(a).tip().digest, chain(b).tip().digest);
    EXPECT_TRUE(entries(a).changed_since(entries(b)).empty());
    EXPECT_EQ(chain(a).states().tip()->registry().tree().root(),
              chain(b).states().tip()->registry().tree().root());
  }

  codec::Genesis genesis_;
  Hash hash_{};
  std::vector<crypto::KeyPair> keys_;
  std::vector<Purse> purses_;  // one a worker
  std::optional<ledger::test::Speakers> speakers_;
  std::set<std::pair<codec::ChainKey, std::uint64_t>> said_;
  ledger::JobLog log_;  // as node 0 heard of it
};

TEST_F(NodeJobsTest, OrdersOfAJobGoThroughTheMempoolsOfAll) {
  for (std::size_t i = 0; i < nodes; ++i) open_account(i);
  must_submit(0, purses_[0], {{codec::OpenAccount{identity(submitter).lock, coin, {}}, submitter}},
              coin);
  world_.run_for(2s);
  // A job that is not final yet is no job: whoever wants to enrol has to wait.
  must_submit(0, purses_[0], {{codec::SubmitJob{account(submitter), spec(), 10 * coin}, submitter}},
              10 * coin);
  const auto hasty = enrol(1);
  ASSERT_FALSE(hasty.has_value());
  EXPECT_NE(hasty.error().message.find("no job 1"), std::string::npos) << hasty.error().message;
  world_.run_for(2s);
  for (std::size_t i = 0; i < nodes; ++i) {
    const auto enrolled = enrol(i);
    EXPECT_TRUE(enrolled.has_value()) << enrolled.error().message;
  }
  world_.run_for(2s);
  for (std::size_t i = 0; i < nodes; ++i) {
    EXPECT_EQ(ledger::find_job(entries(i), job)->slots, nodes) << "as node " << i << " has it";
  }

  using Kind = ledger::JobEvent::Kind;
  EXPECT_TRUE(live_until([&] { return count(Kind::leased) >= nodes; }));
  EXPECT_TRUE(live_until([&] { return count(Kind::settled) >= 2 * nodes; }));
  EXPECT_TRUE(live_until([&] { return count(Kind::accepted) > nodes; }));
  EXPECT_EQ(count(Kind::disputed), 0u);
  EXPECT_EQ(count(Kind::fault), 0u);
  for (std::size_t i = 1; i < nodes; ++i) expect_same_state(0, i);
  for (std::uint32_t i = 0; i < nodes; ++i) {
    const auto member = ledger::find_member(entries(), job, account(owners_first + i));
    ASSERT_TRUE(member.has_value());
    EXPECT_GT(member->passed, 0u);
    EXPECT_GT(member->checks, 0u);
  }
}

}  // namespace
}  // namespace kith::node
