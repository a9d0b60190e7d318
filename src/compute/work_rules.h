// When a volunteer's machine may work: a pure function of what the owner said and what a shell
// read (rt/compute_sensors.h). What could not be read counts as harmless: a machine without a
// battery is on AC, one without a thermometer is cool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace kith::compute {

/// Minutes of the day, local time; from == to: all day; from > to: over midnight.
struct WorkHours {
  unsigned from = 0;
  unsigned to = 0;  // not included
  friend bool operator==(const WorkHours&, const WorkHours&) = default;
};
inline constexpr unsigned day_minutes = 24 * 60;
/// "22:00-06:30". Anything else is `usage`.
Result<WorkHours> parse_work_hours(std::string_view text);

struct WorkRules {
  bool is_paused = false;
  /// Not before.
  std::optional<WallTime> snooze_until;
  /// Of each thread's time, 1 to 100.
  unsigned cpu_percent = 100;
  std::optional<WorkHours> hours;
  bool only_on_ac = false;
  /// Rest while other programs use more than this share of the machine, in percent.
  std::optional<unsigned> others_percent_max;
  std::optional<int> celsius_max;
  /// Resident memory of this process.
  std::optional<std::uint64_t> memory_bytes_max;
};

struct WorkReadings {
  WallTime now;
  unsigned minute = 0;  // of the day, local time
  std::optional<bool> is_on_ac;
  std::optional<unsigned> others_percent;  // of all processors, without this process
  std::optional<int> celsius;              // the hottest
  std::optional<std::uint64_t> memory_bytes;
};

enum class WorkPause : std::uint8_t { none, paused, snoozed, hours, battery, busy, hot, memory };
std::string_view name_of(WorkPause pause);

/// `before`: what was so last time. A machine that rested because it was hot or busy works again
/// only when it is clearly less so, else it would flutter.
WorkPause decide(const WorkRules& rules, const WorkReadings& readings, WorkPause before);

/// How far below its limit a reading must be before work goes on.
inline constexpr int celsius_slack = 5;
inline constexpr unsigned others_percent_slack = 10;

/// A thread that has worked for so long rests for this, so that it works cpu_percent of its time.
Duration rest_after(Duration worked, unsigned cpu_percent);

}  // namespace kith::compute
