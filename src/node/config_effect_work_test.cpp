// What the keys of when a node works for jobs change, as in config_effect_test.cpp. Which jobs, for
// how many slots and by which keys is shown by tests/e2e/config_test.py.
#include "node/test_config_effect.h"

namespace kith::node {
namespace {

using compute::WorkPause;

compute::WorkRules rules_with(const Sets& sets) {
  std::vector<Setting> sources;
  for (const auto& [key, value] : sets) sources.push_back({key, {value}, Origin::flag, "--set"});
  auto settings = load_settings(std::move(sources));
  EXPECT_TRUE(settings.has_value()) << settings.error().message;
  return settings->compute.rules;
}

/// Noon, on battery, warm, and others use half of the machine.
WorkPause pause_with(const Sets& sets) {
  compute::WorkReadings readings;
  readings.minute = 12 * 60;
  readings.is_on_ac = false;
  readings.celsius = 70;
  readings.others_percent = 50;
  return compute::decide(rules_with(sets), readings, WorkPause::none);
}

TEST(ConfigWork, RulesSayWhenToRest) {
  EXPECT_EQ(pause_with({}), WorkPause::none);
  EXPECT_EQ(pause_with({{"compute.hours", "22:00-06:30"}}), WorkPause::hours);
  EXPECT_EQ(pause_with({{"compute.only_on_ac", "true"}}), WorkPause::battery);
  EXPECT_EQ(pause_with({{"compute.celsius_max", "60"}}), WorkPause::hot);
  EXPECT_EQ(pause_with({{"compute.others_percent_max", "40"}}), WorkPause::busy);
}

TEST(ConfigWork, AShareOfEachThreadsTime) {
  const auto rest = [](const Sets& sets) {
    return compute::rest_after(1s, rules_with(sets).cpu_percent);
  };
  EXPECT_EQ(rest({}), 0s);
  EXPECT_EQ(rest({{"compute.cpu_percent", "25"}}), 3s);
}

}  // namespace
}  // namespace kith::node
