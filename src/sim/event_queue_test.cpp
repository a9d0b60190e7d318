#include "sim/event_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

#include "base/rng.h"

namespace kith::sim {
namespace {

Event event_at(std::int64_t ns, std::uint32_t payload) {
  return {Instant{Duration{ns}}, 0, 0, payload, EventKind::action};
}

TEST(EventQueue, GivesTheEarliestAndEqualTimesInOrder) {
  EventQueue queue;
  queue.push(event_at(5, 1));
  queue.push(event_at(3, 2));
  queue.push(event_at(5, 3));
  queue.push(event_at(3, 4));
  std::vector<std::uint32_t> order;
  while (const auto event = queue.pop()) order.push_back(event->payload);
  EXPECT_EQ(order, (std::vector<std::uint32_t>{2, 4, 1, 3}));
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, ALookThatFindsNothingDoesNotMoveTheFloor) {
  EventQueue queue;
  queue.push(event_at(1000, 1));
  EXPECT_FALSE(queue.pop(Instant{Duration{999}}));
  queue.push(event_at(500, 2));
  EXPECT_EQ(queue.pop()->payload, 2U);
  EXPECT_FALSE(queue.pop(Instant{Duration{999}}));
  EXPECT_EQ(queue.pop(Instant{Duration{1000}})->payload, 1U);
}

TEST(EventQueue, ABatchIsAllOfOneInstant) {
  EventQueue queue;
  for (std::uint32_t i = 0; i < 4; ++i) queue.push(event_at(7, i));
  queue.push(event_at(8, 9));
  std::vector<Event> batch;
  ASSERT_TRUE(queue.pop()) << "the batch also works with a started bucket";
  ASSERT_TRUE(queue.pop_batch(Instant::max(), batch));
  ASSERT_EQ(batch.size(), 3U);
  EXPECT_EQ(batch[0].payload, 1U);
  queue.push(event_at(7, 5));
  ASSERT_TRUE(queue.pop_batch(Instant::max(), batch));
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].payload, 5U);
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_FALSE(queue.pop_batch(Instant{Duration{7}}, batch));
}

TEST(EventQueue, AgreesWithAMultimap) {
  ASSERT_TRUE(rc::check([](std::uint64_t seed) {
    SeededRng rng(seed);
    EventQueue queue;
    std::multimap<std::int64_t, std::uint32_t> model;  // equal keys stay in order of insertion
    std::int64_t now = 0;
    const std::uint64_t spread = std::uint64_t{1} << (1 + rng.below(40));
    for (std::uint32_t i = 0; i < 2000; ++i) {
      if (rng.below(5) < 3) {
        const auto at = now + static_cast<std::int64_t>(rng.below(spread));
        queue.push(event_at(at, i));
        model.emplace(at, i);
      } else {
        const auto limit = now + static_cast<std::int64_t>(rng.below(spread));
        const auto popped = queue.pop(Instant{Duration{limit}});
        const bool is_due = !model.empty() && model.begin()->first <= limit;
        RC_ASSERT(popped.has_value() == is_due);
        if (!popped) continue;
        RC_ASSERT(popped->payload == model.begin()->second);
        now = model.begin()->first;
        model.erase(model.begin());
      }
      RC_ASSERT(queue.size() == model.size());
    }
  }));
}

TEST(EventQueueDeathTest, RefusesThePast) {
  EventQueue queue;
  queue.push(event_at(10, 0));
  ASSERT_TRUE(queue.pop());
  EXPECT_DEATH(queue.push(event_at(9, 0)), "floor_");
}

}  // namespace
}  // namespace kith::sim
