// The unspent outputs that were touched last, in front of the store: most payments spend what was
// paid a moment ago. Least recently used goes first. Finalized state only; blocks that are not
// final keep their own (state.h). Its hit rate is a metric.
//
// Limit: `capacity` outputs, about 125 bytes each. An absent output is not remembered: whoever asks
// for what is not there could fill it.
#pragma once

#include <cstdint>
#include <vector>

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
  std::size_t size() const { return size_; }

 private:
  /// Slots name each other by number, so that an output that passes through costs no allocation.
  using Place = std::uint32_t;
  static constexpr Place nowhere = UINT32_MAX;
  struct Slot {
    OutPoint outpoint;
    Utxo utxo;
    Place newer = nowhere, older = nowhere;
    Place next = nowhere;  // in its bucket, or among the free ones
  };

  Place place_of(const OutPoint& outpoint) const;
  Place& bucket_of(const OutPoint& outpoint);
  Place take_slot();
  void make_newest(Place place);
  void leave_order(Place place);
  void leave_bucket(Place place);
  void widen();

  std::size_t capacity_;
  OutPointHash hash_;
  std::vector<Slot> slots_;
  std::vector<Place> buckets_;  // a power of two; the first of each
  Place newest_ = nowhere, oldest_ = nowhere, free_ = nowhere;
  std::size_t size_ = 0;
  Counters counters_;
};

}  // namespace kith::ledger
