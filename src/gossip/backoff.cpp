#include "gossip/backoff.h"

#include <algorithm>

namespace kith::gossip {

Duration Backoff::clamp(std::optional<std::uint64_t> seconds) const {
  if (!seconds || *seconds == 0) return config_.prune;
  const auto max = std::chrono::duration_cast<std::chrono::seconds>(config_.backoff_max).count();
  const auto clamped = std::min(*seconds, static_cast<std::uint64_t>(max));
  return std::chrono::seconds(static_cast<std::int64_t>(clamped));
}

void Backoff::add(Instant now, TopicSlot topic, const PeerId& peer, Duration duration) {
  const Instant end = now + std::clamp(duration, Duration::zero(), config_.backoff_max);
  const auto found = ends_.find({topic, peer});
  if (found != ends_.end()) {
    if (found->second >= end) return;
    erase(found);
  } else if (ends_.size() >= config_.entries_max && !by_end_.empty()) {
    erase(ends_.find(by_end_.begin()->second));
  }
  ends_.emplace(Key{topic, peer}, end);
  by_end_.insert({end, {topic, peer}});
}

std::optional<Instant> Backoff::ends_at(Instant now, TopicSlot topic, const PeerId& peer) const {
  const auto found = ends_.find({topic, peer});
  if (found == ends_.end() || found->second <= now) return std::nullopt;
  return found->second;
}

bool Backoff::may_graft(Instant now, TopicSlot topic, const PeerId& peer) const {
  const auto found = ends_.find({topic, peer});
  return found == ends_.end() || found->second + config_.slack <= now;
}

void Backoff::expire(Instant now) {
  while (!by_end_.empty() && by_end_.begin()->first + config_.slack <= now) {
    erase(ends_.find(by_end_.begin()->second));
  }
}

void Backoff::forget_topic(TopicSlot topic) {
  for (auto entry = ends_.lower_bound({topic, PeerId()});
       entry != ends_.end() && entry->first.first == topic;) {
    erase(entry++);
  }
}

void Backoff::erase(std::map<Key, Instant>::iterator entry) {
  by_end_.erase({entry->second, entry->first});
  ends_.erase(entry);
}

}  // namespace kith::gossip
