#include "ledger/hot_cache.h"

#include <utility>

#include "base/assert.h"

namespace kith::ledger {

HotCache::HotCache(std::size_t capacity, std::uint64_t seed)
    : capacity_(capacity), hash_{seed}, buckets_(16, nowhere) {
  ASSERT(capacity < nowhere);
}

Result<std::optional<Utxo>> HotCache::find(const Store& store, const OutPoint& outpoint) {
  if (const Place place = place_of(outpoint); place != nowhere) {
    ++counters_.hits;
    leave_order(place);
    make_newest(place);
    return slots_[place].utxo;
  }
  ++counters_.misses;
  std::optional<Utxo> found = TRY(find_utxo(store, outpoint));
  if (found) put(outpoint, *found);
  return found;
}

void HotCache::put(const OutPoint& outpoint, const Utxo& utxo) {
  if (capacity_ == 0) return;
  Place place = place_of(outpoint);
  if (place != nowhere) {
    leave_order(place);
  } else {
    place = take_slot();
    slots_[place].outpoint = outpoint;
    Place& first = bucket_of(outpoint);
    slots_[place].next = std::exchange(first, place);
    ++size_;
  }
  slots_[place].utxo = utxo;
  make_newest(place);
}

void HotCache::erase(const OutPoint& outpoint) {
  const Place place = place_of(outpoint);
  if (place == nowhere) return;
  leave_order(place);
  leave_bucket(place);
  slots_[place].next = std::exchange(free_, place);
  --size_;
}

HotCache::Place HotCache::place_of(const OutPoint& outpoint) const {
  Place place = buckets_[hash_(outpoint) & (buckets_.size() - 1)];
  while (place != nowhere && slots_[place].outpoint != outpoint) place = slots_[place].next;
  return place;
}

HotCache::Place& HotCache::bucket_of(const OutPoint& outpoint) {
  return buckets_[hash_(outpoint) & (buckets_.size() - 1)];
}

/// A free one, a new one, or the one that was not touched for longest.
HotCache::Place HotCache::take_slot() {
  if (size_ >= capacity_) {
    const Place oldest = oldest_;
    leave_order(oldest);
    leave_bucket(oldest);
    --size_;
    return oldest;
  }
  if (free_ != nowhere) return std::exchange(free_, slots_[free_].next);
  if (slots_.size() == buckets_.size()) widen();
  slots_.emplace_back();
  return static_cast<Place>(slots_.size() - 1);
}

void HotCache::make_newest(Place place) {
  slots_[place].newer = nowhere;
  slots_[place].older = newest_;
  (newest_ == nowhere ? oldest_ : slots_[newest_].newer) = place;
  newest_ = place;
}

void HotCache::leave_order(Place place) {
  const Slot& slot = slots_[place];
  (slot.newer == nowhere ? newest_ : slots_[slot.newer].older) = slot.older;
  (slot.older == nowhere ? oldest_ : slots_[slot.older].newer) = slot.newer;
}

void HotCache::leave_bucket(Place place) {
  Place* at = &bucket_of(slots_[place].outpoint);
  while (*at != place) at = &slots_[*at].next;
  *at = slots_[place].next;
}

/// REQUIRES: no slot is free, so that all are in a bucket.
void HotCache::widen() {
  buckets_.assign(2 * buckets_.size(), nowhere);
  for (Place place = 0; place < slots_.size(); ++place) {
    Place& first = bucket_of(slots_[place].outpoint);
    slots_[place].next = std::exchange(first, place);
  }
}

}  // namespace kith::ledger
