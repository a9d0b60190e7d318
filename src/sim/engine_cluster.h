// Many consensus engines in virtual time, without the node around them: for millions of heights,
// exhaustive attacks, and mutants of the rules. Messages are delayed, lost, repeated and reordered;
// nodes crash at any step, lose what was not durable, wake up from their logs; Byzantine ones run
// the same code twice under one key, or have their words bent on the way out.
//
// Checked at every step, of honest nodes: one digest a height; finality never goes back; no node
// contradicts itself in a view (E1 to E4), crash or not; nobody honest is accused; certificates
// hold. One seed gives one run. Blocks mean nothing here: a block's state is a hash of all before
// it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "consensus/consensus.h"
#include "crypto/key.h"

namespace kith::sim {

struct ClusterConfig {
  std::uint64_t seed = 1;
  std::vector<codec::Weight> weights = {1, 1, 1, 1};
  consensus::EngineConfig engine;
  std::uint64_t epoch_length = 1000;  // heights
  Duration delay_min = 5ms;           // of a message, one way
  Duration delay_max = 50ms;
  double loss = 0;
  double repeat = 0;        // a message comes twice
  Duration disk_min = 0ms;  // of a durable write
  Duration disk_max = 5ms;
  Duration check_max = 5ms;
  std::vector<Duration> clock_offsets;  // of wall clocks; missing: none
};

class EngineCluster {
 public:
  /// A word on its way out: which node says it to whom. Give what shall arrive.
  using Bend = std::function<std::vector<Buffer>(std::uint32_t to, const Buffer& message)>;

  explicit EngineCluster(const ClusterConfig& config);
  ~EngineCluster();
  EngineCluster(const EngineCluster&) = delete;
  EngineCluster& operator=(const EngineCluster&) = delete;

  /// Nodes 0 to validators − 1, one each; twins behind them.
  std::uint32_t nodes() const { return static_cast<std::uint32_t>(nodes_.size()); }
  /// A second node with the key of `of`, which is Byzantine from now on. Before start.
  std::uint32_t add_twin(std::uint32_t of);
  void set_byzantine(std::uint32_t node, Bend bend = {});
  bool is_byzantine(std::uint32_t node) const;
  void start();

  void crash(std::uint32_t node);
  /// With what was durable.
  void restart(std::uint32_t node);
  bool is_up(std::uint32_t node) const;
  /// Whether `from` is heard by `to`; all are in the beginning.
  void set_links(std::function<bool(std::uint32_t from, std::uint32_t to)> links);
  void set_clock_offset(std::uint32_t node, Duration offset);

  void run_for(Duration duration);
  void at(Duration from_start, std::function<void()> action);
  Instant now() const { return now_; }
  Rng& rng() { return rng_; }

  /// Of the node; 0 when nothing is final.
  std::uint64_t height(std::uint32_t node) const;
  std::uint64_t height_min() const;  // of honest nodes that are up
  std::uint64_t height_max() const;
  consensus::Engine* engine(std::uint32_t node);
  const std::vector<std::string>& violations() const { return violations_; }
  /// Keys against which evidence was found.
  const std::set<codec::ValidatorKey>& accused() const { return accused_; }
  codec::ValidatorKey key_of(std::uint32_t node) const;
  std::uint64_t events() const { return events_; }
  /// From the first proposal of a height to its finality at each honest node, milliseconds.
  const std::vector<double>& finality_ms() const { return finality_ms_; }
  const std::map<std::uint64_t, std::int64_t>& block_times() const { return block_times_; }
  /// Of all that happened, in order.
  std::uint64_t trace_hash() const { return trace_; }

 private:
  struct Node;
  using Message = std::shared_ptr<const codec::ConsensusMessage>;
  struct Event {
    Instant at;
    std::uint64_t order;
    const Node* node;  // null: nobody's
    std::uint64_t incarnation;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  void after(Duration delay, const Node* node, std::function<void()> run);
  void begin_epoch(Node& node);
  void turn(Node& node, consensus::EngineInput input);
  void drain(Node& node);
  void arm(Node& node);
  void perform(Node& node, consensus::EngineOutput output);
  void say(Node& from, std::optional<codec::ValidatorIndex> to, const Buffer& bytes);
  void send(const Node& from, Node& to, const Message& message);
  Duration write_takes(Node& node);
  void note_said(const Node& node, const codec::ConsensusMessage& message);
  void sign(Node& node, const codec::Statement& statement);
  void build(Node& node, consensus::Build build);
  void check(Node& node, const codec::BlockPtr& block);
  void commit(Node& node, const consensus::Commit& commit);
  void store(Node& node, const consensus::Commit& commit);
  void sync(Node& node);
  bool verify(const consensus::VerifyJob& job);
  void note_evidence(const Node& node, const codec::Evidence& evidence);
  void report(std::string violation);
  void trace(std::initializer_list<std::uint64_t> words);
  Duration between(Duration low, Duration high);
  WallTime wall_now(const Node& node) const;

  const ClusterConfig config_;
  SeededRng rng_;
  std::vector<crypto::KeyPair> keys_;  // by validator index
  std::optional<codec::ValidatorSet> validators_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::function<bool(std::uint32_t, std::uint32_t)> links_;
  std::priority_queue<Event> queue_;
  std::uint64_t order_ = 0;
  std::uint64_t events_ = 0;
  Instant now_;
  std::map<std::uint64_t, codec::Hash> final_;  // height to digest, of honest nodes
  std::map<codec::Hash, Instant> proposed_at_;
  /// Right by construction: signatures made here, the latest and those before.
  std::set<codec::Hash> signed_, signed_before_;
  using SaidKey = std::tuple<codec::ValidatorIndex, codec::Epoch, codec::View>;
  std::map<SaidKey, std::vector<codec::Statement>> said_;
  std::vector<double> finality_ms_;
  std::map<std::uint64_t, std::int64_t> block_times_;
  std::set<codec::ValidatorKey> accused_;
  std::vector<std::string> violations_;
  std::uint64_t trace_ = 0xcbf29ce484222325;
};

}  // namespace kith::sim
