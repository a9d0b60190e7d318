// A set of numbers as ranges: which packets were received (SACK), which bytes of a stream or
// message are there. Sorted, disjoint and never touching, at most `ranges_max` of them; what would
// need one more is for the caller to decide (add() says so), or costs the lowest range
// (add_forgetting()), as with received packets, where the lowest were told long since.
//
// In order, which is nearly always, add() looks at the last range and no further.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kith::packet {

/// Both ends are in it.
struct NumberRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t count() const { return last - first + 1; }
  friend bool operator==(const NumberRange&, const NumberRange&) = default;
};

class RangeSet {
 public:
  explicit RangeSet(std::size_t ranges_max);

  enum class Added : std::uint8_t {
    news,     // at least one number of the range was not there
    nothing,  // all of it was
    no_room,  // would be a range too many; nothing has changed
  };
  /// REQUIRES: range.first <= range.last < 2^64 - 1.
  Added add(NumberRange range);
  Added add(std::uint64_t number) { return add({number, number}); }
  /// The same, where the lowest range goes when there are too many; that one is then given. A range
  /// below all others is itself the one that goes.
  std::optional<NumberRange> add_forgetting(NumberRange range);

  bool contains(std::uint64_t number) const;
  /// Whether all of `range` is there.
  bool covers(NumberRange range) const;
  /// Takes out every number below `bound`.
  void remove_below(std::uint64_t bound);
  void clear() { ranges_.clear(); }

  bool empty() const { return ranges_.empty(); }
  /// Ascending.
  std::span<const NumberRange> ranges() const { return ranges_; }
  /// REQUIRES: not empty().
  std::uint64_t highest() const;
  /// Numbers in it.
  std::uint64_t count() const;

 private:
  std::size_t index_at(std::uint64_t number) const;

  std::size_t ranges_max_;
  std::vector<NumberRange> ranges_;
};

}  // namespace kith::packet
