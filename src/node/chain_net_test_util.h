// For tests: several chains on virtual time, each with its own store and log in memory, joined by a
// network that loses nothing. Jobs and disks take a little while.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <queue>

#include "base/log.h"
#include "codec/chain_beacon.h"
#include "codec/test_chain.h"
#include "ledger/memory_store.h"
#include "node/chain.h"

namespace kith::node {

/// A store in memory whose disk may fail.
class TestStore final : public ledger::Store {
 public:
  Result<std::optional<Bytes>> get(ledger::Table table, ByteView key) const override {
    if (is_broken) return fail(Code::io, "the disk is gone");
    return memory.get(table, key);
  }
  Result<void> scan(ledger::Table table, const Visit& visit) const override {
    return memory.scan(table, visit);
  }
  Result<std::optional<Bytes>> scan_from(ledger::Table table, ByteView from, std::size_t limit,
                                         const Visit& visit) const override {
    if (is_broken) return fail(Code::io, "the disk is gone");
    return memory.scan_from(table, from, limit, visit);
  }
  Result<std::vector<Hash>> leaves(std::uint64_t first, std::size_t count) const override {
    return memory.leaves(first, count);
  }
  void write(const ledger::WriteBatch& batch) { memory.write(batch); }

  ledger::MemoryStore memory;
  bool is_broken = false;
};

struct ChainNode {
  crypto::KeyPair key;
  PeerId peer;
  std::unique_ptr<SeededRng> rng = {};
  TestStore store = {};
  std::map<std::uint64_t, std::vector<Bytes>> log = {};
  std::unique_ptr<Chain> chain = {};
  std::vector<BlockFinalized> finalized = {};
  std::vector<TxAnswered> answered = {};
  std::vector<std::string> halted = {};
  std::map<std::string, Bytes> proofs = {};
  std::vector<StateDumped> dumps = {};
  std::vector<Height> proven = {};  // proofs that were asked for
  bool withholds_proofs = false;
  std::uint64_t life = 0;
};

class ChainNet {
 public:
  explicit ChainNet(std::uint32_t validators, codec::ChainParams params = quick_params(),
                    ChainConfig config = {})
      : config_(config) {
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params = params;
    SeededRng rng(7);
    for (std::uint32_t i = 0; i < validators; ++i) {
      const std::array<std::uint8_t, 3> id{1, 1, static_cast<std::uint8_t>(i)};
      auto node = std::make_unique<ChainNode>(
          ChainNode{crypto::KeyPair::generate(rng), *PeerId::from_multihash(id)});
      codec::GenesisValidator validator;
      std::ranges::copy(node->key.public_key().data, validator.key.begin());
      validator.owner = codec::lock_of(validator.key);
      validator.stake = 1'000 * codec::units_per_coin;
      genesis_.validators.push_back(validator);
      nodes_.push_back(std::move(node));
    }
    // Keys 1 to 3 of codec/test_chain.h are rich.
    for (std::uint32_t key = 1; key <= 3; ++key) {
      genesis_.outputs.push_back(
          {0, 0, 1'000 * codec::units_per_coin, codec::test::identity(key).lock});
    }
    std::ranges::sort(genesis_.validators, {}, &codec::GenesisValidator::key);
    EXPECT_TRUE(codec::check(genesis_).has_value());
    for (auto& node : nodes_) {
      node->store.write(make_genesis_batch(genesis_));
      start(*node);
    }
  }

  static codec::ChainParams quick_params() {
    codec::ChainParams params;
    params.block_interval_ms = 0;
    params.epoch_blocks = 8;
    params.jail_threshold = 0;  // at this pace the slowest of four is in no quorum
    return params;
  }

  /// Of the chains that start from now on.
  Height halt_height;
  /// From the question for a proof of a height to the answer.
  Duration proof_delay = 1ms;

  /// By the node's key; what else a signer may give is for tests that lie.
  void prove(ChainNode& node, codec::ProveHeight work) {
    const Hash input = codec::beacon_input(codec::genesis_hash(genesis_), work.height);
    turn(node, HeightProven{work.height, crypto::vrf_prove(node.key, input)});
  }

  ChainNode& node(std::size_t i) { return *nodes_[i]; }
  std::size_t size() const { return nodes_.size(); }
  const codec::Genesis& genesis() const { return genesis_; }
  Instant now() const { return now_; }
  WallTime wall() const {
    return {static_cast<std::int64_t>(genesis_.time_ms) + base::to_ms(now_ - Instant{})};
  }

  void stop(ChainNode& node) {
    ++node.life;
    node.chain.reset();
  }
  void start(ChainNode& node) {
    ++node.life;
    node.rng = std::make_unique<SeededRng>(node.life * 100 + node.peer.bytes()[2]);
    ChainConfig config = config_;
    config.consensus.delta = 200ms;
    config.halt_height = halt_height;
    auto chain = Chain::open(config, {genesis_, &node.store, &node.key, node.log, {}, false},
                             *node.rng, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    node.chain = std::move(*chain);
    node.chain->on_input(now_, consensus::WallClockRead{wall()});
    node.chain->start(now_);
    drain(node);
  }

  void run_for(Duration duration) {
    const Instant end = now_ + duration;
    while (!events_.empty() && events_.top().at <= end) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      event.run();
    }
    now_ = end;
  }
  void turn(ChainNode& node, ChainInput input) {
    if (node.chain == nullptr) return;
    node.chain->on_input(now_, std::move(input));
    drain(node);
  }

 private:
  struct Event {
    Instant at;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const Event& b) const { return at != b.at ? at > b.at : order > b.order; }
  };

  void after(Duration delay, std::function<void()> run) {
    events_.push({now_ + delay, ++order_, std::move(run)});
  }
  void after_of(Duration delay, ChainNode& node, std::function<void()> run) {
    after(delay, [&node, life = node.life, run = std::move(run)] {
      if (node.life == life) run();
    });
  }

  void drain(ChainNode& node) {
    while (auto output = node.chain->poll_output(now_)) perform(node, std::move(*output));
    if (const auto at = node.chain->next_deadline()) {
      after_of(std::max(Duration{0}, *at - now_), node, [this, &node] {
        node.chain->on_deadline(now_);
        drain(node);
      });
    }
  }

  void send(ChainNode& from, ChainNode& to, const Buffer& bytes) {
    if (&from == &to) return;
    codec::ValidatorKey key{};
    std::ranges::copy(from.key.public_key().data, key.begin());
    after(5ms, [this, &to, peer = from.peer, key, bytes] {
      auto message = codec::decode_consensus_message(bytes.view());
      ASSERT_TRUE(message.has_value()) << message.error().message;
      turn(to, consensus::Heard{peer, std::move(*message), key});
    });
  }

  void perform(ChainNode& node, ChainOutput output) {
    std::visit(Overload{[&](consensus::Broadcast& said) {
                          for (auto& to : nodes_) send(node, *to, said.message);
                        },
                        [&](consensus::SendTo& said) {
                          const auto& key = node.chain->validators()->at(said.validator).key;
                          for (auto& to : nodes_) {
                            if (base::equal(to->key.public_key().data, key))
                              send(node, *to, said.message);
                          }
                        },
                        [&](consensus::ReplyTo& said) {
                          for (auto& to : nodes_) {
                            if (to->peer == said.peer) send(node, *to, said.message);
                          }
                        },
                        [&](consensus::PeerFault& fault) { ADD_FAILURE() << fault.error.message; },
                        [&](consensus::Behind&) {},
                        [&](host::RunJob& work) {
                          work.job->run();
                          after_of(1ms, node, [this, &node, work] {
                            turn(node, host::JobDone{work.token, work.job});
                          });
                        },
                        [&](host::AppendLog& work) {
                          after_of(1ms, node, [this, &node, work] {
                            if (work.begins_anew) node.log.clear();
                            auto& log = node.log[work.segment];
                            log.insert(log.end(), work.records.begin(), work.records.end());
                            turn(node, host::LogAppended{work.token});
                          });
                        },
                        [&](host::WriteChain& work) {
                          after_of(1ms, node, [this, &node, work] {
                            node.store.write(*work.batch);
                            turn(node, host::ChainWritten{work.token});
                          });
                        },
                        [&](host::SaveProof& save) {
                          node.proofs[save.name] = save.bytes;
                          after_of(1ms, node, [this, &node, save] {
                            turn(node, host::ProofSaved{save.token});
                          });
                        },
                        [&](const consensus::Sign& work) {
                          const Bytes message =
                              codec::signed_bytes(node.chain->genesis_hash(), work.statement);
                          after_of(Duration{0}, node, [this, &node, work, message] {
                            turn(node, consensus::Signed{work.statement, node.key.sign(message)});
                          });
                        },
                        [&](const codec::ProveHeight& work) {
                          node.proven.push_back(work.height);
                          if (node.withholds_proofs) return;
                          after_of(proof_delay, node, [this, &node, work] { prove(node, work); });
                        },
                        [&](BlockFinalized& done) { node.finalized.push_back(std::move(done)); },
                        [&](EpochBegan&) {},
                        [&](TxAnswered& answered) { node.answered.push_back(std::move(answered)); },
                        [&](StateDumped& dumped) { node.dumps.push_back(std::move(dumped)); },
                        [&](ChainHalted& halted) { node.halted.push_back(halted.error.message); }},
               output);
  }

  const ChainConfig config_;
  codec::Genesis genesis_;
  std::vector<std::unique_ptr<ChainNode>> nodes_;
  std::priority_queue<Event> events_;
  std::uint64_t order_ = 0;
  Instant now_;
};

}  // namespace kith::node
