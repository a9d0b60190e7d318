// What the verbs have in common that compute on this machine without a node: signals that stop and
// pause them, the owner's rules, and the line that shows how far they are.
#pragma once

#include <optional>
#include <string_view>

#include "app/session.h"
#include "cli/args.h"
#include "compute/work_rules.h"

namespace kith::app {

/// From now on SIGINT and SIGTERM stop, SIGUSR1 pauses and SIGUSR2 goes on.
void watch_work_signals();
/// Any thread.
bool is_work_stopped();

/// With `snooze` from now on; errors: `usage`.
Result<compute::WorkRules> read_work_rules(const cli::WorkRuleArgs& args);
/// These, and the pause that a signal asked for.
compute::WorkRules with_signals(compute::WorkRules rules);

/// Empty when it works.
std::string_view words_of(compute::WorkPause pause);

/// A bar that is drawn over and over on a terminal, else lines now and then. One thread.
class WorkLine {
 public:
  /// `may_redraw`: nobody else writes lines there.
  explicit WorkLine(const cli::Globals& globals, bool may_redraw = true);
  WorkLine(const WorkLine&) = delete;
  WorkLine& operator=(const WorkLine&) = delete;
  ~WorkLine();

  /// `share` of all that is to be done, how much of what is done in a second, and why it rests if
  /// it does.
  void show(double share, double rate, std::string_view unit, std::optional<double> left_s,
            std::string_view rest);

 private:
  const cli::Globals& globals_;
  const bool is_bar_;
  int count_ = 0;
};

}  // namespace kith::app
