// The unspent outputs that were touched last, in front of the store: most payments spend what was
// paid a moment ago. Least recently used goes first. Finalized state only; blocks that are not
// final keep their own (state.h). Its hit rate is a metric.
//
// Limit: `capacity` outputs, about 200 bytes each. An absent output is not remembered: whoever asks
// for what is not there could fill it.
#pragma once

#include <list>
#include <unordered_map>

#include "ledger/outpoint_hash.h"
#include "ledger/store.h"

namespace kith::ledger {

class HotCache {
 public:
  struct Counters {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
  };

  HotCache(std::size_t capacity, std::uint64_t seed);

  /// Out of the cache, or out of the store and then kept.
  Result<std::optional<Utxo>> find(const Store& store, const OutPoint& outpoint);
  void put(const OutPoint& outpoint, const Utxo& utxo);
  void erase(const OutPoint& outpoint);

  const Counters& counters() const { return counters_; }
  std::size_t size() const { return order_.size(); }

 private:
  using Order = std::list<std::pair<OutPoint, Utxo>>;  // the latest first

  std::size_t capacity_;
  Order order_;
  std::unordered_map<OutPoint, Order::iterator, OutPointHash> places_;  // lookup only
  Counters counters_;
};

}  // namespace kith::ledger
