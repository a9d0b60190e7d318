// A network of whole nodes that gossip in one topic, for the scenario "gossip" and the tests of
// faults: who dials whom is drawn from the seed, nodes stand in eight regions and have uplinks, one
// in five a fast one. Messages are numbered; when each arrived at whom is measured.
//
// The last `liars` nodes are byzantine, by one lie each. They are whole nodes too and keep every
// rule that can be checked; what they do to messages is in Lie.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crypto/key.h"
#include "node/node.h"
#include "sim/checker.h"
#include "sim/scenario_node.h"
#include "sim/world.h"

namespace kith::sim {

enum class Lie : std::uint8_t {
  forwards_nothing,   // grafts, takes, says IDONTWANT, and hands nothing on: a covert dropper
  forwards_at_first,  // honest until GossipNet::liars_turn(), then the same: covert flash
  censors_a_victim,   // hands on all but what node 0 published
  announces_only,     // says that it has a message, and gives it to nobody
};

struct GossipNetConfig {
  WorldConfig world;
  node::NodeConfig node;
  std::string topic = "blocks";
  std::uint32_t nodes = 100;
  std::uint32_t liars = 0;
  Lie lie = Lie::forwards_nothing;
  std::size_t dials = 9;                   // by each honest node, to anybody…
  bool honest_dial_liars = true;           // …or to honest ones only
  std::size_t liar_dials = 9;              // by each liar…
  std::optional<std::uint32_t> prey = {};  // …of which one is to this node
  Duration starts_in = 5s;                 // all nodes…
  Duration liars_head_start{0};            // …but the honest ones so much later
  Duration joins_in = 20s;                 // dials are spread over so long
  std::size_t message_bytes = 1024;
  double fast_share = 0.2;
  std::uint64_t fast_uplink = 125'000'000;  // bytes a second
  std::uint64_t slow_uplink = 6'250'000;
  Duration grace = 15s;    // a message that took longer was not delivered
  Duration settled = 15s;  // a node that has been up for so long is expected to hear all
};
/// Mesh degree 8, no chatter besides gossip that a quiet network does not need.
GossipNetConfig usual_gossip_net(std::uint32_t nodes, std::uint64_t seed);

/// What became of the messages that counted.
struct GossipTally {
  std::uint64_t messages = 0;
  std::uint64_t expected = 0;  // deliveries, to honest nodes that were there all the time
  std::uint64_t delivered = 0;
  std::vector<std::uint32_t> took_us;  // of each delivery; sorted by figures()

  double share() const {
    return expected == 0 ? 0.0 : static_cast<double>(delivered) / static_cast<double>(expected);
  }
  /// Milliseconds; 0 <= quantile <= 1. Sorts.
  double latency_ms(double quantile);
};

class GossipNet {
 public:
  explicit GossipNet(GossipNetConfig config);
  GossipNet(const GossipNet&) = delete;
  GossipNet& operator=(const GossipNet&) = delete;

  World& world() { return world_; }
  std::uint32_t honest() const { return config_.nodes - config_.liars; }
  bool is_honest(std::uint32_t node) const { return node < honest(); }
  /// From then on everybody has dialled and the meshes have formed.
  Instant ready_at() const;
  /// Null while it is down.
  const node::Node* node(std::uint32_t index);
  std::uint32_t index_of(const PeerId& peer) const { return index_of_.at(peer); }

  /// A message from a node, which must be up; by chance of an honest and settled one.
  void publish(std::uint32_t node, bool counts = true);
  void publish_somewhere(bool counts = true);
  /// Each `period`, in [from, until).
  void publish_every(Duration period, Instant from, Instant until, bool counts = true);
  void crash(std::uint32_t node, CrashKind kind);
  void start(std::uint32_t node);
  void liars_turn() { have_liars_turned_ = true; }
  /// Processes of so large a share of the honest nodes end each minute, one after the other, and
  /// are back after `down_for`.
  void churn(double share_a_minute, Duration down_for, Instant from, Instant until);

  /// Counts of honest nodes and of the wire from now on.
  void begin_counting();
  void end_counting();
  GossipTally& tally() { return tally_; }
  /// Of what was counted; the scenario's figures.
  std::vector<std::pair<std::string, double>> figures();
  /// What all nodes remember and all links hold, in entries and bytes: must not grow with time.
  std::size_t remembered();
  /// Bans and warnings of honest nodes by honest nodes, now.
  std::size_t honest_banned();
  std::size_t honest_warned();

 private:
  struct Sums {
    std::uint64_t received = 0, duplicates = 0, ihave_ids = 0, iwant_ids = 0, idontwant = 0;
    std::uint64_t chokes = 0, fallbacks = 0, broken_promises = 0, dropped = 0;
    std::uint64_t message_bytes = 0, control_bytes = 0, wire_bytes = 0, deliveries = 0;
  };
  struct Sent {
    Instant at;
    std::uint32_t from = 0;
    bool counts = false;
    std::vector<std::uint32_t> took_us;  // by node; empty once it was judged
  };
  static constexpr std::uint32_t never = UINT32_MAX;

  void add_node(std::uint32_t index);
  node::NodeConfig node_config(std::uint32_t index) const;
  void dial_some(std::uint32_t index);
  std::vector<std::uint32_t> draw_targets(std::uint32_t index);
  void take_reports(std::uint32_t index, node::Node& node, Instant local_now);
  void on_deliver(std::uint32_t index, const gossip::Message& message);
  gossip::Verdict verdict_of_liar(const gossip::Message& message) const;
  bool is_settled(std::uint32_t index, Instant at) const;
  void judge(std::size_t number);
  void add_stats(Sums& sums, std::uint32_t index);
  Sums sum_up();

  const GossipNetConfig config_;
  std::deque<crypto::KeyPair> keys_;  // outlive the world's nodes
  std::map<PeerId, std::uint32_t> index_of_;
  World world_;
  std::vector<Instant> started_at_;  // max: down
  std::vector<Sent> sent_;
  std::uint64_t deliveries_ = 0;  // to honest nodes
  bool have_liars_turned_ = false;
  Sums gone_;  // of incarnations that have crashed
  Sums before_;
  Sums counted_;
  GossipTally tally_;
};

}  // namespace kith::sim
