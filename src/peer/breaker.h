// Circuit breakers: whom or what it is pointless to ask for a while. After `failures_max` failures
// in a row a breaker opens and nobody is asked for `open_for`, twice as long each further time;
// then one trial is let through (half-open), whose outcome closes or opens it again. A trial of
// which nothing is heard is over after `open_for`.
//
// Breakers keeps one for each (peer, service) and one for each service: a service that fails with
// everybody is the service's fault. Limits: `peers_max` of the first, `services_max` of the second.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"

namespace kith::peer {

struct BreakerConfig {
  std::uint32_t failures_max = 5;
  Duration open_for = 5s;
  Duration open_for_max = 10min;
};

enum class BreakerState : std::uint8_t { closed, open, half_open };

class Breaker {
 public:
  /// Whether to ask now; when half-open, yes makes it the trial.
  bool allow(const BreakerConfig& config, Instant now);
  void on_success() { *this = Breaker(); }
  void on_failure(const BreakerConfig& config, Instant now);

  BreakerState state(Instant now) const;
  std::uint32_t failures() const { return failures_; }
  /// While allow() says no: until when, if nothing is heard.
  std::optional<Instant> closed_until(Instant now) const;
  /// Nothing to remember.
  bool is_new() const { return failures_ == 0 && openings_ == 0; }

 private:
  Duration span(const BreakerConfig& config) const;

  std::uint32_t failures_ = 0;  // in a row
  std::uint32_t openings_ = 0;  // in a row
  std::optional<Instant> open_until_;
  std::optional<Instant> trial_until_;
};

struct BreakersConfig {
  BreakerConfig peer;
  BreakerConfig service = {.failures_max = 50};
  std::size_t peers_max = 4096;
  std::size_t services_max = 64;
};

/// Counted since the start.
struct BreakerStats {
  std::uint64_t refused = 0;
  std::uint64_t failures = 0;
  std::uint64_t openings = 0;  // of a peer's breaker or a service's
};

class Breakers {
 public:
  explicit Breakers(const BreakersConfig& config) : config_(config) {}

  bool allow(Instant now, const PeerId& peer, std::string_view service);
  /// The same; `refused` names the breaker, its failures and when it will be asked again.
  Result<void> ask(Instant now, const PeerId& peer, std::string_view service);
  void on_success(const PeerId& peer, std::string_view service);
  void on_failure(Instant now, const PeerId& peer, std::string_view service);

  BreakerState state(Instant now, const PeerId& peer, std::string_view service) const;
  BreakerState state(Instant now, std::string_view service) const;
  std::size_t size() const { return peers_.size(); }
  /// Breakers of peers that are not closed now, and of services.
  std::size_t open_peers(Instant now) const;
  std::size_t open_services(Instant now) const;
  std::uint64_t refused() const { return stats_.refused; }
  const BreakerStats& stats() const { return stats_; }

  /// Those of one peer that are not closed, by service.
  struct Open {
    std::string service;
    BreakerState state;
    std::uint32_t failures;
    Duration asked_again_in;
  };
  std::vector<Open> open_of(Instant now, const PeerId& peer) const;

 private:
  struct Key {
    PeerId peer;
    std::string service;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Entry {
    Breaker breaker;
    std::uint64_t turn = 0;
  };

  void count(const BreakerConfig& config, Instant now, Breaker& breaker);

  const BreakersConfig config_;
  std::map<Key, Entry> peers_;  // only those that failed last
  std::map<std::uint64_t, Key> by_turn_;
  std::map<std::string, Breaker, std::less<>> services_;
  std::uint64_t turn_ = 0;
  BreakerStats stats_;
};

}  // namespace kith::peer
