// The virtual shell: it drives many host::WorldMachines in virtual time over a simulated network.
// One seed, one trace: the same seed and the same calls give the same run, whatever the machine,
// and trace_hash() says so.
//
//   sim::World world({.seed = 7});
//   const auto node = world.add_node([](sim::NodeContext& c) { return std::make_unique<…>(…); });
//   world.at(Instant{5s}, [&] { world.crash(node); });
//   world.run_for(60s);
//
// A turn is what host/world.h says: one mutation, drain, the poll_transmit of the links that said
// TransmitReady, the datagrams, one armed deadline; then the after_turn hook. A deadline that was
// moved is not reported to the machine.
//
// Order: events of equal time go by node in an order that the seed decides anew for each instant
// (shuffle), those of one node in the order they came; scenario actions go first.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "host/world.h"
#include "sim/chain_disk.h"
#include "sim/datagram_sockets.h"
#include "sim/name_table.h"
#include "sim/network.h"
#include "sim/peer_store.h"

namespace kith::sim {

/// How a node's clocks differ from the world's. The monotonic offset is not negative.
struct ClockSkew {
  Duration instant_offset{0};
  Duration wall_offset{0};
  std::int64_t wall_drift_ppm = 0;
};

/// What a node is made of. References live until the node crashes or the world ends.
struct NodeContext {
  std::uint32_t index;
  std::uint32_t incarnation;  // 1 at first, one more after each crash
  Ipv4 ip;
  Instant now;    // by the node's own clock
  WallTime wall;  // the same
  Rng& rng;       // follows from seed, index and incarnation only
  Log& log;
  const ChainDisk& chain;  // what is left of the lives before
};
using NodeFactory = std::function<std::unique_ptr<host::WorldMachine>(NodeContext&)>;

struct NodeOptions {
  ClockSkew clock = {};
  std::optional<Region> region = {};
  std::uint64_t uplink_bytes_per_s = 0;  // 0: no limit
  Duration job_takes{0};                 // from a RunJob to its JobDone
  ChainDiskModel chain_disk = {};
  bool start = true;   // else start() does it later
  Log* log = nullptr;  // the world's if null
};

struct WorldConfig {
  std::uint64_t seed = 1;
  LinkModel link = {};
  NetworkConfig network = {};
  DatagramConfig datagrams = {};
  WallTime start{1'700'000'000'000};
  Duration resolve_takes = 20ms;
  bool shuffle = true;
  Log* log = nullptr;  // null_log() if null
};

struct Report {
  Instant now;
  std::uint64_t events = 0;
  std::uint64_t turns = 0;
  std::uint64_t timers = 0;  // deadlines that were due
  std::uint64_t inputs = 0;
  std::uint64_t outputs = 0;
  std::uint64_t crashes = 0;
  std::uint64_t trace_hash = 0;
  NetworkStats network;
  DatagramStats datagrams;
  SocketStats sockets;
};

class World {
 public:
  explicit World(const WorldConfig& config);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // --- nodes ---
  std::uint32_t add_node(NodeFactory factory, const NodeOptions& options = {});
  std::uint32_t nodes() const { return static_cast<std::uint32_t>(nodes_.size()); }
  void start(std::uint32_t node);
  /// The machine is gone at once. Its stores stay, but for what was not synced.
  void crash(std::uint32_t node, CrashKind kind = CrashKind::power);
  /// Crashes the node if it runs, and makes it anew.
  void restart(std::uint32_t node);
  /// A stopped process whose host lives on: bytes are received as far as the window goes, time
  /// passes, the machine sees nothing until resume.
  void pause(std::uint32_t node);
  void resume(std::uint32_t node);
  bool is_up(std::uint32_t node) const;
  /// Null while the node is down. To look at; what changes it goes through mutate().
  host::WorldMachine* machine(std::uint32_t node);
  /// One turn with `mutation` in place of an input; false when the node is down or paused.
  bool mutate(std::uint32_t node,
              const std::function<void(host::WorldMachine&, Instant now)>& mutation);
  /// The node's wall clock jumps; the node is told.
  void set_wall_offset(std::uint32_t node, Duration offset);
  const PeerStore& peer_store(std::uint32_t node) const;
  /// To look at, or to harm while the node is down.
  ChainDisk& chain_disk(std::uint32_t node);

  // --- the world around ---
  Topology& topology() { return topology_; }
  NameTable& names() { return names_; }
  const Network& network() const { return network_; }
  /// To move NATs, to shrink paths, to turn bits.
  DatagramSockets& datagrams() { return datagrams_; }
  /// For scenarios: what they draw is part of the run.
  Rng& rng() { return scenario_rng_; }

  // --- time ---
  Instant now() const { return now_; }
  /// The instant and the date as the node sees them.
  Instant local_now(std::uint32_t node) const;
  WallTime wall_now(std::uint32_t node) const;
  /// Runs `action` at `at`, at once if that has passed. Equal times: in the order they were given.
  void at(Instant at, std::function<void()> action);
  void after(Duration delay, std::function<void()> action) { at(now_ + delay, std::move(action)); }
  void every(Duration period, std::function<void()> action);
  void every_events(std::uint64_t count, std::function<void()> action);
  void run_until(Instant end);
  void run_for(Duration duration) { run_until(now_ + duration); }
  /// Ends the run_until under way, after the events of this instant that are already at hand.
  void stop() { stopped_ = true; }

  /// Called after each turn, to take what the node has to say. It may call anything here but run.
  void set_after_turn(
      std::function<void(std::uint32_t node, host::WorldMachine&, Instant local_now)> hook);

  std::uint64_t seed() const { return config_.seed; }
  std::uint64_t trace_hash() const { return trace_.value(); }
  std::uint64_t events() const { return report_.events; }
  Report report() const;

 private:
  struct Node;
  struct Shuffled {
    std::uint64_t key;
    std::uint32_t index;
  };

  void shuffle_batch();
  void dispatch(const Event& event);
  void on_timer(const Event& event);
  void on_input(const Event& event);
  void run_action(std::uint32_t handle);
  bool is_incarnation(std::uint32_t node, std::uint32_t incarnation) const;
  void finish_turn(std::uint32_t node);
  void drain(std::uint32_t node);
  void perform(std::uint32_t node, host::WorldOutput output);
  void perform_chain(std::uint32_t node, host::RunJob& work);
  void perform_chain(std::uint32_t node, host::AppendLog& append);
  void perform_chain(std::uint32_t node, const host::WriteChain& write);
  void perform_chain(std::uint32_t node, host::SaveProof& save);
  void read_link(std::uint32_t node, LinkRef link);
  void transmit(Node& node, LinkRef link);
  void read_socket(const Event& event);
  void transmit_datagrams(std::uint32_t node);
  void arm(std::uint32_t index);

  WorldConfig config_;
  TraceHash trace_;
  SeededRng network_rng_;
  SeededRng datagram_rng_;
  SeededRng scenario_rng_;
  EventQueue queue_;
  InputQueue inputs_;
  Topology topology_;
  Network network_;
  DatagramSockets datagrams_;
  NameTable names_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::function<void()>> actions_;
  std::vector<std::uint32_t> free_actions_;
  std::function<void(std::uint32_t, host::WorldMachine&, Instant)> after_turn_;
  std::function<void()> on_count_;
  std::uint64_t count_period_ = 0;
  std::vector<LinkRef> ready_;  // of the turn under way
  std::vector<LinkRef> serving_;
  Bytes transmit_buffer_;
  std::vector<Event> batch_;
  std::vector<Event> unordered_;
  std::vector<Shuffled> order_;
  Report report_;
  Instant now_;
  std::uint64_t batches_at_now_ = 0;
  bool is_running_ = false;
  bool stopped_ = false;
};

}  // namespace kith::sim
