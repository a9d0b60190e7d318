#include "packet/schedule.h"

namespace kith::packet {

/// Of the first level that is not more important.
std::size_t Schedule::index_of(std::uint16_t importance) const {
  std::size_t index = 0;
  while (index < levels_.size() && levels_[index].importance > importance) ++index;
  return index;
}

void Schedule::add(Scheduled& item) {
  remove(item);
  const std::size_t index = index_of(item.importance);
  if (index == levels_.size() || levels_[index].importance != item.importance) {
    levels_.insert(levels_.begin() + static_cast<std::ptrdiff_t>(index),
                   Level{item.importance, {}});
  }
  levels_[index].items.push_back(item);
  item.place = Scheduled::Place::level;
}

void Schedule::remove(Scheduled& item) {
  switch (item.place) {
    case Scheduled::Place::nowhere: return;
    case Scheduled::Place::waiting: waiting_.remove(item); break;
    case Scheduled::Place::level: {
      const std::size_t index = index_of(item.importance);
      levels_[index].items.remove(item);
      if (levels_[index].items.empty()) {
        levels_.erase(levels_.begin() + static_cast<std::ptrdiff_t>(index));
      }
      break;
    }
  }
  item.place = Scheduled::Place::nowhere;
  item.deficit = 0;
}

void Schedule::wait(Scheduled& item) {
  remove(item);
  waiting_.push_back(item);
  item.place = Scheduled::Place::waiting;
}

void Schedule::on_credit() {
  while (Scheduled* item = waiting_.front()) add(*item);
}

std::size_t Schedule::level_of_packet() const {
  std::size_t level = 0;
  // The last packet of every 16 goes a level down, of those again the last of 16, and so on.
  for (std::uint64_t turn = packets_;
       level + 1 < levels_.size() && turn % packets_a_share == packets_a_share - 1;
       turn /= packets_a_share) {
    ++level;
  }
  return level;
}

void Schedule::on_sent(Scheduled& item, std::size_t bytes, std::size_t packet_bytes) {
  ASSERT(item.place == Scheduled::Place::level);
  item.deficit -= static_cast<std::int64_t>(bytes);
  if (item.deficit > 0) return;
  item.deficit += static_cast<std::int64_t>(packet_bytes);
  ScheduledList& items = levels_[index_of(item.importance)].items;
  if (items.front() == &item && item.after == nullptr) return;  // alone
  items.remove(item);
  items.push_back(item);
}

}  // namespace kith::packet
