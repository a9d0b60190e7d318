// Byzantine nodes for an EngineCluster, by the lie they live by. Each runs the real engine, so that
// it knows what is going on, and says something else.
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/engine_cluster.h"

namespace kith::sim {

enum class ClusterLie : std::uint8_t {
  two_faced,   // two nodes with its key; each is heard by a half that changes
  yes_to_all,  // notarizes, nullifies and finalizes all that it speaks of, and blocks of its own
  nuller,      // nullifies every view
  withholder,  // proposes to nobody
  selective,   // proposes to some, and votes before others
  late,        // proposes after up to three deltas
  flooder,     // false votes, certificates and proposals, and true ones without end
  builder,     // proposes blocks that break one rule each, also at the end of an epoch
  skipper,     // builds on its parent's parent, as if the view between had been nullified
  ahead,       // its clock is ahead by up to an hour
  replayer,    // says old words again, of older epochs too
  silent,      // says nothing
};
inline constexpr std::uint8_t cluster_lies_count = 12;
std::string_view name_of(ClusterLie lie);

/// Before start, once a node. REQUIRES: the cluster's `delta`.
void make_liar(EngineCluster& cluster, std::uint32_t node, ClusterLie lie, Duration delta);

}  // namespace kith::sim
