#include "base/time.h"

namespace kith::base {
namespace {

TEST(Time, TheSoonestOfOptionalDeadlines) {
  const Instant early(Duration(1)), late(Duration(2));
  EXPECT_EQ(soonest(early, late), early);
  EXPECT_EQ(soonest(late, early), early);
  EXPECT_EQ(soonest(std::nullopt, late), late);
  EXPECT_EQ(soonest(late, std::nullopt), late);
  EXPECT_FALSE(soonest(std::nullopt, std::nullopt));
}

TEST(Time, WholeMillisecondsTowardsZero) {
  EXPECT_EQ(to_ms(1'999'999ns), 1);
  EXPECT_EQ(to_ms(-1'999'999ns), -1);
  EXPECT_EQ(to_ms(2s), 2000);
}

}  // namespace
}  // namespace kith::base
