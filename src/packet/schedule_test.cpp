#include "packet/schedule.h"

#include <gtest/gtest.h>

#include <string>

namespace kith::packet {
namespace {

constexpr auto scheduled_kind = Scheduled::Kind::stream;

TEST(Schedule, TheMoreImportantGoesFirstAndEqualOnesInTurn) {
  Schedule schedule;
  Scheduled a(scheduled_kind, 500), b(scheduled_kind, 500), c(scheduled_kind, 900);
  for (Scheduled* item : {&a, &b, &c}) schedule.add(*item);
  EXPECT_EQ(schedule.front(0), &c);
  schedule.on_sent(c, 5000, 1000);
  EXPECT_EQ(schedule.front(0), &c);  // alone in its level
  schedule.remove(c);
  EXPECT_EQ(schedule.front(0), &a);
  schedule.on_sent(a, 1000, 1000);
  EXPECT_EQ(schedule.front(0), &b);
  schedule.remove(a);
  schedule.remove(b);
  schedule.remove(b);
  EXPECT_TRUE(schedule.empty());
}

TEST(Schedule, ATurnIsAPacketsWorthWhateverTheSizeOfFrames) {
  Schedule schedule;
  Scheduled small(scheduled_kind, 500), large(scheduled_kind, 500);
  schedule.add(small);
  schedule.add(large);
  std::size_t sent_small = 0, sent_large = 0;
  for (int i = 0; i < 10'000; ++i) {
    const bool is_small = schedule.front(0) == &small;
    const std::size_t bytes = is_small ? 70 : 1000;
    (is_small ? sent_small : sent_large) += bytes;
    schedule.on_sent(is_small ? small : large, bytes, 1000);
  }
  EXPECT_NEAR(static_cast<double>(sent_small) / static_cast<double>(sent_large), 1, 0.02);
}

TEST(Schedule, OneOfSixteenPacketsGoesALevelDown) {
  Schedule schedule;
  Scheduled high(scheduled_kind, 900), middle(scheduled_kind, 500), low(scheduled_kind, 0);
  for (Scheduled* item : {&low, &high, &middle}) schedule.add(*item);
  std::size_t packets[3] = {};
  for (int i = 0; i < 256; ++i) {
    ++packets[schedule.level_of_packet()];
    schedule.count_packet();
  }
  EXPECT_EQ(packets[0], 240U);
  EXPECT_EQ(packets[1], 15U);
  EXPECT_EQ(packets[2], 1U);
  EXPECT_EQ(schedule.front(2), &low);
  EXPECT_EQ(schedule.front(3), nullptr);
}

TEST(Schedule, WhoWaitsIsOutUntilThereIsCredit) {
  Schedule schedule;
  Scheduled a(scheduled_kind, 500), b(scheduled_kind, 500);
  schedule.add(a);
  schedule.wait(a);
  schedule.wait(b);
  EXPECT_TRUE(schedule.empty());
  EXPECT_EQ(schedule.front(0), nullptr);
  schedule.on_credit();
  EXPECT_EQ(schedule.front(0), &a);
  schedule.remove(a);
  EXPECT_EQ(schedule.front(0), &b);
  schedule.wait(b);
  schedule.remove(b);
  schedule.on_credit();
  EXPECT_TRUE(schedule.empty());
}

}  // namespace
}  // namespace kith::packet
