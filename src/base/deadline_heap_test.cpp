#include "base/deadline_heap.h"

#include <rapidcheck.h>

namespace kith::base {
namespace {

Instant at(int ns) { return Instant(Duration(ns)); }

TEST(DeadlineHeap, IsEmptyAtFirst) {
  DeadlineHeap<int> heap;
  EXPECT_EQ(heap.size(), 0U);
  EXPECT_FALSE(heap.soonest());
  EXPECT_FALSE(heap.pop_due(Instant::max()));
  heap.set(1, std::nullopt);  // removing what is not there
  EXPECT_EQ(heap.size(), 0U);
}

TEST(DeadlineHeap, PopsWhatIsDueInOrder) {
  DeadlineHeap<int> heap;
  heap.set(1, at(30));
  heap.set(2, at(10));
  heap.set(3, at(20));
  EXPECT_EQ(heap.soonest(), at(10));
  EXPECT_FALSE(heap.pop_due(at(9)));
  EXPECT_EQ(heap.pop_due(at(10)), 2);
  EXPECT_FALSE(heap.pop_due(at(10)));
  EXPECT_EQ(heap.pop_due(at(100)), 3);
  EXPECT_EQ(heap.pop_due(at(100)), 1);
  EXPECT_FALSE(heap.pop_due(at(100)));
  EXPECT_FALSE(heap.soonest());
}

TEST(DeadlineHeap, ALaterDeadlineReplacesAnEarlierOne) {
  DeadlineHeap<int> heap;
  heap.set(1, at(10));
  heap.set(1, at(20));
  EXPECT_EQ(heap.size(), 1U);
  EXPECT_EQ(heap.soonest(), at(20));
  EXPECT_FALSE(heap.pop_due(at(15)));
  heap.set(1, at(10));  // back again: the outdated entry must not fire twice
  EXPECT_EQ(heap.pop_due(at(50)), 1);
  EXPECT_FALSE(heap.pop_due(at(50)));
  heap.set(1, at(20));
  heap.set(1, std::nullopt);
  EXPECT_FALSE(heap.soonest());
}

TEST(DeadlineHeap, EqualInstantsGoByKeyWhateverTheHistory) {
  for (const std::vector<int>& order : {std::vector{1, 2, 3}, {3, 2, 1}, {2, 3, 1}}) {
    DeadlineHeap<int> heap;
    for (const int key : order) heap.set(key, at(5));
    for (const int key : {1, 2, 3}) EXPECT_EQ(heap.pop_due(at(5)), key);
  }
}

/// The same, as slow and plain as it can be.
class NaiveDeadlines {
 public:
  void set(int key, std::optional<Instant> deadline) {
    if (deadline) {
      live_[key] = *deadline;
    } else {
      live_.erase(key);
    }
  }
  std::optional<Instant> soonest() const {
    std::optional<Instant> earliest;
    for (const auto& [key, when] : live_) earliest = base::soonest(earliest, when);
    return earliest;
  }
  std::optional<int> pop_due(Instant now) {
    const auto earliest = soonest();
    if (!earliest || *earliest > now) return std::nullopt;
    for (const auto& [key, when] : live_) {
      if (when != *earliest) continue;
      const int found = key;
      live_.erase(found);
      return found;
    }
    return std::nullopt;
  }
  std::size_t size() const { return live_.size(); }

 private:
  std::map<int, Instant> live_;
};

TEST(DeadlineHeap, BehavesLikeTheNaiveModel) {
  // (what, key, instant); few keys and instants, so that they meet, and many steps, so that the
  // compaction runs too.
  using Step = std::tuple<std::uint8_t, std::uint8_t, std::uint8_t>;
  ASSERT_TRUE(rc::check([](const std::vector<Step>& steps, std::uint8_t rounds) {
    DeadlineHeap<int> heap;
    NaiveDeadlines model;
    for (int round = 0; round <= rounds % 20; ++round) {
      for (const auto& [what, raw_key, raw_instant] : steps) {
        const int key = raw_key % 16;
        const Instant instant = at((raw_instant + 7 * round) % 64);
        if (what % 4 == 0) {
          RC_ASSERT(heap.pop_due(instant) == model.pop_due(instant));
        } else {
          const auto deadline = what % 4 == 1 ? std::nullopt : std::optional(instant);
          heap.set(key, deadline);
          model.set(key, deadline);
        }
        RC_ASSERT(heap.soonest() == model.soonest());
        RC_ASSERT(heap.size() == model.size());
      }
    }
    while (const auto key = model.pop_due(Instant::max())) {
      RC_ASSERT(heap.pop_due(Instant::max()) == key);
    }
    RC_ASSERT(!heap.pop_due(Instant::max()));
  }));
}

TEST(DeadlineHeap, SurvivesManyResetsOfFewKeys) {
  // Every packet moves a deadline: the outdated entries must go, and the last one must hold.
  DeadlineHeap<int> heap;
  for (int i = 0; i < 100'000; ++i) heap.set(i % 3, at(i + 1'000));
  EXPECT_EQ(heap.size(), 3U);
  EXPECT_EQ(heap.soonest(), at(100'997));
  EXPECT_FALSE(heap.pop_due(at(100'996)));
  EXPECT_EQ(heap.pop_due(at(100'997)), (99'997 % 3));
}

}  // namespace
}  // namespace kith::base
