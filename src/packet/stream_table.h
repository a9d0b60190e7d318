// One stream, and the streams of a connection by number. The peer chooses its numbers, so the table
// is a sorted array and no hash table; frames come in runs for one stream, which is remembered.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "packet/frame.h"
#include "packet/schedule.h"
#include "packet/services.h"
#include "packet/stream_receive.h"
#include "packet/stream_send.h"

namespace kith::packet {

struct Stream : Scheduled {
  Stream(StreamNumber id, Importance of_importance, const ServicesConfig& config)
      : Scheduled(Kind::stream, of_importance),
        number(id),
        receive(config.stream_window_initial, config.stream_window_max, config.gaps_max) {}

  StreamNumber number;
  StreamSend send;
  StreamReceive receive;
  std::uint64_t send_limit = 0;    // the peer's credit
  std::uint64_t blocked_told = 0;  // the limit at which it heard that we are blocked, and one
  std::size_t room_told = 0;       // what the application may believe it can still queue
  std::uint16_t reset_code = 0;    // of RESET_STREAM
  std::uint16_t stop_code = 0;     // of STOP_SENDING
  bool is_announced = false;       // the peer knows of it, or will
  bool is_finished_told = false;   // the application has heard the end
  bool is_closed_told = false;     // for the application it is gone
  bool is_in_control = false;      // in the list of those that owe one of these:
  bool owes_reset = false, owes_stop = false, owes_credit = false, owes_blocked = false;

  /// Something may go now, credit of the connection aside.
  bool wants_to_send(std::size_t holes_max) {
    if (send.is_reset()) return false;
    if (send.next_lost() || send.owes_end()) return true;
    if (send.unsent() > 0) return send.sent() < send_limit && send.holes() < holes_max;
    return !is_announced;
  }
  bool is_over() const { return send.is_over() && receive.is_over(); }
};

class StreamTable {
 public:
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

  Stream* find(StreamNumber number) {
    if (recent_ != nullptr && recent_->number == number) return recent_;
    const auto at = lower_bound(number);
    if (at == entries_.end() || at->first != number) return nullptr;
    recent_ = at->second.get();
    return recent_;
  }
  /// REQUIRES: no stream has that number. Good until erase().
  Stream& insert(StreamNumber number, Importance importance, const ServicesConfig& config) {
    const auto at = lower_bound(number);
    ASSERT(at == entries_.end() || at->first != number);
    return *entries_.emplace(at, number, std::make_unique<Stream>(number, importance, config))
                ->second;
  }
  void erase(StreamNumber number) {
    const auto at = lower_bound(number);
    ASSERT(at != entries_.end() && at->first == number);
    if (recent_ == at->second.get()) recent_ = nullptr;
    entries_.erase(at);
    if (entries_.empty()) entries_.shrink_to_fit();
  }
  void clear() {
    entries_ = std::vector<Entry>();
    recent_ = nullptr;
  }
  template <class Do>
  void for_each(Do&& with) {
    for (auto& entry : entries_) with(*entry.second);
  }

 private:
  using Entry = std::pair<StreamNumber, std::unique_ptr<Stream>>;
  std::vector<Entry>::iterator lower_bound(StreamNumber number) {
    return std::ranges::lower_bound(entries_, number, {}, &Entry::first);
  }

  std::vector<Entry> entries_;  // by number
  Stream* recent_ = nullptr;
};

}  // namespace kith::packet
