#include "sim/checker.h"

#include <algorithm>

#include "base/format.h"

namespace kith::sim {

std::string to_string(const Violation& violation) {
  const std::int64_t ms = base::to_ms(violation.at.time_since_epoch());
  return base::format("{}: {} (at {}.{:03} s, event {}, seed {})", violation.invariant,
                      violation.what, ms / 1000, ms % 1000, violation.event, violation.seed);
}

Invariant canary_invariant(Instant from) {
  return {"canary", [from](World& world) {
            return world.now() >= from ? std::optional<std::string>("this invariant always breaks")
                                       : std::nullopt;
          }};
}

void Checker::add(Invariant invariant) { invariants_.push_back(std::move(invariant)); }

void Checker::check_every(Duration period) {
  world_.every(period, [this] { check(); });
}

void Checker::check_every_events(std::uint64_t count) {
  world_.every_events(count, [this] { check(); });
}

void Checker::check() {
  ++looks_;
  for (const Invariant& invariant : invariants_) {
    if (auto what = invariant.check(world_)) report(invariant.name, std::move(*what));
  }
}

void Checker::report(const std::string& invariant, std::string what) {
  ++seen_;
  const auto of_it = std::count_if(violations_.begin(), violations_.end(),
                                   [&](const Violation& v) { return v.invariant == invariant; });
  if (static_cast<std::size_t>(of_it) >= violations_per_invariant_max) return;
  violations_.push_back({invariant, std::move(what), world_.now(), world_.events(), world_.seed()});
}

}  // namespace kith::sim
