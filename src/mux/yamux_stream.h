// The state of one yamux stream, and the two ways a session keeps many of them: by number in a
// table, and by need in lists. Both cost nothing while empty.
//
// The peer chooses the numbers of its streams, so the table is a sorted array and no hash table:
// 2048 streams are found in eleven steps whatever the peer picks, and walking it has one order.
// The lists are threaded through the streams: joining and leaving one is O(1) and allocates
// nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "mux/send_queue.h"

namespace kith::mux {

struct YamuxStream {
  struct Link {
    YamuxStream* before = nullptr;
    YamuxStream* after = nullptr;
    bool is_in = false;
  };

  std::uint32_t id = 0;
  bool is_inbound = false;
  bool is_acknowledged = false;  // the peer has answered our SYN
  bool finish_wanted = false;    // FIN once the queue is empty
  bool finish_sent = false;
  bool peer_finished = false;
  bool grant_wanted = false;      // half the window is free: tell the peer
  std::uint16_t flags_owed = 0;   // SYN or ACK: rides on our first frame
  std::uint64_t send_window = 0;  // bytes that the peer still takes
  std::size_t room_told = 0;      // what the application may believe it can still queue
  SendQueue queue;

  // Receiving. window = credit + unconsumed + what the next grant gives.
  std::uint32_t window = 0;
  std::int64_t credit = 0;       // bytes that the peer may still send; below 0: it overran
  std::uint32_t unconsumed = 0;  // bytes that the application has and has not consumed
  Instant granted_at;

  Link ready;    // in the session's list of streams with something to send now
  Link control;  // in the session's list of streams that owe a window update or SYN or ACK

  std::uint32_t grantable() const {
    return static_cast<std::uint32_t>(std::int64_t{window} - credit - std::int64_t{unconsumed});
  }
  bool is_sendable() const {
    if (finish_sent) return false;
    return queue.empty() ? finish_wanted : send_window > 0;
  }
};

/// First in, first out; a stream is at most once in a list.
template <YamuxStream::Link YamuxStream::* link>
class YamuxStreamList {
 public:
  bool empty() const { return front_ == nullptr; }
  std::size_t size() const { return size_; }
  YamuxStream* front() const { return front_; }

  /// Does nothing to a stream that is in already.
  void push_back(YamuxStream& stream) {
    YamuxStream::Link& own = stream.*link;
    if (own.is_in) return;
    own = {back_, nullptr, true};
    (back_ != nullptr ? (back_->*link).after : front_) = &stream;
    back_ = &stream;
    ++size_;
  }
  /// Does nothing to a stream that is not in.
  void remove(YamuxStream& stream) {
    YamuxStream::Link& own = stream.*link;
    if (!own.is_in) return;
    (own.before != nullptr ? (own.before->*link).after : front_) = own.after;
    (own.after != nullptr ? (own.after->*link).before : back_) = own.before;
    own = {};
    --size_;
  }

 private:
  YamuxStream* front_ = nullptr;
  YamuxStream* back_ = nullptr;
  std::size_t size_ = 0;
};

class YamuxStreamTable {
 public:
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  /// The stream with the lowest number. REQUIRES: not empty.
  YamuxStream& first() const { return *entries_.front().stream; }

  YamuxStream* find(std::uint32_t id) {
    if (recent_ != nullptr && recent_->id == id) return recent_;
    const auto at = lower_bound(id);
    if (at == entries_.end() || at->id != id) return nullptr;
    recent_ = at->stream.get();
    return recent_;
  }
  /// REQUIRES: no stream has that number. The reference stays good until erase().
  YamuxStream& insert(std::uint32_t id) {
    const auto at = lower_bound(id);
    ASSERT(at == entries_.end() || at->id != id);
    const auto entry = entries_.insert(at, {id, std::make_unique<YamuxStream>()});
    entry->stream->id = id;
    return *entry->stream;
  }
  void erase(std::uint32_t id) {
    const auto at = lower_bound(id);
    ASSERT(at != entries_.end() && at->id == id);
    if (recent_ == at->stream.get()) recent_ = nullptr;
    entries_.erase(at);
    if (entries_.empty()) entries_.shrink_to_fit();
  }

 private:
  struct Entry {
    std::uint32_t id;
    std::unique_ptr<YamuxStream> stream;
  };
  std::vector<Entry>::iterator lower_bound(std::uint32_t id) {
    return std::lower_bound(
        entries_.begin(), entries_.end(), id,
        [](const Entry& entry, std::uint32_t value) { return entry.id < value; });
  }

  std::vector<Entry> entries_;     // by id
  YamuxStream* recent_ = nullptr;  // frames come in runs for one stream
};

}  // namespace kith::mux
