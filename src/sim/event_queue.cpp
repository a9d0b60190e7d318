#include "sim/event_queue.h"

namespace kith::sim {

// Moves the floor to the smallest key there is and hands its bucket down to the lower, empty ones.
bool EventQueue::spread_lowest(Instant limit) {
  const auto lowest = static_cast<std::size_t>(std::countr_zero(filled_));
  std::vector<Event>& bucket = buckets_[lowest];
  std::uint64_t smallest = key_of(bucket.front());
  for (const Event& event : bucket) smallest = std::min(smallest, key_of(event));
  if (smallest > static_cast<std::uint64_t>(limit.time_since_epoch().count())) return false;

  floor_ = smallest;
  for (const Event& event : bucket) put(event);
  bucket.clear();
  filled_ &= ~(std::uint64_t{1} << lowest);
  return true;
}

}  // namespace kith::sim
