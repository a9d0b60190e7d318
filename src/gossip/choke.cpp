#include "gossip/choke.h"

#include <algorithm>

namespace kith::gossip {

void Choke::delivered(PeerSlot first, bool was_asked_for) {
  credit_[first] += 1;
  ++messages_;
  constexpr double decay = 0.97;  // about the last 33 messages
  recent_ = recent_ * decay + 1;
  late_ = late_ * decay + (was_asked_for ? 1 : 0);
}

void Choke::announced_first(PeerSlot peer) { credit_[peer] += config_.announce_credit; }

void Choke::forget(PeerSlot peer) {
  credit_.erase(peer);
  std::erase(choked_, peer);
}

bool Choke::is_choked(PeerSlot peer) const {
  return std::binary_search(choked_.begin(), choked_.end(), peer);
}

double Choke::credit_of(PeerSlot peer) const {
  const auto found = credit_.find(peer);
  return found == credit_.end() ? 0 : found->second;
}

std::optional<std::vector<PeerSlot>> Choke::choose(Instant now,
                                                   std::span<const ChokeCandidate> mesh) {
  if (!config_.is_on || now < fallback_until_ || messages_ < config_.training_messages) {
    return std::nullopt;
  }
  if (has_chosen_ && now - chosen_at_ < config_.choice_interval_min) return std::nullopt;
  has_chosen_ = true;
  chosen_at_ = now;
  messages_ = 0;

  std::vector<std::pair<double, ChokeCandidate>> order;
  for (const ChokeCandidate& each : mesh) {
    const double credit = credit_of(each.peer);
    order.emplace_back(is_choked(each.peer) ? credit : credit * config_.loyalty, each);
  }
  for (auto& [peer, credit] : credit_) credit *= config_.credit_decay;
  if (order.size() <= config_.fastest) return std::vector<PeerSlot>();
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second.peer < b.second.peer;
  });

  const auto is_independent = [&](const auto& each) {
    return each.second.is_outbound && each.second.netgroup != order[0].second.netgroup;
  };
  const auto kept_end = order.begin() + static_cast<std::ptrdiff_t>(config_.fastest);
  if (config_.fastest > 1 && std::none_of(order.begin(), kept_end, is_independent)) {
    const auto found = std::find_if(kept_end, order.end(), is_independent);
    if (found != order.end()) std::iter_swap(kept_end - 1, found);
  }
  std::vector<PeerSlot> choked;
  for (auto each = kept_end; each != order.end(); ++each) {
    if (each->second.knows_choke) choked.push_back(each->second.peer);
  }
  std::sort(choked.begin(), choked.end());
  return choked;
}

bool Choke::begins_fallback(Instant now) {
  if (choked_.empty() || recent_ < static_cast<double>(config_.late_messages_min)) return false;
  if (late_ <= recent_ * config_.late_share_max) return false;
  fallback_until_ = now + config_.fallback;
  recent_ = late_ = 0;
  return true;
}

}  // namespace kith::gossip
