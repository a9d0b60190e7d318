// The deadlines of many children, of which a parent arms only the soonest (law 9 of machine.h).
// A binary heap over (deadline, key) with lazy deletion: a child has at most one live deadline;
// setting another outdates the first. set() is O(log n), soonest() O(1) amortised.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/time.h"

namespace kith::base {

template <class Key>
class DeadlineHeap {
 public:
  /// Makes `deadline` the only one of `key`; empty removes it.
  void set(Key key, std::optional<Instant> deadline) {
    const auto found = live_.find(key);
    if (found != live_.end()) {
      if (deadline == found->second) return;
      if (!heap_.empty() && heap_.front().key == key) front_is_live_ = false;
      if (!deadline) {
        live_.erase(found);
        compact();
        return;
      }
      found->second = *deadline;
    } else {
      if (!deadline) return;
      live_.emplace(key, *deadline);
    }
    heap_.push_back({*deadline, key});
    std::push_heap(heap_.begin(), heap_.end(), later);
    if (heap_.front().key == key && heap_.front().at == *deadline) front_is_live_ = true;
    compact();
  }

  /// The earliest live deadline.
  std::optional<Instant> soonest() {
    discard_stale();
    return heap_.empty() ? std::nullopt : std::optional(heap_.front().at);
  }

  /// Takes one key whose deadline is due; its entry is gone until set() again.
  std::optional<Key> pop_due(Instant now) {
    discard_stale();
    if (heap_.empty() || heap_.front().at > now) return std::nullopt;
    const Key key = heap_.front().key;
    live_.erase(key);
    front_is_live_ = false;
    return key;
  }

  std::size_t size() const { return live_.size(); }

 private:
  struct Entry {
    Instant at;
    Key key;
  };
  // Equal instants are served by key, so that the order never depends on history.
  static bool later(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at > b.at : b.key < a.key;
  }
  bool is_stale(const Entry& entry) const {
    const auto found = live_.find(entry.key);
    return found == live_.end() || found->second != entry.at;
  }
  void discard_stale() {
    while (!front_is_live_ && !heap_.empty()) {
      front_is_live_ = !is_stale(heap_.front());
      if (front_is_live_) return;
      std::pop_heap(heap_.begin(), heap_.end(), later);
      heap_.pop_back();
    }
  }
  // Keeps memory proportional to the live entries whatever the rate of change.
  void compact() {
    if (heap_.size() < 64 || heap_.size() < 4 * live_.size()) return;
    heap_.clear();
    for (const auto& [key, at] : live_) heap_.push_back({at, key});
    std::make_heap(heap_.begin(), heap_.end(), later);
    front_is_live_ = !heap_.empty();
  }

  std::vector<Entry> heap_;
  bool front_is_live_ = false;  // known not to be outdated: asking again costs no look-up
  std::map<Key, Instant> live_;
};

}  // namespace kith::base
