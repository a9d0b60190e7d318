// The record of one peer: credit for useful work and demerit for faults, each 0…1000 points, apart,
// so that no good work buys a bad deed. Both decay towards 0 and never cross it.
//
// Counted in whole milli-points and decayed lazily on a fixed grid of virtual time: what an account
// holds depends on what happened and when, never on how often it was looked at. A third account,
// liveness, holds what a peer costs by not answering; it is capped far below a ban, and a ban looks
// at faults alone: a flaky peer can be warned, never banned.
//
// Faults of this decay interval and the one before are also summed without decay, for the two
// thresholds: whoever earns a ban's worth of faults within an interval is banned, however it
// spreads them. All in virtual time; a value type of 80 bytes, whose configuration is given with
// each call.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace kith::peer {

/// Milli-points: 1000 are one point of the scale that people see.
using Points = std::int64_t;
inline constexpr Points point = 1000;
inline constexpr Points points_max = 1000 * point;

struct LedgerConfig {
  Points useful_gain = 1 * point;
  Duration useful_interval = 1s;  // at most one gain in so long: full credit takes 1000 s of work
  Points ambiguous_cost = 5 * point;
  Points rejected_cost = 20 * point;
  Points liveness_cost = 5 * point;   // a probe or a request without an answer
  Points liveness_max = 100 * point;  // just a warning
  Points decay = 10 * point;          // in each…
  Duration decay_interval = 600s;     // …of these
  Points warn_at = 100 * point;       // demerit
  Points warn_until = 50 * point;     // hysteresis: the warning ends below
  Points ban_at = 500 * point;        // faults
  Points ban_until = 100 * point;     // the ban ends below: 400 minutes at the least
};

/// Milli-points that decay in [0, at). The difference of two is what decays between.
Points decayed_until(const LedgerConfig& config, Instant at);
/// Milli-points that decay in `span`, as far as a record without an Instant can know.
Points decayed_in(const LedgerConfig& config, Duration span);

class Ledger {
 public:
  Ledger() = default;
  /// With what an earlier run stored, decayed already.
  Ledger(const LedgerConfig& config, Instant now, Points credit, Points fault, Points liveness);

  /// Useful work; false when the last one was too short ago to count.
  bool earn(const LedgerConfig& config, Instant now);
  void add_fault(const LedgerConfig& config, Instant now, Points cost);
  void add_liveness(const LedgerConfig& config, Instant now, Points cost);
  /// A proof of bad faith: all the demerit there is.
  void convict(const LedgerConfig& config, Instant now);
  /// For what somebody did whom this peer vouched for.
  void lose_credit(const LedgerConfig& config, Instant now, Points cost);
  /// No credit, and faults for a whole ban at the least.
  void begin_ban(const LedgerConfig& config, Instant now);
  /// Somebody lifted it: no demerit any more.
  void pardon(const LedgerConfig& config, Instant now);

  Points credit(const LedgerConfig& config, Instant now) const;
  Points fault(const LedgerConfig& config, Instant now) const;
  Points liveness(const LedgerConfig& config, Instant now) const;
  /// Faults and liveness, at most points_max.
  Points demerit(const LedgerConfig& config, Instant now) const;
  /// Credit less demerit: −points_max…+points_max.
  Points reputation(const LedgerConfig& config, Instant now) const;

  bool deserves_warning(const LedgerConfig& config, Instant now) const;
  bool deserves_ban(const LedgerConfig& config, Instant now) const;
  /// The first moment at which demerit is below `limit` if nothing happens; empty if never.
  std::optional<Instant> demerit_below(const LedgerConfig& config, Instant now, Points limit) const;
  std::optional<Instant> fault_below(const LedgerConfig& config, Instant now, Points limit) const;

 private:
  void settle(const LedgerConfig& config, Instant now);
  Points left(const LedgerConfig& config, Instant now, Points value) const;
  void turn_interval(const LedgerConfig& config, Instant now);
  Points recent(const LedgerConfig& config, Instant now) const;

  Points credit_ = 0;  // at mark_
  Points fault_ = 0;
  Points liveness_ = 0;
  Points mark_ = 0;  // decayed_until() of the last change
  std::int64_t interval_ =
      0;  // the decay interval that recent_[0] is of; recent_[1]: the one before
  Points recent_[2] = {0, 0};
  std::optional<Instant> earned_at_;
};

}  // namespace kith::peer
