#include "sim/topology.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace kith::sim {
namespace {

// Milliseconds one way, rows and columns in the order of Region.
constexpr std::array<std::array<std::uint8_t, regions_count>, regions_count> latency_ms{{
    {3, 32, 88, 73, 142, 110, 52, 70},
    {32, 3, 57, 45, 112, 95, 75, 100},
    {88, 57, 4, 102, 170, 150, 130, 155},
    {73, 45, 102, 5, 77, 57, 112, 140},
    {142, 112, 170, 77, 6, 125, 177, 205},
    {110, 95, 150, 57, 125, 6, 62, 75},
    {52, 75, 130, 112, 177, 62, 4, 52},
    {70, 100, 155, 140, 205, 75, 52, 5},
}};

constexpr Duration loopback_latency = std::chrono::microseconds(30);

std::uint64_t path_key(std::uint32_t from, std::uint32_t to) {
  return std::uint64_t{from} << 32 | to;
}

std::vector<bool> members(std::span<const std::uint32_t> hosts) {
  std::vector<bool> set;
  for (const std::uint32_t host : hosts) {
    if (set.size() <= host) set.resize(host + 1);
    set[host] = true;
  }
  return set;
}

bool holds(const std::vector<bool>& set, std::uint32_t host) {
  return host < set.size() && set[host];
}

}  // namespace

double chance_of_any(double probability, std::size_t packets) {
  double none = 1;
  // By squaring and without libm: the same bits on every machine.
  for (double factor = 1 - probability; packets > 0; packets >>= 1, factor *= factor) {
    if (packets & 1) none *= factor;
  }
  return 1 - none;
}

Duration region_latency(Region from, Region to) {
  return std::chrono::milliseconds(
      latency_ms[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)]);
}

void Topology::add_host(std::optional<Region> region) {
  regions_.push_back(region ? static_cast<std::uint8_t>(*region) : no_region);
}

void Topology::set_default(const LinkModel& model) {
  fallback_ = model;
  itself_ = LinkModel{.latency = loopback_latency};
  between_.assign(regions_count * regions_count, model);
  for (std::size_t from = 0; from < regions_count; ++from) {
    for (std::size_t to = 0; to < regions_count; ++to) {
      between_[from * regions_count + to].latency =
          region_latency(static_cast<Region>(from), static_cast<Region>(to));
    }
  }
}

void Topology::set_path(std::uint32_t from, std::uint32_t to, const LinkModel& model) {
  paths_[path_key(from, to)] = model;
}

void Topology::set_pair(std::uint32_t a, std::uint32_t b, const LinkModel& model) {
  set_path(a, b, model);
  set_path(b, a, model);
}

void Topology::clear_pair(std::uint32_t a, std::uint32_t b) {
  paths_.erase(path_key(a, b));
  paths_.erase(path_key(b, a));
}

const LinkModel& Topology::model(std::uint32_t from, std::uint32_t to) const {
  ASSERT(from < regions_.size() && to < regions_.size());
  if (from == to) return itself_;
  if (!paths_.empty()) {
    const auto own = paths_.find(path_key(from, to));
    if (own != paths_.end()) return own->second;
  }
  if (regions_[from] == no_region || regions_[to] == no_region) return fallback_;
  return between_[regions_[from] * regions_count + regions_[to]];
}

PartitionId Topology::partition(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                                Cut cut) {
  partitions_.push_back({next_partition_, cut, members(a), members(b), false});
  return next_partition_++;
}

PartitionId Topology::isolate(std::span<const std::uint32_t> group, Cut cut) {
  partitions_.push_back({next_partition_, cut, members(group), {}, true});
  return next_partition_++;
}

void Topology::heal(PartitionId id) {
  std::erase_if(partitions_, [id](const Partition& partition) { return partition.id == id; });
}

bool Topology::is_cut(std::uint32_t from, std::uint32_t to) const {
  return std::any_of(partitions_.begin(), partitions_.end(), [&](const Partition& partition) {
    const bool from_a = holds(partition.a, from);
    const bool to_a = holds(partition.a, to);
    const bool from_b = partition.b_is_rest ? !from_a : holds(partition.b, from);
    const bool to_b = partition.b_is_rest ? !to_a : holds(partition.b, to);
    return (from_a && to_b) || (partition.cut == Cut::both_ways && from_b && to_a);
  });
}

}  // namespace kith::sim
