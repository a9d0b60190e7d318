// Days of whole nodes with a chain in any weather (sim/scenario_ledger.h), more seeds, validators
// and shapes than the tests beside the scenario have time for; liars and churn among them.
#include <gtest/gtest.h>

#include <cstdio>

#include "sim/scenario.h"
#include "sim/scenario_liar.h"

namespace kith::sim {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

void run(std::uint32_t nodes, std::uint64_t seed, Duration duration, const Settings& settings) {
  const auto result = run_scenario({"ledger", nodes, seed, duration, settings});
  ASSERT_TRUE(result.has_value()) << result.error().message;
  for (const auto& violation : result->violations) {
    ADD_FAILURE() << nodes << " nodes: " << to_string(violation);
  }
  EXPECT_GT(result->events, 10'000u);
  std::printf("simulated %.1f hours, %.0f final heights\n",
              std::chrono::duration<double, std::ratio<3600>>(duration).count(),
              result->figures.at(0).second);
}

TEST(LedgerLong, FourValidatorsAndAFollower) {
  for (std::uint64_t seed = 100; seed < 110; ++seed) run(5, seed, 2h, {});
}

TEST(LedgerLong, ShortEpochsAndSevenOfTen) {
  for (std::uint64_t seed = 200; seed < 206; ++seed) {
    run(10, seed, 30min, {{"validators", "7"}, {"epoch", "8"}});
  }
}

TEST(LedgerLong, TenBlocksASecondInTheWorstWeather) {
  for (std::uint64_t seed = 300; seed < 308; ++seed) {
    run(4, seed, 30min, {{"interval", "100ms"}, {"gusts", "everything"}});
  }
}

TEST(LedgerLong, NetworksOfOneToThree) {
  for (const std::uint32_t validators : {1U, 2U, 3U}) {
    run(validators + 1, 400 + validators, 1h, {{"validators", std::to_string(validators)}});
  }
}

TEST(LedgerLong, AMinuteBetweenBlocks) { run(5, 500, 12h, {{"interval", "1m"}}); }

class LedgerLongLiars : public testing::TestWithParam<std::uint8_t> {};

TEST_P(LedgerLongLiars, OneOfFourAndTwoOfSevenInAnyWeather) {
  const std::string lie(name_of(static_cast<ValidatorLie>(GetParam())));
  run(5, 600 + GetParam(), 30min, {{"liars", "1"}, {"lie", lie}, {"epoch", "16"}});
  run(4, 620 + GetParam(), 20min, {{"liars", "1"}, {"lie", lie}, {"weights", "edge"}});
  run(8, 640 + GetParam(), 10min, {{"validators", "7"}, {"liars", "2"}, {"lie", lie}});
}

INSTANTIATE_TEST_SUITE_P(Each, LedgerLongLiars,
                         testing::Range(std::uint8_t{0}, validator_lies_count),
                         [](const auto& each) {
                           return std::string(name_of(static_cast<ValidatorLie>(each.param)));
                         });

TEST(LedgerLong, TwoOfFourForkAndAreBlamed) {
  for (std::uint64_t seed = 700; seed < 720; ++seed) run(4, seed, 60s, {{"twins", "2"}});
}

TEST(LedgerLong, ChurnEachHalfMinuteInAnyWeather) {
  for (std::uint64_t seed = 800; seed < 804; ++seed) {
    run(8, seed, 1h, {{"churn", "30s"}, {"epoch", "16"}});
  }
}

}  // namespace
}  // namespace kith::sim
