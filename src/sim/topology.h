// What lies between hosts: how long bytes take from one to another, what happens to them on the
// way, and whether they get through at all. Stream and datagram links ask here.
//
// A pair of hosts has, in this order: its own model if one was set, the table's latency if both
// hosts are in a region, the default. Partitions cut paths, in one or both directions; a path is
// open when no partition cuts it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"

namespace kith::sim {

/// One direction between two hosts. Probabilities are of one packet of packet_bytes_max.
struct LinkModel {
  Duration latency = 20ms;                  // one way
  Duration jitter{0};                       // added, uniform in [0, jitter]
  std::uint64_t bandwidth_bytes_per_s = 0;  // 0: no limit
  double loss = 0;                          // streams: a retransmission later; datagrams: gone
  double duplicate = 0;                     // datagrams only, as are the reordered
  double reorder = 0;                       // held back by up to twice the latency
  double corrupt = 0;                       // one bit turned, unseen by the checksum

  friend bool operator==(const LinkModel&, const LinkModel&) = default;
};

/// What one Ethernet frame carries of a stream.
inline constexpr std::size_t packet_bytes_max = 1460;
inline constexpr std::size_t packets_of(std::size_t bytes) {
  return bytes <= packet_bytes_max ? 1 : (bytes + packet_bytes_max - 1) / packet_bytes_max;
}
/// The chance that at least one packet of many is hit, each with `probability`.
double chance_of_any(double probability, std::size_t packets);

/// Where a host stands. The table has approximate public figures (half of usual round trips).
enum class Region : std::uint8_t {
  us_west,
  us_east,
  south_america,
  europe,
  africa,
  india,
  east_asia,
  australia,
};
inline constexpr std::size_t regions_count = 8;
Duration region_latency(Region from, Region to);

enum class Cut : std::uint8_t { both_ways, a_to_b };
using PartitionId = std::uint32_t;

class Topology {
 public:
  explicit Topology(const LinkModel& fallback) { set_default(fallback); }

  /// The next host, with index hosts().
  void add_host(std::optional<Region> region = std::nullopt);
  std::size_t hosts() const { return regions_.size(); }

  void set_default(const LinkModel& model);
  /// For bytes from `from` to `to` only.
  void set_path(std::uint32_t from, std::uint32_t to, const LinkModel& model);
  void set_pair(std::uint32_t a, std::uint32_t b, const LinkModel& model);
  void clear_pair(std::uint32_t a, std::uint32_t b);
  const LinkModel& model(std::uint32_t from, std::uint32_t to) const;

  /// Cuts every path from a host of `a` to one of `b`, and back unless it is one-way.
  PartitionId partition(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b,
                        Cut cut = Cut::both_ways);
  /// `group` against all others, those added later too.
  PartitionId isolate(std::span<const std::uint32_t> group, Cut cut = Cut::both_ways);
  void heal(PartitionId id);
  void heal_all() { partitions_.clear(); }
  bool is_open(std::uint32_t from, std::uint32_t to) const {
    return partitions_.empty() || from == to || !is_cut(from, to);
  }

 private:
  struct Partition {
    PartitionId id;
    Cut cut;
    std::vector<bool> a;
    std::vector<bool> b;
    bool b_is_rest;
  };
  static constexpr std::uint8_t no_region = regions_count;
  bool is_cut(std::uint32_t from, std::uint32_t to) const;

  LinkModel fallback_;
  LinkModel itself_;                          // a host talking to its own address
  std::vector<LinkModel> between_;            // regions_count², the fallback with a latency
  std::vector<std::uint8_t> regions_;         // by host
  std::map<std::uint64_t, LinkModel> paths_;  // from << 32 | to
  std::vector<Partition> partitions_;
  PartitionId next_partition_ = 1;
};

}  // namespace kith::sim
