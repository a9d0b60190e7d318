// Whole nodes on a chain that computes: a job is submitted, workers enrol, what they say travels
// through mempools into blocks, tasks settle, are accepted and paid; and who comes late takes a
// snapshot in the middle of it.
#include <gtest/gtest.h>

#include <set>

#include "codec/prometheus.h"
#include "ledger/jobs_chain_test_util.h"
#include "node/inspect.h"
#include "node/node_metrics.h"
#include "node/test_config_effect.h"

namespace kith::node {
namespace {

using codec::test::identity;
using codec::test::Ordering;
using ledger::JobEvent;

constexpr codec::Amount coin = codec::units_per_coin;
constexpr codec::Amount fee = 100'000;
constexpr codec::JobId the_job{1};
constexpr std::uint32_t submitter = 300;
constexpr std::uint32_t owners_first = 301;
constexpr std::uint32_t workers_first = 401;
constexpr std::uint32_t workers = 4;

/// Rounds long enough for what is said to travel in them.
codec::JobSpec slow_job() {
  codec::JobSpec spec = ledger::test::quick_job();
  spec.round_blocks = 12;
  return spec;
}

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
    genesis_.params.compute->draw_gap = 4;
    genesis_.outputs.push_back({0, 0, 1'000 * coin, identity(1).lock});
    for (int i = 0; i < 2; ++i) {
      keys_.push_back(crypto::KeyPair::generate(rng));
      codec::GenesisValidator validator;
      std::ranges::copy(keys_.back().public_key().data, validator.key.begin());
      validator.owner = codec::lock_of(validator.key);
      validator.stake = 1'000 * coin;
      genesis_.validators.push_back(validator);
    }
    std::ranges::sort(genesis_.validators, {}, &codec::GenesisValidator::key);
    hash_ = codec::genesis_hash(genesis_);
    coins_ = {hash_, 0};
    speakers_.emplace(hash_, the_job);
  }

  void add_keeper(const crypto::KeyPair* key, const ChainKeeping& keeping) {
    const std::size_t index = members_.size();
    NodeConfig with = config();
    with.chain.keeping = keeping;
    members_.push_back(std::make_unique<Member>(index + 1, with));
    Member& member = *members_.back();
    world_.add(member.node);
    world_.after_turn = [this](std::size_t i) {
      while (auto report = members_[i]->node.poll_report()) {
        if (const auto* done = std::get_if<BlockFinalized>(&*report); done != nullptr && i == 0) {
          speakers_->hear(done->jobs);
          log_.insert(log_.end(), done->jobs.begin(), done->jobs.end());
        }
        members_[i]->reports.push_back(std::move(*report));
      }
    };
    ledger::MemoryStore& store = world_.work[index].chain;
    store.write(make_genesis_batch(genesis_));
    ChainConfig chain_config;
    chain_config.keeping = keeping;
    auto chain = Chain::open(chain_config, {genesis_, &store, key}, member.rng, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    member.node.keep_chain(*std::move(chain), key);
    world_.input(index,
                 host::WallClock{{1'700'000'000'000 + base::to_ms(world_.now() - Instant{})}});
    member.node.start(world_.now());
    world_.turn(index);
    world_.run_for(1ms);
  }
  static ChainKeeping keeping(std::uint64_t behind) {
    return config_with({{"chain.snapshot_behind", std::to_string(behind)},
                        {"chain.snapshot_interval", "1"}})
        .chain.keeping;
  }
  const Chain& chain(std::size_t i) const { return *members_[i]->node.chain(); }
  const ledger::Entries& entries(std::size_t i) const {
    return chain(i).states().tip()->registry().by_kind();
  }
  codec::AccountId account(std::uint32_t owner) const {
    return codec::account_id(hash_, identity(owner).key);
  }

  /// Out of key 1's coins, by way of one node after the other; what is left comes back.
  void order(const std::vector<Ordering>& orders, codec::Amount taken) {
    const auto tx = codec::seal(
        codec::test::payment({{coins_, 1}}, {{1, left_ - taken - fee}}, fee, hash_, orders));
    coins_ = {tx->txid, 0};
    left_ -= taken + fee;
    ++submitted_;
    command(submitted_ % 2, SubmitTransaction{Token{1'000 + submitted_}, tx});
  }
  void begin_job() {
    order({{codec::OpenAccount{identity(submitter).lock, coin, {}}, submitter},
           {codec::SubmitJob{account(submitter), slow_job(), coin}, submitter}},
          2 * coin);
    for (std::uint32_t i = 0; i < workers; ++i) {
      const std::uint32_t owner = owners_first + i;
      const std::uint32_t worker = workers_first + i;
      codec::AddWorker add{account(owner), identity(worker).key, 1, {}};
      add.proof = identity(worker).pair.sign(codec::add_worker_message(hash_, add, coins_));
      speakers_->add(owner, worker);
      order({{codec::OpenAccount{identity(owner).lock, coin, {}}, owner},
             {add, owner},
             {codec::EnrolSlots{the_job, identity(worker).key, 1}, worker}},
            coin);
    }
  }
  /// Whoever has something to say says it in a transaction of its own, once a round.
  void speak() {
    const auto all = speakers_->statements(entries(0), codec::next(chain(0).height()), 7);
    for (const codec::JobStatement& said : all) {
      if (!said_.insert({said.worker, said.round}).second) continue;
      order({{codec::CarryStatements{{said}}, 0}}, 0);
    }
  }
  std::size_t count(JobEvent::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(log_, kind, &JobEvent::kind));
  }
  template <class Done>
  bool work_until(const Done& done) {
    for (int i = 0; i < 600 && !done(); ++i) {
      speak();
      world_.run_for(100ms);
    }
    return done();
  }
  codec::Amount coins_of(std::uint32_t owner) {
    codec::Amount sum = 0;
    (void)world_.work[0].chain.scan(Table::utxo, [&](ByteView, ByteView value) {
      const auto utxo = codec::decode_utxo(value);
      if (utxo->output.lock == identity(owner).lock) sum += utxo->output.value;
    });
    return sum;
  }
  std::map<Bytes, Bytes> entries_in_store(std::size_t i) {
    std::map<Bytes, Bytes> all;
    (void)world_.work[i].chain.scan(Table::entry, [&](ByteView key, ByteView value) {
      all[base::to_bytes(key)] = base::to_bytes(value);
    });
    return all;
  }

  codec::Genesis genesis_;
  Hash hash_{};
  std::vector<crypto::KeyPair> keys_;
  std::optional<ledger::test::Speakers> speakers_;
  ledger::JobLog log_;

 private:
  codec::OutPoint coins_;
  codec::Amount left_ = 1'000 * coin;
  std::uint64_t submitted_ = 0;
  std::set<std::pair<codec::ChainKey, std::uint64_t>> said_;
};

TEST_F(NodeJobsTest, ATaskIsSettledAcceptedAndPaidAndASnapshotHasAllOfIt) {
  for (const crypto::KeyPair& key : keys_) add_keeper(&key, keeping(0));
  connect(0, 1);
  world_.run_for(1s);
  begin_job();
  ASSERT_TRUE(work_until([&] { return count(JobEvent::Kind::leased) >= workers; }));
  ASSERT_TRUE(work_until([&] { return count(JobEvent::Kind::settled) >= workers; }));

  // In the middle of it somebody comes who is far behind.
  add_keeper(nullptr, keeping(30));
  connect(2, 0, 92);
  connect(2, 1, 93);
  ASSERT_TRUE(work_until([&] { return chain(2).height().value + 2 >= chain(0).height().value; }));
  EXPECT_GT(members_[2]->node.snapshot_service()->parts_received(), 0u);
  EXPECT_GT(chain(2).floor().value, 20u);

  ASSERT_TRUE(work_until([&] { return count(JobEvent::Kind::accepted) >= 2; }));
  EXPECT_EQ(count(JobEvent::Kind::disputed), 0u);
  EXPECT_EQ(chain(0).tasks_accepted(), count(JobEvent::Kind::accepted));
  const auto paid = [&] {
    codec::Amount sum = 0;
    for (std::uint32_t i = 0; i < workers; ++i) sum += coins_of(owners_first + i);
    return sum;
  };
  ASSERT_TRUE(work_until([&] { return paid() >= 2 * slow_job().price; }));

  ASSERT_TRUE(world_.run_until([&] { return chain(2).height() == chain(0).height(); }, 10s));
  EXPECT_EQ(chain(2).tip().digest, chain(0).tip().digest);
  EXPECT_EQ(entries_in_store(2), entries_in_store(0));
  EXPECT_TRUE(chain(0).states().tip()->supply().is_conserved());
  EXPECT_EQ(members_[0]->count<ChainHalted>() + members_[2]->count<ChainHalted>(), 0u);

  codec::PrometheusText sink;
  const ShellFigures shell;
  write_metrics(sink, {world_.now(), Instant{}, members_[0]->node, shell});
  EXPECT_NE(sink.text().find("\nkith_compute_jobs 1\n"), std::string::npos);
  EXPECT_NE(sink.text().find("\nkith_compute_slots 4\n"), std::string::npos);

  // What a stopped node's store holds is right, and opens again.
  const ledger::MemoryStore& store = world_.work[0].chain;
  Inspection inspection = *inspect(store, genesis_);
  const auto leaves = [&](std::uint64_t first, std::size_t some) -> Result<std::vector<Hash>> {
    const auto at = store.leaves().begin() + static_cast<std::ptrdiff_t>(first);
    return std::vector<Hash>(at, at + static_cast<std::ptrdiff_t>(some));
  };
  EXPECT_TRUE(inspect_deep(store, genesis_, leaves, inspection).has_value());
  EXPECT_TRUE(inspection.problems.empty()) << inspection.problems.front();
  inspection.supply.escrow += 1;
  inspection.supply.minted += 1;
  EXPECT_TRUE(inspect_deep(store, genesis_, leaves, inspection).has_value());
  EXPECT_FALSE(inspection.problems.empty());
  SeededRng rng(5);
  EXPECT_TRUE(Chain::open({}, {genesis_, &store, nullptr}, rng, base::null_log()).has_value());
}

}  // namespace
}  // namespace kith::node
