// Sync beside scripted peers: runs of heights from several at once, and what liars, sleepers and
// hoarders cost. Whole nodes: node_chain_test.cpp, node_sync_test.cpp.
#include "node/sync_service.h"

#include <gtest/gtest.h>

#include "codec/test_votes.h"
#include "host/test_service.h"
#include "ledger/memory_store.h"

namespace kith::node {
namespace {

using codec::Certificate;
using codec::test_genesis;
using host::test_peer;

constexpr std::uint64_t epoch_blocks = 100;

const codec::TestValidators& four() {
  static const codec::TestValidators validators(4);
  return validators;
}

/// A chain of small blocks, each finalized but those of `unfinal`.
struct TestChain {
  explicit TestChain(std::uint64_t length, const std::vector<std::uint64_t>& unfinal = {},
                     std::uint8_t salt = 0, std::size_t body = 3) {
    Hash parent = test_genesis;
    for (std::uint64_t h = 1; h <= length; ++h) {
      codec::BlockHeader header;
      header.height = {h};
      header.epoch = {(h - 1) / epoch_blocks};
      header.view = {(h - 1) % epoch_blocks + 1};
      header.parent = parent;
      header.time = {static_cast<std::int64_t>(h)};
      const codec::BlockPtr block = codec::make_block(header, Bytes(body, salt), {});
      const std::uint64_t view = header.view.value;
      const bool is_final = std::ranges::count(unfinal, h) == 0;
      const auto statement = is_final
                                 ? codec::finalize(header.epoch, view, view - 1, block->digest())
                                 : codec::notarize(header.epoch, view, view - 1, block->digest());
      blocks.push_back({block, four().certificate(statement, {0, 1, 2})});
      parent = block->digest();
    }
  }
  const codec::GivenBlock& at(std::uint64_t height) const { return blocks[height - 1]; }
  Height tip() const { return {blocks.size()}; }
  std::vector<codec::GivenBlock> blocks;
};

struct SyncBench : host::ServiceBench<SyncService> {
  explicit SyncBench(SyncConfig config = quick())
      : ServiceBench(config, store, epoch_blocks, test_genesis, rng) {
    service.start(now, {0}, {1});
    service.on_epoch(now, {0}, std::make_shared<const codec::ValidatorSet>(four().set));
  }
  static SyncConfig quick() {
    SyncConfig config;
    config.run_blocks = 10;
    return config;
  }

  struct Asked {
    std::uint64_t stream;
    PeerId peer;
    codec::SyncRequest request;
    bool is_blocks() const { return std::holds_alternative<codec::BlocksRequest>(request); }
    codec::BlocksRequest blocks() const { return std::get<codec::BlocksRequest>(request); }
  };

  void meet(const PeerId& id) {
    auto message = std::make_shared<codec::IdentifyMessage>();
    message->protocols = {std::string(sync_protocol)};
    up(id);
    hear(host::PeerIdentified{id, message});
  }
  /// What is asked for now, each on a stream that is up.
  std::vector<Asked> asked() {
    std::vector<Asked> all;
    for (const auto& open : take<host::Open>()) {
      stream_up(++next, open.peer, Direction::outbound, sync_protocol, open.token);
      for (const auto& write : take<host::Write>()) {
        codec::FrameReader reader(codec::FramePrefix::varint, 64);
        ByteView bytes = write.data.view();
        const auto frame = reader.next(bytes).value();
        all.push_back({next, open.peer, codec::decode_sync_request(*frame).value()});
      }
    }
    return all;
  }
  void answer(std::uint64_t stream, ByteView body) { data(stream, answer_frame(body).view()); }
  void tell_tip(const Asked& of, Height tip, Height floor = {1}) {
    answer(of.stream, codec::encode(codec::SyncTip{test_genesis, tip, floor}));
    end(of.stream);
    down(of.stream);
    run_jobs();
  }
  void give(const Asked& of, const TestChain& chain) {
    const auto run = of.blocks();
    for (std::uint64_t i = 0; i < run.count; ++i) {
      if (run.from.value + i > chain.tip().value) break;
      const auto& one = chain.at(run.from.value + i);
      answer(of.stream, codec::encode_given(*one.block, one.certificate));
    }
    end(of.stream);
    down(of.stream);
    run_jobs();
  }
  void run_jobs() {
    while (auto work = service.poll_job()) {
      work->job->run();
      EXPECT_TRUE(service.on_job(now, *work->job));
      drain();
    }
    while (auto heard = service.poll_blocks()) {
      for (const auto& block : heard->blocks) {
        EXPECT_EQ(block->header().height.value, given + 1);
        given = block->header().height.value;
      }
      EXPECT_EQ(heard->finalization.statement.subject.digest, heard->blocks.back()->digest());
      EXPECT_EQ(heard->finalization.statement.kind, codec::VoteKind::finalize);
    }
  }
  /// The chain has made all that it was given final.
  void execute() {
    while (height < given) {
      service.on_height(now, {++height}, {1});
      drain();
      if (height % epoch_blocks == 0) {
        service.on_epoch(now, {height / epoch_blocks},
                         std::make_shared<const codec::ValidatorSet>(four().set));
      }
    }
    run_jobs();
  }
  /// All peers answer truthfully until nobody is asked any more.
  void serve_all(const TestChain& chain) {
    for (int rounds = 0; rounds < 1000; ++rounds) {
      const auto all = asked();
      if (all.empty() && height == given) return;
      for (const Asked& each : all) {
        each.is_blocks() ? give(each, chain) : tell_tip(each, chain.tip());
      }
      execute();
    }
    ADD_FAILURE() << "it never ends";
  }
  std::size_t faults(const PeerId& id) {
    std::size_t count = 0;
    for (const auto& fault : take<host::Fault>()) count += fault.peer == id ? 1 : 0;
    return count;
  }

  SeededRng rng{1};
  ledger::MemoryStore store;
  std::uint64_t next = 0;
  std::uint64_t given = 0;
  std::uint64_t height = 0;
};

const PeerId a = test_peer(1);
const PeerId b = test_peer(2);
const PeerId c = test_peer(3);

TEST(Sync, RunsAreAskedOfSeveralPeersAtOnceAndHandedOverInOrder) {
  const TestChain chain(95, {93, 94});
  SyncBench bench;
  for (const PeerId& id : {a, b, c}) bench.meet(id);
  for (const auto& each : bench.asked()) bench.tell_tip(each, chain.tip());
  EXPECT_TRUE(bench.service.is_catching_up());
  EXPECT_EQ(bench.service.target(), Height{95});
  auto all = bench.asked();
  EXPECT_EQ(all.size(), 6u);  // two each
  std::map<PeerId, int> by_peer;
  for (const auto& each : all) ++by_peer[each.peer];
  EXPECT_EQ(by_peer.size(), 3u);
  // Backwards: nothing is handed over before the first run is here.
  std::ranges::reverse(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(bench.given, 0u);
    bench.give(all[i], chain);
  }
  EXPECT_EQ(bench.given, 60u);
  bench.execute();
  bench.serve_all(chain);
  EXPECT_EQ(bench.height, 95u);
  EXPECT_FALSE(bench.service.is_catching_up());
  EXPECT_EQ(bench.service.bytes_held(), 0u);
  EXPECT_EQ(bench.service.blocks_received(), 95u);
}

TEST(Sync, ItGoesThroughEpochsAndATailWithoutFinalityWaitsForTheNextRun) {
  std::vector<std::uint64_t> unfinal;
  for (std::uint64_t h = 5; h < 38; ++h) unfinal.push_back(h);  // runs 2 and 3 are whole of them
  const TestChain chain(350, unfinal);
  SyncBench bench;
  for (const PeerId& id : {a, b}) bench.meet(id);
  bench.serve_all(chain);
  EXPECT_EQ(bench.height, 350u);
}

TEST(Sync, ALiarLosesItsRunAndIsCutOff) {
  const TestChain chain(40);
  const TestChain other(40, {}, 9);  // right in itself, and certified by nobody
  SyncBench bench;
  bench.meet(a);
  bench.meet(b);
  for (const auto& each : bench.asked()) bench.tell_tip(each, chain.tip());
  std::size_t lied = 0;
  for (int round = 0; round < 50 && bench.height < 40; ++round) {
    for (auto& each : bench.asked()) {
      if (!each.is_blocks()) {
        bench.tell_tip(each, chain.tip());
      } else if (each.peer == a) {
        ++lied;
        const auto run = each.blocks();
        for (std::uint64_t i = 0; i < run.count; ++i) {
          codec::GivenBlock given = other.at(run.from.value + i);
          given.certificate.signatures[0] = chain.at(1).certificate.signatures[1];
          bench.answer(each.stream, codec::encode_given(*given.block, given.certificate));
        }
        bench.end(each.stream);
        bench.down(each.stream);
        bench.run_jobs();
      } else {
        bench.give(each, chain);
      }
    }
    bench.execute();
    bench.wait(300ms);
    bench.run_jobs();
  }
  EXPECT_EQ(bench.height, 40u);
  EXPECT_GT(lied, 0u);
  EXPECT_EQ(bench.faults(a), lied);
  EXPECT_GE(bench.service.runs_failed(), lied);
}

/// Each is one thing that an answer must not be.
TEST(Sync, WhatIsNoAnswerIsAFaultAtOnce) {
  const TestChain chain(40);
  const auto given = [&](std::uint64_t h) {
    return codec::encode_given(*chain.at(h).block, chain.at(h).certificate);
  };
  const TestChain fork(40, {}, 7);
  Bytes other_certificate;
  {
    codec::GivenBlock mixed{chain.at(1).block, chain.at(2).certificate};
    other_certificate = codec::encode_given(*mixed.block, mixed.certificate);
  }
  const std::vector<std::vector<Bytes>> lies = {
      {Bytes{1, 2, 3}},      // garbage
      {given(2)},            // a gap
      {given(1), given(3)},  // another one
      {given(1), codec::encode_given(*fork.at(2).block, fork.at(2).certificate)},
      {other_certificate},
      {codec::encode(codec::SyncTip{test_genesis, {40}, {1}})},
      {codec::encode(codec::PrunedBlocks{{1}})},  // not below that floor
      {given(1), codec::encode(codec::PrunedBlocks{{9}})},
  };
  for (std::size_t i = 0; i < lies.size(); ++i) {
    SCOPED_TRACE(i);
    SyncBench bench;
    bench.meet(a);
    for (const auto& each : bench.asked()) bench.tell_tip(each, chain.tip());
    const auto all = bench.asked();
    ASSERT_FALSE(all.empty());
    ASSERT_EQ(all[0].blocks().from, Height{1});
    for (const Bytes& body : lies[i]) bench.answer(all[0].stream, body);
    EXPECT_EQ(bench.faults(a), 1u);
    EXPECT_EQ(bench.given, 0u);
  }
}

TEST(Sync, AnEndlessAnswerIsCutOffByNumberAndByBytes) {
  const TestChain chain(40, {}, 0, 1000);
  for (const bool by_bytes : {false, true}) {
    SyncConfig config = SyncBench::quick();
    if (by_bytes) config.bytes_max = 3000;
    SyncBench bench(config);
    bench.meet(a);
    for (const auto& each : bench.asked()) bench.tell_tip(each, chain.tip());
    const auto all = bench.asked();
    std::uint64_t sent = 0;
    while (bench.faults(a) == 0 && sent < 40) {
      ++sent;
      const auto& given = chain.at(sent);
      bench.answer(all[0].stream, codec::encode_given(*given.block, given.certificate));
    }
    EXPECT_EQ(sent, by_bytes ? 3u : 11u);  // two blocks fill it
  }
  // A frame that announces more than any block has is refused at its length.
  SyncBench bench;
  bench.meet(a);
  for (const auto& each : bench.asked()) bench.tell_tip(each, chain.tip());
  const auto all = bench.asked();
  bench.data(all[0].stream, Bytes{0xff, 0xff, 0xff, 0xff, 0x7f});
  EXPECT_EQ(bench.faults(a), 1u);
}

TEST(Sync, WhoSleepsLosesItsRunAndRestsAndWhoHasNoneOfWhatItClaimedIsNotBelieved) {
  const TestChain chain(30);
  SyncBench bench;
  bench.meet(a);
  for (const auto& each : bench.asked()) bench.tell_tip(each, Height{1'000'000});
  EXPECT_EQ(bench.service.target(), Height{1'000'000});
  bench.meet(b);
  for (const auto& each : bench.asked()) {
    if (!each.is_blocks()) bench.tell_tip(each, chain.tip());
  }
  // The first gives empty answers to all it is asked; the second is asked for what it has.
  for (int round = 0; round < 200 && bench.height < 30; ++round) {
    for (const auto& each : bench.asked()) {
      if (each.peer == b) {
        each.is_blocks() ? bench.give(each, chain) : bench.tell_tip(each, chain.tip());
      } else if (each.is_blocks()) {
        bench.end(each.stream);
        bench.down(each.stream);
      }
    }
    bench.execute();
    bench.wait(500ms);
    bench.run_jobs();
  }
  EXPECT_EQ(bench.height, 30u);
  EXPECT_LE(bench.service.target().value, 30u);
  std::size_t charged = 0;
  for (const auto& done : bench.take<host::RequestDone>()) {
    charged += done.peer == a && !done.took ? 1 : 0;
  }
  EXPECT_GT(charged, 0u);
}

TEST(Sync, ARunThatAllWaitForIsAskedOfASecondPeer) {
  const TestChain chain(60);
  SyncBench bench;
  bench.meet(a);
  bench.meet(b);
  for (const auto& each : bench.asked()) bench.tell_tip(each, chain.tip());
  std::optional<PeerId> sleeper;
  std::size_t asked_first = 0;
  for (int round = 0; round < 100 && bench.height < 60; ++round) {
    for (const auto& each : bench.asked()) {
      if (!each.is_blocks()) {
        bench.tell_tip(each, chain.tip());
        continue;
      }
      if (each.blocks().from == Height{1}) {
        ++asked_first;
        if (!sleeper) sleeper = each.peer;
      }
      if (each.peer != sleeper) bench.give(each, chain);
    }
    bench.execute();
    bench.wait(250ms);
    bench.run_jobs();
  }
  EXPECT_EQ(bench.height, 60u);
  EXPECT_GE(asked_first, 2u);
  EXPECT_LT(bench.now, Instant{20s});
}

TEST(Sync, WhatTheChainHasNotMadeFinalIsBounded) {
  const TestChain chain(900);
  SyncConfig config = SyncBench::quick();
  config.given_blocks_max = 20;
  SyncBench bench(config);
  bench.meet(a);
  bench.meet(b);
  for (int round = 0; round < 100; ++round) {
    for (const auto& each : bench.asked()) {
      each.is_blocks() ? bench.give(each, chain) : bench.tell_tip(each, chain.tip());
    }
  }
  EXPECT_LE(bench.given, 40u);
  EXPECT_EQ(bench.height, 0u);
  EXPECT_LE(bench.service.bytes_held(), config.window_bytes);
}

TEST(Sync, WhatIsHeldInMemoryIsBoundedWhileTheFirstRunIsMissing) {
  const TestChain chain(90, {}, 0, 1000);
  SyncConfig config = SyncBench::quick();
  config.bytes_max = 20'000;
  config.window_bytes = 60'000;
  SyncBench bench(config);
  for (const PeerId& id : {a, b, c}) bench.meet(id);
  std::size_t most = 0;
  for (int round = 0; round < 30; ++round) {
    for (const auto& each : bench.asked()) {
      if (!each.is_blocks()) {
        bench.tell_tip(each, chain.tip());
      } else if (each.blocks().from != Height{1}) {
        bench.give(each, chain);
      }
      most = std::max(most, bench.service.bytes_held());
    }
  }
  EXPECT_EQ(bench.given, 0u);
  EXPECT_GT(most, 10'000u);
  EXPECT_LE(most, config.window_bytes);
}

TEST(Sync, APrunedPeerSaysItsFloorAndIsAskedForWhatItHas) {
  const TestChain chain(40);
  SyncBench bench;
  bench.meet(a);
  for (const auto& each : bench.asked()) bench.tell_tip(each, chain.tip(), {21});
  EXPECT_EQ(bench.service.floor_of_peers(), Height{21});
  for (const auto& each : bench.asked())
    EXPECT_FALSE(each.is_blocks() && each.blocks().from < Height{21});
  bench.meet(b);
  bench.serve_all(chain);
  for (int i = 0; i < 20 && bench.height < 40; ++i) {
    bench.wait(300ms);
    bench.serve_all(chain);
  }
  EXPECT_EQ(bench.height, 40u);
  EXPECT_EQ(bench.faults(a), 0u);
}

TEST(Sync, APeerOfAnotherChainIsLeftAlone) {
  SyncBench bench;
  bench.meet(a);
  for (const auto& each : bench.asked()) {
    bench.answer(each.stream, codec::encode(codec::SyncTip{Hash{}, {99}, {1}}));
    bench.end(each.stream);
    bench.down(each.stream);
  }
  EXPECT_EQ(bench.service.target(), Height{0});
  bench.wait(60s);
  EXPECT_TRUE(bench.asked().empty());
  EXPECT_EQ(bench.faults(a), 0u);
}

TEST(Sync, AnIdleNodeAsksLessAndLess) {
  const TestChain chain(3);
  SyncBench bench;
  bench.meet(a);
  bench.serve_all(chain);
  ASSERT_EQ(bench.height, 3u);
  std::size_t tips = 0;
  for (int second = 0; second < 300; ++second) {
    bench.wait(1s);
    for (const auto& each : bench.asked()) {
      ASSERT_FALSE(each.is_blocks());
      ++tips;
      bench.tell_tip(each, chain.tip());
    }
  }
  EXPECT_GE(tips, 8u);
  EXPECT_LE(tips, 20u);
}

// --- answering -----------------------------------------------------------------------------------

struct AnswerBench : SyncBench {
  explicit AnswerBench(const TestChain& chain, SyncConfig config = quick()) : SyncBench(config) {
    codec::Mmr history;
    history.append(test_genesis);
    for (const auto& given_block : chain.blocks) {
      WriteBatch batch;
      add_block(batch,
                {given_block.block, std::make_shared<const Certificate>(given_block.certificate)},
                history, {});
      store.write(batch);
    }
    service.on_height(now, chain.tip(), {floor});
  }
  std::vector<codec::SyncAnswer> ask(const codec::SyncRequest& request,
                                     std::uint64_t stream = 900) {
    stream_up(stream, a, Direction::inbound, sync_protocol, std::nullopt, 1 << 20);
    data(stream, answer_frame(codec::encode(request)).view());
    run_jobs();
    std::vector<codec::SyncAnswer> answers;
    codec::FrameReader reader(codec::FramePrefix::varint, 1 << 20);
    for (const auto& write : take<host::Write>()) {
      ByteView bytes = write.data.view();
      while (auto frame = reader.next(bytes).value()) {
        answers.push_back(codec::decode_sync_answer(*frame).value());
      }
    }
    return answers;
  }
  std::uint64_t floor = 5;
};

TEST(SyncAnswer, TipsBlocksAndFloors) {
  const TestChain chain(30);
  AnswerBench bench(chain);
  bench.service.on_height(bench.now, {31}, {5});
  const auto tip = bench.ask(codec::TipRequest{}, 1);
  ASSERT_EQ(tip.size(), 1u);
  EXPECT_EQ(std::get<codec::SyncTip>(tip[0]), (codec::SyncTip{test_genesis, {31}, {5}}));
  const auto pruned = bench.ask(codec::BlocksRequest{{4}, 10}, 2);
  ASSERT_EQ(pruned.size(), 1u);
  EXPECT_EQ(std::get<codec::PrunedBlocks>(pruned[0]).floor, Height{5});
  const auto blocks = bench.ask(codec::BlocksRequest{{10}, 7}, 3);
  ASSERT_EQ(blocks.size(), 7u);
  EXPECT_EQ(std::get<codec::GivenBlock>(blocks[6]).block->digest(), chain.at(16).block->digest());
  EXPECT_TRUE(bench.ask(codec::BlocksRequest{{32}, 7}, 4).empty());
  EXPECT_EQ(bench.service.blocks_served(), 7u);
}

TEST(SyncAnswer, WhoAsksTooMuchIsRefused) {
  const TestChain chain(10);
  AnswerBench bench(chain);
  bench.take<host::Reset>();
  for (std::uint64_t i = 0; i < 45; ++i) {
    bench.ask(codec::TipRequest{}, 100 + i);
    bench.down(100 + i);
  }
  EXPECT_EQ(bench.take<host::Reset>().size(), 5u);
  // Garbage, and two requests on one stream.
  bench.wait(10s);
  bench.stream_up(300, a, Direction::inbound, sync_protocol);
  bench.data(300, Bytes{2, 9, 9});
  bench.stream_up(301, a, Direction::inbound, sync_protocol);
  bench.data(301, Bytes{0xff, 0xff, 0xff, 0x7f});
  EXPECT_EQ(bench.take<host::Reset>().size(), 2u);
}

}  // namespace
}  // namespace kith::node
