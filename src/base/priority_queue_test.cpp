#include "base/priority_queue.h"

#include <rapidcheck.h>

#include <deque>

namespace kith::base {
namespace {

using Q = PriorityQueue<int>;

std::vector<int> drain(Q& queue) {
  std::vector<int> items;
  while (auto popped = queue.pop()) items.push_back(popped->item);
  return items;
}

TEST(PriorityQueue, TheMoreUrgentGoesFirst) {
  Q queue({});
  EXPECT_TRUE(queue.push(Priority::bulk, 1, 5));
  EXPECT_TRUE(queue.push(Priority::transactions, 1, 3));
  EXPECT_TRUE(queue.push(Priority::consensus, 1, 1));
  EXPECT_TRUE(queue.push(Priority::consensus, 1, 2));
  EXPECT_TRUE(queue.push(Priority::application, 1, 4));
  EXPECT_EQ(drain(queue), (std::vector{1, 2, 3, 4, 5}));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0u);
}

TEST(PriorityQueue, NobodyStarves) {
  Q queue({.patience = 4});
  for (int i = 0; i < 10; ++i) queue.push(Priority::bulk, 1, 100 + i);
  int bulk = 0;
  for (int i = 0; i < 50; ++i) {
    queue.push(Priority::consensus, 1, i);
    const auto popped = queue.pop();
    ASSERT_TRUE(popped);
    if (popped->priority == Priority::bulk) ++bulk;
  }
  EXPECT_EQ(bulk, 10);  // one in five
}

TEST(PriorityQueue, WhatIsLessUrgentMakesRoom) {
  Q queue({.items_max = 3});
  queue.push(Priority::bulk, 1, 1);
  queue.push(Priority::bulk, 1, 2);
  queue.push(Priority::blocks, 1, 3);
  EXPECT_TRUE(queue.push(Priority::consensus, 1, 4));
  EXPECT_TRUE(queue.push(Priority::consensus, 1, 5));
  EXPECT_FALSE(queue.push(Priority::bulk, 1, 6));  // nothing there is less urgent
  EXPECT_EQ(queue.stats(Priority::bulk).dropped, 3u);
  EXPECT_EQ(queue.stats(Priority::bulk).dropped_bytes, 3u);
  EXPECT_EQ(drain(queue), (std::vector{4, 5, 3}));
  EXPECT_EQ(queue.stats(Priority::consensus).served, 2u);
}

TEST(PriorityQueue, ThePolicyDecidesWithinALane) {
  Q oldest({.items_max = 2, .policy = DropPolicy::oldest});
  Q newcomer({.items_max = 2, .policy = DropPolicy::newcomer});
  for (int i = 0; i < 3; ++i) {
    oldest.push(Priority::application, 1, i);
    EXPECT_EQ(newcomer.push(Priority::application, 1, i), i < 2);
  }
  EXPECT_EQ(drain(oldest), (std::vector{1, 2}));
  EXPECT_EQ(drain(newcomer), (std::vector{0, 1}));
}

TEST(PriorityQueue, TheTooLargeDropsNothingButItself) {
  Q queue({.bytes_max = 100});
  queue.push(Priority::bulk, 100, 1);
  EXPECT_FALSE(queue.push(Priority::consensus, 101, 2));
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_TRUE(queue.push(Priority::consensus, 1, 3));
  EXPECT_EQ(drain(queue), (std::vector{3}));
}

// Against a plain model: limits hold, each lane is first in, first out, and all is accounted for.
TEST(PriorityQueue, AgreesWithAModel) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint16_t>& steps, bool drops_oldest) {
    const PriorityQueueConfig config = {
        .items_max = 8,
        .bytes_max = 64,
        .patience = 3,
        .policy = drops_oldest ? DropPolicy::oldest : DropPolicy::newcomer};
    Q queue(config);
    std::array<int, priorities> last{};
    std::uint64_t pushed = 0;
    for (const std::uint16_t step : steps) {
      if (step % 3 == 0) {
        const auto popped = queue.pop();
        RC_ASSERT(popped.has_value() || queue.empty());
        if (!popped) continue;
        int& before = last[static_cast<std::size_t>(popped->priority)];
        RC_ASSERT(popped->item > before);
        before = popped->item;
      } else {
        queue.push(static_cast<Priority>(step % priorities), step % 40, static_cast<int>(++pushed));
      }
      RC_ASSERT(queue.size() <= config.items_max && queue.bytes() <= config.bytes_max);
      std::uint64_t known = queue.size();
      for (std::size_t lane = 0; lane < priorities; ++lane) {
        const LaneStats& stats = queue.stats(static_cast<Priority>(lane));
        known += stats.served + stats.dropped;
      }
      RC_ASSERT(known == pushed);
    }
  }));
}

}  // namespace
}  // namespace kith::base
