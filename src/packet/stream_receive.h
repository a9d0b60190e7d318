// What one side of a stream hears: bytes in order as views into the packet, early ones in blocks,
// and how much the peer may still send. Also the window by which credit is given, of a stream and
// of the whole connection.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/error.h"
#include "base/time.h"
#include "packet/range_set.h"
#include "packet/stream_blocks.h"

namespace kith::packet {

/// Credit for `size` bytes beyond what was returned; raised when half of it is free, and doubled
/// when that half was used within two round trips.
struct ReceiveWindow {
  std::uint64_t size = 0, size_max = 0;
  std::uint64_t unit = 1;      // limits are multiples of it
  std::uint64_t limit = 0;     // bytes that the peer may send in all
  std::uint64_t returned = 0;  // of them: consumed, or thrown away
  std::uint64_t wanted = 0;    // the peer waits for so high a limit
  Instant raised_at{};

  /// True when the limit is higher now.
  bool raise(Instant now, Duration round_trip) {
    const std::uint64_t target = returned + size;
    const bool is_wanted = limit < wanted && wanted <= target;
    if (target < limit || (target - limit < std::max<std::uint64_t>(size / 2, 1) && !is_wanted)) {
      return false;
    }
    if (now - raised_at <= 2 * round_trip) size = std::max(size, std::min(2 * size, size_max));
    raised_at = now;
    limit = (returned + size + unit - 1) / unit * unit;
    return true;
  }
  /// The same, however little that adds.
  bool raise_all(Instant now) {
    const std::uint64_t raised = (returned + size + unit - 1) / unit * unit;
    if (raised <= limit) return false;
    raised_at = now;
    limit = raised;
    return true;
  }
  /// The peer cannot go on below `total`: the window grows to that, at most to `bound`.
  void want(std::uint64_t total, std::uint64_t bound) {
    wanted = total;
    if (total > returned) size = std::max(size, std::min(total - returned, bound));
  }
};

class StreamReceive {
 public:
  static constexpr std::uint64_t unknown = std::numeric_limits<std::uint64_t>::max();

  StreamReceive(std::uint64_t window, std::uint64_t window_max, std::size_t gaps_max)
      : early_(runs_max(gaps_max, window_max)), gaps_max_(gaps_max) {
    this->window.size = this->window.limit = window;
    this->window.size_max = window_max;
  }

  /// `protocol` for bytes beyond credit or end, or another end than before.
  Result<void> check(std::uint32_t stream, std::uint64_t offset, std::uint64_t bytes,
                     bool with_end) const;
  /// Of a range that was checked: how many bytes it goes beyond all others.
  std::uint64_t growth(std::uint64_t end) const { return end > highest_ ? end - highest_ : 0; }
  /// Counts a range that was checked.
  void count(std::uint64_t end, bool with_end) {
    highest_ = std::max(highest_, end);
    if (with_end) final_size_ = end;
  }
  /// Hands on what is in order now by `give`; keeps what is early. `protocol` for a gap too many.
  template <class Give>
  Result<void> take(std::uint32_t stream, std::uint64_t offset, ByteView data, BlockPool& pool,
                    Give&& give) {
    const std::uint64_t end = offset + data.size();
    if (data.empty() || end <= delivered_) return {};  // an end alone may come early
    if (offset > delivered_) return keep(stream, offset, data, pool);
    give(data.subspan(static_cast<std::size_t>(delivered_ - offset)));
    delivered_ = end;
    if (early_.empty()) return {};
    early_.remove_below(delivered_);
    if (!early_.empty() && early_.ranges().front().first == delivered_) {
      const std::uint64_t last = early_.ranges().front().last;
      while (delivered_ <= last) {
        const ByteView view = blocks_.view(delivered_, last + 1 - delivered_);
        give(view);
        delivered_ += view.size();
      }
      early_.remove_below(delivered_);
    }
    if (early_.empty()) {
      blocks_.clear(pool);
    } else {
      blocks_.drop_below(delivered_, pool);
    }
    return {};
  }
  /// Nobody reads on: what is here and what comes is returned at once. Gives how many bytes.
  std::uint64_t discard(BlockPool& pool);
  bool is_discarding() const { return is_discarding_; }

  bool has_end() const { return final_size_ != unknown; }
  bool is_all_delivered() const { return delivered_ == final_size_; }
  /// Nothing more will come.
  bool is_over() const { return has_end() && (is_discarding_ || is_all_delivered()); }
  std::uint64_t delivered() const { return delivered_; }
  std::size_t blocks() const { return blocks_.count(); }

  ReceiveWindow window;

 private:
  Result<void> keep(std::uint32_t stream, std::uint64_t offset, ByteView data, BlockPool& pool);

  std::uint64_t delivered_ = 0, highest_ = 0, final_size_ = unknown;
  ByteBlocks blocks_;
  RangeSet early_;  // above delivered_
  std::size_t gaps_max_;
  bool is_discarding_ = false;
};

}  // namespace kith::packet
