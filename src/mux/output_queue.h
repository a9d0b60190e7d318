// A machine's outputs, first in, first out. A vector and an index: in the steady state nothing is
// allocated, because draining it (law 1 of base/machine.h) makes the whole vector free again.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace kith::mux {

template <class Output>
class OutputQueue {
 public:
  bool empty() const { return items_.empty(); }
  void push(Output output) { items_.push_back(std::move(output)); }

  std::optional<Output> pop() {
    if (items_.empty()) return std::nullopt;
    std::optional<Output> front(std::move(items_[head_]));
    if (++head_ == items_.size()) recycle();
    return front;
  }

 private:
  // A rare burst must not stay in the memory of a session that then idles for days.
  static constexpr std::size_t kept_items_max = 1024;

  void recycle() {
    items_.clear();
    head_ = 0;
    if (items_.capacity() > kept_items_max) items_.shrink_to_fit();
  }

  std::vector<Output> items_;
  std::size_t head_ = 0;
};

}  // namespace kith::mux
