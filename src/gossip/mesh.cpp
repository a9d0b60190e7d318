#include "gossip/mesh.h"

#include <algorithm>

namespace kith::gossip {

static bool is_better(const MeshCandidate& a, const MeshCandidate& b) {
  return a.score != b.score ? a.score > b.score : a.peer < b.peer;
}

std::vector<PeerSlot> choose_pruned(const MeshConfig& config, std::span<const MeshCandidate> mesh,
                                    Rng& rng) {
  std::vector<PeerSlot> pruned;
  if (mesh.size() <= config.d) return pruned;
  // Shuffled first, so that equal scores fall at random.
  std::vector<MeshCandidate> order;
  std::vector<std::pair<double, std::size_t>> ranks;
  const auto shuffled = sample(std::vector(mesh.begin(), mesh.end()), mesh.size(), rng);
  for (const MeshCandidate& each : shuffled) ranks.emplace_back(-each.score, ranks.size());
  std::sort(ranks.begin(), ranks.end());
  for (const auto& [score, place] : ranks) order.push_back(shuffled[place]);
  const std::size_t best = std::min(config.d_score, config.d);
  std::vector<MeshCandidate> rest =
      sample(std::vector(order.begin() + static_cast<std::ptrdiff_t>(best), order.end()),
             order.size(), rng);
  std::copy(rest.begin(), rest.end(), order.begin() + static_cast<std::ptrdiff_t>(best));

  // order[0, d) stay. Where they have too few outbound ones, those behind change places with the
  // last inbound ones that are not among the best.
  const auto is_outbound = [](const MeshCandidate& each) { return each.is_outbound; };
  const auto end_of_kept = order.begin() + static_cast<std::ptrdiff_t>(config.d);
  auto outbound = static_cast<std::size_t>(std::count_if(order.begin(), end_of_kept, is_outbound));
  std::size_t place = config.d;
  for (auto each = end_of_kept; each != order.end() && outbound < config.d_out; ++each) {
    if (!each->is_outbound) continue;
    while (place > best && order[place - 1].is_outbound) --place;
    if (place == best) break;
    std::swap(*each, order[--place]);
    ++outbound;
  }
  for (auto each = end_of_kept; each != order.end(); ++each) pruned.push_back(each->peer);
  return pruned;
}

std::optional<PeerSlot> choose_replaced(const MeshConfig& config,
                                        std::span<const MeshCandidate> mesh) {
  std::size_t outbound = 0;
  const MeshCandidate* worst = nullptr;
  for (const MeshCandidate& each : mesh) {
    if (each.is_outbound) {
      ++outbound;
    } else if (worst == nullptr || is_better(*worst, each)) {
      worst = &each;
    }
  }
  if (worst == nullptr || outbound >= config.d_out) return std::nullopt;
  return worst->peer;
}

double median_score(std::span<const MeshCandidate> mesh) {
  if (mesh.empty()) return 0;
  std::vector<double> scores;
  for (const MeshCandidate& each : mesh) scores.push_back(each.score);
  const auto middle = scores.begin() + static_cast<std::ptrdiff_t>(scores.size() / 2);
  std::nth_element(scores.begin(), middle, scores.end());
  return *middle;
}

}  // namespace kith::gossip
