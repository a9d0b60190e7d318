#include "node/stats_history.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kith::node {
namespace {

Instant at(Duration since) { return Instant{} + since; }

std::vector<Figure> figures(double counter, double gauge = 5) {
  return {{"kith_a_b_total", "", codec::MetricType::counter, counter, std::nullopt},
          {"kith_a_b_total", "kind=\"x\"", codec::MetricType::counter, 2 * counter, std::nullopt},
          {"kith_a_c", "", codec::MetricType::gauge, gauge, std::nullopt}};
}

TEST(StatsHistory, ARateNeedsTwoReadings) {
  StatsHistory history(at(0s));
  const auto now = figures(100);
  EXPECT_FALSE(history.rows(now)[0].per_second);
  history.tick(at(1s), now);
  EXPECT_FALSE(history.rows(now)[0].per_second);
  history.tick(at(3s), figures(300));
  const auto later = figures(300);
  const auto rows = history.rows(later);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(*rows[0].per_second, 100);
  EXPECT_EQ(*rows[1].per_second, 200) << "labels make another figure";
  EXPECT_FALSE(rows[2].per_second) << "a gauge has none";
  EXPECT_EQ(rows[2].total, 5);
}

TEST(StatsHistory, ARateForgetsByTimeAndNotByReadings) {
  const auto rate_after = [](Duration step) {
    StatsHistory history(at(0s));
    double count = 0;
    history.tick(at(0s), figures(count));
    history.tick(at(1s), figures(count += 100));  // 100 a second…
    for (Duration t = 1s + step; t <= 11s; t += step) history.tick(at(t), figures(count));
    const auto now = figures(count);
    return *history.rows(now)[0].per_second;  // …then nothing for as long as it remembers
  };
  EXPECT_NEAR(rate_after(1s), 100 * std::exp(-1.0), 0.01);
  EXPECT_NEAR(rate_after(5s), rate_after(1s), 0.01);
  EXPECT_NEAR(rate_after(100ms), rate_after(1s), 0.01);
}

TEST(StatsHistory, AResetTakesTotalsAndLeavesRates) {
  StatsHistory history(at(0s));
  history.tick(at(0s), figures(0));
  history.tick(at(1s), figures(50));
  history.reset(at(2s), figures(60));
  EXPECT_EQ(history.since(), at(2s));
  const auto now = figures(75);
  const auto rows = history.rows(now);
  EXPECT_EQ(rows[0].total, 15);
  EXPECT_EQ(rows[1].total, 30);
  EXPECT_EQ(rows[2].total, 5) << "a gauge is what it is";
  EXPECT_EQ(*rows[0].per_second, 50);
}

TEST(StatsHistory, OddReadingsAreNoTrouble) {
  StatsHistory history(at(0s));
  history.tick(at(1s), figures(100));
  history.tick(at(1s), figures(1000));  // no time has passed
  history.tick(at(2s), figures(40));    // and this one went back
  const auto now = figures(40);
  EXPECT_EQ(*history.rows(now)[0].per_second, 0);
  history.reset(at(3s), figures(100));
  EXPECT_EQ(history.rows(now)[0].total, 0);
}

TEST(StatsHistory, FollowsSoManyFiguresAndNoMore) {
  StatsHistory history(at(0s));
  std::vector<Figure> many;
  for (std::size_t i = 0; i < StatsHistory::keys_max + 10; ++i) {
    many.push_back(
        {"kith_a_b_total", std::to_string(i), codec::MetricType::counter, 1, std::nullopt});
  }
  history.tick(at(0s), many);
  history.tick(at(1s), many);
  const auto rows = history.rows(many);
  EXPECT_TRUE(rows[StatsHistory::keys_max - 1].per_second);
  EXPECT_FALSE(rows.back().per_second);
  EXPECT_EQ(rows.back().total, 1);
}

}  // namespace
}  // namespace kith::node
