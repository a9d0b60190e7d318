#include "packet/mtu.h"

#include <gtest/gtest.h>

#include <vector>

namespace kith::packet {
namespace {

/// Probes until none is due, on a path that carries `path_bytes`.
std::vector<std::size_t> probe_all(MtuSearch& search, Instant now, std::size_t path_bytes) {
  std::vector<std::size_t> probes;
  while (const auto size = search.probe_due(now)) {
    probes.push_back(*size);
    search.on_probe_sent();
    EXPECT_FALSE(search.probe_due(now)) << "one at a time";
    if (*size <= path_bytes) {
      search.on_probe_acked(now);
    } else {
      search.on_probe_lost(now);
    }
    if (probes.size() > 100) break;
  }
  return probes;
}

using Sizes = std::vector<std::size_t>;
constexpr Instant mtu_start = Instant{} + 1h;

TEST(MtuSearch, GoesUpThroughTheUsualSizes) {
  MtuSearch search({}, 65'507);
  EXPECT_EQ(search.bytes(), 1'200U);
  EXPECT_EQ(probe_all(search, mtu_start, 9'000), (Sizes{1400, 1432, 1452, 1472}));
  EXPECT_EQ(search.bytes(), 1'472U);
}

TEST(MtuSearch, TriesEachSizeThreeTimesAndStops) {
  MtuSearch search({}, 65'507);
  EXPECT_EQ(probe_all(search, mtu_start, 1'440), (Sizes{1400, 1432, 1452, 1452, 1452}));
  EXPECT_EQ(search.bytes(), 1'432U);
  EXPECT_EQ(search.next_deadline(), mtu_start + 10min);
  EXPECT_FALSE(search.probe_due(mtu_start + 10min - 1ns));
  EXPECT_EQ(search.probe_due(mtu_start + 10min), 1'452U);
}

TEST(MtuSearch, KeepsToWhatThePeerTakes) {
  MtuSearch search({}, 1'440);
  probe_all(search, mtu_start, 9'000);
  EXPECT_EQ(search.bytes(), 1'432U);
  MtuSearch small({}, 1'300);
  EXPECT_EQ(probe_all(small, mtu_start, 9'000), (Sizes{1'300}));
  MtuSearch least({}, 1'200);
  EXPECT_TRUE(probe_all(least, mtu_start, 9'000).empty());
  EXPECT_FALSE(least.next_deadline());
}

TEST(MtuSearch, LooksNoFurtherThanBytesWithoutDiscovery) {
  MtuSearch search({.discovers = false}, 65'507);
  EXPECT_EQ(probe_all(search, mtu_start, 9'000), (Sizes{1400}));
  EXPECT_FALSE(search.next_deadline());
}

TEST(MtuSearch, JumboFramesAreFoundWhereTheyAreAllowed) {
  MtuSearch search({.bytes_max = 8'952}, 65'507);
  probe_all(search, mtu_start, 9'000);
  EXPECT_EQ(search.bytes(), 8'952U);
}

TEST(MtuSearch, ABlackHoleFallsToTheLeastAndWaitsAndAnotherPathBeginsAtOnce) {
  MtuSearch search({}, 65'507);
  probe_all(search, mtu_start, 9'000);
  search.on_black_hole(mtu_start);
  EXPECT_EQ(search.bytes(), 1'200U);
  EXPECT_FALSE(search.probe_due(mtu_start + 9min));
  EXPECT_TRUE(search.probe_due(mtu_start + 10min));
  search.reset();
  EXPECT_EQ(search.probe_due(mtu_start), 1'400U);
}

TEST(MtuSearch, AnAnswerToAProbeThatWasGivenUpCountsNothing) {
  MtuSearch search({}, 65'507);
  ASSERT_TRUE(search.probe_due(mtu_start));
  search.on_probe_sent();
  search.on_black_hole(mtu_start);
  search.on_probe_acked(mtu_start);
  EXPECT_EQ(search.bytes(), 1'200U);
  search.on_probe_lost(mtu_start);
  EXPECT_FALSE(search.probe_due(mtu_start + 9min));
}

}  // namespace
}  // namespace kith::packet
