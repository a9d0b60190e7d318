#include "gossip/fanout.h"

#include <algorithm>

namespace kith::gossip {

std::size_t fanout_for(const FanoutConfig& config, std::size_t d, std::size_t peers) {
  if (config.hops_max == 0) return d;
  const auto reaches = [&](std::size_t degree) {
    if (degree < 3) return peers <= degree;  // that is no mesh
    std::size_t reached = 1;
    for (std::size_t hop = 0; hop < config.hops_max && reached < peers; ++hop) {
      reached = reached > peers / (degree - 1) ? peers : reached * (degree - 1);
    }
    return reached >= peers;
  };
  while (d < config.d_max && !reaches(d)) ++d;
  return d;
}

MeshConfig degrees_of(std::size_t d) {
  const std::size_t d_lo = d - d / 6;
  return {.d = d,
          .d_lo = d_lo,
          .d_hi = 2 * d,
          .d_score = d * 2 / 3,
          .d_out = std::min(d / 3, d_lo - (d_lo > 0 ? 1 : 0))};
}

void NetworkEstimate::on_told(std::uint64_t told, std::uint64_t known) {
  told_ += std::min(told, window);
  known_ += std::min({known, told, window});
  while (told_ > window) {
    told_ /= 2;
    known_ /= 2;
  }
}

std::size_t NetworkEstimate::peers(std::size_t book) const {
  // Chapman's form, which gives no nonsense while little is known.
  return book * static_cast<std::size_t>(told_ + 1) / static_cast<std::size_t>(known_ + 1);
}

}  // namespace kith::gossip
