#include "ledger/hot_cache.h"

namespace kith::ledger {

HotCache::HotCache(std::size_t capacity, std::uint64_t seed)
    : capacity_(capacity), places_(16, OutPointHash{seed}) {}

Result<std::optional<Utxo>> HotCache::find(const Store& store, const OutPoint& outpoint) {
  const auto place = places_.find(outpoint);
  if (place != places_.end()) {
    ++counters_.hits;
    order_.splice(order_.begin(), order_, place->second);
    return place->second->second;
  }
  ++counters_.misses;
  std::optional<Utxo> found = TRY(find_utxo(store, outpoint));
  if (found) put(outpoint, *found);
  return found;
}

void HotCache::put(const OutPoint& outpoint, const Utxo& utxo) {
  if (capacity_ == 0) return;
  const auto place = places_.find(outpoint);
  if (place != places_.end()) {
    place->second->second = utxo;
    order_.splice(order_.begin(), order_, place->second);
    return;
  }
  if (order_.size() >= capacity_) {
    // The oldest node is used again, which saves an allocation for each output that passes through.
    places_.erase(order_.back().first);
    order_.splice(order_.begin(), order_, std::prev(order_.end()));
    order_.front() = {outpoint, utxo};
  } else {
    order_.emplace_front(outpoint, utxo);
  }
  places_.emplace(outpoint, order_.begin());
}

void HotCache::erase(const OutPoint& outpoint) {
  const auto place = places_.find(outpoint);
  if (place == places_.end()) return;
  order_.erase(place->second);
  places_.erase(place);
}

}  // namespace kith::ledger
