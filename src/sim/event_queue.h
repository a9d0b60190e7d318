// The simulator's calendar: a monotone radix heap (Ahuja et al., 1990) keyed by Instant. Events of
// equal time leave in the order they came, so that a run follows from its seed alone. "Monotone":
// nothing is pushed before the time last popped. Push is O(1); an event moves at most 63 times
// before it leaves, in practice two or three.
//
// Buckets keep their capacity: a steady run allocates nothing.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/assert.h"
#include "base/time.h"

namespace kith::sim {

/// What an event is about. `link` and `payload` of an Event mean what the kind says.
enum class EventKind : std::uint8_t {
  action,         // payload: handle of a scenario's function
  timer,          // link: timer generation
  input,          // link: incarnation of the node, payload: handle in the InputQueue
  arrival,        // link: slot and side that receives, payload: the slot's generation
  writable,       // link: slot and side that may send again
  retry,          // link: slot and side whose unacknowledged bytes are sent again
  syn,            // link: slot; the dialler's request reaches the listener
  syn_ack,        // link: slot; the listener's consent reaches the dialler
  syn_refused,    // link: slot; the listener's refusal reaches the dialler
  syn_retry,      // link: slot
  dial_timeout,   // link: slot
  flush_timeout,  // link: slot and side that is closing
  datagram,       // payload: handle in the DatagramNet
  readable,       // link: generation of a datagram socket, payload: its slot
};

struct Event {
  Instant at;
  std::uint32_t node = 0;
  std::uint32_t link = 0;
  std::uint32_t payload = 0;
  EventKind kind = EventKind::action;
};
static_assert(sizeof(Event) == 24);

class EventQueue {
 public:
  /// `event.at` is not before the last popped time, and not before the start of time.
  void push(const Event& event) {
    ASSERT(key_of(event) >= floor_);
    put(event);
    ++size_;
  }

  /// The earliest event, unless it is later than `limit`. Only a pop moves the floor.
  std::optional<Event> pop(Instant limit = Instant::max()) {
    if (!refill(limit)) return std::nullopt;
    const Event event = buckets_[0][head_++];
    --size_;
    if (head_ == buckets_[0].size()) forget_front();
    return event;
  }

  /// Replaces `batch` by every queued event of the earliest time, in order; false when there is
  /// none up to `limit`. What is pushed later for that same time comes with the next call.
  bool pop_batch(Instant limit, std::vector<Event>& batch) {
    batch.clear();
    if (!refill(limit)) return false;
    if (head_ == 0) {
      batch.swap(buckets_[0]);
    } else {
      batch.assign(buckets_[0].begin() + static_cast<std::ptrdiff_t>(head_), buckets_[0].end());
    }
    size_ -= batch.size();
    forget_front();
    return true;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  static std::uint64_t key_of(const Event& event) {
    const auto ns = event.at.time_since_epoch().count();
    ASSERT(ns >= 0);
    return static_cast<std::uint64_t>(ns);
  }
  // Bucket n holds the keys whose highest bit that differs from the floor is bit n - 1. Equal keys
  // are thus always in one bucket, and in their order.
  void put(const Event& event) {
    const auto bucket = static_cast<std::size_t>(std::bit_width(key_of(event) ^ floor_));
    buckets_[bucket].push_back(event);
    filled_ |= std::uint64_t{1} << bucket;
  }
  void forget_front() {
    buckets_[0].clear();
    head_ = 0;
    filled_ &= ~std::uint64_t{1};
  }
  bool refill(Instant limit) {
    if (filled_ & 1) return floor_ <= static_cast<std::uint64_t>(limit.time_since_epoch().count());
    return filled_ != 0 && spread_lowest(limit);
  }
  bool spread_lowest(Instant limit);

  std::array<std::vector<Event>, 64> buckets_;  // keys have 63 bits
  std::uint64_t filled_ = 0;                    // a bit for each bucket that is not empty
  std::uint64_t floor_ = 0;                     // the key last popped
  std::size_t head_ = 0;                        // of bucket 0
  std::size_t size_ = 0;
};

}  // namespace kith::sim
