// A RangeSet and a ReplayWindow against std::set: the same numbers, whatever the order.
#include <cstddef>
#include <cstdint>
#include <set>

#include "base/assert.h"
#include "input.h"
#include "packet/range_set.h"
#include "packet/replay_window.h"

namespace {

using namespace kith;
using namespace kith::packet;

class Model {
 public:
  void step(fuzz::Input& input) {
    const std::uint8_t operation = input.byte();
    const NumberRange range{operation, operation + input.byte() % 8U};
    switch (input.byte() % 4) {
      case 0: add(range); break;
      case 1: add_forgetting(range); break;
      case 2:
        set_.remove_below(range.first);
        remove(0, range.first);
        break;
      case 3: take(range.first * (range.last - range.first + 1) * 64); break;
    }
    check();
  }

 private:
  static constexpr std::size_t ranges_max = 6;

  void add(NumberRange range) {
    const bool is_known = numbers_.contains(range.first) && set_.covers(range);
    const RangeSet::Added added = set_.add(range);
    ASSERT((added == RangeSet::Added::nothing) == is_known);
    if (added == RangeSet::Added::news) insert(range);
  }
  void add_forgetting(NumberRange range) {
    const auto forgotten = set_.add_forgetting(range);
    insert(range);
    if (forgotten) remove(forgotten->first, forgotten->last + 1);
  }
  void insert(NumberRange range) {
    for (std::uint64_t n = range.first; n <= range.last; ++n) numbers_.insert(n);
  }
  void remove(std::uint64_t from, std::uint64_t to) {
    numbers_.erase(numbers_.lower_bound(from), numbers_.lower_bound(to));
  }
  void take(PacketNumber number) {
    const bool is_old = number < window_.end() && window_.end() - number > ReplayWindow::numbers;
    ASSERT(window_.may_take(number) == (!is_old && !taken_.contains(number)));
    if (!window_.may_take(number)) return;
    window_.mark(number);
    taken_.insert(number);
  }
  void check() const {
    ASSERT(set_.count() == numbers_.size());
    ASSERT(set_.ranges().size() <= ranges_max);
    for (const std::uint64_t n : numbers_) ASSERT(set_.contains(n));
    ASSERT(numbers_.empty() == set_.empty());
    if (!set_.empty()) ASSERT(set_.highest() == *numbers_.rbegin());
  }

  RangeSet set_{ranges_max};
  std::set<std::uint64_t> numbers_;
  ReplayWindow window_;
  std::set<PacketNumber> taken_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input{{data, size}};
  Model model;
  while (!input.rest.empty()) model.step(input);
  return 0;
}
