#include "sim/cluster_twins.h"

#include "base/format.h"
#include "sim/engine_cluster.h"

namespace kith::sim {

namespace {

constexpr std::uint32_t partitions = 16;  // of five nodes, the first being always in the first part

/// The part that each node is in, for each view from 1.
using Parts = std::vector<std::vector<std::uint8_t>>;

ClusterConfig quick(std::uint32_t nodes) {
  ClusterConfig config;
  config.weights.assign(nodes, 1);
  config.is_really_signed = false;
  config.engine.block_interval = 0ms;
  config.engine.delta = 100ms;
  config.engine.delta_max = 200ms;
  config.engine.standstill = 500ms;
  config.engine.standstill_max = 1s;
  config.delay_min = 5ms;
  config.delay_max = 20ms;
  config.disk_max = config.check_max = 1ms;
  return config;
}

/// The view that is spoken of; none for blocks that are asked for and given.
std::uint64_t view_in(const codec::ConsensusMessage& message) {
  if (const auto* const vote = std::get_if<codec::Vote>(&message)) {
    return vote->statement.view().value;
  }
  if (const auto* const proposal = std::get_if<codec::ProposalMessage>(&message)) {
    return proposal->vote.statement.view().value;
  }
  const auto* const held = std::get_if<codec::Certificate>(&message);
  return held == nullptr ? 0 : held->statement.view().value;
}

TwinsResult run(EngineCluster& cluster, const Parts& parts) {
  bool is_healed = false;
  cluster.set_filter(
      [&](std::uint32_t from, std::uint32_t to, const codec::ConsensusMessage& message) {
        if (is_healed) return true;
        // Partitions are of views, and this is of none.
        if (std::holds_alternative<codec::MemoryRequest>(message) ||
            std::holds_alternative<codec::Memory>(message)) {
          return true;
        }
        std::uint64_t view = view_in(message);
        if (view == 0) view = cluster.engine(from)->view().value;
        if (view == 0 || view > parts.size()) return false;
        return parts[view - 1][from] == parts[view - 1][to];
      });
  cluster.start();
  // A view is over within three deltas of at most 200 ms, if it can be over.
  const Duration views = 700ms * static_cast<int>(parts.size());
  cluster.run_for(views);
  is_healed = true;
  const std::uint64_t height = cluster.height_max();
  for (int i = 0; i < 40 && cluster.height_min() < height + 2; ++i) {
    cluster.run_for(250ms);
    if (!cluster.violations().empty()) break;
  }
  TwinsResult result{cluster.violations(), cluster.events(), !cluster.witness().accused().empty()};
  if (result.violations.empty() && cluster.height_min() < height + 2) {
    result.violations.push_back(base::format("healed, and still at height {} of {}",
                                             cluster.height_min(), cluster.height_max()));
  }
  return result;
}

std::vector<std::uint32_t> masks_of(std::uint64_t id, std::uint32_t views) {
  std::vector<std::uint32_t> masks;
  for (std::uint32_t view = 0; view < views; ++view, id /= partitions) {
    masks.push_back(static_cast<std::uint32_t>(id % partitions));
  }
  return masks;
}

}  // namespace

std::uint64_t twins_count(std::uint32_t views) {
  std::uint64_t count = 4;
  for (std::uint32_t view = 0; view < views; ++view) count *= partitions;
  return count;
}

// Bit 3 of a mask: whether the second twin is in the other part than the first. Bits 0 to 2:
// whether the three honest are. With the twins' names changed, bits 0 to 2 turn where bit 3 is set.
bool is_twins_canonical(std::uint64_t id, std::uint32_t views) {
  for (const std::uint32_t mask : masks_of(id / 4, views)) {
    if ((mask & 8) == 0) continue;
    const std::uint32_t turned = mask ^ 7;
    if (mask != turned) return mask < turned;
  }
  return true;
}

TwinsResult run_twins(std::uint64_t id, std::uint32_t views) {
  EngineCluster cluster(quick(4));
  const auto twin = static_cast<std::uint32_t>(id % 4);
  cluster.add_twin(twin);
  Parts parts;
  for (const std::uint32_t mask : masks_of(id / 4, views)) {
    std::vector<std::uint8_t> part(5);
    std::uint32_t bit = 0;
    for (std::uint32_t node = 0; node < 5; ++node) {
      if (node != twin) part[node] = static_cast<std::uint8_t>(mask >> bit++ & 1);
    }
    parts.push_back(std::move(part));
  }
  return run(cluster, parts);
}

TwinsResult run_twins_sample(std::uint64_t seed, std::uint32_t nodes, std::uint32_t views) {
  ClusterConfig config = quick(nodes);
  config.seed = seed;
  EngineCluster cluster(config);
  SeededRng rng(seed);
  for (std::uint32_t i = 0; i < (nodes - 1) / 3; ++i) cluster.add_twin(i);
  Parts parts;
  for (std::uint32_t view = 0; view < views; ++view) {
    std::vector<std::uint8_t> part;
    const std::uint64_t count = 1 + rng.below(3);
    for (std::uint32_t node = 0; node < cluster.nodes(); ++node) {
      part.push_back(static_cast<std::uint8_t>(rng.below(count)));
    }
    parts.push_back(std::move(part));
  }
  return run(cluster, parts);
}

}  // namespace kith::sim
