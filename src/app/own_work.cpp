#include "app/own_work.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "app/cmd.h"
#include "cli/reports_work.h"

namespace kith::app {
namespace {

using compute::WorkPause;
using compute::WorkRules;

/// Without a terminal, a line of progress so often (seconds).
constexpr int line_interval = 10;

/// Workers read them, so that a signal handler's own type would not do.
std::atomic<bool> is_stop_asked = false;
std::atomic<bool> is_pause_asked = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_work_signal(int number) {
  switch (number) {
    case SIGUSR1: is_pause_asked = true; break;
    case SIGUSR2: is_pause_asked = false; break;
    default: is_stop_asked = true;
  }
}

std::int64_t unix_ms_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

void watch_work_signals() {
  struct sigaction action{};
  action.sa_handler = on_work_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) {
    ::sigaction(number, &action, nullptr);
  }
}

bool is_work_stopped() { return is_stop_asked; }

Result<WorkRules> read_work_rules(const cli::WorkRuleArgs& args) {
  WorkRules rules;
  rules.cpu_percent = static_cast<unsigned>(args.cpu_percent);
  if (!args.hours.empty()) rules.hours = TRY(compute::parse_work_hours(args.hours));
  rules.only_on_ac = args.only_on_ac;
  if (args.others_percent_max) {
    rules.others_percent_max = static_cast<unsigned>(*args.others_percent_max);
  }
  if (args.celsius_max) rules.celsius_max = static_cast<int>(*args.celsius_max);
  rules.memory_bytes_max = args.memory_bytes_max;
  if (args.snooze) rules.snooze_until = WallTime{unix_ms_now() + base::to_ms(*args.snooze)};
  return rules;
}

WorkRules with_signals(WorkRules rules) {
  rules.is_paused = is_pause_asked;
  return rules;
}

std::string_view words_of(WorkPause pause) {
  return pause == WorkPause::none ? std::string_view() : name_of(pause);
}

WorkLine::WorkLine(const cli::Globals& globals, bool may_redraw)
    : globals_(globals), is_bar_(may_redraw && ::isatty(STDERR_FILENO) != 0 && !globals.quiet) {}

WorkLine::~WorkLine() {
  if (is_bar_ && count_ > 0) std::fputc('\n', stderr);
}

void WorkLine::show(double share, double rate, std::string_view unit, std::optional<double> left_s,
                    std::string_view rest) {
  const std::string text = cli::progress_bar(share, rate, unit, left_s, rest);
  if (is_bar_) {
    std::fprintf(stderr, "\r%s\033[K", text.c_str());
    std::fflush(stderr);
  } else if (count_ % line_interval == 0) {
    say(globals_, text);
  }
  ++count_;
}

}  // namespace kith::app
