#include "sim/scenario_compute.h"

#include <gtest/gtest.h>

#include <map>

#include "base/sanitizer_test_util.h"
#include "sim/scenario_compute_net.h"

namespace kith::sim {
namespace {

ScenarioOptions small(std::vector<std::pair<std::string, std::string>> settings = {}) {
  ScenarioOptions options;
  options.name = "compute";
  options.nodes = 200;
  options.duration = 60min * 75;
  options.settings = std::move(settings);
  return options;
}

std::map<std::string, double> figures_of(const ScenarioResult& result) {
  return {result.figures.begin(), result.figures.end()};
}

TEST(ScenarioCompute, ALittleNetworkKeepsItsBounds) {
  const auto result = run_compute(small());
  ASSERT_TRUE(result.has_value());
  for (const Violation& violation : result->violations) ADD_FAILURE() << to_string(violation);
  const auto figures = figures_of(*result);
  EXPECT_GT(figures.at("tasks_first"), 1'000);
  EXPECT_EQ(figures.at("honest_fined"), 0);
  EXPECT_GT(figures.at("fined_lazy"), 0);
  EXPECT_GT(figures.at("fined_copying"), 0);
  EXPECT_GT(figures.at("fined_front-running"), 0);
  EXPECT_GT(figures.at("fined_hollow"), 0);
  EXPECT_GT(figures.at("verdicts"), 0);
  EXPECT_GT(figures.at("moves_refused"), 0);
}

TEST(ScenarioCompute, IsAFunctionOfItsSeed) {
  ScenarioOptions options = small();
  options.nodes = test::less_if_sanitized(200, 60);
  options.duration = 60min * 34;
  const auto once = run_compute(options);
  const auto again = run_compute(options);
  options.seed = 2;
  const auto other = run_compute(options);
  ASSERT_TRUE(once && again && other);
  EXPECT_EQ(once->trace_hash, again->trace_hash);
  EXPECT_NE(once->trace_hash, other->trace_hash);
}

TEST(ScenarioCompute, WithoutCheatsNothingIsWrongAndNobodyFined) {
  ScenarioOptions options = small({{"cheats", "0"}, {"failures", "off"}});
  options.nodes = test::less_if_sanitized(200, 60);
  const auto result = run_compute(options);
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->violations.empty());
  const auto figures = figures_of(*result);
  EXPECT_EQ(figures.at("wrong_first"), 0);
  EXPECT_EQ(figures.at("honest_withdrawn"), 0);
}

TEST(ScenarioCompute, HoweverLiarsContestNobodyHonestIsFined) {
  for (std::size_t i = 0; i < compute_contests; ++i) {
    const std::string name(name_of(static_cast<ComputeContest>(i)));
    SCOPED_TRACE(name);
    ScenarioOptions options = small({{"contest", name}});
    options.nodes = 60;
    options.duration = 60min * 40;
    const auto result = run_compute(options);
    ASSERT_TRUE(result.has_value());
    for (const Violation& violation : result->violations) ADD_FAILURE() << to_string(violation);
    EXPECT_GT(figures_of(*result).at("disputes"), 0);
  }
}

TEST(ScenarioCompute, SettingsThatCannotBeAreRefused) {
  EXPECT_EQ(run_compute(small({{"contest", "duel"}})).error().code, Code::usage);
  EXPECT_EQ(run_compute(small({{"cheats", "0.5"}})).error().code, Code::usage);
  EXPECT_EQ(run_compute(small({{"lie", "white"}})).error().code, Code::usage);
  EXPECT_EQ(run_compute(small({{"failures", "some"}})).error().code, Code::usage);
  EXPECT_EQ(run_compute(small({{"colour", "1"}})).error().code, Code::usage);
  ScenarioOptions brief = small();
  brief.duration = 60min;
  EXPECT_EQ(run_compute(brief).error().code, Code::usage);
}

}  // namespace
}  // namespace kith::sim
