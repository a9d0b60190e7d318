#include "base/queue.h"

#include <rapidcheck.h>

namespace kith::base {
namespace {

TEST(Queue, BehavesLikeADeque) {
  ASSERT_TRUE(rc::check([](const std::vector<int>& steps, std::uint8_t rounds) {
    Queue<int> queue;
    std::deque<int> model;
    for (int round = 0; round <= rounds % 8; ++round) {
      for (const int step : steps) {
        if (step % 3 == 0 && !model.empty()) {
          RC_ASSERT(queue.pop_front() == model.front());
          model.pop_front();
        } else {
          queue.push_back(step);
          model.push_back(step);
        }
        RC_ASSERT(queue.size() == model.size());
        RC_ASSERT(queue.empty() == model.empty());
        if (!model.empty()) RC_ASSERT(queue.front() == model.front());
      }
    }
    while (!model.empty()) {
      RC_ASSERT(queue.pop_front() == model.front());
      model.pop_front();
    }
    queue.release();
    RC_ASSERT(queue.empty());
  }));
}

TEST(Queue, HoldsWhatCannotBeCopied) {
  Queue<std::unique_ptr<int>> queue;
  for (int i = 0; i < 200; ++i) queue.push_back(std::make_unique<int>(i));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(*queue.pop_front(), i);
  EXPECT_TRUE(queue.empty());
}

TEST(QueueDeathTest, HasNoFrontWhenEmpty) {
  Queue<int> queue;
  EXPECT_DEATH((void)queue.front(), "assertion failed");
  EXPECT_DEATH((void)queue.pop_front(), "assertion failed");
  queue.push_back(1);
  EXPECT_DEATH(queue.release(), "assertion failed");
}

}  // namespace
}  // namespace kith::base
