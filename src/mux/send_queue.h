// What one stream still has to send: Buffers in order, given away in pieces of any size. Keeping
// them whole until they are framed means that a megabyte is copied once, into the wire's buffer.
// An empty queue holds no memory beyond its object unless it was used before. Small writes that
// find others waiting are joined: a peer that makes us write single bytes and reads none must not
// cost us a buffer for each.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"

namespace kith::mux {

class SendQueue {
 public:
  std::size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }

  void push(Buffer data) {
    if (data.empty()) return;
    bytes_ += data.size();
    const bool is_joined = head_ + 1 < buffers_.size() && data.size() <= joined_bytes_max / 4 &&
                           buffers_.back().size() + data.size() <= joined_bytes_max;
    if (!is_joined) return buffers_.push_back(std::move(data));
    Bytes joined;
    joined.reserve(buffers_.back().size() + data.size());
    base::append(joined, buffers_.back().view());
    base::append(joined, data.view());
    buffers_.back() = Buffer(std::move(joined));
  }
  /// Blocks held: what the queue costs beside its bytes. For tests.
  std::size_t buffers() const { return buffers_.size() - head_; }

  /// Fills `out` from the front. REQUIRES: out.size() <= bytes().
  void take(ByteSpan out) {
    ASSERT(out.size() <= bytes_);
    bytes_ -= out.size();
    while (!out.empty()) {
      Buffer& front = buffers_[head_];
      const ByteView rest = front.view().subspan(front_taken_);
      const std::size_t count = std::min(rest.size(), out.size());
      std::memcpy(out.data(), rest.data(), count);
      out = out.subspan(count);
      front_taken_ += count;
      if (count == rest.size()) drop_front();
    }
  }

 private:
  /// Joining copies what waits, so it stays small.
  static constexpr std::size_t joined_bytes_max = 4096;

  void drop_front() {
    buffers_[head_] = Buffer();  // the block may be shared: let go of it now
    front_taken_ = 0;
    ++head_;
    // A queue that never runs dry must not grow for ever: move up once half of it is gone.
    if (head_ == buffers_.size()) {
      buffers_.clear();
      head_ = 0;
    } else if (head_ >= 64 && head_ * 2 >= buffers_.size()) {
      buffers_.erase(buffers_.begin(), buffers_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }

  std::vector<Buffer> buffers_;
  std::size_t head_ = 0;         // first buffer that is not yet sent
  std::size_t front_taken_ = 0;  // bytes of it that are
  std::size_t bytes_ = 0;
};

}  // namespace kith::mux
