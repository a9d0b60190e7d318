// Taking a snapshot beside scripted peers who give what a real store holds: liars, sleepers,
// crashes in the middle. Whole nodes: node_sync_test.cpp.
#include "node/snapshot_service.h"

#include <gtest/gtest.h>

#include "codec/chain_account.h"
#include "codec/test_votes.h"
#include "host/test_service.h"
#include "ledger/memory_store.h"
#include "node/chain_index.h"
#include "node/snapshot_make.h"

namespace kith::node {
namespace {

using codec::test_genesis;
using host::test_peer;

constexpr std::uint64_t epoch_blocks = 10;
constexpr std::uint64_t epochs = 3;
constexpr std::uint64_t outputs = 40'000;  // three parts

const codec::TestValidators& four() {
  static const codec::TestValidators validators(4);
  return validators;
}

Bytes key_of(std::uint64_t number) {
  Bytes key;
  codec::Writer(key).u64(number);
  return key;
}

Bytes chunk_record(const std::vector<Hash>& leaves, const codec::TxoBitmap& bitmap) {
  const Hash root = codec::txo_leaf_root(leaves);
  Bytes value(root.begin(), root.end());
  base::append(value, bitmap);
  return value;
}

/// One account, with all of the escrow as its bond.
ledger::Entries entries_of(codec::Amount escrow) {
  ledger::Entries entries;
  codec::AccountEntry account;
  account.bond = escrow;
  entries.put(codec::EntryKind::account, codec::number_hash(1), codec::encode_account(account));
  return entries;
}

void put_entries(WriteBatch& batch, const ledger::Entries& entries) {
  entries.visit_all([&](const ledger::EntryKey& key, const std::shared_ptr<const Bytes>& entry) {
    batch.records.push_back({Table::entry, ledger::record_key(key), *entry});
  });
}

/// A store at the end of three epochs, and its snapshot. Every fifth output is spent, and one whole
/// chunk.
struct Giver {
  Giver() {
    ledger::Supply supply;
    ledger::TxoFrontier frontier;
    WriteBatch batch;
    Bytes tree;
    codec::Writer writer(tree);
    Bytes chunks;
    for (std::uint64_t first = 0; first < outputs; first += 256) {
      codec::TxoBitmap bitmap{};
      std::vector<Hash> leaves;
      for (std::uint64_t i = first; i < std::min(first + 256, outputs); ++i) {
        const codec::OutPoint outpoint{codec::number_hash(i), 1};
        const codec::Utxo utxo{i, {0, 0, 1'000, codec::number_hash(~i)}, {i % 30}};
        leaves.push_back(codec::txo_leaf(outpoint, utxo));
        if (i % 5 == 0 || first == 1024) continue;
        codec::set_bit(bitmap, i - first, true);
        supply.outputs += 1'000;
        const auto key = codec::encode(outpoint);
        const auto value = codec::encode(utxo);
        batch.records.push_back(
            {Table::utxo, Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end())});
      }
      const Bytes value = chunk_record(leaves, bitmap);
      base::append(chunks, value);
      batch.records.push_back({Table::txo_chunk, key_of(first / 256), value});
      if (leaves.size() < 256) {
        for (const Hash& leaf : leaves) frontier.push(leaf);
      }
      batch.leaves.insert(batch.leaves.end(), leaves.begin(), leaves.end());
    }
    supply.escrow = 500;
    supply.minted = supply.outputs + supply.escrow;
    const ledger::Entries entries = entries_of(supply.escrow);
    put_entries(batch, entries);
    writer.u8(1);
    writer.u64(outputs);
    for (const Hash& peak : frontier.peaks()) writer.bytes(peak);
    writer.bytes(chunks);
    codec::Mmr history;
    for (std::uint64_t e = 0; e < epochs; ++e) {
      header = {};
      header.epoch = {e};
      header.height = {(e + 1) * epoch_blocks};
      header.view = {1};
      header.validators_root = header.next_validators_root = four().set.root();
      while (history.count() < header.height.value) history.append(test_genesis);
      header.history_root = history.root();
      header.utxo_root = ledger::TxoTree::decode(tree)->root();
      ledger::Registry registry;
      registry.change_by_kind() = entries;
      header.registry_root = registry.settle(supply);
      const auto by =
          four().certificate(codec::finalize({e}, 2, 1, codec::digest_of(header)), {0, 1, 2});
      last = {header, std::make_shared<const codec::Certificate>(by)};
      add_epoch_end(batch, last);
      add_validators(batch, {e}, four().set);
      add_validators(batch, {e + 1}, four().set);
    }
    batch.height = header.height;
    batch.records.push_back(
        {Table::meta, base::to_bytes(ledger::tip_key),
         ledger::encode(ledger::TipRecord{header.height, supply, outputs, frontier.peaks(),
                                          header.utxo_root})});
    store.write(batch);
    MakeSnapshotJob make(store.freeze(), *store.shelf(), last, history);
    while (!make.is_done()) make.run();
    EXPECT_TRUE(make.result().has_value()) << make.result().error().message;
    EXPECT_EQ(codec::snapshot_parts(outputs), 3u);
  }
  ledger::MemoryStore store;
  codec::BlockHeader header;
  FinalHeader last;
};

const Giver& giver() {
  static const Giver made;
  return made;
}

struct JoinBench : host::ServiceBench<SnapshotService> {
  explicit JoinBench(ledger::MemoryStore& own, SnapshotConfig config = {})
      : ServiceBench(config, own, epoch_blocks, test_genesis, rng), own_store(own) {
    if (own.size(validators_table) > 0) return;
    WriteBatch genesis;  // of it, what a snapshot does not bring
    add_validators(genesis, {0}, four().set);
    own.write(genesis);
  }

  void meet(const PeerId& id) {
    auto message = std::make_shared<codec::IdentifyMessage>();
    message->protocols = {std::string(snapshot_protocol)};
    up(id);
    hear(host::PeerIdentified{id, message});
  }
  void look(std::uint64_t target) {
    SnapshotService::View view;
    view.height = {0};
    view.target = {target};
    view.floor = Height{20};
    view.validators = std::make_shared<const codec::ValidatorSet>(four().set);
    service.on_view(now, view);
    run_jobs();
  }
  void run_jobs() {
    while (auto work = service.poll_job()) {
      work->job->run();
      EXPECT_TRUE(service.on_job(now, *work->job));
    }
    while (auto write = service.poll_write()) {
      if (writes_left == 0) return;  // the power has gone
      --writes_left;
      own_store.write(*write->batch);
      EXPECT_TRUE(service.on_written(now, write->token));
      run_jobs();
    }
    drain();
  }
  /// Peers answer what they are asked; `change` may spoil a frame, and false is silence.
  void serve(const std::function<bool(const PeerId&, const codec::SnapshotRequest&,
                                      std::vector<Bytes>&)>& change) {
    for (const auto& open : take<host::Open>()) {
      stream_up(++next, open.peer, Direction::outbound, snapshot_protocol, open.token);
      for (const auto& write : take<host::Write>()) {
        codec::FrameReader reader(codec::FramePrefix::varint, 64);
        ByteView bytes = write.data.view();
        const auto request = codec::decode_snapshot_request(*reader.next(bytes).value()).value();
        ReadSnapshotJob read(giver().store, StreamId{next}, request);
        read.run();
        std::vector<Bytes> frames;
        for (const Buffer& frame : read.take_frames()) {
          codec::FrameReader whole(codec::FramePrefix::varint, 1 << 24);
          ByteView left = frame.view();
          frames.push_back(base::to_bytes(*whole.next(left).value()));
        }
        asked.push_back({open.peer, request});
        if (!change(open.peer, request, frames)) continue;
        for (const Bytes& frame : frames) data(next, answer_frame(frame).view());
        end(next);
        down(next);
      }
      run_jobs();
    }
  }
  bool finish(const std::function<bool(const PeerId&, const codec::SnapshotRequest&,
                                       std::vector<Bytes>&)>& change) {
    for (int round = 0; round < 400 && !service.take_adopted(); ++round) {
      serve(change);
      if (service.wants_adoption()) service.adopt();
      run_jobs();
      if (said_nothing()) wait(250ms);
      run_jobs();
      if (writes_left == 0) return false;
    }
    return !own_store.import() && own_store.size(Table::utxo) > 0;
  }
  bool said_nothing() const {
    return std::ranges::none_of(said, [](const host::ServiceCommand& command) {
      return std::holds_alternative<host::Open>(command);
    });
  }
  std::size_t faults(const PeerId& id) {
    std::size_t count = 0;
    for (const auto& fault : take<host::Fault>()) count += fault.peer == id ? 1 : 0;
    return count;
  }
  std::size_t parts_asked() const {
    return static_cast<std::size_t>(std::ranges::count_if(asked, [](const auto& each) {
      return std::holds_alternative<codec::PartRequest>(each.second);
    }));
  }

  SeededRng rng{3};
  ledger::MemoryStore& own_store;
  std::uint64_t next = 0;
  std::size_t writes_left = 1000;
  std::vector<std::pair<PeerId, codec::SnapshotRequest>> asked;
};

const PeerId a = test_peer(1);
const PeerId b = test_peer(2);

bool honest(const PeerId&, const codec::SnapshotRequest&, std::vector<Bytes>&) { return true; }

void expect_taken(const ledger::MemoryStore& store) {
  for (const Table table : {Table::utxo, Table::txo_chunk, Table::entry}) {
    EXPECT_GT(store.size(table), 0u);
    EXPECT_EQ(store.size(table), giver().store.size(table));
  }
  const auto tree = ledger::StateTree::open(store, codec::digest_of(giver().header), {});
  ASSERT_TRUE(tree.has_value()) << tree.error().message;
  EXPECT_EQ((*tree)->txos().root(), giver().header.utxo_root);
  EXPECT_EQ((*tree)->tip()->registry().tree().root(), giver().header.registry_root);
  EXPECT_EQ((*tree)->tip()->height(), giver().header.height);
  // What is unspent can be proven from the leaves that came.
  const auto leaves = store.leaves(256, 256).value();
  EXPECT_TRUE((*tree)->txos().prove(257, leaves).has_value());
  EXPECT_EQ(store.get(Table::meta, base::as_bytes(import_key))->has_value(), false);
  EXPECT_EQ(read_floor(store).value(), codec::next(giver().header.height));
  EXPECT_EQ(read_history(store)->count(), giver().header.height.value + 1);
  EXPECT_TRUE(holds_chain(store, test_genesis).value());
  for (std::uint64_t e = 0; e <= epochs; ++e) {
    EXPECT_TRUE(read_validators(store, {e})->has_value()) << e;
    EXPECT_EQ(read_epoch_end(store, {e})->has_value(), e < epochs) << e;
  }
}

TEST(Snapshot, IsTakenPartByPartAndIsTheSameState) {
  ledger::MemoryStore own;
  JoinBench bench(own);
  bench.meet(a);
  bench.meet(b);
  bench.look(35);
  EXPECT_TRUE(bench.service.is_importing());
  EXPECT_TRUE(bench.finish(honest));
  expect_taken(own);
  EXPECT_EQ(bench.service.parts_received(), 3u);
  EXPECT_FALSE(bench.service.is_importing());
}

TEST(Snapshot, AWrongBitAnywhereIsItsGiversFault) {
  for (const std::size_t kind : {0U, 1U, 2U, 3U}) {
    SCOPED_TRACE(kind);
    ledger::MemoryStore own;
    SnapshotConfig config;
    config.failures_max = 100;
    JoinBench bench(own, config);
    bench.meet(a);
    bench.meet(b);
    bench.look(35);
    std::size_t lies = 0;
    EXPECT_TRUE(bench.finish(
        [&](const PeerId& id, const codec::SnapshotRequest& request, std::vector<Bytes>& frames) {
          if (id != a || request.index() != kind || frames.empty()) return true;
          ++lies;
          Bytes& frame = frames.back();
          frame[request.index() == 1 ? 0 : frame.size() / 2] ^= 0x40;
          return true;
        }));
    expect_taken(own);
    EXPECT_GT(lies, 0u);
    EXPECT_EQ(bench.faults(a), lies);
  }
}

TEST(Snapshot, WhoSleepsIsPassedOver) {
  ledger::MemoryStore own;
  JoinBench bench(own);
  bench.meet(a);
  bench.meet(b);
  bench.look(35);
  EXPECT_TRUE(bench.finish([](const PeerId& id, const codec::SnapshotRequest& request,
                              std::vector<Bytes>&) { return id != a || request.index() < 3; }));
  expect_taken(own);
  EXPECT_GT(bench.service.failures(), 0u);
}

/// After each write the power may go; what is there is gone on with.
TEST(Snapshot, ACrashAtAnyWriteIsGoneOnFrom) {
  for (std::size_t writes = 1; writes <= 6; ++writes) {
    SCOPED_TRACE(writes);
    ledger::MemoryStore own;
    {
      JoinBench bench(own);
      bench.writes_left = writes;
      bench.meet(a);
      bench.look(35);
      EXPECT_FALSE(bench.finish(honest));
    }
    if (writes < 6) EXPECT_NE(own.import(), nullptr);
    if (writes == 6) {  // it was adopted: nothing is left to do
      expect_taken(own);
      continue;
    }
    JoinBench bench(own);
    bench.meet(a);
    bench.look(35);
    EXPECT_TRUE(bench.finish(honest));
    expect_taken(own);
    if (writes < 5) EXPECT_EQ(bench.parts_asked(), 4 - writes);
  }
}

/// What was begun with an index of addresses is not gone on with by who keeps none.
TEST(Snapshot, OneThatWasBegunWithAnIndexIsBegunAnewWithout) {
  for (const bool is_indexed : {true, false}) {
    SCOPED_TRACE(is_indexed);
    ledger::MemoryStore own;
    SnapshotConfig config;
    config.is_indexed = !is_indexed;
    {
      JoinBench bench(own, config);
      bench.writes_left = 3;
      bench.meet(a);
      bench.look(35);
      EXPECT_FALSE(bench.finish(honest));
    }
    config.is_indexed = is_indexed;
    JoinBench bench(own, config);
    bench.meet(a);
    bench.look(35);
    EXPECT_TRUE(bench.finish(honest));
    expect_taken(own);
    EXPECT_EQ(bench.parts_asked(), 3u);
    const auto from = read_history_from(own).value();
    EXPECT_EQ(own.size(owned_table), is_indexed ? own.size(Table::utxo) : 0);
    EXPECT_EQ(from, is_indexed ? std::optional(codec::next(giver().header.height)) : std::nullopt);
  }
}

TEST(Snapshot, NoneBeyondTheHaltHeightIsTaken) {
  ledger::MemoryStore own;
  SnapshotConfig config;
  config.height_max = {giver().header.height.value - 1};
  JoinBench bench(own, config);
  bench.meet(a);
  bench.look(35);
  EXPECT_TRUE(bench.service.is_importing());
  EXPECT_FALSE(bench.finish(honest));
  EXPECT_EQ(own.import(), nullptr);
  EXPECT_EQ(bench.parts_asked(), 0u);
  config.height_max = giver().header.height;
  JoinBench other(own, config);
  other.meet(a);
  other.look(35);
  EXPECT_TRUE(other.finish(honest));
  expect_taken(own);
}

TEST(Snapshot, WhereNobodyHasOneBlocksAreFetched) {
  ledger::MemoryStore own;
  JoinBench bench(own);
  bench.meet(a);
  bench.look(35);
  for (int round = 0; round < 50 && bench.service.is_importing(); ++round) {
    bench.serve(
        [](const PeerId&, const codec::SnapshotRequest& request, std::vector<Bytes>& frames) {
          if (request.index() == 1) frames = {Bytes{0}};
          return true;
        });
    bench.wait(250ms);
  }
  EXPECT_FALSE(bench.service.is_importing());
  EXPECT_EQ(bench.own_store.import(), nullptr);
  bench.look(35);
  EXPECT_FALSE(bench.service.is_importing());  // not again at once
  bench.wait(61s);
  EXPECT_TRUE(bench.service.is_importing());
}

TEST(Snapshot, NearAndWithBlocksAtHandNoneIsTaken) {
  ledger::MemoryStore own;
  JoinBench bench(own);
  bench.meet(a);
  SnapshotService::View view;
  view.height = {5};
  view.target = {35};
  view.floor = Height{1};
  view.validators = std::make_shared<const codec::ValidatorSet>(four().set);
  bench.service.on_view(bench.now, view);
  EXPECT_FALSE(bench.service.is_importing());
  view.target = {5 + 10'000};
  bench.service.on_view(bench.now, view);
  EXPECT_TRUE(bench.service.is_importing());
}

}  // namespace
}  // namespace kith::node
