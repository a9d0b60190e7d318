// Byzantine validators among whole nodes: less than a third of the weight hinders nobody, and more
// is found out; and validators that come, go and change their weight.
#include "sim/scenario_liar.h"

#include <gtest/gtest.h>

#include "sim/scenario.h"

namespace kith::sim {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

ScenarioResult run(std::uint32_t nodes, std::uint64_t seed, Duration duration,
                   const Settings& settings) {
  auto result = run_scenario({"ledger", nodes, seed, duration, settings});
  EXPECT_TRUE(result.has_value()) << result.error().message;
  if (!result) return {};
  for (const Violation& violation : result->violations) ADD_FAILURE() << to_string(violation);
  return *std::move(result);
}

double figure(const ScenarioResult& result, std::string_view name) {
  for (const auto& [each, value] : result.figures) {
    if (each == name) return value;
  }
  ADD_FAILURE() << "no figure " << name;
  return 0;
}

class Liars : public testing::TestWithParam<std::uint8_t> {
 protected:
  static ValidatorLie lie() { return static_cast<ValidatorLie>(GetParam()); }
  static std::string name() { return std::string(name_of(lie())); }
};

TEST_P(Liars, OneOfFourHindersNobody) {
  const auto result = run(5, 1 + GetParam(), 90s,
                          {{"liars", "1"}, {"lie", name()}, {"gusts", "none"}, {"epoch", "16"}});
  EXPECT_GT(figure(result, "height"), 25);
  EXPECT_GT(figure(result, "payments_final"), 50);
  // Who contradicts itself is convicted by a block; who is only of no use is not. The builder signs
  // its broken block, and may at a standstill say again what it signed at first.
  const double convicted_at = figure(result, "liar_convicted_at_height");
  if (lie() == ValidatorLie::equivocator) {
    EXPECT_GT(convicted_at, 0);
    EXPECT_LT(convicted_at, 20);
  } else if (lie() != ValidatorLie::builder) {
    EXPECT_EQ(convicted_at, 0);
  }
}

// One unit of weight more, and it could halt them.
TEST_P(Liars, NorDoesAlmostAThirdOfTheWeight) {
  const auto result =
      run(4, 20 + GetParam(), 60s,
          {{"liars", "1"}, {"lie", name()}, {"weights", "edge"}, {"gusts", "none"}});
  EXPECT_GT(figure(result, "height"), 12);
}

INSTANTIATE_TEST_SUITE_P(Each, Liars, testing::Range(std::uint8_t{0}, validator_lies_count),
                         [](const auto& each) {
                           return std::string(name_of(static_cast<ValidatorLie>(each.param)));
                         });

TEST(LiarsInWeather, ThereIsOneChain) {
  for (const char* const lie : {"equivocator", "selective"}) {
    const auto result = run(4, 40, 4min, {{"liars", "1"}, {"lie", lie}, {"epoch", "16"}});
    EXPECT_GT(figure(result, "height"), 60) << lie;
    EXPECT_GE(figure(result, "gusts"), 1) << lie;
  }
}

// Two of four vote on both sides of a cut, each by two nodes: there are two chains. Whoever sees
// both stops, and keeps the proof, which blames these two and nobody else.
TEST(LiarsInWeather, TwoOfFourFork) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const auto result = run(4, seed, 60s, {{"twins", "2"}});
    EXPECT_GT(figure(result, "heights_forked"), 0) << seed;
    EXPECT_GT(figure(result, "halted"), 0) << seed;
    EXPECT_GT(figure(result, "fork_proofs"), 0) << seed;
  }
}

// One of four cannot, though it has two nodes.
TEST(LiarsInWeather, OneOfFourWithTwoNodesDoesNot) {
  const auto result = run(4, 1, 60s, {{"twins", "1"}});
  EXPECT_EQ(figure(result, "heights_forked"), 0);
  EXPECT_EQ(figure(result, "halted"), 0);
  EXPECT_GT(figure(result, "height"), 20);
}

TEST(Churn, StakesAndNodesComeAndGo) {
  const auto result = run(6, 3, 4min, {{"churn", "10s"}, {"gusts", "none"}, {"epoch", "16"}});
  EXPECT_GT(figure(result, "height"), 100);
  EXPECT_GT(figure(result, "stake_orders"), 10);
  EXPECT_GE(figure(result, "sets_changed"), 3);
}

TEST(LiarsInWeather, SettingsAreChecked) {
  const auto code = [](const Settings& settings) {
    const auto result = run_scenario({"ledger", 4, 1, 10s, settings});
    return result ? Code::internal : result.error().code;
  };
  EXPECT_EQ(code({{"liars", "5"}}), Code::usage);
  EXPECT_EQ(code({{"lie", "white"}}), Code::usage);
  EXPECT_EQ(code({{"weights", "odd"}}), Code::usage);
  EXPECT_EQ(code({{"churn", "1ms"}}), Code::usage);
  EXPECT_EQ(code({{"twins", "1"}, {"liars", "1"}}), Code::usage);
}

}  // namespace
}  // namespace kith::sim
