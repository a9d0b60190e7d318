#include "sim/scenario_swarm.h"

#include <algorithm>
#include <numeric>

#include "base/format.h"
#include "codec/peer_id.h"
#include "sim/scenario_node.h"

namespace kith::sim {

SwarmConfig usual_swarm(const ScenarioOptions& options) {
  SwarmConfig config;
  config.world.seed = options.seed;
  config.world.link = {
      .latency = 40ms, .jitter = 10ms, .bandwidth_bytes_per_s = 12'500'000, .loss = 0.01};
  config.node.host.agent_version = "kith-simulated";
  config.node.host.peers_min = 8;
  config.node.host.peers_high = 24;
  config.node.host.peers_low = 16;
  config.node.host.book.peers_max = 128;
  return config;
}

Swarm::Swarm(const ScenarioOptions& options, SwarmConfig config)
    : options_(options),
      config_(std::move(config)),
      bootstraps_(std::max<std::uint32_t>(1, options.nodes / 100)),
      world_(config_.world),
      checker_(world_),
      started_at_(options.nodes, Instant::max()),
      excused_faults_(options.nodes) {
  SeededRng key_rng(options_.seed ^ 0x6b657973);  // identities outlive crashes
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    keys_.push_back(crypto::KeyPair::generate(key_rng));
    index_of_.emplace(codec::peer_id_of(keys_.back().public_key()), i);
  }
  for (std::uint32_t i = 0; i < options_.nodes; ++i) add_node(i);
  world_.set_after_turn([](std::uint32_t, host::WorldMachine& machine, Instant) {
    auto& node = static_cast<SimulatedNode&>(machine).node();
    while (node.poll_report()) {
    }
  });
  checker_.add({"nobody is alone", [this](World&) { return find_isolated(); }});
  checker_.add({"the network is one", [this](World&) { return find_split(); }});
  checker_.add({"honest peers commit no fault", [this](World&) { return find_fault(); }});
  checker_.add({"limits hold", [this](World&) { return find_greedy(); }});
}

void Swarm::add_node(std::uint32_t index) {
  NodeOptions options;
  options.region = static_cast<Region>(index % regions_count);
  options.start = false;
  if (config_.clock_of) options.clock = config_.clock_of(world_, index);
  world_.add_node(
      [this](NodeContext& context) -> std::unique_ptr<host::WorldMachine> {
        return std::make_unique<SimulatedNode>(node_config(context.index), keys_[context.index],
                                               context);
      },
      options);
  const Duration after = Duration(static_cast<std::int64_t>(
      world_.rng().below(static_cast<std::uint64_t>(config_.starts_in.count()))));
  world_.after(is_bootstrap(index) ? Duration{0} : after, [this, index] {
    start(index);
    if (config_.on_started) config_.on_started(index);
  });
}

node::NodeConfig Swarm::node_config(std::uint32_t index) const {
  node::NodeConfig config = config_.node;
  config.host.listen = {scenario_address(index)};
  // One bootstrap address each, spread evenly; the bootstrap nodes know each other in a chain, or
  // each would be the middle of a network of its own.
  const std::uint32_t bootstrap =
      is_bootstrap(index) ? index - std::min(index, 1U) : index % bootstraps_;
  config.host.bootstrap = {
      scenario_address(bootstrap).with_peer(codec::peer_id_of(keys_[bootstrap].public_key()))};
  return config;
}

void Swarm::run() {
  checker_.check_every(config_.look_every);
  world_.run_for(options_.duration);
}

const node::Node* Swarm::node(std::uint32_t index) {
  host::WorldMachine* machine = world_.machine(index);
  return machine == nullptr ? nullptr : &static_cast<SimulatedNode*>(machine)->node();
}

void Swarm::crash(std::uint32_t index, CrashKind kind) {
  count(index);
  world_.crash(index, kind);
  started_at_[index] = Instant::max();
}

void Swarm::start(std::uint32_t index) {
  world_.start(index);
  started_at_[index] = world_.now();
  excused_faults_[index] = 0;
}

void Swarm::excuse_faults(bool are_excused) {
  if (!std::exchange(are_faults_excused_, are_excused)) return;
  for (std::uint32_t i = 0; i < nodes(); ++i) {
    if (const node::Node* of = node(i)) excused_faults_[i] = of->host().stats().protocol_faults;
  }
}

void Swarm::count(std::uint32_t index) {
  const node::Node* of = node(index);
  if (of == nullptr) return;
  totals_.pings_answered += of->pings_answered();
  totals_.pings_failed += of->pings_failed();
  totals_.handshakes += of->host().stats().handshakes;
}

// --- what must hold ------------------------------------------------------------------------------

bool Swarm::is_settled(std::uint32_t index) {
  return good_since_ && started_at_[index] != Instant::max() &&
         world_.now() - std::max(started_at_[index], *good_since_) >= config_.settled_after;
}

std::optional<std::string> Swarm::find_isolated() {
  if (nodes() == 1) return std::nullopt;
  for (std::uint32_t i = 0; i < nodes(); ++i) {
    if (is_settled(i) && node(i)->host().peer_count() == 0) {
      return base::format("node {} has no peer", i);
    }
  }
  return std::nullopt;
}

std::optional<std::string> Swarm::find_split() {
  const Components found = components(true);
  if (found.largest == found.counted) return std::nullopt;
  return base::format("of {} settled nodes only {} reach each other", found.counted, found.largest);
}

std::optional<std::string> Swarm::find_fault() {
  if (are_faults_excused_) return std::nullopt;
  for (std::uint32_t i = 0; i < nodes(); ++i) {
    const node::Node* of = node(i);
    // Losing a peer to silence is no breach; everything else would be our own bug.
    if (of != nullptr && of->host().stats().protocol_faults > excused_faults_[i]) {
      return base::format("node {} saw a peer break a protocol", i);
    }
  }
  return std::nullopt;
}

// At every look, whatever the weather: what a node keeps is bounded by its limits.
std::optional<std::string> Swarm::find_greedy() {
  const host::HostConfig& limits = config_.node.host;
  for (std::uint32_t i = 0; i < nodes(); ++i) {
    const node::Node* of = node(i);
    if (of == nullptr) continue;
    const host::Host& host = of->host();
    if (host.link_count() > limits.limits.connections_max) {
      return base::format("node {} has {} links, limit {}", i, host.link_count(),
                          limits.limits.connections_max);
    }
    // Connected peers are never pushed out of the book: there may be as many as there are links.
    if (host.book().size() > std::max(limits.book.peers_max, limits.limits.connections_max)) {
      return base::format("node {} knows {} peers, limit {}", i, host.book().size(),
                          limits.book.peers_max);
    }
  }
  return std::nullopt;
}

Swarm::Components Swarm::components(bool only_settled) {
  std::vector<std::uint32_t> parent(nodes());
  std::iota(parent.begin(), parent.end(), 0U);
  const auto root = [&](std::uint32_t index) {
    while (parent[index] != index) index = parent[index] = parent[parent[index]];
    return index;
  };
  // Two are connected when both say so: one alone may be talking to the dead.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> said;
  for (std::uint32_t i = 0; i < nodes(); ++i) {
    const node::Node* of = node(i);
    if (of == nullptr) continue;
    for (const PeerId& peer : of->host().peer_ids()) said.emplace_back(i, index_of_.at(peer));
  }
  std::ranges::sort(said);
  for (const auto& [one, other] : said) {
    if (std::ranges::binary_search(said, std::pair(other, one))) parent[root(one)] = root(other);
  }
  std::vector<std::size_t> sizes(nodes());
  Components found;
  for (std::uint32_t i = 0; i < nodes(); ++i) {
    if (only_settled ? !is_settled(i) : !world_.is_up(i)) continue;
    ++found.counted;
    ++sizes[root(i)];
  }
  found.largest = *std::ranges::max_element(sizes);
  return found;
}

ScenarioResult Swarm::summarise() {
  std::size_t least = nodes(), most = 0, sum = 0, up = 0, known = 0;
  for (std::uint32_t i = 0; i < nodes(); ++i) {
    count(i);
    const node::Node* of = node(i);
    if (of == nullptr) continue;
    const std::size_t peers = of->host().peer_count();
    if (is_settled(i)) least = std::min(least, peers);
    most = std::max(most, peers);
    sum += peers;
    known += of->host().book().size();
    ++up;
  }
  const Components settled = components(true);
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
      {"peers_per_node_min", static_cast<double>(settled.counted == 0 ? 0 : least)},
      {"peers_per_node_mean", mean(sum)},
      {"peers_per_node_max", static_cast<double>(most)},
      {"known_per_node_mean", mean(known)},
      {"settled_nodes", static_cast<double>(settled.counted)},
      {"largest_component", static_cast<double>(settled.largest)},
      {"handshakes", static_cast<double>(totals_.handshakes)},
      {"pings_answered", static_cast<double>(totals_.pings_answered)},
      {"pings_failed", static_cast<double>(totals_.pings_failed)},
      {"crashes", static_cast<double>(report.crashes)},
      {"turns", static_cast<double>(report.turns)},
  };
  return result;
}

}  // namespace kith::sim
