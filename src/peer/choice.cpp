#include "peer/choice.h"

#include <algorithm>

namespace kith::peer {
namespace {

constexpr std::uint64_t weight_max = 2'000'000;
constexpr std::int64_t rtt_half_us = 100'000;
constexpr std::uint64_t hampered = 4;  // a warned or degraded peer weighs so many times less

}  // namespace

std::uint64_t weight_of(const PeerStanding& standing, std::optional<Duration> rtt) {
  if (standing.is_banned) return 0;
  if (standing.health == PeerHealth::unhealthy || standing.health == PeerHealth::stale) return 1;
  const std::int32_t reputation = std::clamp(standing.reputation, -1000, 1000);
  auto weight = static_cast<std::uint64_t>(std::max(reputation + 1000, 1)) * 1000;
  weight += static_cast<std::uint64_t>(std::clamp(standing.introduction, 0.0, 1.0) * 500) * 1000;
  if (standing.is_warned) weight /= hampered;
  if (standing.health == PeerHealth::degraded) weight /= hampered;
  if (rtt) {
    const std::int64_t us = std::clamp<std::int64_t>(rtt->count() / 1000, 0, 60'000'000);
    weight = weight * rtt_half_us / static_cast<std::uint64_t>(rtt_half_us + us);
  }
  return std::clamp<std::uint64_t>(weight, 1, weight_max);
}

std::optional<std::size_t> choose(Rng& rng, std::span<const std::uint64_t> weights) {
  std::uint64_t sum = 0;
  for (const std::uint64_t weight : weights) {
    ASSERT(weight <= UINT64_MAX - sum);
    sum += weight;
  }
  if (sum == 0) return std::nullopt;
  std::uint64_t drawn = rng.below(sum);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (drawn < weights[i]) return i;
    drawn -= weights[i];
  }
  UNREACHABLE();
}

std::vector<std::size_t> choose_several(Rng& rng, std::span<const std::uint64_t> weights,
                                        std::size_t count) {
  std::vector<std::uint64_t> left(weights.begin(), weights.end());
  std::vector<std::size_t> chosen;
  while (chosen.size() < count) {
    const auto next = choose(rng, left);
    if (!next) break;
    chosen.push_back(*next);
    left[*next] = 0;
  }
  return chosen;
}

}  // namespace kith::peer
