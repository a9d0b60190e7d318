#include "cli/reports_wallet.h"

#include <gtest/gtest.h>

#include "cli/wire_wallet.h"

namespace kith::cli {
namespace {

TEST(WalletWire, ReadsAPageOfCoins) {
  const auto page = read_utxos(
      R"({"height":9,"utxos":[{"outpoint":"ab:1","value":5,"height":3,"state":"unspent"},)"
      R"({"outpoint":"cd:0","value":"18014398509481984","height":null,"state":"pending"}],)"
      R"("next":"cd:0"})");
  ASSERT_TRUE(page.has_value()) << page.error().message;
  EXPECT_EQ(page->height, 9U);
  EXPECT_EQ(page->next, "cd:0");
  ASSERT_EQ(page->coins.size(), 2U);
  EXPECT_EQ(page->coins[0].height, 3U);
  EXPECT_EQ(page->coins[1].value, std::uint64_t{1} << 54);
  EXPECT_FALSE(page->coins[1].height.has_value());
}

TEST(WalletWire, WhatIsMissingIsNamed) {
  for (const char* text : {"", "[]", "{}", R"({"height":9})", R"({"height":9,"utxos":[{}]})",
                           R"({"height":-1,"utxos":[]})", R"({"height":"x","utxos":[]})"}) {
    const auto page = read_utxos(text);
    ASSERT_FALSE(page.has_value()) << text;
    EXPECT_EQ(page.error().code, Code::protocol);
  }
  EXPECT_NE(read_utxos(R"({"height":9,"utxos":[{"outpoint":"a","value":1}]})")
                .error()
                .message.find("\"state\""),
            std::string::npos);
  EXPECT_FALSE(read_chain_params("{}").has_value());
  EXPECT_FALSE(read_history("{}").has_value());
  EXPECT_FALSE(read_submitted("{}").has_value());
  EXPECT_FALSE(read_validator("{}").has_value());
}

TEST(WalletReports, UnitsInJsonAndCoinsForPeople) {
  BalanceReport report;
  report.wallet = "default";
  report.height = 4;
  report.final_units = 250'000'000;
  report.locked = 50'000'000;
  report.spendable = 200'000'000;
  report.coins = 2;
  EXPECT_EQ(to_json(report),
            R"({"wallet":"default","height":4,"final":250000000,"locked":50000000,"pending":0,)"
            R"("spendable":200000000,"coins":2})");
  EXPECT_EQ(to_text(report),
            "2 coins can be spent\n0.5 coins are being spent by transactions that wait");
  report.pending = (std::uint64_t{1} << 53) + 1;
  EXPECT_NE(to_json(report).find(R"("pending":"9007199254740993")"), std::string::npos);
}

TEST(WalletReports, HistoryHasSignsAndTimes) {
  const std::vector<HistoryRow> rows = {{"aa", "mempool", 0, 0, 1, 100'000'001},
                                        {"bb", "final", 7, 1'764'152'880'000, 300'000'000, 0}};
  EXPECT_EQ(to_text(rows),
            "-                     mempool                    -1  aa\n"
            "2025-11-26 10:28:00         7                    +3  bb\n");
  EXPECT_EQ(to_json(rows, 8),
            R"({"height":8,"entries":[{"txid":"aa","status":"mempool","height":null,)"
            R"("time_ms":null,"received":1,"spent":100000001},{"txid":"bb","status":"final",)"
            R"("height":7,"time_ms":1764152880000,"received":300000000,"spent":0}]})");
}

TEST(WalletReports, WordsAreNumbered) {
  EXPECT_EQ(words_text("a b c d e f g h"),
            "  1 a           2 b           3 c           4 d         \n"
            "  5 e           6 f           7 g           8 h         \n");
}

TEST(WalletReports, ValidatorsAreATable) {
  const std::string text = render_validators(
      R"({"validators":[{"key":"ab","status":"active","stake":100000000000,"uptime":9950}]})");
  EXPECT_NE(text.find("active"), std::string::npos);
  EXPECT_NE(text.find(" 1000 "), std::string::npos);
  EXPECT_NE(text.find("99.50%"), std::string::npos);
}

}  // namespace
}  // namespace kith::cli
