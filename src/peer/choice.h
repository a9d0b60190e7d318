// Whom to ask or dial: a draw weighted by standing and round trip, so that the better peers carry
// more and the others are still tried. Integers and the injected Rng only: one seed, one choice.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/peer_event.h"
#include "base/rng.h"

namespace kith::peer {

/// 0 for a banned peer, otherwise 1…2,000,000: reputation from its lowest to its highest weighs 1
/// to 2000, an introduction up to 500 more; a warning or degraded health quarters it, an unhealthy
/// peer is the last resort. A round trip of 100 ms halves what no round trip would weigh.
std::uint64_t weight_of(const PeerStanding& standing, std::optional<Duration> rtt = std::nullopt);

/// The index of one of `weights`, each as likely as its share; empty when all are 0.
std::optional<std::size_t> choose(Rng& rng, std::span<const std::uint64_t> weights);
/// Up to `count` different ones, in the order they were drawn; none of weight 0.
std::vector<std::size_t> choose_several(Rng& rng, std::span<const std::uint64_t> weights,
                                        std::size_t count);

}  // namespace kith::peer
