// Invariants of a world: questions asked again and again while it runs. A broken one is a
// violation with the time and the seed that show it again; the run goes on. canary_invariant()
// always breaks: a checker that does not report it checks nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/world.h"

namespace kith::sim {

struct Violation {
  std::string invariant;
  std::string what;
  Instant at;
  std::uint64_t event = 0;
  std::uint64_t seed = 0;
};
/// "agreement: two blocks at height 7 (at 12.345 s, event 991, seed 7)"
std::string to_string(const Violation& violation);

struct Invariant {
  std::string name;
  /// Empty while all is well, else the sentence that says what is not.
  std::function<std::optional<std::string>(World&)> check;
};
/// Breaks at the first look at or after `from`.
Invariant canary_invariant(Instant from = {});

/// The world must not outlive its checker.
class Checker {
 public:
  /// Of each invariant the first few are kept; broken things tend to stay broken.
  static constexpr std::size_t violations_per_invariant_max = 8;

  explicit Checker(World& world) : world_(world) {}
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  void add(Invariant invariant);
  /// Looks each `period` of virtual time.
  void check_every(Duration period);
  /// Looks each `count` events; costs events/count looks, so keep the checks cheap.
  void check_every_events(std::uint64_t count);
  /// Looks now.
  void check();
  /// Reported by a scenario itself, for what no look at the state can see.
  void report(const std::string& invariant, std::string what);

  const std::vector<Violation>& violations() const { return violations_; }
  /// The dropped ones too.
  std::uint64_t violations_seen() const { return seen_; }
  std::uint64_t looks() const { return looks_; }

 private:
  World& world_;
  std::vector<Invariant> invariants_;
  std::vector<Violation> violations_;
  std::uint64_t seen_ = 0;
  std::uint64_t looks_ = 0;
};

}  // namespace kith::sim
