// Whole nodes in the simulator: small runs of the scenarios that `kith simulate` offers.
#include "sim/scenario.h"

#include <gtest/gtest.h>

#include "base/sanitizer_test_util.h"

namespace kith::sim {
namespace {

double figure(const ScenarioResult& result, std::string_view name) {
  for (const auto& [key, value] : result.figures) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "no figure " << name;
  return 0;
}

TEST(ScenarioPeers, NodesFindEachOtherAndStayTogetherUnderChurn) {
  const auto result = run_scenario({.name = "peers", .nodes = 40, .seed = 3, .duration = 10min});
  ASSERT_TRUE(result.has_value());
  for (const auto& violation : result->violations) ADD_FAILURE() << to_string(violation);
  EXPECT_GE(figure(*result, "peers_per_node_min"), 3);
  EXPECT_GT(figure(*result, "crashes"), 5);
  EXPECT_GT(figure(*result, "pings_answered"), 1000);
}

TEST(ScenarioCalm, NothingFailsAndNobodyLeaves) {
  const auto result = run_scenario({.name = "calm", .nodes = 40, .seed = 3, .duration = 5min});
  ASSERT_TRUE(result.has_value());
  for (const auto& violation : result->violations) ADD_FAILURE() << to_string(violation);
  EXPECT_EQ(figure(*result, "largest_component"), 40);
  EXPECT_EQ(figure(*result, "crashes"), 0);
  // A ping may be under way on a connection that is one too many.
  EXPECT_LE(figure(*result, "pings_failed"), figure(*result, "pings_answered") / 1000);
  EXPECT_GT(figure(*result, "steady_events_per_virtual_s"), 40);
}

// Eight gusts, one of each kind.
TEST(ScenarioStorm, ASmallNetworkIsOneAgainAfterEachGust) {
  const Duration duration = test::less_if_sanitized(2h, 1h);
  const auto result = run_scenario({.name = "storm", .nodes = 16, .seed = 5, .duration = duration});
  ASSERT_TRUE(result.has_value());
  for (const auto& violation : result->violations) ADD_FAILURE() << to_string(violation);
  EXPECT_LE(figure(*result, "one_again_after_s_max"), 120);
  // It did blow, each way.
  EXPECT_GE(figure(*result, "gusts"), test::less_if_sanitized(8, 4));
  for (const auto* kind : {"cuts", "pauses", "power_losses", "clock_jumps", "segments_corrupted"}) {
    EXPECT_GT(figure(*result, kind), 0) << kind;
  }
}

TEST(Scenario, OneSeedGivesOneTrace) {
  for (const std::string& name : scenario_names()) {
    // Their own tests ask the same of them, with less.
    if (name == "ledger" || name == "compute") continue;
    // gossip is the one that is never at rest
    const Duration duration = name == "gossip" ? 70s : test::less_if_sanitized(10min, 2min);
    const ScenarioOptions options{.name = name, .nodes = 20, .seed = 7, .duration = duration};
    const auto first = run_scenario(options);
    const auto second = run_scenario(options);
    EXPECT_EQ(first->trace_hash, second->trace_hash) << name;
    EXPECT_EQ(first->events, second->events) << name;
    EXPECT_EQ(first->figures, second->figures) << name;
    ScenarioOptions other = options;
    other.seed = 8;
    EXPECT_NE(run_scenario(other)->trace_hash, first->trace_hash) << name;
  }
}

// A network of one node is small, but it is one.
TEST(Scenario, EachRunsWithOneNode) {
  for (const std::string& name : scenario_names()) {
    if (name == "compute") continue;  // slots of a ledger, and no nodes
    if (name == "packet") continue;   // pairs of nodes: it refuses fewer than four
    const auto result = run_scenario({.name = name, .nodes = 1, .seed = 2, .duration = 20min});
    ASSERT_TRUE(result.has_value()) << name;
    for (const auto& violation : result->violations) ADD_FAILURE() << to_string(violation);
    // Who is alone finalizes blocks, and shakes nobody's hand.
    if (name != "ledger") EXPECT_EQ(figure(*result, "handshakes"), 0) << name;
  }
}

TEST(ScenarioGossip, EverybodyHearsEverythingInFewCopies) {
  const auto run = [](const std::string& variant) {
    return run_scenario({.name = "gossip",
                         .nodes = 60,
                         .seed = 3,
                         .duration = test::less_if_sanitized(120s, 80s),
                         .settings = {{"variant", variant}}})
        .value();
  };
  const ScenarioResult push = run("push");
  const ScenarioResult choke = run("choke");
  for (const ScenarioResult* result : {&push, &choke}) {
    for (const auto& violation : result->violations) ADD_FAILURE() << to_string(violation);
    EXPECT_EQ(figure(*result, "delivered_share"), 1);
    EXPECT_GT(figure(*result, "messages"), test::less_if_sanitized(100, 50));
  }
  EXPECT_GT(figure(push, "copies_per_node"), 6);
  EXPECT_LT(figure(choke, "copies_per_node"), 3.2);
  EXPECT_LT(figure(choke, "latency_ms_p99"), 1.25 * figure(push, "latency_ms_p99"));
}

TEST(ScenarioGossip, CovertDroppersCostLittle) {
  const auto result = run_scenario({.name = "gossip",
                                    .nodes = 60,
                                    .seed = 4,
                                    .duration = test::less_if_sanitized(120s, 80s),
                                    .settings = {{"droppers", "0.2"}}});
  ASSERT_TRUE(result.has_value());
  for (const auto& violation : result->violations) ADD_FAILURE() << to_string(violation);
  EXPECT_EQ(figure(*result, "liars"), 12);
  EXPECT_EQ(figure(*result, "delivered_share"), 1);
}

TEST(ScenarioGossip, WrongSettingsAreNamed) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"colour", "red"},
                                                        {"variant", "fast"},
                                                        {"bytes", "7"},
                                                        {"bytes", "2MiB"},
                                                        {"period", "0s"},
                                                        {"droppers", "1"},
                                                        {"droppers", "-0.1"},
                                                        {"loss", "x"}}) {
    const auto wrong =
        run_scenario({.name = "gossip", .duration = 60s, .settings = {{name, value}}});
    ASSERT_FALSE(wrong.has_value()) << name;
    EXPECT_EQ(wrong.error().code, Code::usage) << name << "=" << value;
  }
  EXPECT_EQ(run_scenario({.name = "gossip", .duration = 59s}).error().code, Code::usage);
  EXPECT_EQ(run_scenario({.name = "calm", .settings = {{"bytes", "8"}}}).error().code, Code::usage);
}

TEST(Scenario, WrongOptionsAreNamed) {
  const auto wrong = run_scenario({.name = "nonsense"});
  EXPECT_EQ(wrong.error().code, Code::usage);
  for (const std::string& name : scenario_names()) {
    EXPECT_NE(wrong.error().message.find(name), std::string::npos) << wrong.error().message;
  }
  EXPECT_EQ(run_scenario({.nodes = 0}).error().code, Code::usage);
}

}  // namespace
}  // namespace kith::sim
