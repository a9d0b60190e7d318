// Of the cluster: nodes, their lives, and time.
#include "sim/engine_cluster.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"
#include "sim/engine_cluster_node.h"

namespace kith::sim {

using codec::Epoch;
using codec::Hash;
using codec::ValidatorIndex;
using codec::ValidatorKey;
using consensus::Engine;
using consensus::EngineInput;
using consensus::FinalBlock;

namespace {

constexpr Duration sync_period = 1s;

PeerId peer_of(std::uint32_t node) {
  const std::array<std::uint8_t, 4> bytes{1, 2, static_cast<std::uint8_t>(node >> 8),
                                          static_cast<std::uint8_t>(node)};
  return *PeerId::from_multihash(bytes);
}

}  // namespace

const Hash& cluster_genesis() {
  static const Hash genesis = codec::tagged_hash("kith/test-genesis", {});
  return genesis;
}

EngineCluster::EngineCluster(const ClusterConfig& config)
    : config_(config),
      rng_(config.seed),
      loss_(config.loss),
      witness_([this](std::string what) { report(std::move(what)); },
               [this](Epoch epoch) -> const codec::ValidatorSet& { return set_of(epoch); },
               [this](const codec::Certificate& certificate) { return is_valid(certificate); },
               config.may_fork) {
  std::map<ValidatorKey, std::optional<crypto::KeyPair>> keys;
  for (std::size_t i = 0; i < config.weights.size(); ++i) {
    ValidatorKey bytes{};
    if (config.is_really_signed) {
      crypto::KeyPair key = crypto::KeyPair::generate(rng_);
      std::ranges::copy(key.public_key().data, bytes.begin());
      keys.emplace(bytes, std::move(key));
    } else {
      rng_.fill(bytes);
      keys.emplace(bytes, std::nullopt);
    }
  }
  for (auto& [bytes, key] : keys) {
    auto node = std::make_unique<Node>();
    node->index = node->key = nodes();
    node->peer = peer_of(node->index);
    node_of_[bytes] = node->index;
    if (node->index < config.clock_offsets.size()) {
      node->clock_offset = config.clock_offsets[node->index];
    }
    keys_.push_back(bytes);
    if (key) secrets_.push_back(*std::move(key));
    nodes_.push_back(std::move(node));
  }
}

EngineCluster::~EngineCluster() = default;

std::uint32_t EngineCluster::add_twin(std::uint32_t of) {
  auto twin = std::make_unique<Node>();
  twin->index = nodes();
  twin->key = nodes_[of]->key;
  twin->peer = peer_of(twin->index);
  twin->is_byzantine = nodes_[of]->is_byzantine = true;
  nodes_.push_back(std::move(twin));
  return nodes() - 1;
}

void EngineCluster::set_byzantine(std::uint32_t node, Bend bend, Ear ear) {
  nodes_[node]->is_byzantine = true;
  nodes_[node]->bend = std::move(bend);
  nodes_[node]->ear = std::move(ear);
}

const codec::ValidatorSet& EngineCluster::set_of(Epoch epoch) {
  while (sets_.size() <= epoch.value) {
    const std::vector<codec::Weight> weights =
        config_.weights_of && !sets_.empty() ? config_.weights_of({sets_.size()}) : config_.weights;
    std::vector<codec::Validator> members;
    for (const auto& [key, node] : node_of_) {
      if (weights[node] > 0) members.push_back({key, weights[node]});
    }
    sets_.push_back(*codec::ValidatorSet::make(std::move(members)));
  }
  return sets_[epoch.value];
}

std::optional<ValidatorIndex> EngineCluster::place_of(std::uint32_t node, Epoch epoch) {
  return set_of(epoch).index_of(key_of(node));
}

void EngineCluster::start() {
  for (auto& node : nodes_) {
    node->final = {FinalBlock{{0}, {0}, cluster_genesis(), cluster_genesis_time, nullptr}};
    node->blocks = {nullptr};
    restart(node->index);
  }
}

void EngineCluster::crash(std::uint32_t index) {
  Node& node = *nodes_[index];
  trace({1, index});
  ++node.incarnation;
  node.consensus.reset();
  node.inputs = {};
  node.armed.reset();
  node.is_paused = false;
  tear(node, node.log_writes);
  tear(node, node.store_writes);
}

void EngineCluster::back_up(std::uint32_t index) {
  Node& node = *nodes_[index];
  node.backup = {node.log, node.log_epoch, node.height()};
}

void EngineCluster::restart(std::uint32_t index, Disk disk) {
  Node& node = *nodes_[index];
  trace({2, index});
  if (disk == Disk::stale && node.backup) {
    node.log = node.backup->log;
    node.log_epoch = node.backup->log_epoch;
    node.final.resize(node.backup->height + 1);
    node.blocks.resize(node.backup->height + 1);
  }
  ++node.incarnation;
  node.rng = std::make_unique<SeededRng>(rng_.next());
  node.states.clear();
  node.states[cluster_genesis()] = cluster_genesis();
  if (node.height() > 0) {
    const codec::BlockPtr& last = node.blocks.back();
    node.states[last->digest()] = last->header().utxo_root;
  }
  if (disk == Disk::log_lost) {
    node.log.clear();
    // It may have spoken in any epoch that there was.
    node.silent_through = Epoch{height_max() / config_.epoch_length};
  }
  node.is_behind = true;  // it may be: sync finds out
  node.consensus = std::make_unique<consensus::Consensus>(config_.engine, key_of(index), *node.rng,
                                                          base::null_log());
  node.consensus->on_input(now_, consensus::WallClockRead{wall_now(node)});
  node.silent_since = now_;
  begin_epoch(node);
  after(between(0ms, sync_period), What::sync, &node);
}

/// Of the block after the last final one.
void EngineCluster::begin_epoch(Node& node) {
  const std::uint64_t length = config_.epoch_length;
  const Epoch epoch{node.height() / length};
  if (node.log_epoch != epoch) {
    node.log.clear();
    node.log_epoch = epoch;
  }
  FinalBlock floor = node.final[epoch.value * length];
  floor.view = {0};
  floor.finalization = nullptr;
  const FinalBlock last = node.height() == floor.height.value ? floor : node.final.back();
  consensus::EpochContext context{
      cluster_genesis(), epoch, set_of(epoch), floor, {(epoch.value + 1) * length}, {}};
  const bool may_vote = !node.silent_through || epoch > *node.silent_through;
  auto begun = node.consensus->begin(now_, std::move(context), last, node.log, may_vote);
  if (!begun) report(base::format("node {}: its own log: {}", node.index, begun.error().message));
  drain(node);
}

void EngineCluster::pause(std::uint32_t node) { nodes_[node]->is_paused = true; }

void EngineCluster::resume(std::uint32_t index) {
  Node& node = *nodes_[index];
  if (!std::exchange(node.is_paused, false) || !node.is_up()) return;
  node.consensus->on_deadline(now_);
  drain(node);
}

// --- time ----------------------------------------------------------------------------------------

EngineCluster::Slot& EngineCluster::after(Duration delay, What what, Node* node) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t at = free_slots_.back();
  free_slots_.pop_back();
  queue_.push_back({now_ + delay, ++order_, at});
  std::push_heap(queue_.begin(), queue_.end());
  Slot& slot = slots_[at];
  slot.what = what;
  slot.node = node;
  slot.incarnation = node == nullptr ? 0 : node->incarnation;
  return slot;
}

void EngineCluster::at(Duration from_start, std::function<void()> action) {
  after(Instant{} + from_start - now_, What::action, nullptr).action = std::move(action);
}

/// An answer to the engine, some time within `longest`.
void EngineCluster::answer(Node& node, Duration longest, EngineInput input) {
  if (longest <= Duration{0}) {
    node.inputs.push_back(std::move(input));
  } else {
    after(between(0ms, longest), What::input, &node).input = std::move(input);
  }
}

void EngineCluster::run_for(Duration duration) {
  const Instant end = now_ + duration;
  while (!queue_.empty() && queue_.front().at <= end) {
    std::pop_heap(queue_.begin(), queue_.end());
    const Event event = queue_.back();
    queue_.pop_back();
    now_ = event.at;
    happen(event.slot);
  }
  now_ = end;
}

void EngineCluster::happen(std::uint32_t at) {
  Slot slot = std::exchange(slots_[at], {});
  free_slots_.push_back(at);
  Node* const node = slot.node;
  const bool is_of_the_dead = node != nullptr && node->incarnation != slot.incarnation;
  if (is_of_the_dead && slot.what != What::message) return;
  ++events_;
  switch (slot.what) {
    case What::action: slot.action(); break;
    case What::message: deliver(slot); break;
    case What::input: turn(*node, *std::move(slot.input)); break;
    case What::logged: logged(*node); break;
    case What::stored: stored(*node); break;
    case What::sync: sync(*node); break;
    case What::deadline:
      if (node->armed != now_) break;  // a sooner one came
      node->armed.reset();
      if (node->is_paused) break;
      node->consensus->on_deadline(now_);
      drain(*node);
      break;
  }
}

void EngineCluster::turn(Node& node, EngineInput input) {
  node.inputs.push_back(std::move(input));
  drain(node);
}

void EngineCluster::drain(Node& node) {
  if (node.is_draining || node.is_paused) return;
  node.is_draining = true;
  while (node.is_up()) {
    if (auto output = node.consensus->poll_output(now_)) {
      perform(node, std::move(*output));
    } else if (!node.inputs.empty()) {
      node.consensus->on_input(now_, node.inputs.pop_front());
    } else {
      break;
    }
  }
  node.is_draining = false;
  if (!node.is_up()) return;
  arm(node);
  const Engine* const engine = node.consensus->engine();
  if (node.is_byzantine || !node.silent_since || engine->is_silent()) return;
  silences_ms_.push_back(static_cast<double>((now_ - *node.silent_since).count()) / 1e6);
  node.silent_since.reset();
}

/// A deadline that moved back is left where it is: at its time the engine says what is next.
void EngineCluster::arm(Node& node) {
  const std::optional<Instant> deadline = node.consensus->next_deadline();
  if (!deadline) return;
  const Instant at = std::max(now_, *deadline);
  if (node.armed && *node.armed <= at) return;
  node.armed = at;
  after(at - now_, What::deadline, &node);
}

WallTime EngineCluster::wall_now(const Node& node) const {
  return {cluster_genesis_time.unix_ms + base::to_ms(now_ - Instant{} + node.clock_offset)};
}

void EngineCluster::set_clock_offset(std::uint32_t index, Duration offset) {
  Node& node = *nodes_[index];
  node.clock_offset = offset;
  if (node.is_up()) turn(node, consensus::WallClockRead{wall_now(node)});
}

// --- looking -------------------------------------------------------------------------------------

bool EngineCluster::is_up(std::uint32_t node) const { return nodes_[node]->is_up(); }
bool EngineCluster::is_byzantine(std::uint32_t node) const { return nodes_[node]->is_byzantine; }
void EngineCluster::set_links(std::function<bool(std::uint32_t, std::uint32_t)> links) {
  links_ = std::move(links);
}
Engine* EngineCluster::engine(std::uint32_t node) {
  return is_up(node) ? nodes_[node]->consensus->engine() : nullptr;
}
consensus::EngineStats EngineCluster::stats(std::uint32_t node) const {
  return is_up(node) ? nodes_[node]->consensus->stats() : consensus::EngineStats{};
}
std::uint64_t EngineCluster::height(std::uint32_t node) const { return nodes_[node]->height(); }
const Hash& EngineCluster::digest_at(std::uint32_t node, std::uint64_t height) const {
  return nodes_[node]->final[height].digest;
}
const ValidatorKey& EngineCluster::key_of(std::uint32_t node) const {
  return keys_[nodes_[node]->key];
}

std::size_t EngineCluster::log_bytes(std::uint32_t node) const {
  std::size_t bytes = 0;
  for (const Bytes& record : nodes_[node]->log) bytes += record.size();
  return bytes;
}

std::uint64_t EngineCluster::height_min() const {
  std::uint64_t least = UINT64_MAX;
  for (const auto& node : nodes_) {
    if (node->is_up() && !node->is_byzantine) least = std::min(least, node->height());
  }
  return least;
}

std::uint64_t EngineCluster::height_max() const {
  std::uint64_t most = 0;
  for (const auto& node : nodes_) {
    if (!node->is_byzantine) most = std::max(most, node->height());
  }
  return most;
}

void EngineCluster::report(std::string violation) {
  constexpr std::size_t violations_max = 20;
  if (violations_.size() < violations_max) {
    violations_.push_back(base::format("at {} ms: {}", base::to_ms(now_ - Instant{}), violation));
  }
}

void EngineCluster::trace(std::initializer_list<std::uint64_t> words) {
  for (const std::uint64_t word : words) {
    trace_ = (trace_ ^ word) * 0x100000001b3;
    trace_ ^= trace_ >> 29;
  }
}

Duration EngineCluster::between(Duration low, Duration high) {
  if (high <= low) return low;
  return low + Duration(static_cast<std::int64_t>(
                   rng_.below(static_cast<std::uint64_t>((high - low).count()))));
}

}  // namespace kith::sim
