// Who sends next: strictly by importance, 0 to 1000, and within one level by deficit round robin
// with a packet's worth a turn (docs/design/packet.md, "Priorities"). Of 16 packets that reach a
// level one is passed on to the next level that has something, so that nothing starves.
//
// Lists are threaded through what is scheduled: joining and leaving allocates nothing in steady
// state. Levels are few and looked for from the highest on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace kith::packet {

/// In at most one list at a time.
struct Scheduled {
  enum class Kind : std::uint8_t { stream, message, datagrams };
  enum class Place : std::uint8_t { nowhere, level, waiting };

  explicit Scheduled(Kind of_kind, std::uint16_t of_importance)
      : importance(of_importance), kind(of_kind) {}

  Scheduled* before = nullptr;
  Scheduled* after = nullptr;
  std::int64_t deficit = 0;  // bytes that it may still send in this turn
  std::uint16_t importance;
  Kind kind;
  Place place = Place::nowhere;
};

class ScheduledList {
 public:
  Scheduled* front() const { return front_; }
  bool empty() const { return front_ == nullptr; }
  void push_back(Scheduled& item) {
    item.before = back_;
    item.after = nullptr;
    (back_ != nullptr ? back_->after : front_) = &item;
    back_ = &item;
  }
  void remove(Scheduled& item) {
    (item.before != nullptr ? item.before->after : front_) = item.after;
    (item.after != nullptr ? item.after->before : back_) = item.before;
    item.before = item.after = nullptr;
  }

 private:
  Scheduled* front_ = nullptr;
  Scheduled* back_ = nullptr;
};

class Schedule {
 public:
  static constexpr std::uint32_t packets_a_share = 16;

  bool empty() const { return levels_.empty(); }

  /// To the end of its level, from wherever it was.
  void add(Scheduled& item);
  /// Out of its list; does nothing where it is in none.
  void remove(Scheduled& item);
  /// Held back until on_credit(): it lacks credit of the whole connection.
  void wait(Scheduled& item);
  /// All that waited is in its level again, in the order in which it came.
  void on_credit();

  /// The level whose turn the next packet is.
  std::size_t level_of_packet() const;
  void count_packet() { ++packets_; }
  /// Null where there is no such level.
  Scheduled* front(std::size_t level) const {
    return level < levels_.size() ? levels_[level].items.front() : nullptr;
  }
  /// `item` sent so many bytes; its turn ends with a packet's worth of them.
  void on_sent(Scheduled& item, std::size_t bytes, std::size_t packet_bytes);

 private:
  struct Level {
    std::uint16_t importance;
    ScheduledList items;
  };
  std::size_t index_of(std::uint16_t importance) const;

  std::vector<Level> levels_;  // highest first, none empty
  ScheduledList waiting_;
  std::uint64_t packets_ = 0;
};

}  // namespace kith::packet
