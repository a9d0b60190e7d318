// Many consensus engines in virtual time, without the node around them: for millions of heights,
// exhaustive attacks, and mutants of the rules. Messages are delayed, lost, repeated and reordered;
// nodes pause, crash at any step, lose what was not durable, wake up from their logs, or without;
// Byzantine ones run the same code twice under one key, have their words bent on the way out, or
// say what a test makes up.
//
// Checked at every step, of honest nodes: sim/cluster_witness.h, and that nobody honest is blamed.
// One seed gives one run. Blocks mean nothing here: a block's state is a hash of all before it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "consensus/consensus.h"
#include "crypto/key.h"
#include "sim/cluster_witness.h"

namespace kith::sim {

struct ClusterConfig {
  std::uint64_t seed = 1;
  std::vector<codec::Weight> weights = {1, 1, 1, 1};  // one a node
  consensus::EngineConfig engine;
  std::uint64_t epoch_length = 1000;  // heights
  /// Weights of later epochs, one a node, 0: no validator then. Empty: as in the first.
  std::function<std::vector<codec::Weight>(codec::Epoch)> weights_of;
  Duration delay_min = 5ms;  // of a message, one way
  Duration delay_max = 50ms;
  std::function<Duration(std::uint32_t from, std::uint32_t to)> distance;  // added to the delay
  double loss = 0;
  double repeat = 0;        // a message comes twice
  Duration disk_min = 0ms;  // of a durable write
  Duration disk_max = 5ms;
  Duration store_max = 0ms;             // of a block, when longer
  Duration check_max = 5ms;             // executing a block
  Duration verify_max = 0ms;            // checking signatures
  Duration sign_max = 0ms;              // of a remote signer
  std::vector<Duration> clock_offsets;  // of wall clocks; missing: none
  /// False: a keyed hash stands for Ed25519, which nobody here could forge either, and takes a
  /// fiftieth of the time.
  bool is_really_signed = true;
  /// A third of the weight or more lies: forks are blamed, not reported.
  bool may_fork = false;
};

class EngineCluster {
 public:
  /// A word on its way out: what shall arrive at a node in its place.
  using Bend = std::function<std::vector<codec::ConsensusMessage>(
      std::uint32_t to, const codec::ConsensusMessage& message)>;

  /// What a Byzantine node hears, beside its engine.
  using Ear = std::function<void(const codec::ConsensusMessage& message)>;

  explicit EngineCluster(const ClusterConfig& config);
  ~EngineCluster();
  EngineCluster(const EngineCluster&) = delete;
  EngineCluster& operator=(const EngineCluster&) = delete;

  /// One a weight, by ascending key; twins behind them.
  std::uint32_t nodes() const { return static_cast<std::uint32_t>(nodes_.size()); }
  /// A second node with the key of `of`, which is Byzantine from now on. Before start.
  std::uint32_t add_twin(std::uint32_t of);
  void set_byzantine(std::uint32_t node, Bend bend = {}, Ear ear = {});
  bool is_byzantine(std::uint32_t node) const;
  void start();

  /// Of what was under way to the disk a random part arrives there, in order.
  void crash(std::uint32_t node);
  enum class Disk : std::uint8_t { whole, log_lost, stale };
  /// With what was durable. `log_lost`: it follows until an epoch begins that it cannot have spoken
  /// in. `stale`: with what back_up() found, if it was ever called.
  void restart(std::uint32_t node, Disk disk = Disk::whole);
  /// Somebody copies the disk as it is at this moment; the copy before is forgotten.
  void back_up(std::uint32_t node);
  bool is_up(std::uint32_t node) const;
  /// Its process stops; what arrives waits.
  void pause(std::uint32_t node);
  void resume(std::uint32_t node);
  /// Whether `from` is heard by `to`; all are in the beginning, and after set_links({}).
  void set_links(std::function<bool(std::uint32_t from, std::uint32_t to)> links);
  /// Likewise, by what is said.
  using Filter = std::function<bool(std::uint32_t from, std::uint32_t to,
                                    const codec::ConsensusMessage& message)>;
  void set_filter(Filter filter) { filter_ = std::move(filter); }
  void set_loss(double loss) { loss_ = loss; }
  void set_clock_offset(std::uint32_t node, Duration offset);

  /// What a Byzantine node may say.
  /// The state that a block of this body has, after a parent's.
  static codec::Hash state_after(const codec::Hash& parent_state, ByteView body);
  codec::Vote vote_of(std::uint32_t node, const codec::Statement& statement);
  void inject(std::uint32_t from, std::uint32_t to, codec::ConsensusMessage message);
  /// The node's place in the set of an epoch.
  std::optional<codec::ValidatorIndex> place_of(std::uint32_t node, codec::Epoch epoch);
  const codec::ValidatorSet& set_of(codec::Epoch epoch);

  void run_for(Duration duration);
  void at(Duration from_start, std::function<void()> action);
  Instant now() const { return now_; }
  Rng& rng() { return rng_; }

  /// Of the node; 0 when nothing is final.
  std::uint64_t height(std::uint32_t node) const;
  const codec::Hash& digest_at(std::uint32_t node, std::uint64_t height) const;
  std::uint64_t height_min() const;  // of honest nodes that are up
  std::uint64_t height_max() const;
  consensus::Engine* engine(std::uint32_t node);
  consensus::EngineStats stats(std::uint32_t node) const;
  std::size_t log_bytes(std::uint32_t node) const;
  const std::vector<std::string>& violations() const { return violations_; }
  ClusterWitness& witness() { return witness_; }
  const codec::ValidatorKey& key_of(std::uint32_t node) const;
  std::uint64_t events() const { return events_; }
  /// From the first proposal of a height to its finality at each honest node, milliseconds.
  const std::vector<double>& finality_ms() const { return finality_ms_; }
  /// From each start of an honest validator to the end of its silence, milliseconds.
  const std::vector<double>& silences_ms() const { return silences_ms_; }
  const std::map<std::uint64_t, std::int64_t>& block_times() const { return block_times_; }
  /// When the height was first final anywhere honest.
  const std::map<std::uint64_t, Instant>& final_at() const { return final_at_; }
  /// Of all that happened, in order.
  std::uint64_t trace_hash() const { return trace_; }

 private:
  struct Node;
  struct Write;
  struct WriteQueue;
  using Message = std::shared_ptr<const codec::ConsensusMessage>;
  enum class What : std::uint8_t { action, message, input, deadline, logged, stored, sync };
  struct Slot {
    What what = What::action;
    std::uint32_t from = 0;
    Node* node = nullptr;
    std::uint64_t incarnation = 0;
    Message message;
    std::optional<consensus::EngineInput> input;
    std::function<void()> action;
  };
  struct Event {
    Instant at;
    std::uint64_t order;
    std::uint32_t slot;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  // engine_cluster.cpp: nodes and time.
  Slot& after(Duration delay, What what, Node* node);
  void answer(Node& node, Duration longest, consensus::EngineInput input);
  void happen(std::uint32_t slot);
  void begin_epoch(Node& node);
  void turn(Node& node, consensus::EngineInput input);
  void drain(Node& node);
  void arm(Node& node);
  WallTime wall_now(const Node& node) const;
  Duration between(Duration low, Duration high);
  void report(std::string violation);
  void trace(std::initializer_list<std::uint64_t> words);

  // engine_cluster_io.cpp: what an engine says, and the world's answer.
  void perform(Node& node, consensus::EngineOutput output);
  void say(Node& from, const std::optional<codec::ValidatorKey>& to, const Buffer& bytes);
  void reply(Node& from, const PeerId& to, const Buffer& bytes);
  void send(const Node& from, Node& to, const Message& message);
  void deliver(Slot& slot);
  void note_said(const Node& node, const codec::ConsensusMessage& message);
  crypto::Signature sign(const Node& node, ByteView message);
  bool is_signed(const codec::ValidatorKey& key, ByteView message, const crypto::Signature& by);
  bool is_valid(const codec::Certificate& certificate);
  void build(Node& node, consensus::Build build);
  void check(Node& node, const codec::BlockPtr& block);
  void write(Node& node, Write write);
  void logged(Node& node);
  void stored(Node& node);
  void tear(Node& node, WriteQueue& queue);
  void apply(Node& node, Write& write, std::size_t records);
  void commit(Node& node, const consensus::Commit& commit);
  void check_final(const Node& node, const codec::Block& block, const codec::BlockHeader* parent);
  void store(Node& node, const consensus::Commit& commit);
  void sync(Node& node);

  const ClusterConfig config_;
  SeededRng rng_;
  double loss_;
  std::vector<codec::ValidatorKey> keys_;  // by node
  std::vector<crypto::KeyPair> secrets_;   // likewise; none when nothing is really signed
  std::map<codec::ValidatorKey, std::uint32_t> node_of_;
  std::vector<codec::ValidatorSet> sets_;  // by epoch
  std::vector<std::unique_ptr<Node>> nodes_;
  std::function<bool(std::uint32_t, std::uint32_t)> links_;
  Filter filter_;
  std::vector<Event> queue_;  // a heap
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::uint64_t order_ = 0;
  std::uint64_t events_ = 0;
  Instant now_;
  std::map<codec::Hash, Instant> proposed_at_;
  /// Right by construction: signatures made here, the latest and those before.
  std::set<codec::Hash> signed_, signed_before_;
  std::vector<double> finality_ms_, silences_ms_;
  std::map<std::uint64_t, std::int64_t> block_times_;
  std::map<std::uint64_t, Instant> final_at_;
  std::vector<std::string> violations_;
  ClusterWitness witness_;
  std::uint64_t trace_ = 0xcbf29ce484222325;
};

}  // namespace kith::sim
