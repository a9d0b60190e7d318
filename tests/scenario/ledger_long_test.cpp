// Days of whole nodes with a chain in any weather (sim/scenario_ledger.h), more seeds, validators
// and shapes than the tests beside the scenario have time for.
#include <gtest/gtest.h>

#include "sim/scenario.h"

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

}  // namespace
}  // namespace kith::sim
