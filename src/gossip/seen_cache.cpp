#include "gossip/seen_cache.h"

namespace kith::gossip {

SeenCache::Mark SeenCache::check_and_mark(Instant now, const MessageKey& key,
                                          std::uint32_t source) {
  expire(now);
  if (index_.find(key)) return Mark::seen;
  if (count_ >= config_.entries_max) {
    if (count_ == 0 || now - entry(0).at < config_.young_max) return Mark::full;
    pop_front();
  }
  if (count_ == ring_.size()) grow();
  const std::size_t place = (first_ + count_) & (ring_.size() - 1);
  ring_[place] = {key, now, source};
  ++count_;
  index_.insert(key, static_cast<std::uint32_t>(place));
  if (source != no_source) {
    if (counts_.size() <= source) counts_.resize(source + 1);
    ++counts_[source];
  }
  return Mark::fresh;
}

bool SeenCache::contains(Instant now, const MessageKey& key) const {
  const auto at = index_.find(key);
  return at && now - ring_[*at].at < config_.ttl;
}

void SeenCache::expire(Instant now) {
  while (count_ > 0 && now - entry(0).at >= config_.ttl) pop_front();
}

void SeenCache::forget_source(std::uint32_t source) {
  if (count_of(source) == 0) return;
  for (std::size_t i = 0; i < count_; ++i) {
    if (entry(i).source == source) entry(i).source = no_source;
  }
  counts_[source] = 0;
}

void SeenCache::pop_front() {
  const Entry& oldest = entry(0);
  index_.erase(oldest.key);
  if (oldest.source != no_source) --counts_[oldest.source];
  first_ = (first_ + 1) & (ring_.size() - 1);
  --count_;
}

void SeenCache::grow() {
  std::vector<Entry> larger(ring_.empty() ? 16 : ring_.size() * 2);
  KeyIndex index;
  for (std::size_t i = 0; i < count_; ++i) {
    larger[i] = entry(i);
    index.insert(larger[i].key, static_cast<std::uint32_t>(i));
  }
  ring_.swap(larger);
  index_ = std::move(index);
  first_ = 0;
}

}  // namespace kith::gossip
