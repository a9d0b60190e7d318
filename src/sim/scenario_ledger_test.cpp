#include "sim/scenario_ledger.h"

#include <gtest/gtest.h>

#include "sim/payment_load.h"

namespace kith::sim {
namespace {

double figure(const ScenarioResult& result, std::string_view name) {
  for (const auto& [each, value] : result.figures) {
    if (each == name) return value;
  }
  ADD_FAILURE() << "no figure " << name;
  return 0;
}

std::string violations_of(const ScenarioResult& result) {
  std::string text;
  for (const Violation& violation : result.violations) text += to_string(violation) + "\n";
  return text;
}

TEST(ScenarioLedger, WholeNodesPayInAnyWeather) {
  const ScenarioOptions options{"ledger", 5, 3, 8min, {{"epoch", "16"}}};
  const auto result = run_scenario(options);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(violations_of(*result), "");
  EXPECT_GT(figure(*result, "height"), 300);
  EXPECT_GT(figure(*result, "payments_final"), 700);
  EXPECT_GE(figure(*result, "gusts"), 3);
  EXPECT_GT(figure(*result, "power_losses"), 0);
}

// Leaders by the beacon, through crashes, cuts and epochs with other validators.
TEST(ScenarioLedger, AChainThatComputesGoesOnInAnyWeather) {
  const ScenarioOptions options{
      "ledger", 5, 3, 6min, {{"epoch", "16"}, {"computing", "on"}, {"churn", "30s"}}};
  const auto result = run_scenario(options);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(violations_of(*result), "");
  EXPECT_GT(figure(*result, "height"), 200);
  EXPECT_GT(figure(*result, "payments_final"), 100);
  const auto again = run_scenario(options);
  EXPECT_EQ(again->trace_hash, result->trace_hash);
}

TEST(ScenarioLedger, OneSeedOneTrace) {
  const ScenarioOptions options{"ledger", 4, 9, 90s};
  const auto once = run_scenario(options);
  const auto again = run_scenario(options);
  EXPECT_EQ(once->trace_hash, again->trace_hash);
  EXPECT_EQ(once->figures, again->figures);
  ScenarioOptions other = options;
  other.seed = 10;
  EXPECT_NE(run_scenario(other)->trace_hash, once->trace_hash);
}

// Without a majority nothing is final, and nothing forks.
TEST(ScenarioLedger, HalvesWaitForEachOther) {
  const ScenarioOptions options{"ledger", 4, 5, 4min, {{"gusts", "halves"}}};
  const auto result = run_scenario(options);
  EXPECT_EQ(violations_of(*result), "");
  EXPECT_GT(figure(*result, "height"), 100);
}

// An older disk is put back again and again: nobody accuses anybody, and all are one again.
TEST(ScenarioLedger, OldDisksArePutBack) {
  const ScenarioOptions options{"ledger", 4, 7, 8min, {{"gusts", "backup"}, {"epoch", "16"}}};
  const auto result = run_scenario(options);
  EXPECT_EQ(violations_of(*result), "");
  EXPECT_GT(figure(*result, "height"), 300);
  EXPECT_GE(figure(*result, "backups_put_back"), 2);
}

TEST(ScenarioLedger, SettingsAreChecked) {
  const auto code = [](std::pair<std::string, std::string> setting) {
    const auto result = run_scenario({"ledger", 4, 1, 10s, {std::move(setting)}});
    return result ? Code::internal : result.error().code;
  };
  EXPECT_EQ(code({"validators", "5"}), Code::usage);
  EXPECT_EQ(code({"validators", "0"}), Code::usage);
  EXPECT_EQ(code({"epoch", "1"}), Code::usage);
  EXPECT_EQ(code({"interval", "1ms"}), Code::usage);
  EXPECT_EQ(code({"gusts", "snow"}), Code::usage);
  EXPECT_EQ(code({"computing", "yes"}), Code::usage);
  EXPECT_EQ(code({"colour", "red"}), Code::usage);
}

/// Two accounts' payments, the first of which is final.
struct Paid {
  Paid() : load(3, 2, 1'000'000), rng(1) {
    load.begin({});
    first = load.next({}, rng);
    second = load.next({}, rng);
    load.on_final({}, {first});
  }
  PaymentLoad load;
  SeededRng rng;
  codec::TxPtr first, second;
};

TEST(PaymentLoad, FindsWhatNoLedgerMayDo) {
  Paid twice;
  EXPECT_FALSE(twice.load.problem());
  EXPECT_EQ(twice.load.payments_final(), 1u);
  EXPECT_EQ(twice.load.coins().size(), 7u);
  twice.load.on_final({}, {twice.first});
  ASSERT_TRUE(twice.load.problem());
  EXPECT_NE(twice.load.problem()->find("not there to spend"), std::string::npos);

  Paid from_nothing;
  auto more = from_nothing.second->tx;
  more.outputs[0].value += 1;
  from_nothing.load.on_final({}, {codec::seal(more)});
  ASSERT_TRUE(from_nothing.load.problem());
  EXPECT_NE(from_nothing.load.problem()->find("takes"), std::string::npos);
}

TEST(PaymentLoad, WhatIsNotFinalIsPaidAgainLater) {
  PaymentLoad load(1, 1, 1'000'000);
  load.begin({});
  SeededRng rng(1);
  ASSERT_NE(load.next({}, rng), nullptr);
  EXPECT_EQ(load.next(Instant{59s}, rng), nullptr);
  EXPECT_NE(load.next(Instant{60s}, rng), nullptr);
}

}  // namespace
}  // namespace kith::sim
