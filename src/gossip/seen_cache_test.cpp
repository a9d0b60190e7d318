#include "gossip/seen_cache.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace kith::gossip {
namespace {

using Mark = SeenCache::Mark;
constexpr Instant start{1h};

MessageKey key(std::uint64_t n) { return {n * 0x9e3779b97f4a7c15, n}; }

TEST(SeenCache, MarksOnce) {
  SeenCache seen({});
  EXPECT_EQ(seen.check_and_mark(start, key(1)), Mark::fresh);
  EXPECT_EQ(seen.check_and_mark(start, key(1)), Mark::seen);
  EXPECT_EQ(seen.check_and_mark(start, key(2)), Mark::fresh);
}

TEST(SeenCache, ForgetsExactlyWhenTimeIsOver) {
  SeenCache seen({10, 300s, 120s});
  seen.check_and_mark(start, key(1));
  EXPECT_TRUE(seen.contains(start + 300s - 1ns, key(1)));
  EXPECT_EQ(seen.check_and_mark(start + 300s - 1ns, key(1)), Mark::seen);
  EXPECT_FALSE(seen.contains(start + 300s, key(1)));
  EXPECT_EQ(seen.check_and_mark(start + 300s, key(1)), Mark::fresh);
  EXPECT_EQ(seen.size(), 1u);
}

// Row A35: young entries are never pushed out; the cache says that it is full.
TEST(SeenCache, SaysFullRatherThanForgetTheYoung) {
  SeenCache seen({100, 300s, 120s});
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(seen.check_and_mark(start + i * 1ms, key(i)), Mark::fresh);
  }
  EXPECT_EQ(seen.check_and_mark(start + 119s, key(1000)), Mark::full);
  EXPECT_EQ(seen.size(), 100u);
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(seen.contains(start + 119s, key(i)));
  // The oldest is not young any more: it makes room, and only it.
  EXPECT_EQ(seen.check_and_mark(start + 120s, key(1000)), Mark::fresh);
  EXPECT_FALSE(seen.contains(start + 120s, key(0)));
  EXPECT_TRUE(seen.contains(start + 120s, key(1)));
  EXPECT_EQ(seen.check_and_mark(start + 120s, key(1001)), Mark::full);
}

TEST(SeenCache, CountsWhatEachSourceBrought) {
  SeenCache seen({10, 300s, 120s});
  seen.check_and_mark(start, key(1), 3);
  seen.check_and_mark(start + 1s, key(2), 3);
  seen.check_and_mark(start + 1s, key(3), 5);
  seen.check_and_mark(start + 1s, key(3), 3);  // was here: nobody's
  EXPECT_EQ(seen.count_of(3), 2u);
  EXPECT_EQ(seen.count_of(5), 1u);
  EXPECT_EQ(seen.count_of(7), 0u);
  seen.expire(start + 300s);
  EXPECT_EQ(seen.count_of(3), 1u);
  seen.forget_source(3);
  EXPECT_EQ(seen.count_of(3), 0u);
  seen.expire(start + 400s);  // the entry that had a source no more
  EXPECT_EQ(seen.size(), 0u);
}

TEST(SeenCache, WithoutRoomItTakesNothing) {
  SeenCache seen({0, 300s, 120s});
  EXPECT_EQ(seen.check_and_mark(start, key(1)), Mark::full);
}

TEST(SeenCache, AgreesWithAModel) {
  ASSERT_TRUE(rc::check([] {
    SeenCache seen({8, 10s, 4s});
    std::map<std::uint64_t, Instant> model;
    Instant now = start;
    const auto steps = *rc::gen::container<std::vector<std::pair<std::uint8_t, std::uint8_t>>>(
        rc::gen::arbitrary<std::pair<std::uint8_t, std::uint8_t>>());
    for (const auto& [pause, n] : steps) {
      now += (pause % 40) * 100ms;
      std::erase_if(model, [&](const auto& each) { return now - each.second >= 10s; });
      const std::uint64_t number = n % 32;
      Mark expected = Mark::seen;
      if (!model.contains(number)) {
        expected = Mark::fresh;
        if (model.size() == 8) {
          const auto oldest =
              std::min_element(model.begin(), model.end(),
                               [](const auto& a, const auto& b) { return a.second < b.second; });
          if (now - oldest->second < 4s) {
            expected = Mark::full;
          } else if (std::count_if(model.begin(), model.end(), [&](const auto& each) {
                       return each.second == oldest->second;
                     }) > 1) {
            return;  // the model does not know which of equals goes
          } else {
            model.erase(oldest);
          }
        }
        if (expected == Mark::fresh) model[number] = now;
      }
      RC_ASSERT(seen.check_and_mark(now, key(number)) == expected);
      RC_ASSERT(seen.size() == model.size());
    }
  }));
}

}  // namespace
}  // namespace kith::gossip
