#include "peer/trust.h"

namespace kith::peer {

bool Trust::wants(const PeerId& recommender, std::uint64_t sequence) const {
  const auto found = books_.find(recommender);
  if (found == books_.end()) return books_.size() < config_.recommenders_max;
  return sequence > found->second.sequence;
}

std::vector<PeerId> Trust::accept(const codec::Recommendation& verified) {
  const PeerId& recommender = verified.recommender;
  if (!wants(recommender, verified.sequence)) return {};
  std::set<PeerId> changed;
  Book& book = books_[recommender];
  Book next;
  next.sequence = verified.sequence;
  for (const auto& [peer, weight] : verified.endorsements) {
    if (peer == recommender) continue;
    auto& endorsers = endorsers_[peer];
    if (endorsers.size() >= config_.endorsers_max && !endorsers.contains(recommender)) continue;
    endorsers.insert(recommender);
    // What was spent stays spent: saying it again does not make it new.
    const auto before = book.stakes.find(peer);
    const Points spent = before == book.stakes.end() ? 0 : before->second.spent;
    next.stakes[peer] = {weight, spent};
    next.weights += weight;
    changed.insert(peer);
  }
  for (const auto& [peer, stake] : book.stakes) {
    if (next.stakes.contains(peer)) continue;
    unlink(peer, recommender);
    changed.insert(peer);
  }
  book = std::move(next);
  return {changed.begin(), changed.end()};
}

void Trust::forget(const PeerId& recommender) {
  const auto found = books_.find(recommender);
  if (found == books_.end()) return;
  for (const auto& [peer, stake] : found->second.stakes) unlink(peer, recommender);
  books_.erase(found);
}

void Trust::unlink(const PeerId& endorsed, const PeerId& endorser) {
  const auto found = endorsers_.find(endorsed);
  found->second.erase(endorser);
  if (found->second.empty()) endorsers_.erase(found);
}

}  // namespace kith::peer
