// What the scenarios of whole nodes share: a world of real nodes over eight regions that know one
// bootstrap address each, what they have in common to promise, and the figures of a run. A scenario
// adds weather to it: crashes, partitions, bad links.
//
// A node is settled when it has been up, and the weather good, for `settled_after`; what must hold
// of the network is asked of settled nodes only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/key.h"
#include "node/node.h"
#include "sim/scenario.h"
#include "sim/world.h"

namespace kith::sim {

struct SwarmConfig {
  WorldConfig world;
  node::NodeConfig node;     // of all; addresses and bootstraps are set by the swarm
  Duration starts_in = 10s;  // nobody starts a thousand nodes in one instant
  Duration settled_after = 2min;
  Duration look_every = 30s;  // at the invariants
  /// Of each node, when it is added; empty: as they are.
  std::function<ClockSkew(World&, std::uint32_t node)> clock_of = {};
  /// After the first start of each.
  std::function<void(std::uint32_t node)> on_started = {};
};
/// Eight regions, 1 % of loss, 10 ms of jitter; peer counts that a hundred nodes can have.
SwarmConfig usual_swarm(const ScenarioOptions& options);

class Swarm {
 public:
  /// Adds the nodes. Node i listens at ip_of(i); one in a hundred is a bootstrap node.
  Swarm(const ScenarioOptions& options, SwarmConfig config);
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  World& world() { return world_; }
  Checker& checker() { return checker_; }
  std::uint32_t nodes() const { return options_.nodes; }
  bool is_bootstrap(std::uint32_t node) const { return node < bootstraps_; }
  /// Null while it is down.
  const node::Node* node(std::uint32_t index);

  void crash(std::uint32_t node, CrashKind kind);
  void start(std::uint32_t node);
  /// Bad weather begins: nobody is settled until it has ended and `settled_after` has passed.
  void begin_weather() { good_since_.reset(); }
  void end_weather() { good_since_ = world_.now(); }
  /// From true to false nobody is to blame for breaking a protocol: bytes are bent on the way.
  void excuse_faults(bool are_excused);

  /// Runs to the end, looking at the invariants.
  void run();
  ScenarioResult summarise();

  struct Components {
    std::size_t counted = 0;
    std::size_t largest = 0;
  };
  /// How the nodes that are up are connected: all of them, or the settled ones through any.
  Components components(bool only_settled);
  bool is_settled(std::uint32_t node);

 private:
  void add_node(std::uint32_t index);
  node::NodeConfig node_config(std::uint32_t index) const;
  void count(std::uint32_t node);
  std::optional<std::string> find_isolated();
  std::optional<std::string> find_split();
  std::optional<std::string> find_fault();
  std::optional<std::string> find_greedy();

  struct Totals {
    std::uint64_t pings_answered = 0, pings_failed = 0, handshakes = 0;
  };

  const ScenarioOptions options_;
  const SwarmConfig config_;
  const std::uint32_t bootstraps_;
  std::deque<crypto::KeyPair> keys_;  // outlive the world's nodes
  World world_;
  Checker checker_;
  std::map<PeerId, std::uint32_t> index_of_;
  std::vector<Instant> started_at_;            // max: down
  std::vector<std::uint64_t> excused_faults_;  // of this incarnation
  bool are_faults_excused_ = false;
  std::optional<Instant> good_since_ = Instant{};
  Totals totals_;  // of incarnations that have crashed
};

}  // namespace kith::sim
