#include "compute/work_rules.h"

#include <algorithm>

#include "base/assert.h"
#include "base/format.h"

namespace kith::compute {
namespace {

std::optional<unsigned> two_digits(std::string_view text, unsigned most) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
    return std::nullopt;
  }
  const auto value = static_cast<unsigned>((text[0] - '0') * 10 + (text[1] - '0'));
  return value <= most ? std::optional(value) : std::nullopt;
}

/// "06:30"; 24:00 is the day's end.
std::optional<unsigned> minute_of(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = two_digits(text.substr(0, 2), 24);
  const auto minute = two_digits(text.substr(3), 59);
  if (!hour || !minute || *hour * 60 + *minute > day_minutes) return std::nullopt;
  return *hour * 60 + *minute;
}

bool is_within(const WorkHours& hours, unsigned minute) {
  const unsigned from = hours.from % day_minutes;
  const unsigned to = hours.to % day_minutes;
  if (from == to) return true;
  if (from < to) return minute >= from && minute < to;
  return minute >= from || minute < to;
}

}  // namespace

Result<WorkHours> parse_work_hours(std::string_view text) {
  if (text.size() == 11 && text[5] == '-') {
    const auto from = minute_of(text.substr(0, 5));
    const auto to = minute_of(text.substr(6));
    if (from && to) return WorkHours{*from, *to};
  }
  return fail(Code::usage,
              base::format("\"{}\" are no hours such as 22:00-06:30", text.substr(0, 40)));
}

std::string_view name_of(WorkPause pause) {
  switch (pause) {
    case WorkPause::none: return "none";
    case WorkPause::paused: return "paused";
    case WorkPause::snoozed: return "snoozed";
    case WorkPause::hours: return "outside its hours";
    case WorkPause::battery: return "on battery";
    case WorkPause::busy: return "others are at work";
    case WorkPause::hot: return "too hot";
    case WorkPause::memory: return "too much memory";
  }
  return "unknown";
}

WorkPause decide(const WorkRules& rules, const WorkReadings& readings, WorkPause before) {
  if (rules.is_paused) return WorkPause::paused;
  if (rules.snooze_until && readings.now < *rules.snooze_until) return WorkPause::snoozed;
  if (rules.hours && !is_within(*rules.hours, readings.minute)) return WorkPause::hours;
  if (rules.only_on_ac && !readings.is_on_ac.value_or(true)) return WorkPause::battery;
  if (rules.memory_bytes_max && readings.memory_bytes.value_or(0) > *rules.memory_bytes_max) {
    return WorkPause::memory;
  }
  if (rules.celsius_max && readings.celsius) {
    const int slack = before == WorkPause::hot ? celsius_slack : 0;
    if (*readings.celsius > *rules.celsius_max - slack) return WorkPause::hot;
  }
  if (rules.others_percent_max && readings.others_percent) {
    const unsigned most = *rules.others_percent_max;
    const unsigned slack = before == WorkPause::busy ? std::min(others_percent_slack, most / 2) : 0;
    if (*readings.others_percent > most - slack) return WorkPause::busy;
  }
  return WorkPause::none;
}

Duration rest_after(Duration worked, unsigned cpu_percent) {
  ASSERT(cpu_percent >= 1 && cpu_percent <= 100);
  return worked * (100 - cpu_percent) / cpu_percent;
}

}  // namespace kith::compute
