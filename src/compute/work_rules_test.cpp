#include "compute/work_rules.h"

#include <gtest/gtest.h>

namespace kith::compute {
namespace {

struct Row {
  const char* what;
  void (*rule)(WorkRules&);
  void (*reading)(WorkReadings&);
  WorkPause before;
  WorkPause expected;
};

constexpr unsigned at(unsigned hour, unsigned minute = 0) { return hour * 60 + minute; }

const Row rows[] = {
    {"no rule", [](WorkRules&) {}, [](WorkReadings&) {}, WorkPause::none, WorkPause::none},
    {"no rule, all bad", [](WorkRules&) {},
     [](WorkReadings& r) {
       r.is_on_ac = false;
       r.others_percent = 100;
       r.celsius = 120;
       r.memory_bytes = UINT64_MAX;
     },
     WorkPause::none, WorkPause::none},
    {"paused", [](WorkRules& r) { r.is_paused = true; }, [](WorkReadings&) {}, WorkPause::none,
     WorkPause::paused},
    {"snoozed", [](WorkRules& r) { r.snooze_until = WallTime{1001}; }, [](WorkReadings&) {},
     WorkPause::none, WorkPause::snoozed},
    {"snooze is over", [](WorkRules& r) { r.snooze_until = WallTime{1000}; }, [](WorkReadings&) {},
     WorkPause::snoozed, WorkPause::none},
    {"within the hours", [](WorkRules& r) { r.hours = {at(9), at(17)}; },
     [](WorkReadings& r) { r.minute = at(9); }, WorkPause::hours, WorkPause::none},
    {"at the end of the hours", [](WorkRules& r) { r.hours = {at(9), at(17)}; },
     [](WorkReadings& r) { r.minute = at(17); }, WorkPause::none, WorkPause::hours},
    {"before the hours", [](WorkRules& r) { r.hours = {at(9), at(17)}; },
     [](WorkReadings& r) { r.minute = at(8, 59); }, WorkPause::none, WorkPause::hours},
    {"over midnight, late", [](WorkRules& r) { r.hours = {at(22), at(6)}; },
     [](WorkReadings& r) { r.minute = at(23, 59); }, WorkPause::none, WorkPause::none},
    {"over midnight, early", [](WorkRules& r) { r.hours = {at(22), at(6)}; },
     [](WorkReadings& r) { r.minute = at(5, 59); }, WorkPause::none, WorkPause::none},
    {"over midnight, noon", [](WorkRules& r) { r.hours = {at(22), at(6)}; },
     [](WorkReadings& r) { r.minute = at(12); }, WorkPause::none, WorkPause::hours},
    {"all day", [](WorkRules& r) { r.hours = {at(8), at(8)}; },
     [](WorkReadings& r) { r.minute = at(3); }, WorkPause::none, WorkPause::none},
    {"to the day's end", [](WorkRules& r) { r.hours = {at(12), at(24)}; },
     [](WorkReadings& r) { r.minute = at(11); }, WorkPause::none, WorkPause::hours},
    {"on battery", [](WorkRules& r) { r.only_on_ac = true; },
     [](WorkReadings& r) { r.is_on_ac = false; }, WorkPause::none, WorkPause::battery},
    {"on AC", [](WorkRules& r) { r.only_on_ac = true; }, [](WorkReadings& r) { r.is_on_ac = true; },
     WorkPause::battery, WorkPause::none},
    {"no battery at all", [](WorkRules& r) { r.only_on_ac = true; }, [](WorkReadings&) {},
     WorkPause::none, WorkPause::none},
    {"hot", [](WorkRules& r) { r.celsius_max = 80; }, [](WorkReadings& r) { r.celsius = 81; },
     WorkPause::none, WorkPause::hot},
    {"warm", [](WorkRules& r) { r.celsius_max = 80; }, [](WorkReadings& r) { r.celsius = 80; },
     WorkPause::none, WorkPause::none},
    {"not cool enough yet", [](WorkRules& r) { r.celsius_max = 80; },
     [](WorkReadings& r) { r.celsius = 76; }, WorkPause::hot, WorkPause::hot},
    {"cool again", [](WorkRules& r) { r.celsius_max = 80; },
     [](WorkReadings& r) { r.celsius = 75; }, WorkPause::hot, WorkPause::none},
    {"no thermometer", [](WorkRules& r) { r.celsius_max = 80; }, [](WorkReadings&) {},
     WorkPause::hot, WorkPause::none},
    {"others are busy", [](WorkRules& r) { r.others_percent_max = 25; },
     [](WorkReadings& r) { r.others_percent = 26; }, WorkPause::none, WorkPause::busy},
    {"others are less busy", [](WorkRules& r) { r.others_percent_max = 25; },
     [](WorkReadings& r) { r.others_percent = 16; }, WorkPause::busy, WorkPause::busy},
    {"others rest", [](WorkRules& r) { r.others_percent_max = 25; },
     [](WorkReadings& r) { r.others_percent = 15; }, WorkPause::busy, WorkPause::none},
    {"any other program", [](WorkRules& r) { r.others_percent_max = 0; },
     [](WorkReadings& r) { r.others_percent = 0; }, WorkPause::busy, WorkPause::none},
    {"memory", [](WorkRules& r) { r.memory_bytes_max = 1000; },
     [](WorkReadings& r) { r.memory_bytes = 1001; }, WorkPause::none, WorkPause::memory},
    {"a pause goes before all",
     [](WorkRules& r) {
       r.is_paused = true;
       r.celsius_max = 10;
     },
     [](WorkReadings& r) { r.celsius = 50; }, WorkPause::none, WorkPause::paused},
};

TEST(WorkRules, Table) {
  for (const Row& row : rows) {
    WorkRules rules;
    row.rule(rules);
    WorkReadings readings;
    readings.now = WallTime{1000};
    row.reading(readings);
    EXPECT_EQ(decide(rules, readings, row.before), row.expected)
        << row.what << ": " << name_of(decide(rules, readings, row.before));
  }
}

TEST(WorkRules, HoursAreRead) {
  EXPECT_EQ(parse_work_hours("22:00-06:30").value(), (WorkHours{at(22), at(6, 30)}));
  EXPECT_EQ(parse_work_hours("00:00-24:00").value(), (WorkHours{0, day_minutes}));
  for (const char* const text : {"", "22:00", "22:00-6:30", "25:00-06:00", "22:60-06:00",
                                 "24:01-06:00", "22:00-06:30 ", "22.00-06:30", "aa:bb-cc:dd"}) {
    EXPECT_EQ(parse_work_hours(text).error().code, Code::usage) << text;
  }
}

TEST(WorkRules, RestIsTheOtherShare) {
  EXPECT_EQ(rest_after(1s, 100), 0s);
  EXPECT_EQ(rest_after(1s, 50), 1s);
  EXPECT_EQ(rest_after(1s, 10), 9s);
  EXPECT_EQ(rest_after(100ms, 1), 9900ms);
}

}  // namespace
}  // namespace kith::compute
