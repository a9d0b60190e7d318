// How many mesh links a topic gets in a network of so many peers: D grows so that a message needs
// no more than `hops_max` hops to reach everybody, log(N) / log(D - 1), and how large the network
// is, is estimated from a sample. Pure.
#pragma once

#include <cstdint>

#include "gossip/mesh.h"

namespace kith::gossip {

struct FanoutConfig {
  std::size_t hops_max = 6;  // 0: D stays what MeshConfig says
  std::size_t d_max = 12;
  Duration interval = 60s;  // between two steps; a step changes D by one
};

/// The least D from `d` to `d_max` with (D - 1)^hops_max >= peers; d_max, or d if that is more,
/// when there is none.
std::size_t fanout_for(const FanoutConfig& config, std::size_t d, std::size_t peers);

/// The degrees that go with D as the specification's go with 6.
MeshConfig degrees_of(std::size_t d);

/// An estimate by capture and recapture: when others tell us of peers, the share that we knew
/// already is about the share of the network that we know. Somebody who invents peers can make it
/// as large as he likes, and D no larger than d_max.
class NetworkEstimate {
 public:
  static constexpr std::uint64_t window = 1024;  // about so many of the last count

  /// Of `told` peers that we were told of, `known` were known.
  void on_told(std::uint64_t told, std::uint64_t known);
  /// Of a node that knows `book` peers; at least as many.
  std::size_t peers(std::size_t book) const;

 private:
  std::uint64_t told_ = 0;
  std::uint64_t known_ = 0;
};

}  // namespace kith::gossip
