// Whole nodes that fell behind: they come forward by blocks or by a snapshot, from peers of whom
// some lie, sleep, or have pruned. One piece: node_chain_test.cpp.
#include <gtest/gtest.h>

#include "codec/test_chain.h"
#include "node/chain_index.h"
#include "node/inspect.h"
#include "node/test_config_effect.h"

namespace kith::node {
namespace {

/// Says that it has a great deal, and then nothing, or nonsense.
class BadSync final : public host::Service {
 public:
  BadSync(Hash genesis, bool is_sleeper) : genesis_(genesis), is_sleeper_(is_sleeper) {}
  std::vector<std::string> protocols() const override { return {std::string(sync_protocol)}; }
  bool is_guarded() const override { return false; }
  void on_input(Instant, host::ServiceEvent event) override {
    const auto* const data = std::get_if<host::StreamData>(&event);
    if (data == nullptr) return;
    say(host::Consume{data->stream, data->data.size()});
    codec::FrameReader reader(codec::FramePrefix::varint, 64);
    ByteView bytes = data->data;
    const auto frame = reader.next(bytes);
    if (!frame || !*frame) return;
    const auto request = codec::decode_sync_request(**frame);
    if (!request) return;
    if (std::holds_alternative<codec::TipRequest>(*request)) {
      say(host::Write{data->stream,
                      answer_frame(codec::encode(codec::SyncTip{genesis_, {100'000}, {1}}))});
      say(host::Finish{data->stream});
      return;
    }
    ++asked;
    if (is_sleeper_) return;
    say(host::Write{data->stream, answer_frame(Bytes{2, 1, 0, 0})});
  }
  int asked = 0;

 private:
  const Hash genesis_;
  const bool is_sleeper_;
};

/// What the store says of itself; never anything in between two states.
class WhereJob final : public host::Job {
 public:
  explicit WhereJob(const Store& store) : store_(store) {}
  void run() override {
    const auto tip = store_.get(Table::meta, base::as_bytes(ledger::tip_key));
    height = ledger::decode_tip(**tip)->height;
    history = read_history(store_)->count() - 1;
  }
  Height height;
  std::uint64_t history = 0;

 private:
  const Store& store_;
};

class NodeSyncTest : public NodeTest {
 protected:
  NodeSyncTest() {
    SeededRng rng(99);
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 100;
    genesis_.params.epoch_blocks = 20;
    genesis_.params.jail_threshold = 0;
    for (std::uint32_t key = 1; key <= 3; ++key) {
      genesis_.outputs.push_back(
          {0, 0, 1'000 * codec::units_per_coin, codec::test::identity(key).lock});
    }
    for (int i = 0; i < 4; ++i) {
      keys_.push_back(crypto::KeyPair::generate(rng));
      codec::GenesisValidator validator;
      std::ranges::copy(keys_.back().public_key().data, validator.key.begin());
      validator.owner = codec::lock_of(validator.key);
      validator.stake = 1'000 * codec::units_per_coin;
      genesis_.validators.push_back(validator);
    }
    std::ranges::sort(genesis_.validators, {}, &codec::GenesisValidator::key);
    world_.after_turn = [this](std::size_t i) { collect(i); };
  }
  void collect(std::size_t i) {
    while (auto report = members_[i]->node.poll_report()) {
      members_[i]->reports.push_back(std::move(*report));
    }
  }
  Member& add_plain() {
    members_.push_back(std::make_unique<Member>(members_.size() + 1, config()));
    world_.add(members_.back()->node);
    return *members_.back();
  }
  void start_last() {
    const std::size_t index = members_.size() - 1;
    world_.input(index, host::WallClock{wall()});
    members_.back()->node.start(world_.now());
    world_.turn(index);
    world_.run_for(1ms);
  }
  /// Its store is there already when it has lived before.
  void add_keeper(const crypto::KeyPair* key, const ChainKeeping& keeping = {}) {
    const std::size_t index = members_.size();
    NodeConfig with = config();
    with.chain.keeping = keeping;
    members_.push_back(std::make_unique<Member>(index + 1, with));
    world_.add(members_.back()->node);
    ledger::MemoryStore& store = world_.work[index].chain;
    if (!*holds_chain(store, codec::genesis_hash(genesis_))) {
      store.write(make_genesis_batch(genesis_));
    }
    ChainConfig chain_config;
    chain_config.keeping = keeping;
    auto chain =
        Chain::open(chain_config, {genesis_, &store, key}, members_.back()->rng, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    members_.back()->node.keep_chain(*std::move(chain), key);
    start_last();
  }
  BadSync& add_bad(bool is_sleeper) {
    Member& member = add_plain();
    auto& service = static_cast<BadSync&>(member.node.add_service(
        world_.now(), std::make_unique<BadSync>(codec::genesis_hash(genesis_), is_sleeper)));
    start_last();
    return service;
  }
  WallTime wall() const { return {1'700'000'000'000 + base::to_ms(world_.now() - Instant{})}; }
  void add_four(const ChainKeeping& keeping = {}) {
    for (const crypto::KeyPair& key : keys_) add_keeper(&key, keeping);
    for (std::size_t a = 0; a < 4; ++a) {
      for (std::size_t b = a + 1; b < 4; ++b) connect(a, b, a * 10 + b);
    }
  }
  std::uint64_t height(std::size_t i) { return members_[i]->node.chain()->height().value; }
  Hash digest(std::size_t i, std::uint64_t height) {
    const auto stored = read_block(world_.work[i].chain, {height});
    EXPECT_TRUE(stored.has_value() && stored->has_value()) << "node " << i << ", " << height;
    return (*stored)->block->digest();
  }
  static ChainKeeping snapshots(std::uint64_t behind, std::uint64_t retain = 0) {
    return config_with({{"chain.snapshot_behind", std::to_string(behind)},
                        {"chain.retain_blocks", std::to_string(retain)},
                        {"chain.snapshot_interval", "1"}})
        .chain.keeping;
  }
  /// The node's state is that of node 0 at the same height, byte for byte.
  void expect_same_state(std::size_t i) {
    ASSERT_TRUE(world_.run_until([&] { return height(i) == height(0); }, 10s));
    EXPECT_EQ(members_[i]->node.chain()->states().txos().root(),
              members_[0]->node.chain()->states().txos().root());
    EXPECT_EQ(members_[i]->node.chain()->tip().digest, members_[0]->node.chain()->tip().digest);
    for (const Table table : {Table::utxo, Table::validator, Table::txo_chunk, owned_table}) {
      std::map<Bytes, Bytes> here, there;
      (void)world_.work[i].chain.scan(table, [&](ByteView key, ByteView value) {
        here[base::to_bytes(key)] = base::to_bytes(value);
      });
      (void)world_.work[0].chain.scan(table, [&](ByteView key, ByteView value) {
        there[base::to_bytes(key)] = base::to_bytes(value);
      });
      EXPECT_EQ(here, there) << static_cast<int>(table);
    }
  }
  /// Outputs, in one transaction of the key after the other.
  void pay(std::size_t outputs) {
    const Hash genesis = codec::genesis_hash(genesis_);
    std::vector<codec::test::Paying> paid;
    const codec::Amount each = 10'000;
    for (std::size_t i = 0; i < outputs; ++i) paid.push_back({4, each});
    const codec::Amount fee = codec::units_per_coin;
    paid.push_back({1, 1'000 * codec::units_per_coin - fee - each * outputs});
    const auto tx = codec::seal(codec::test::payment({{{genesis, 0}, 1}}, paid, fee, genesis));
    command(0, SubmitTransaction{Token{7}, tx});
  }

  codec::Genesis genesis_;
  std::vector<crypto::KeyPair> keys_;
};

TEST_F(NodeSyncTest, AStaleNodeCatchesUpBesideALiarAndASleeper) {
  add_four();
  world_.run_for(12s);
  ASSERT_GT(height(0), 80u);
  BadSync& liar = add_bad(false);
  BadSync& sleeper = add_bad(true);
  add_keeper(nullptr, snapshots(0));
  const std::size_t late = members_.size() - 1;
  connect(late, 4, 70);
  connect(late, 5, 71);
  world_.run_for(200ms);
  connect(late, 0, 72);
  ASSERT_TRUE(world_.run_until([&] { return height(late) + 3 >= height(0); }, 60s)) << height(late);
  EXPECT_GT(liar.asked, 0);
  EXPECT_GT(sleeper.asked, 0);
  EXPECT_EQ(digest(late, 60), digest(0, 60));
  // What was claimed is not believed for ever.
  world_.run_for(30s);
  EXPECT_LT(members_[late]->node.sync_service()->target().value, 100'000u);
  EXPECT_LE(members_[late]->node.quality().standing(world_.now(), members_[4]->id()).reputation,
            -20);
}

/// A new node has one peer, which gives as much a second as its configuration says.
TEST_F(NodeSyncTest, WhoServesSlowlyIsWaitedFor) {
  add_four();
  world_.run_for(40s);
  const std::uint64_t ahead = height(0);
  ASSERT_GT(ahead, 300u);
  ChainKeeping slow = snapshots(0);
  slow.serve_rate = config_with({{"chain.serve_rate", "10000"}}).chain.keeping.serve_rate;
  std::uint64_t reached[2];
  for (const bool is_slow : {false, true}) {
    add_keeper(nullptr, is_slow ? slow : snapshots(0));
    const std::size_t giver = members_.size() - 1;
    for (const std::size_t peer : {0U, 1U, 2U}) connect(giver, peer, 200 + 10 * giver + peer);
    ASSERT_TRUE(world_.run_until([&] { return height(giver) >= ahead; }, 60s)) << height(giver);
    add_keeper(nullptr, snapshots(0));
    const std::size_t taker = members_.size() - 1;
    connect(taker, giver, 300 + giver);
    // 64 KiB are saved up, less than a hundred blocks.
    world_.run_for(4s);
    reached[is_slow ? 1 : 0] = height(taker);
  }
  EXPECT_GE(reached[0], ahead);
  EXPECT_LT(reached[1], ahead);
  EXPECT_GT(reached[1], 10u);
}

TEST_F(NodeSyncTest, AMinorityThatWasCutOffComesBackByItself) {
  add_four();
  world_.run_for(5s);
  for (const std::size_t peer : {0U, 1U, 2U}) command(3, Disconnect{members_[peer]->id()});
  world_.run_for(2s);
  const std::uint64_t alone = height(3);
  world_.run_for(30s);
  EXPECT_LE(height(3), alone + 1);
  ASSERT_GT(height(0), alone + 30);
  for (const std::size_t peer : {0U, 1U, 2U}) connect(3, peer, 60 + peer);
  ASSERT_TRUE(world_.run_until([&] { return height(3) + 2 >= height(0); }, 60s)) << height(3);
  const auto votes = members_[3]->node.chain()->consensus().stats().finalize_votes;
  world_.run_for(10s);
  EXPECT_GT(members_[3]->node.chain()->consensus().stats().finalize_votes, votes + 10);
  EXPECT_EQ(digest(3, alone + 20), digest(0, alone + 20));
}

TEST_F(NodeSyncTest, ANewNodeTakesASnapshotAndGoesOn) {
  add_four(snapshots(0));
  world_.run_for(2s);
  pay(900);
  world_.run_for(10s);
  ASSERT_GT(height(0), 60u);
  ASSERT_FALSE(world_.work[0].chain.shelf()->list().empty());
  EXPECT_LE(world_.work[0].chain.shelf()->list().size(), snapshots_kept);
  add_keeper(nullptr, snapshots(30));
  const std::size_t late = 4;
  for (const std::size_t peer : {0U, 1U, 2U}) connect(late, peer, 90 + peer);
  ASSERT_TRUE(world_.run_until([&] { return height(late) + 2 >= height(0); }, 60s)) << height(late);
  EXPECT_GT(members_[late]->node.snapshot_service()->parts_received(), 0u);
  EXPECT_GT(members_[late]->node.chain()->floor().value, 20u);
  EXPECT_LT(members_[late]->node.sync_service()->blocks_received(), 60u);
  expect_same_state(late);
  // What is unspent is indexed; what was before is not there.
  const Chain& chain = *members_[late]->node.chain();
  EXPECT_TRUE(chain.is_indexed());
  EXPECT_EQ(chain.history_from(), chain.floor());
  EXPECT_EQ(members_[0]->node.chain()->history_from(), Height{0});
  const Hash lock = codec::test::identity(4).lock;
  EXPECT_EQ(read_owned(world_.work[late].chain, lock, {}, 1000)->size(), 900u);
  EXPECT_TRUE(read_owner_history(world_.work[late].chain, lock, {}, 10)->empty());
  EXPECT_EQ(read_owner_history(world_.work[0].chain, lock, {}, 10)->size(), 1u);
  EXPECT_EQ(members_[late]->node.heartbeats()->rows(world_.now()).size(), 0u);
  // It has what it needs to begin anew, too.
  world_.run_for(5s);
  const auto again = Chain::open({}, {genesis_, &world_.work[late].chain, nullptr},
                                 members_[late]->rng, base::null_log());
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ((*again)->height().value, height(late));
}

TEST_F(NodeSyncTest, OfAChainThatComputesTheBeaconComesAlongByBlocksAndBySnapshot) {
  genesis_.params.compute.emplace();
  add_four(snapshots(0));
  world_.run_for(12s);
  ASSERT_GT(height(0), 60u);
  add_keeper(nullptr, snapshots(0));   // from genesis, block by block
  add_keeper(nullptr, snapshots(30));  // by a snapshot
  for (const std::size_t late : {4U, 5U}) {
    for (const std::size_t peer : {0U, 1U, 2U}) connect(late, peer, 90 + 10 * late + peer);
    ASSERT_TRUE(world_.run_until([&] { return height(late) + 2 >= height(0); }, 60s)) << late;
    EXPECT_EQ(members_[late]->node.snapshot_service()->parts_received() > 0, late == 5);
    expect_same_state(late);
    const Chain& here = *members_[late]->node.chain();
    const Chain& there = *members_[0]->node.chain();
    EXPECT_EQ(here.leaders_seed(), there.leaders_seed());
    EXPECT_NE(here.leaders_seed(), there.genesis_hash());
    const ledger::Entries& entries = here.states().tip()->registry().by_kind();
    EXPECT_TRUE(entries.contains(ledger::EntryKind::beacon, {}));
    EXPECT_TRUE(entries.changed_since(there.states().tip()->registry().by_kind()).empty());
  }
  // And into the next epoch, whose leaders the one behind a snapshot has to know too.
  world_.run_for(5s);
  expect_same_state(5);
}

TEST_F(NodeSyncTest, WhoAsksWhileASnapshotIsTakenOverIsAnsweredFromOneStateOrTheOther) {
  add_four(snapshots(0));
  world_.run_for(12s);
  add_keeper(nullptr, snapshots(30));
  const std::size_t late = 4;
  for (const std::size_t peer : {0U, 1U, 2U}) connect(late, peer, 90 + peer);
  std::uint64_t asked = 0;
  for (int after = 50; asked < 20'000 && after > 0; ++asked) {
    if (height(late) >= 60) --after;
    command(late, AskStore{Token{asked}, std::make_shared<WhereJob>(world_.work[late].chain)});
    command(late, MakeProof{Token{asked}, {}});
    world_.run_for(1ms);
  }
  ASSERT_GE(height(late), 60u);
  world_.run_for(1s);
  Member& member = *members_[late];
  EXPECT_GT(member.node.chain()->floor().value, 20u);
  EXPECT_EQ(member.count<StoreAnswered>(), asked);
  EXPECT_EQ(member.count<ProofAnswered>(), asked);
  std::size_t before = 0;
  for (const Report& report : member.reports) {
    const auto* const answered = std::get_if<StoreAnswered>(&report);
    if (answered == nullptr) continue;
    const auto& where = static_cast<const WhereJob&>(*answered->job);
    EXPECT_EQ(where.height.value, where.history);
    before += where.height.value == 0 ? 1 : 0;
  }
  EXPECT_GT(before, 0u);
  EXPECT_LT(before, asked);
}

TEST_F(NodeSyncTest, BehindASnapshotWhatIsThereIsProvenAndTheRestIsCalledPruned) {
  add_four(snapshots(0));
  world_.run_for(12s);
  add_keeper(nullptr, snapshots(30));
  for (const std::size_t peer : {0U, 1U, 2U}) connect(4, peer, 90 + peer);
  ASSERT_TRUE(world_.run_until([&] { return height(4) + 2 >= height(0); }, 60s)) << height(4);
  world_.run_for(2s);
  const Height floor = members_[4]->node.chain()->floor();
  ASSERT_GT(floor.value, 20u);
  const auto ask = [&](const ProofWanted& wanted) -> Result<Bytes> {
    const std::size_t before = members_[4]->count<ProofAnswered>();
    command(4, MakeProof{Token{1}, wanted});
    EXPECT_TRUE(
        world_.run_until([&] { return members_[4]->count<ProofAnswered>() > before; }, 10s));
    const auto& proof = members_[4]->last<ProofAnswered>()->proof;
    if (!proof) return fail(proof.error());
    return proof->bytes;
  };
  EXPECT_TRUE(ask({})) << "from genesis, over the ends of epochs";
  ProofWanted block;
  block.kind = ProofKind::block;
  block.height = floor;
  const auto there = ask(block);
  EXPECT_TRUE(there) << there.error().message;
  block.height = {floor.value - 3};
  const auto gone = ask(block);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::not_found);
  EXPECT_NE(gone.error().message.find("pruned"), std::string::npos) << gone.error().message;
  ProofWanted output;
  output.kind = ProofKind::output;
  output.outpoint = {codec::genesis_hash(genesis_), 1};
  const auto unspent = ask(output);
  EXPECT_TRUE(unspent) << unspent.error().message;
  // A look at the store finds nothing wrong with what a snapshot brought.
  const ledger::MemoryStore& store = world_.work[4].chain;
  auto found = inspect(store, genesis_);
  ASSERT_TRUE(found.has_value()) << found.error().message;
  const auto deep = inspect_deep(
      store, genesis_, [&](auto first, auto count) { return store.leaves(first, count); }, *found);
  EXPECT_TRUE(deep.has_value());
  EXPECT_TRUE(found->problems.empty()) << found->problems.front();
}

TEST_F(NodeSyncTest, WhereAllHavePrunedASnapshotIsTheOnlyWay) {
  add_four(snapshots(0, 64));
  world_.run_for(20s);
  ASSERT_GT(members_[0]->node.chain()->floor().value, 40u);
  EXPECT_FALSE(read_block(world_.work[0].chain, {30})->has_value());
  EXPECT_TRUE(read_block(world_.work[0].chain, members_[0]->node.chain()->floor())->has_value());
  EXPECT_TRUE(read_epoch_end(world_.work[0].chain, {0})->has_value());
  add_keeper(nullptr, snapshots(0));
  connect(4, 0, 77);
  connect(4, 1, 78);
  ASSERT_TRUE(world_.run_until([&] { return height(4) + 3 >= height(0); }, 60s)) << height(4);
  EXPECT_GT(members_[4]->node.chain()->floor().value, 1u);
  expect_same_state(4);
}

TEST_F(NodeSyncTest, AValidatorThatWasAwayTakesASnapshotAndVotesAgain) {
  for (std::size_t i = 0; i < 3; ++i) add_keeper(&keys_[i], snapshots(0));
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = a + 1; b < 3; ++b) connect(a, b, a * 10 + b);
  }
  world_.run_for(40s);
  ASSERT_GT(height(0), 60u);
  add_keeper(&keys_[3], snapshots(20));
  for (const std::size_t peer : {0U, 1U, 2U}) connect(3, peer, 90 + peer);
  ASSERT_TRUE(world_.run_until([&] { return height(3) + 2 >= height(0); }, 60s)) << height(3);
  EXPECT_GT(members_[3]->node.snapshot_service()->parts_received(), 0u);
  const auto votes = members_[3]->node.chain()->consensus().stats().finalize_votes;
  world_.run_for(10s);
  EXPECT_GT(members_[3]->node.chain()->consensus().stats().finalize_votes, votes + 10);
}

}  // namespace
}  // namespace kith::node
