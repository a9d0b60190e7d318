#include "sim/scenario_peers.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "base/format.h"
#include "codec/peer_id.h"
#include "node/node.h"
#include "sim/world.h"

namespace kith::sim {
namespace {

constexpr std::uint16_t listen_port = 4770;
/// By then a node that starts with one address must have found the network.
constexpr Duration settled_after = 2min;
constexpr Duration look_every = 30s;
constexpr Duration crash_mean = 20min;  // of one node's life
constexpr Duration down_for = 20s;

codec::Multiaddr address_of(std::uint32_t node) {
  return codec::Multiaddr::tcp(ip_of(node), listen_port);
}

/// A node that starts as soon as it knows the date.
class SimulatedNode final : public host::WorldMachine {
 public:
  SimulatedNode(const node::NodeConfig& config, const crypto::KeyPair& key, NodeContext& context)
      : node_(config, key, context.rng, context.log) {}

  void on_input(Instant now, host::WorldInput input) override {
    const bool is_clock = std::holds_alternative<host::WallClock>(input);
    node_.on_input(now, std::move(input));
    if (is_clock && !std::exchange(is_started_, true)) node_.start(now);
  }
  void on_deadline(Instant now) override { node_.on_deadline(now); }
  std::optional<host::WorldOutput> poll_output(Instant now) override {
    return node_.poll_output(now);
  }
  std::optional<Instant> next_deadline() override { return node_.next_deadline(); }
  std::size_t on_bytes(Instant now, LinkId link, ByteSpan bytes) override {
    return node_.on_bytes(now, link, bytes);
  }
  std::size_t poll_transmit(Instant now, LinkId link, ByteSpan room) override {
    return node_.poll_transmit(now, link, room);
  }
  bool wants_bytes(LinkId link) const override { return node_.wants_bytes(link); }

  node::Node& node() { return node_; }

 private:
  node::Node node_;
  bool is_started_ = false;
};

struct Totals {
  std::uint64_t pings_answered = 0, pings_failed = 0, handshakes = 0, faults = 0;
};

class Peers {
 public:
  explicit Peers(const ScenarioOptions& options)
      : options_(options), world_(config_of(options)), checker_(world_) {}

  ScenarioResult run();

 private:
  static WorldConfig config_of(const ScenarioOptions& options) {
    WorldConfig config;
    config.seed = options.seed;
    config.link = {
        .latency = 40ms, .jitter = 10ms, .bandwidth_bytes_per_s = 12'500'000, .loss = 0.01};
    return config;
  }
  void add_nodes();
  node::NodeConfig node_config(std::uint32_t index) const;
  void plan_crash(std::uint32_t node);
  void count(std::uint32_t node);
  SimulatedNode* at(std::uint32_t node) {
    return static_cast<SimulatedNode*>(world_.machine(node));
  }
  bool is_settled(std::uint32_t node);
  std::optional<std::string> find_isolated();
  std::optional<std::string> find_split();
  std::optional<std::string> find_fault();
  std::size_t largest_component(std::size_t& settled);
  ScenarioResult summarise();

  const ScenarioOptions options_;
  World world_;
  Checker checker_;
  std::uint32_t bootstraps_ = 1;
  std::deque<crypto::KeyPair> keys_;
  std::map<PeerId, std::uint32_t> index_of_;
  std::vector<Instant> started_at_;
  Totals totals_;  // of incarnations that have crashed
};

ScenarioResult Peers::run() {
  add_nodes();
  world_.set_after_turn([](std::uint32_t, host::WorldMachine& machine, Instant) {
    auto& node = static_cast<SimulatedNode&>(machine).node();
    while (node.poll_report()) {
    }
  });
  checker_.add({"nobody is alone", [this](World&) { return find_isolated(); }});
  checker_.add({"the network is one", [this](World&) { return find_split(); }});
  checker_.add({"honest peers commit no fault", [this](World&) { return find_fault(); }});
  checker_.check_every(look_every);
  world_.run_for(options_.duration);
  return summarise();
}

void Peers::add_nodes() {
  bootstraps_ = std::max<std::uint32_t>(1, options_.nodes / 100);
  SeededRng key_rng(options_.seed ^ 0x6b657973);  // identities outlive crashes
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    keys_.push_back(crypto::KeyPair::generate(key_rng));
    index_of_.emplace(codec::peer_id_of(keys_.back().public_key()), i);
  }
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    NodeOptions node;
    node.region = static_cast<Region>(i % regions_count);
    node.start = false;
    world_.add_node(
        [this](NodeContext& context) -> std::unique_ptr<host::WorldMachine> {
          return std::make_unique<SimulatedNode>(node_config(context.index), keys_[context.index],
                                                 context);
        },
        node);
    started_at_.push_back(Instant::max());
    // Nobody starts a thousand nodes in one instant: they come within 10 s.
    const Duration after = Duration(static_cast<std::int64_t>(world_.rng().below(10'000'000'000)));
    world_.after(i < bootstraps_ ? Duration{0} : after, [this, i] {
      world_.start(i);
      started_at_[i] = world_.now();
      if (i >= bootstraps_) plan_crash(i);
    });
  }
}

node::NodeConfig Peers::node_config(std::uint32_t index) const {
  node::NodeConfig config;
  config.host.listen = {address_of(index)};
  // One bootstrap address each, spread evenly; the bootstrap nodes know each other in a chain, or
  // each would be the middle of a network of its own.
  const std::uint32_t bootstrap =
      index < bootstraps_ ? index - std::min(index, 1U) : index % bootstraps_;
  config.host.bootstrap = {
      address_of(bootstrap).with_peer(codec::peer_id_of(keys_[bootstrap].public_key()))};
  config.host.agent_version = "kith-simulated";
  config.host.peers_min = 8;
  config.host.peers_high = 24;
  config.host.peers_low = 16;
  config.host.book.peers_max = 128;
  return config;
}

void Peers::plan_crash(std::uint32_t node) {
  // Exponentially distributed lives: the sum of many small chances.
  const double unit = std::max(world_.rng().unit(), 1e-9);
  const auto life =
      static_cast<std::int64_t>(-std::log(unit) * static_cast<double>(crash_mean.count()));
  world_.after(Duration(life), [this, node] {
    count(node);
    world_.crash(node, CrashKind::process);
    started_at_[node] = Instant::max();
    world_.after(down_for, [this, node] {
      world_.start(node);
      started_at_[node] = world_.now();
      plan_crash(node);
    });
  });
}

void Peers::count(std::uint32_t node) {
  SimulatedNode* machine = at(node);
  if (machine == nullptr) return;
  totals_.pings_answered += machine->node().pings_answered();
  totals_.pings_failed += machine->node().pings_failed();
  totals_.handshakes += machine->node().host().stats().handshakes;
  totals_.faults += machine->node().host().stats().faults;
}

bool Peers::is_settled(std::uint32_t node) {
  return world_.is_up(node) && started_at_[node] != Instant::max() &&
         world_.now() - started_at_[node] >= settled_after;
}

std::optional<std::string> Peers::find_isolated() {
  if (options_.nodes == 1) return std::nullopt;
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    if (is_settled(i) && at(i)->node().host().peer_count() == 0) {
      return base::format("node {} has no peer", i);
    }
  }
  return std::nullopt;
}

std::optional<std::string> Peers::find_split() {
  std::size_t settled = 0;
  const std::size_t largest = largest_component(settled);
  if (largest == settled) return std::nullopt;
  return base::format("of {} settled nodes only {} reach each other", settled, largest);
}

std::optional<std::string> Peers::find_fault() {
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    if (!world_.is_up(i)) continue;
    const auto& stats = at(i)->node().host().stats();
    // Losing a peer to silence is no breach; everything else would be our own bug.
    if (stats.protocol_faults > 0) return base::format("node {} saw a peer break a protocol", i);
  }
  return std::nullopt;
}

std::size_t Peers::largest_component(std::size_t& settled) {
  std::vector<std::uint32_t> parent(options_.nodes);
  std::iota(parent.begin(), parent.end(), 0U);
  const auto root = [&](std::uint32_t node) {
    while (parent[node] != node) node = parent[node] = parent[parent[node]];
    return node;
  };
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    if (!world_.is_up(i)) continue;
    for (const PeerId& peer : at(i)->node().host().peer_ids()) {
      const std::uint32_t other = index_of_.at(peer);
      if (world_.is_up(other)) parent[root(i)] = root(other);
    }
  }
  std::vector<std::size_t> sizes(options_.nodes);
  settled = 0;
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    if (!is_settled(i)) continue;
    ++settled;
    ++sizes[root(i)];
  }
  return *std::ranges::max_element(sizes);
}

ScenarioResult Peers::summarise() {
  std::size_t least = options_.nodes, most = 0, sum = 0, up = 0, known = 0;
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    count(i);
    if (!world_.is_up(i)) continue;
    const std::size_t peers = at(i)->node().host().peer_count();
    if (is_settled(i)) least = std::min(least, peers);
    most = std::max(most, peers);
    sum += peers;
    known += at(i)->node().host().book().size();
    ++up;
  }
  std::size_t settled = 0;
  const std::size_t largest = largest_component(settled);
  const Report report = world_.report();
  ScenarioResult result;
  result.events = report.events;
  result.trace_hash = report.trace_hash;
  result.violations = checker_.violations();
  const auto mean = [&](std::size_t total) {
    return up == 0 ? 0.0 : static_cast<double>(total) / static_cast<double>(up);
  };
  result.figures = {
      {"nodes_up", static_cast<double>(up)},
      {"peers_per_node_min", static_cast<double>(settled == 0 ? 0 : least)},
      {"peers_per_node_mean", mean(sum)},
      {"peers_per_node_max", static_cast<double>(most)},
      {"known_per_node_mean", mean(known)},
      {"settled_nodes", static_cast<double>(settled)},
      {"largest_component", static_cast<double>(largest)},
      {"handshakes", static_cast<double>(totals_.handshakes)},
      {"pings_answered", static_cast<double>(totals_.pings_answered)},
      {"pings_failed", static_cast<double>(totals_.pings_failed)},
      {"crashes", static_cast<double>(report.crashes)},
      {"turns", static_cast<double>(report.turns)},
  };
  return result;
}

}  // namespace

ScenarioResult run_peers(const ScenarioOptions& options) { return Peers(options).run(); }

}  // namespace kith::sim
