// A bounded queue in five lanes (base/peer_event.h, Priority). The most urgent lane that is not
// empty is served, but a lane that was passed over `patience` times is served next, so that the
// least urgent one moves too, at a known share of the whole.
//
// What does not fit makes room: the oldest of the least urgent lane goes first, never anything more
// urgent than what comes; in its own lane the policy says whether the oldest or the newcomer is
// dropped. Everything dropped is counted. Limits: items and bytes, over all lanes.
#pragma once

#include <array>
#include <optional>

#include "base/peer_event.h"
#include "base/queue.h"

namespace kith::base {

enum class DropPolicy : std::uint8_t {
  oldest,    // what is new matters more: positions, prices, gossip
  newcomer,  // what waits longest was promised first: requests
};

struct PriorityQueueConfig {
  std::size_t items_max = 4096;
  std::size_t bytes_max = 8 * 1024 * 1024;
  std::uint32_t patience = 16;
  DropPolicy policy = DropPolicy::oldest;
};

struct LaneStats {
  std::uint64_t queued = 0;
  std::uint64_t served = 0;
  std::uint64_t dropped = 0;
  std::uint64_t dropped_bytes = 0;
};

template <class T>
class PriorityQueue {
 public:
  explicit PriorityQueue(const PriorityQueueConfig& config) : config_(config) {}

  /// `bytes` is what the item counts. False when it was dropped itself.
  bool push(Priority priority, std::size_t bytes, T item) {
    const auto index = static_cast<std::size_t>(priority);
    while (!fits(bytes)) {
      // Nothing gives way to what would not fit into an empty queue.
      const auto victim =
          bytes > config_.bytes_max || config_.items_max == 0 ? std::nullopt : victim_for(index);
      if (!victim) {
        count_dropped(index, bytes);
        return false;
      }
      const Entry gone = take(*victim);
      count_dropped(*victim, gone.bytes);
    }
    ++stats_[index].queued;
    ++items_;
    bytes_ += bytes;
    lanes_[index].push_back({std::move(item), bytes});
    return true;
  }

  struct Popped {
    T item;
    Priority priority;
  };
  std::optional<Popped> pop() {
    const auto lane = next_lane();
    if (!lane) return std::nullopt;
    for (std::size_t i = 0; i < priorities; ++i) {
      if (i != *lane && !lanes_[i].empty()) ++passed_over_[i];
    }
    passed_over_[*lane] = 0;
    ++stats_[*lane].served;
    return Popped{take(*lane).item, static_cast<Priority>(*lane)};
  }

  bool empty() const { return items_ == 0; }
  std::size_t size() const { return items_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t size_of(Priority priority) const {
    return lanes_[static_cast<std::size_t>(priority)].size();
  }
  const LaneStats& stats(Priority priority) const {
    return stats_[static_cast<std::size_t>(priority)];
  }

 private:
  struct Entry {
    T item;
    std::size_t bytes;
  };

  bool fits(std::size_t bytes) const {
    return items_ < config_.items_max && bytes <= config_.bytes_max &&
           bytes_ <= config_.bytes_max - bytes;
  }
  /// The least urgent lane with something in it that may go for one of lane `index`.
  std::optional<std::size_t> victim_for(std::size_t index) const {
    for (std::size_t lane = priorities; lane-- > index;) {
      if (lanes_[lane].empty()) continue;
      if (lane == index && config_.policy == DropPolicy::newcomer) return std::nullopt;
      return lane;
    }
    return std::nullopt;
  }
  std::optional<std::size_t> next_lane() const {
    std::optional<std::size_t> next;
    for (std::size_t lane = 0; lane < priorities; ++lane) {
      if (lanes_[lane].empty()) continue;
      if (!next) next = lane;
      // Of several that were passed over too often, the one most often.
      const bool is_starving = passed_over_[lane] >= config_.patience;
      if (is_starving && passed_over_[lane] > passed_over_[*next]) next = lane;
    }
    return next;
  }
  Entry take(std::size_t lane) {
    Entry entry = lanes_[lane].pop_front();
    --items_;
    bytes_ -= entry.bytes;
    if (lanes_[lane].empty()) passed_over_[lane] = 0;
    return entry;
  }
  void count_dropped(std::size_t lane, std::size_t bytes) {
    ++stats_[lane].dropped;
    stats_[lane].dropped_bytes += bytes;
  }

  const PriorityQueueConfig config_;
  std::array<Queue<Entry>, priorities> lanes_;
  std::array<std::uint32_t, priorities> passed_over_{};
  std::array<LaneStats, priorities> stats_{};
  std::size_t items_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace kith::base
