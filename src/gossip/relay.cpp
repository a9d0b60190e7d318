#include "gossip/relay.h"

#include <algorithm>

namespace kith::gossip {

bool Relay::is_lazy(PeerSlot from, PeerSlot to) const {
  const Pair wanted{from, to, 0, 0, false};
  const auto at = std::lower_bound(pairs_.begin(), pairs_.end(), wanted, before);
  return at != pairs_.end() && !before(wanted, *at) && at->is_lazy;
}

void Relay::begin(Instant now, const MessageKey& key, PeerSlot from) {
  // A number is 31 bits wide in the index: after that many messages all is learnt anew.
  constexpr std::uint32_t numbers_max = 1U << 31;
  if (popped_ + messages_.size() >= numbers_max) {
    while (!messages_.empty()) pop_front(false);
    popped_ = 0;
  }
  if (index_.find(key)) return;
  if (messages_.size() >= std::max<std::size_t>(config_.remembered_max, 1)) pop_front(false);
  index_.insert(key, popped_ + static_cast<std::uint32_t>(messages_.size()));
  messages_.push_back({key, now, from, 0, {}});
}

void Relay::handed(PeerSlot to, bool is_body) {
  if (messages_.empty()) return;
  Handed& message = messages_.back();
  if (message.count == targets_max) return;
  message.targets[message.count++] = {static_cast<NarrowSlot>(to),
                                      is_body ? Outcome::sent : Outcome::announced, is_body};
}

Relay::Target* Relay::target(const MessageKey& key, PeerSlot peer) {
  const auto number = index_.find(key);
  if (!number) return nullptr;
  Handed& message = messages_[*number - popped_];
  const auto end = message.targets.begin() + message.count;
  const auto found = std::find_if(message.targets.begin(), end,
                                  [&](const Target& each) { return each.peer == peer; });
  return found == end ? nullptr : &*found;
}

void Relay::had(const MessageKey& key, PeerSlot peer) {
  Target* const of = target(key, peer);
  if (of != nullptr && of->outcome != Outcome::requested) of->outcome = Outcome::too_late;
}

void Relay::asked(const MessageKey& key, PeerSlot peer) {
  Target* const of = target(key, peer);
  if (of != nullptr && !of->was_body) of->outcome = Outcome::requested;
}

void Relay::settle(Instant now) {
  while (!messages_.empty() && now - messages_.front().at >= config_.settle) pop_front(true);
}

void Relay::pop_front(bool is_settled) {
  learn(messages_.front(), is_settled);
  index_.erase(messages_.front().key);
  messages_.pop_front();
  ++popped_;
}

void Relay::learn(const Handed& message, bool is_settled) {
  for (std::size_t i = 0; i < message.count; ++i) {
    const Target& target = message.targets[i];
    if (target.peer == no_narrow_slot) continue;
    // Of one that had to make room early it is not known what the peer would still have said.
    const bool is_open = target.outcome == Outcome::sent || target.outcome == Outcome::announced;
    if (!is_settled && is_open) continue;
    const Pair fresh{message.from, target.peer, 0, 0, false};
    auto at = std::lower_bound(pairs_.begin(), pairs_.end(), fresh, before);
    if (at == pairs_.end() || before(fresh, *at)) at = pairs_.insert(at, fresh);
    learn(*at, target);
  }
}

void Relay::learn(Pair& pair, const Target& target) {
  // An announcement that nobody answered came too late, like a body that was not needed.
  const bool was_late =
      target.was_body ? target.outcome == Outcome::too_late : target.outcome != Outcome::requested;
  const double share = target.outcome == Outcome::requested ? config_.weight_asked : config_.weight;
  const double weight = std::max(share, 1.0 / (pair.samples + 1.0));
  pair.late += static_cast<float>(weight * ((was_late ? 1.0 : 0.0) - pair.late));
  if (pair.samples < UINT16_MAX) ++pair.samples;
  if (pair.late < config_.eager_below) pair.is_lazy = false;
  if (pair.samples >= config_.samples_min && pair.late > config_.lazy_above) pair.is_lazy = true;
}

void Relay::forget(PeerSlot peer) {
  std::erase_if(pairs_, [&](const Pair& pair) { return pair.from == peer || pair.to == peer; });
  for (Handed& message : messages_) {
    if (message.from == peer) message.from = no_slot;
    for (std::size_t i = 0; i < message.count; ++i) {
      if (message.targets[i].peer == peer) message.targets[i].peer = no_narrow_slot;
    }
  }
}

}  // namespace kith::gossip
