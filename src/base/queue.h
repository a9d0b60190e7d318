// A FIFO over one vector: no memory while it has never been used, none per element in steady
// state. std::deque keeps 576 bytes from birth, which every connection would pay several times.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace kith::base {

template <class T>
class Queue {
 public:
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }
  T& front() {
    ASSERT(!empty());
    return items_[head_];
  }
  const T& front() const {
    ASSERT(!empty());
    return items_[head_];
  }
  void push_back(T item) { items_.push_back(std::move(item)); }
  T pop_front() {
    T item = std::move(front());
    ++head_;
    if (empty()) {
      items_.clear();
      head_ = 0;
    } else if (head_ >= 64 && head_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return item;
  }
  /// Gives the memory back. For queues that are used once and then idle.
  void release() {
    ASSERT(empty());
    items_ = {};
    head_ = 0;
  }

 private:
  std::vector<T> items_;
  std::size_t head_ = 0;  // items_[0, head_) are gone
};

}  // namespace kith::base
