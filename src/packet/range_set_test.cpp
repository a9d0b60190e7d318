#include "packet/range_set.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>
#include <vector>

namespace kith::packet {
namespace {

using Ranges = std::vector<NumberRange>;
using enum RangeSet::Added;

Ranges ranges_of(const RangeSet& set) { return {set.ranges().begin(), set.ranges().end()}; }

TEST(RangeSet, InOrderIsOneRange) {
  RangeSet set(4);
  for (std::uint64_t number = 7; number < 1000; ++number) EXPECT_EQ(set.add(number), news);
  EXPECT_EQ(ranges_of(set), (Ranges{{7, 999}}));
  EXPECT_EQ(set.add({7, 999}), nothing);
  EXPECT_EQ(set.highest(), 999u);
  EXPECT_EQ(set.count(), 993u);
}

TEST(RangeSet, WhatTouchesIsJoined) {
  RangeSet set(4);
  set.add({10, 19});
  set.add({30, 39});
  EXPECT_EQ(set.add({20, 29}), news);
  EXPECT_EQ(ranges_of(set), (Ranges{{10, 39}}));
  set.add({50, 59});
  set.add({70, 79});
  EXPECT_EQ(set.add({0, 100}), news);
  EXPECT_EQ(ranges_of(set), (Ranges{{0, 100}}));
  EXPECT_TRUE(set.covers({3, 97}));
  EXPECT_FALSE(set.covers({3, 101}));
}

TEST(RangeSet, FromZero) {
  RangeSet set(2);
  set.add({1, 5});
  EXPECT_FALSE(set.contains(0));
  EXPECT_EQ(set.add(0), news);
  EXPECT_EQ(ranges_of(set), (Ranges{{0, 5}}));
}

TEST(RangeSet, OneTooManyIsRefused) {
  RangeSet set(2);
  set.add(10);
  set.add(20);
  EXPECT_EQ(set.add(30), no_room);
  EXPECT_EQ(set.add(0), no_room);
  EXPECT_EQ(ranges_of(set), (Ranges{{10, 10}, {20, 20}}));
  EXPECT_EQ(set.add(11), news);  // joins, and needs none
  EXPECT_EQ(set.add({12, 19}), news);
  EXPECT_EQ(set.add(30), news);
}

TEST(RangeSet, OrTheLowestIsForgotten) {
  RangeSet set(2);
  set.add({10, 12});
  set.add(20);
  EXPECT_EQ(set.add_forgetting({21, 22}), std::nullopt);
  EXPECT_EQ(set.add_forgetting({30, 30}), (NumberRange{10, 12}));
  EXPECT_EQ(ranges_of(set), (Ranges{{20, 22}, {30, 30}}));
  EXPECT_EQ(set.add_forgetting({5, 6}), (NumberRange{5, 6}));
  EXPECT_EQ(set.add_forgetting({25, 26}), (NumberRange{20, 22}));
  EXPECT_EQ(ranges_of(set), (Ranges{{25, 26}, {30, 30}}));
}

TEST(RangeSet, RemoveBelow) {
  RangeSet set(8);
  set.add({10, 19});
  set.add({30, 39});
  set.remove_below(10);
  EXPECT_EQ(set.count(), 20u);
  set.remove_below(15);
  EXPECT_EQ(ranges_of(set), (Ranges{{15, 19}, {30, 39}}));
  set.remove_below(25);
  EXPECT_EQ(ranges_of(set), (Ranges{{30, 39}}));
  set.remove_below(40);
  EXPECT_TRUE(set.empty());
}

/// Against a std::set: the same numbers, sorted, apart, and never too many ranges.
TEST(RangeSet, AgainstASet) {
  ASSERT_TRUE(rc::check([](const std::vector<std::pair<std::uint8_t, std::uint8_t>>& steps) {
    RangeSet set(8);
    std::set<std::uint64_t> model;
    for (const auto& [first, size] : steps) {
      const NumberRange range{first, first + size % 16U};
      std::size_t fresh = 0;
      for (std::uint64_t n = range.first; n <= range.last; ++n) fresh += !model.contains(n);
      const RangeSet::Added added = set.add(range);
      RC_ASSERT((added == nothing) == (fresh == 0));
      if (added == news) {
        for (std::uint64_t n = range.first; n <= range.last; ++n) model.insert(n);
      }
      RC_ASSERT(set.count() == model.size());
      RC_ASSERT(set.ranges().size() <= 8U);
      for (std::size_t i = 1; i < set.ranges().size(); ++i) {
        RC_ASSERT(set.ranges()[i - 1].last + 1 < set.ranges()[i].first);
      }
      bool same = true;
      for (std::uint64_t n = 0; n < 280; ++n) same &= set.contains(n) == model.contains(n);
      RC_ASSERT(same);
    }
  }));
}

}  // namespace
}  // namespace kith::packet
