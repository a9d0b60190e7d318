#include "node/config_text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kith::node {
namespace {

TEST(ConfigText, Durations) {
  EXPECT_EQ(parse_duration("30s").value(), 30s);
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("1.5h").value(), 90min);
  EXPECT_EQ(parse_duration("1h30m").value(), 90min);
  EXPECT_EQ(parse_duration("0").value(), 0s);
  EXPECT_EQ(parse_duration("2d").value(), 48h);
  EXPECT_EQ(parse_duration("0.000001s").value(), 1us);
  for (const char* bad : {"", "30", "s", "-1s", "1 s", "1S", "1.s", ".5s", "1sec", "1h30", "1e3s",
                          "0.1234567s", "99999d", "18446744073709551616s"}) {
    EXPECT_FALSE(parse_duration(bad).has_value()) << bad;
  }
}

TEST(ConfigText, DurationsSurviveBeingWritten) {
  ASSERT_TRUE(rc::check("parse(format(d)) = d", [] {
    const Duration d(*rc::gen::inRange<Duration::rep>(0, 800'000'000'000'000'000));
    RC_ASSERT(parse_duration(format_duration(d)).value() == d);
  }));
  EXPECT_EQ(format_duration(90min), "1h30m");
  EXPECT_EQ(format_duration(0s), "0s");
}

TEST(ConfigText, Sizes) {
  EXPECT_EQ(parse_size("65536").value(), 65536U);
  EXPECT_EQ(parse_size("1MiB").value(), 1048576U);
  EXPECT_EQ(parse_size("1GiB").value(), 1073741824U);
  EXPECT_EQ(parse_size("1.5KiB").value(), 1536U);
  EXPECT_EQ(parse_size("2MB").value(), 2'000'000U);
  EXPECT_EQ(parse_size("0").value(), 0U);
  for (const char* bad : {"", "1.5", "-1", "1 MiB", "1mib", "MiB", "1XB", "1e6",
                          "18446744073709551616", "99999999TiB"}) {
    EXPECT_FALSE(parse_size(bad).has_value()) << bad;
  }
}

TEST(ConfigText, SizesSurviveBeingWritten) {
  ASSERT_TRUE(rc::check("parse(format(n)) = n", [](std::uint64_t n) {
    RC_ASSERT(parse_size(format_size(n)).value() == n);
  }));
  EXPECT_EQ(format_size(65536), "64KiB");
  EXPECT_EQ(format_size(65537), "65537");
}

TEST(ConfigText, CountsAndFlags) {
  EXPECT_EQ(parse_count("42").value(), 42U);
  for (const char* bad : {"", "4x", "-4", "+4", " 4", "4.0", "18446744073709551616"}) {
    EXPECT_FALSE(parse_count(bad).has_value()) << bad;
  }
  EXPECT_TRUE(parse_flag("yes").value());
  EXPECT_FALSE(parse_flag("off").value());
  EXPECT_FALSE(parse_flag("TRUE!").has_value());
}

TEST(ConfigText, NearestIsNearOrNothing) {
  const std::string_view words[] = {"start", "stop", "status", "stats"};
  EXPECT_EQ(nearest("sttaus", words), "status");
  EXPECT_EQ(nearest("statz", words), "stats");
  EXPECT_EQ(nearest("zzzzzz", words), std::nullopt);
  EXPECT_EQ(nearest("", words), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 's'), words), std::nullopt);
}

}  // namespace
}  // namespace kith::node
