#include "sim/world.h"

#include <algorithm>

#include "sim/world_node.h"

namespace kith::sim {
namespace {

// Streams of randomness that must not depend on each other.
constexpr std::uint64_t network_stream = 1;
constexpr std::uint64_t scenario_stream = 2;
constexpr std::uint64_t nodes_stream = 3;
constexpr std::uint64_t datagram_stream = 4;

/// More rounds at one instant than any protocol needs: a machine whose deadline never moves on.
constexpr std::uint64_t batches_at_once_max = 1'000'000;

}  // namespace

World::World(const WorldConfig& config)
    : config_(config),
      trace_(config.seed),
      network_rng_(mix_words(config.seed, network_stream)),
      datagram_rng_(mix_words(config.seed, datagram_stream)),
      scenario_rng_(mix_words(config.seed, scenario_stream)),
      inputs_(queue_),
      topology_(config.link),
      network_(config.network, topology_, queue_, inputs_, network_rng_, trace_),
      datagrams_(config.datagrams, topology_, queue_, inputs_, datagram_rng_, trace_),
      transmit_buffer_(Network::segment_bytes_max) {
  if (config_.log == nullptr) config_.log = &base::null_log();
}

World::~World() = default;

// --- nodes ---------------------------------------------------------------------------------------

std::uint32_t World::add_node(NodeFactory factory, const NodeOptions& options) {
  ASSERT(options.clock.instant_offset >= Duration{0});
  const std::uint32_t index = nodes();
  topology_.add_host(options.region);
  network_.add_host(options.uplink_bytes_per_s);
  datagrams_.add_host();
  auto node = std::make_unique<Node>();
  node->factory = std::move(factory);
  node->clock = options.clock;
  node->job_takes = options.job_takes;
  node->chain.set_model(options.chain_disk);
  node->log = options.log != nullptr ? options.log : config_.log;
  nodes_.push_back(std::move(node));
  if (options.start) start(index);
  return index;
}

void World::start(std::uint32_t index) {
  Node& node = *nodes_[index];
  ASSERT(node.machine == nullptr);
  ++node.incarnation;
  node.is_paused = false;
  node.rng = std::make_unique<SeededRng>(mix_words(mix_words(config_.seed, nodes_stream),
                                                   std::uint64_t{index} << 32 | node.incarnation));
  network_.start_host(index, node.incarnation);
  datagrams_.start_host(index, node.incarnation);
  NodeContext context{.index = index,
                      .incarnation = node.incarnation,
                      .ip = ip_of(index),
                      .now = local_now(index),
                      .wall = wall_now(index),
                      .rng = *node.rng,
                      .log = *node.log,
                      .chain = node.chain};
  node.machine = node.factory(context);
  ASSERT(node.machine != nullptr);
  inputs_.post(now_, index, node.incarnation, host::WallClock{wall_now(index)});
}

void World::crash(std::uint32_t index, CrashKind kind) {
  Node& node = *nodes_[index];
  if (node.machine == nullptr) return;
  ++report_.crashes;
  trace_.add(index, node.incarnation);
  node.machine.reset();
  node.is_paused = false;
  node.deadline.reset();
  node.timer_at.reset();
  node.datagrams_ready = false;
  ++node.timer_generation;
  node.peers.crash(now_, network_rng_);
  node.chain.crash(now_, network_rng_);
  network_.stop_host(now_, index, kind);
  datagrams_.stop_host(index);
  // For nobody now, but the network waits for some of them to be dealt with.
  for (const Event& event : std::exchange(node.deferred, {})) dispatch(event);
}

void World::restart(std::uint32_t node) {
  crash(node);
  start(node);
}

void World::pause(std::uint32_t node) { nodes_[node]->is_paused = is_up(node); }

// What waited happens now, in its order, and before anything else that this instant brings.
void World::resume(std::uint32_t index) {
  Node& node = *nodes_[index];
  if (!node.is_paused) return;
  node.is_paused = false;
  for (Event& event : std::exchange(node.deferred, {})) {
    event.at = now_;
    dispatch(event);
  }
}

bool World::is_up(std::uint32_t node) const { return nodes_[node]->machine != nullptr; }

host::WorldMachine* World::machine(std::uint32_t node) { return nodes_[node]->machine.get(); }

bool World::mutate(std::uint32_t index,
                   const std::function<void(host::WorldMachine&, Instant now)>& mutation) {
  Node& node = *nodes_[index];
  if (!node.is_awake(node.incarnation)) return false;
  mutation(*node.machine, local_now(index));
  finish_turn(index);
  return true;
}

void World::set_wall_offset(std::uint32_t index, Duration offset) {
  Node& node = *nodes_[index];
  node.clock.wall_offset = offset;
  if (node.machine != nullptr) {
    inputs_.post(now_, index, node.incarnation, host::WallClock{wall_now(index)});
  }
}

ChainDisk& World::chain_disk(std::uint32_t node) { return nodes_[node]->chain; }

const PeerStore& World::peer_store(std::uint32_t node) const { return nodes_[node]->peers; }

// --- time ----------------------------------------------------------------------------------------

Instant World::local_now(std::uint32_t node) const {
  return now_ + nodes_[node]->clock.instant_offset;
}

WallTime World::wall_now(std::uint32_t node) const {
  const ClockSkew& clock = nodes_[node]->clock;
  const std::int64_t elapsed = base::to_ms(now_.time_since_epoch());
  return {config_.start.unix_ms + elapsed + elapsed * clock.wall_drift_ppm / 1'000'000 +
          base::to_ms(clock.wall_offset)};
}

void World::at(Instant at, std::function<void()> action) {
  std::uint32_t handle = 0;
  if (free_actions_.empty()) {
    handle = static_cast<std::uint32_t>(actions_.size());
    actions_.push_back(std::move(action));
  } else {
    handle = free_actions_.back();
    free_actions_.pop_back();
    actions_[handle] = std::move(action);
  }
  queue_.push({std::max(at, now_), nothing, 0, handle, EventKind::action});
}

void World::every(Duration period, std::function<void()> action) {
  ASSERT(period > Duration{0});
  after(period, [this, period, action = std::move(action)] {
    action();
    every(period, action);
  });
}

void World::every_events(std::uint64_t count, std::function<void()> action) {
  ASSERT(count > 0 && !on_count_);
  count_period_ = count;
  on_count_ = std::move(action);
}

void World::run_until(Instant end) {
  ASSERT(!is_running_);
  is_running_ = true;
  stopped_ = false;
  while (!stopped_ && queue_.pop_batch(end, batch_)) {
    const Instant at = batch_.front().at;
    batches_at_now_ = at == now_ ? batches_at_now_ + 1 : 0;
    ASSERT(batches_at_now_ < batches_at_once_max);
    now_ = at;
    if (config_.shuffle && batch_.size() > 1) shuffle_batch();
    for (const Event& event : batch_) {
      ++report_.events;
      trace_.add(static_cast<std::uint64_t>(event.at.time_since_epoch().count()) << 4 |
                     static_cast<std::uint64_t>(event.kind),
                 std::uint64_t{event.node} << 32 | event.link);
      dispatch(event);
      if (count_period_ > 0 && report_.events % count_period_ == 0) on_count_();
    }
  }
  if (!stopped_) now_ = std::max(now_, end);
  is_running_ = false;
}

// A key for each node and instant, from the seed alone; actions come first. Ties keep their order.
void World::shuffle_batch() {
  const std::uint64_t salt =
      config_.seed ^ static_cast<std::uint64_t>(now_.time_since_epoch().count());
  order_.clear();
  for (std::uint32_t i = 0; i < batch_.size(); ++i) {
    const bool is_action = batch_[i].kind == EventKind::action;
    order_.push_back({is_action ? 0 : mix_words(salt, batch_[i].node) | 1, i});
  }
  std::sort(order_.begin(), order_.end(), [](const Shuffled& a, const Shuffled& b) {
    return a.key != b.key ? a.key < b.key : a.index < b.index;
  });
  unordered_.swap(batch_);
  batch_.clear();
  for (const Shuffled& each : order_) batch_.push_back(unordered_[each.index]);
}

void World::run_action(std::uint32_t handle) {
  const std::function<void()> action = std::exchange(actions_[handle], nullptr);
  free_actions_.push_back(handle);
  action();
}

void World::set_after_turn(
    std::function<void(std::uint32_t node, host::WorldMachine&, Instant local_now)> hook) {
  after_turn_ = std::move(hook);
}

Report World::report() const {
  Report report = report_;
  report.now = now_;
  report.trace_hash = trace_.value();
  report.network = network_.stats();
  report.datagrams = datagrams_.net().stats();
  report.sockets = datagrams_.stats();
  return report;
}

}  // namespace kith::sim
