// The scenario "packet" in the small: what `kith simulate --scenario packet` runs at any size.
#include "sim/scenario_packet.h"

#include <gtest/gtest.h>

#include "base/sanitizer_test_util.h"
#include "sim/scenario_packet_field.h"
#include "sim/scenario_packet_long.h"

namespace kith::sim {
namespace {

std::string text_of(const PacketViolation& violation) {
  return violation.invariant + ": " + violation.what + " at " +
         std::to_string(base::to_ms(violation.at.time_since_epoch())) + " ms";
}

constexpr std::uint64_t sessions_of_test = 200;

TEST(ScenarioPacket, SessionsInAnyWeatherLoseNothingAndLeaveNothing) {
  PacketField field({.nodes = 24, .sessions = sessions_of_test, .seed = 3});
  field.run();
  for (const auto& violation : field.violations()) ADD_FAILURE() << text_of(violation);
  const PacketFieldFigures& figures = field.figures();
  EXPECT_EQ(figures.violations, 0U);
  EXPECT_GE(figures.whole, sessions_of_test);
  EXPECT_GE(figures.totals.bytes, figures.whole << 20);
  // It did all happen.
  const DatagramStats& wire = field.net().datagrams().stats();
  for (const std::uint64_t count :
       {figures.rotations, figures.resumed, figures.aborted, figures.cuts, figures.moves,
        figures.rebinds, figures.bursts, figures.packets_resent, figures.wrong_identities,
        figures.strangers, figures.path_changes, figures.totals.messages_given_up, wire.lost,
        wire.corrupted, wire.duplicated, wire.reordered, wire.dropped_too_large, field.attacks()}) {
    EXPECT_GT(count, 0U);
  }
}

TEST(ScenarioPacket, ProcessesThatDieAreNoticedByStatelessResets) {
  PacketField field({.nodes = 8,
                     .sessions = 60,
                     .at_once = 14,
                     .seed = 5,
                     .has_attacks = false,
                     .restart_pause = 1s});
  field.run();
  for (const auto& violation : field.violations()) ADD_FAILURE() << text_of(violation);
  EXPECT_GT(field.figures().restarts, 0U);
  EXPECT_GT(field.figures().resets, 0U);
}

TEST(ScenarioPacket, OneSeedGivesOneTrace) {
  std::uint64_t traces[3];
  for (std::uint64_t run = 0; run < 3; ++run) {
    PacketField field({.nodes = 12, .sessions = 20, .at_once = 20, .seed = 9 + run / 2});
    field.run();
    traces[run] = field.net().trace();
  }
  EXPECT_EQ(traces[0], traces[1]);
  EXPECT_NE(traces[0], traces[2]);
}

TEST(ScenarioPacket, AByteThatIsWrittenWrongIsNoticed) {
  PacketField field({.nodes = 6, .sessions = 5, .seed = 2, .is_canary = true});
  field.run();
  ASSERT_FALSE(field.violations().empty());
  EXPECT_EQ(field.violations().front().invariant, "streams arrive as written");
}

TEST(ScenarioPacket, ASessionOfADayKeepsItsMemoryAndLosesNothing) {
  PacketLong session({.seed = 4, .duration = test::is_sanitized ? 6h : 24h});
  session.run();
  for (const auto& violation : session.violations()) ADD_FAILURE() << text_of(violation);
  EXPECT_GT(session.figures().rotations, 30U);
  EXPECT_GT(session.figures().messages, 4000U);
  EXPECT_GT(session.figures().packets_resent, 100U);
}

}  // namespace
}  // namespace kith::sim
