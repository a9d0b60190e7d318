#include "packet/range_set.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace kith::packet {

RangeSet::RangeSet(std::size_t ranges_max) : ranges_max_(ranges_max) { ASSERT(ranges_max > 0); }

/// The first range that does not end below `number`.
std::size_t RangeSet::index_at(std::uint64_t number) const {
  const auto found = std::ranges::lower_bound(ranges_, number, {}, &NumberRange::last);
  return static_cast<std::size_t>(found - ranges_.begin());
}

RangeSet::Added RangeSet::add(NumberRange range) {
  ASSERT(range.first <= range.last && range.last < std::numeric_limits<std::uint64_t>::max());
  if (!ranges_.empty() && range.first == ranges_.back().last + 1) {  // in order
    ranges_.back().last = range.last;
    return Added::news;
  }
  // All that overlaps or touches becomes one: [begin, end).
  const std::size_t begin = index_at(range.first == 0 ? 0 : range.first - 1);
  std::size_t end = begin;
  while (end < ranges_.size() && ranges_[end].first <= range.last + 1) ++end;
  if (begin == end) {
    if (ranges_.size() == ranges_max_) return Added::no_room;
    ranges_.insert(ranges_.begin() + static_cast<std::ptrdiff_t>(begin), range);
    return Added::news;
  }
  NumberRange& into = ranges_[begin];
  if (into.first <= range.first && range.last <= into.last) return Added::nothing;
  into.first = std::min(into.first, range.first);
  into.last = std::max(ranges_[end - 1].last, range.last);
  ranges_.erase(ranges_.begin() + static_cast<std::ptrdiff_t>(begin + 1),
                ranges_.begin() + static_cast<std::ptrdiff_t>(end));
  return Added::news;
}

std::optional<NumberRange> RangeSet::add_forgetting(NumberRange range) {
  if (add(range) != Added::no_room) return std::nullopt;
  const NumberRange lowest = ranges_.front();
  if (range.last < lowest.first) return range;
  ranges_.erase(ranges_.begin());
  ASSERT(add(range) == Added::news);
  return lowest;
}

bool RangeSet::contains(std::uint64_t number) const { return covers({number, number}); }

bool RangeSet::covers(NumberRange range) const {
  const std::size_t index = index_at(range.first);
  return index < ranges_.size() && ranges_[index].first <= range.first &&
         range.last <= ranges_[index].last;
}

void RangeSet::remove_below(std::uint64_t bound) {
  const std::size_t index = index_at(bound);
  ranges_.erase(ranges_.begin(), ranges_.begin() + static_cast<std::ptrdiff_t>(index));
  if (!ranges_.empty()) ranges_.front().first = std::max(ranges_.front().first, bound);
}

std::uint64_t RangeSet::highest() const {
  ASSERT(!ranges_.empty());
  return ranges_.back().last;
}

std::uint64_t RangeSet::count() const {
  std::uint64_t sum = 0;
  for (const NumberRange& range : ranges_) sum += range.count();
  return sum;
}

}  // namespace kith::packet
