#include "host/link_shaper.h"

#include <gtest/gtest.h>

namespace kith::host {
namespace {

TEST(ShapedLane, WithoutARateNobodyWaits) {
  ShapedLane lane(0);
  lane.on_moved(Instant{1h}, std::uint64_t{1} << 60);
  EXPECT_TRUE(lane.may_move(LinkId{1}));
  EXPECT_FALSE(lane.next_deadline());
}

// Three greedy links, 64 KiB at a time, at 1 MB a second: each gets a third, whatever their order.
TEST(ShapedLane, LinksTakeTurns) {
  ShapedLane lane(1'000'000);
  Instant now{1h};
  const Instant end = now + 30s;
  std::map<LinkId, std::uint64_t> moved;
  std::vector<LinkId> going = {LinkId{1}, LinkId{2}, LinkId{3}};
  while (now < end) {
    for (const LinkId link : going) {
      while (lane.may_move(link)) {
        lane.on_moved(now, 65'536);
        moved[link] += 65'536;
      }
    }
    ASSERT_TRUE(lane.next_deadline());
    now = std::max(now, *lane.next_deadline());
    going = lane.on_deadline(now);
    ASSERT_FALSE(going.empty());
  }
  std::uint64_t sum = 0;
  for (const auto& [link, bytes] : moved) {
    EXPECT_NEAR(static_cast<double>(bytes), 10e6, 0.5e6) << link.value;
    sum += bytes;
  }
  EXPECT_NEAR(static_cast<double>(sum), 30e6, 0.4e6);
}

TEST(ShapedLane, AWaitingLinkIsToldOnce) {
  ShapedLane lane(1000);
  Instant now{1h};
  lane.on_moved(now, 1000);
  EXPECT_FALSE(lane.may_move(LinkId{7}));
  EXPECT_FALSE(lane.may_move(LinkId{7}));
  EXPECT_EQ(lane.waits(), 1u);
  EXPECT_TRUE(lane.on_deadline(now).empty());
  for (std::size_t told = 0; told == 0; now = *lane.next_deadline()) {
    const auto woken = lane.on_deadline(now);
    if (woken.empty()) continue;
    EXPECT_EQ(woken, std::vector{LinkId{7}});
    told = woken.size();
    EXPECT_TRUE(lane.may_move(LinkId{7}));
    break;
  }
}

}  // namespace
}  // namespace kith::host
