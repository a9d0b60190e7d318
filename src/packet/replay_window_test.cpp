#include "packet/replay_window.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>
#include <vector>

namespace kith::packet {
namespace {

constexpr PacketNumber width = ReplayWindow::numbers;

TEST(ReplayWindow, NothingTwice) {
  ReplayWindow window;
  EXPECT_TRUE(window.may_take(0));
  window.mark(0);
  EXPECT_FALSE(window.may_take(0));
  window.mark(5);
  EXPECT_FALSE(window.may_take(5));
  EXPECT_TRUE(window.may_take(3));
  window.mark(3);
  EXPECT_FALSE(window.may_take(3));
  EXPECT_EQ(window.end(), 6u);
}

TEST(ReplayWindow, ItsEdges) {
  ReplayWindow window;
  window.mark(width + 99);
  EXPECT_TRUE(window.may_take(100));
  EXPECT_FALSE(window.may_take(99));  // one older than the window
  window.mark(100);
  window.mark(width + 100);
  EXPECT_FALSE(window.may_take(100));
  EXPECT_TRUE(window.may_take(101));
}

TEST(ReplayWindow, AFirstNumberFarAway) {
  ReplayWindow window;
  window.mark(packet_number_end - 1);
  EXPECT_TRUE(window.may_take(packet_number_end - width));
  EXPECT_FALSE(window.may_take(packet_number_end - width - 1));
}

TEST(ReplayWindow, WhatIsForgottenCountsAsHad) {
  ReplayWindow window;
  for (PacketNumber number = 0; number < 100; number += 2) window.mark(number);
  window.forget();
  EXPECT_FALSE(window.holds_memory());
  EXPECT_FALSE(window.may_take(97));  // was not had, but who knows that now
  EXPECT_TRUE(window.may_take(99));
  window.mark(102);
  EXPECT_FALSE(window.may_take(98));
  EXPECT_FALSE(window.may_take(97));
  EXPECT_TRUE(window.may_take(99));
  EXPECT_TRUE(window.may_take(101));
}

/// Steps of all sizes, against a set that remembers everything.
TEST(ReplayWindow, AgainstASet) {
  ASSERT_TRUE(rc::check([](const std::vector<std::int16_t>& steps) {
    ReplayWindow window;
    std::set<PacketNumber> had;
    std::int64_t at = 0;
    for (const std::int16_t step : steps) {
      at = std::max<std::int64_t>(0, at + step);
      const auto number = static_cast<PacketNumber>(at);
      const bool is_old = number < window.end() && window.end() - number > width;
      RC_ASSERT(window.may_take(number) == (!is_old && !had.contains(number)));
      if (window.may_take(number)) {
        window.mark(number);
        had.insert(number);
      }
    }
  }));
}

}  // namespace
}  // namespace kith::packet
