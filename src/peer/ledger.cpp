#include "peer/ledger.h"

#include <algorithm>

#include "base/assert.h"

namespace kith::peer {
namespace {

__extension__ using Wide = __int128;

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

/// The first instant at which decayed_until() is `units`.
std::optional<Instant> instant_of(const LedgerConfig& config, Points units) {
  if (config.decay == 0) return std::nullopt;
  const Wide scaled = Wide{units} * config.decay_interval.count();
  Wide ns = scaled / config.decay;
  if (scaled % config.decay > 0) ++ns;
  if (ns > Instant::max().time_since_epoch().count()) return std::nullopt;
  return Instant(Duration(static_cast<std::int64_t>(ns)));
}

}  // namespace

Points decayed_until(const LedgerConfig& config, Instant at) {
  const std::int64_t interval = config.decay_interval.count();
  ASSERT(interval > 0 && config.decay >= 0);
  const Wide scaled = Wide{at.time_since_epoch().count()} * config.decay;
  Wide units = scaled / interval;
  if (scaled % interval < 0) --units;
  return static_cast<Points>(std::clamp<Wide>(units, INT64_MIN / 4, INT64_MAX / 4));
}

Points decayed_in(const LedgerConfig& config, Duration span) {
  return decayed_until(config, Instant(std::max(span, Duration::zero())));
}

Ledger::Ledger(const LedgerConfig& config, Instant now, Points credit, Points fault,
               Points liveness)
    : credit_(std::clamp<Points>(credit, 0, points_max)),
      fault_(std::clamp<Points>(fault, 0, points_max)),
      liveness_(std::clamp<Points>(liveness, 0, config.liveness_max)),
      mark_(decayed_until(config, now)) {}

Points Ledger::left(const LedgerConfig& config, Instant now, Points value) const {
  // A time before the last change cannot come (law 2); then nothing has decayed.
  const Points decayed = std::max<Points>(0, decayed_until(config, now) - mark_);
  return std::max<Points>(0, value - decayed);
}

void Ledger::settle(const LedgerConfig& config, Instant now) {
  credit_ = credit(config, now);
  fault_ = fault(config, now);
  liveness_ = liveness(config, now);
  mark_ = std::max(mark_, decayed_until(config, now));
}

Points Ledger::credit(const LedgerConfig& config, Instant now) const {
  return left(config, now, credit_);
}
Points Ledger::fault(const LedgerConfig& config, Instant now) const {
  return left(config, now, fault_);
}
Points Ledger::liveness(const LedgerConfig& config, Instant now) const {
  return left(config, now, liveness_);
}
Points Ledger::demerit(const LedgerConfig& config, Instant now) const {
  return std::min(points_max, fault(config, now) + liveness(config, now));
}
Points Ledger::reputation(const LedgerConfig& config, Instant now) const {
  return credit(config, now) - demerit(config, now);
}

bool Ledger::earn(const LedgerConfig& config, Instant now) {
  if (earned_at_ && now - *earned_at_ < config.useful_interval) return false;
  settle(config, now);
  earned_at_ = now;
  credit_ = std::min(points_max, credit_ + config.useful_gain);
  return true;
}

void Ledger::turn_interval(const LedgerConfig& config, Instant now) {
  const std::int64_t interval =
      floor_divide(now.time_since_epoch().count(), config.decay_interval.count());
  if (interval <= interval_) return;
  recent_[1] = interval == interval_ + 1 ? recent_[0] : 0;
  recent_[0] = 0;
  interval_ = interval;
}

Points Ledger::recent(const LedgerConfig& config, Instant now) const {
  Ledger turned = *this;
  turned.turn_interval(config, now);
  return std::min(points_max, turned.recent_[0] + turned.recent_[1]);
}

void Ledger::add_fault(const LedgerConfig& config, Instant now, Points cost) {
  ASSERT(cost >= 0 && cost <= points_max);
  settle(config, now);
  turn_interval(config, now);
  fault_ = std::min(points_max, fault_ + cost);
  recent_[0] = std::min(points_max, recent_[0] + cost);
}

void Ledger::add_liveness(const LedgerConfig& config, Instant now, Points cost) {
  ASSERT(cost >= 0 && cost <= points_max);
  settle(config, now);
  liveness_ = std::min(config.liveness_max, liveness_ + cost);
}

void Ledger::convict(const LedgerConfig& config, Instant now) {
  settle(config, now);
  fault_ = points_max;
}

void Ledger::lose_credit(const LedgerConfig& config, Instant now, Points cost) {
  settle(config, now);
  credit_ = std::max<Points>(0, credit_ - cost);
}

void Ledger::begin_ban(const LedgerConfig& config, Instant now) {
  settle(config, now);
  credit_ = 0;
  fault_ = std::max(fault_, config.ban_at);
}

void Ledger::pardon(const LedgerConfig& config, Instant now) {
  settle(config, now);
  fault_ = liveness_ = 0;
  recent_[0] = recent_[1] = 0;
}

bool Ledger::deserves_warning(const LedgerConfig& config, Instant now) const {
  const Points faults = std::max(fault(config, now), recent(config, now));
  return faults + liveness(config, now) >= config.warn_at;
}

bool Ledger::deserves_ban(const LedgerConfig& config, Instant now) const {
  return std::max(fault(config, now), recent(config, now)) >= config.ban_at;
}

std::optional<Instant> Ledger::fault_below(const LedgerConfig& config, Instant now,
                                           Points limit) const {
  const Points value = fault(config, now);
  if (value < limit) return now;
  if (limit <= 0) return std::nullopt;
  return instant_of(config, std::max(mark_, decayed_until(config, now)) + value - limit + 1);
}

std::optional<Instant> Ledger::demerit_below(const LedgerConfig& config, Instant now,
                                             Points limit) const {
  const Points faults = fault(config, now);
  const Points silence = liveness(config, now);
  // The sum is cut off at points_max, which no limit lies above.
  if (std::min(points_max, faults + silence) < limit) return now;
  if (limit <= 0) return std::nullopt;
  // Both decay at once until the smaller is gone.
  Points units = (faults + silence - limit) / 2 + 1;
  if (units > std::min(faults, silence)) units = std::max(faults, silence) - limit + 1;
  return instant_of(config, std::max(mark_, decayed_until(config, now)) + units);
}

}  // namespace kith::peer
