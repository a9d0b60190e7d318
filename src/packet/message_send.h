// Messages that were queued and are not yet acknowledged. Each goes out whole in one frame, or as
// FRAGMENTs of equal size, or (again, or where the path shrank) as parts of any size.
//
// Numbers follow each other, and the lowest that is not done is never far below the highest: they
// stand in a ring.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "packet/frame.h"
#include "packet/schedule.h"
#include "packet/services.h"
#include "packet/stream_send.h"

namespace kith::packet {

/// Numbers not done are at most so far apart: half of what 16 bits on the wire can tell apart.
inline constexpr std::uint64_t message_span_max = 1U << 14;

struct OutMessage : Scheduled {
  OutMessage() : Scheduled(Kind::message, importance_default) {}

  MessageNumber number = 0;
  Buffer data;  // as it goes out
  std::uint64_t total = 0;
  bool is_compressed = false;
  std::optional<Instant> deadline;
  std::uint32_t attempts_max = 0;    // 0: any number
  std::uint8_t attempt = 1;          // with which lost parts are sent again
  std::uint64_t sent = 0;            // all below was sent at least once
  std::uint32_t fragment_bytes = 0;  // 0: not begun in fragments
  std::uint16_t fragments = 0;
  bool has_credit = false;    // of the connection, for all of it
  bool is_in_pieces = false;  // counts among those under way
  bool is_gone = false;       // given up
  bool owes_gone = false;     // …and the peer is to hear it
  SentRanges ranges;

  bool wants_to_send(std::size_t holes_max) {
    if (is_gone) return owes_gone;
    return ranges.next_lost() || (sent < total && ranges.holes() < holes_max);
  }
};

class MessagesOut {
 public:
  std::size_t count() const { return count_; }
  MessageNumber next() const { return next_; }
  /// Whether another number would be too far from the lowest.
  bool is_span_full() const { return next_ - base_ >= message_span_max; }

  /// With the next number.
  OutMessage& add();
  OutMessage* find(MessageNumber number) const {
    return number - base_ < next_ - base_ ? ring_[number & (ring_.size() - 1)].get() : nullptr;
  }
  /// By the low half of a number.
  OutMessage* find_low(std::uint32_t low) const {
    return find(base_ + (low - static_cast<std::uint32_t>(base_)));
  }
  void erase(OutMessage& message);
  void clear();
  template <class Do>
  void for_each(Do&& with) {
    for (MessageNumber number = base_; number < next_; ++number) {
      if (OutMessage* message = find(number)) with(*message);
    }
  }

  std::size_t in_pieces = 0;  // OutMessage::is_in_pieces

 private:
  /// As many as are acknowledged at once and queued again; until clear().
  static constexpr std::size_t spares_max = 1024;
  void grow();

  MessageNumber base_ = 0, next_ = 0;
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<OutMessage>> ring_;  // by number; a power of two
  std::vector<std::unique_ptr<OutMessage>> spares_;
};

}  // namespace kith::packet
