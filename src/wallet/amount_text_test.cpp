#include "wallet/amount_text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kith::wallet {
namespace {

TEST(AmountText, ReadsCoins) {
  EXPECT_EQ(parse_coins("0").value(), 0U);
  EXPECT_EQ(parse_coins("1").value(), 100'000'000U);
  EXPECT_EQ(parse_coins("0.00000001").value(), 1U);
  EXPECT_EQ(parse_coins("12.5").value(), 1'250'000'000U);
  EXPECT_EQ(parse_coins("007.10").value(), 710'000'000U);
  EXPECT_EQ(parse_coins("46116860184.27387904").value(), codec::amount_max);
}

TEST(AmountText, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1 ", " 1", "0x1", "1.123456789", "1.2.3",
        "46116860184.27387905", "99999999999999999999", "184467440737.09551617", "nan"}) {
    const auto amount = parse_coins(text);
    ASSERT_FALSE(amount.has_value()) << text;
    EXPECT_EQ(amount.error().code, Code::usage);
    EXPECT_NE(amount.error().message.find(text), std::string::npos);
  }
}

TEST(AmountText, WritesTheShortest) {
  EXPECT_EQ(format_coins(0), "0");
  EXPECT_EQ(format_coins(1), "0.00000001");
  EXPECT_EQ(format_coins(codec::units_per_coin * 30), "30");
  EXPECT_EQ(format_coins(1'250'000'000), "12.5");
}

TEST(AmountText, GoesThereAndBack) {
  rc::check([](std::uint64_t number) {
    const codec::Amount amount = number % (codec::amount_max + 1);
    RC_ASSERT(parse_coins(format_coins(amount)).value() == amount);
  });
}

TEST(AmountText, OtherTextNeverCrashes) {
  rc::check([](const std::string& text) { (void)parse_coins(text); });
}

}  // namespace
}  // namespace kith::wallet
