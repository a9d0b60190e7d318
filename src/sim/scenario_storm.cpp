// Gusts and good weather in turn. A gust is drawn from the kinds below and comes over a network
// that has been one; when it is over, all that it did is undone, and within Swarm's settled_after
// the network must be one again. Gusts of one kind vary in whom they meet and how long they last.
#include "sim/scenario_storm.h"

#include <algorithm>

#include "sim/scenario_swarm.h"

namespace kith::sim {
namespace {

constexpr Duration first_gust_at = 150s;
constexpr Duration gust_min = 15s;
constexpr Duration gust_max = 10min;  // links die of silence after 50 s: some survive, some do not
constexpr Duration together_within = 2min;
constexpr Duration good_weather = 150s;  // longer, so that it is looked at more than once
/// What was bent on the way may wait in a flow behind retransmissions, at the most until its link
/// dies of silence.
constexpr Duration corruption_lingers = 100s;

enum class Gust : std::uint8_t {
  split,       // a part of the network cut off from the rest
  one_way,     // what a part says does not arrive, what it hears does
  pauses,      // processes stop, their hosts go on
  power,       // nodes lose power, and with it what their stores had not synced
  wall_jumps,  // wall clocks jump, back and forth
  bad_links,   // loss, jitter, little bandwidth
  corruption,  // bits turned, unseen by checksums
  everything,  // all of them together
};
constexpr std::size_t gusts_count = 8;

class Storm {
 public:
  explicit Storm(const ScenarioOptions& options)
      : config_(config_of(options)), swarm_(options, config_) {}

  ScenarioResult run();

 private:
  static SwarmConfig config_of(const ScenarioOptions& options);
  void begin_gust();
  void end_gust();
  void blow(Gust gust);
  void cut(Cut how);
  void pause_some();
  void power_off_some();
  void jump_clocks();
  void spoil_links(bool with_corruption);
  void await_one(Instant healed_at);
  std::vector<std::uint32_t> some(std::uint64_t one_in);
  Duration between(Duration low, Duration high);
  World& world() { return swarm_.world(); }

  const SwarmConfig config_;
  Swarm swarm_;
  std::vector<Gust> to_come_;       // each kind once before any comes again
  std::vector<std::uint32_t> off_;  // without power
  bool is_gusting_ = false;
  std::uint64_t generation_ = 0;  // of gusts: what one planned ends with it
  std::uint64_t gusts_ = 0, cuts_ = 0, pauses_ = 0, power_losses_ = 0, clock_jumps_ = 0;
  Duration longest_heal_{0};
};

SwarmConfig Storm::config_of(const ScenarioOptions& options) {
  SwarmConfig config = usual_swarm(options);
  config.settled_after = together_within;
  config.look_every = 10s;
  // Small, so that a storm of redials would reach it; but a hundred that come at once get in.
  config.node.host.limits.connections_max = 128;
  // A peer that was out of reach for long must be tried again within the stated time.
  config.node.host.book.backoff_max = 1min;
  // Clocks that never agreed: boot times up to a week apart, dates up to a day, some quartz.
  config.clock_of = [](World& world, std::uint32_t) {
    const auto hours = [&](std::uint64_t most) {
      return std::chrono::hours(static_cast<std::int64_t>(world.rng().below(most)));
    };
    ClockSkew clock;
    clock.instant_offset = hours(7 * 24);
    clock.wall_offset = hours(48) - 24h;
    clock.wall_drift_ppm = static_cast<std::int64_t>(world.rng().below(401)) - 200;
    return clock;
  };
  return config;
}

ScenarioResult Storm::run() {
  world().after(first_gust_at, [this] { begin_gust(); });
  swarm_.run();
  ScenarioResult result = swarm_.summarise();
  const Report report = world().report();
  const std::pair<std::string, double> own[] = {
      {"gusts", static_cast<double>(gusts_)},
      {"cuts", static_cast<double>(cuts_)},
      {"pauses", static_cast<double>(pauses_)},
      {"power_losses", static_cast<double>(power_losses_)},
      {"clock_jumps", static_cast<double>(clock_jumps_)},
      {"segments_corrupted", static_cast<double>(report.network.segments_corrupted)},
      {"retransmissions", static_cast<double>(report.network.retransmissions)},
      {"one_again_after_s_max", std::chrono::duration<double>(longest_heal_).count()},
  };
  result.figures.insert(result.figures.end(), std::begin(own), std::end(own));
  return result;
}

// --- a gust --------------------------------------------------------------------------------------

void Storm::begin_gust() {
  if (to_come_.empty()) {
    for (std::size_t i = 0; i < gusts_count; ++i) to_come_.push_back(static_cast<Gust>(i));
  }
  const auto drawn =
      to_come_.begin() + static_cast<std::ptrdiff_t>(world().rng().below(to_come_.size()));
  const Gust gust = *drawn;
  to_come_.erase(drawn);
  ++gusts_;
  ++generation_;
  is_gusting_ = true;
  swarm_.begin_weather();
  blow(gust);
  world().after(between(gust_min, gust_max), [this] { end_gust(); });
}

void Storm::blow(Gust gust) {
  switch (gust) {
    case Gust::split: return cut(Cut::both_ways);
    case Gust::one_way: return cut(Cut::a_to_b);
    case Gust::pauses: return pause_some();
    case Gust::power: return power_off_some();
    case Gust::wall_jumps: return jump_clocks();
    case Gust::bad_links: return spoil_links(false);
    case Gust::corruption: return spoil_links(true);
    case Gust::everything:
      cut(Cut::both_ways);
      cut(Cut::a_to_b);
      pause_some();
      power_off_some();
      jump_clocks();
      return spoil_links(true);
  }
}

void Storm::end_gust() {
  is_gusting_ = false;
  world().after(corruption_lingers, [this] { swarm_.excuse_faults(false); });
  world().topology().heal_all();
  world().topology().set_default(config_.world.link);
  for (std::uint32_t i = 0; i < swarm_.nodes(); ++i) world().resume(i);
  for (const std::uint32_t node : std::exchange(off_, {})) swarm_.start(node);
  swarm_.end_weather();
  await_one(world().now());
  world().after(good_weather, [this] { begin_gust(); });
}

// Looks each second how long it takes until all are one again.
void Storm::await_one(Instant healed_at) {
  const Swarm::Components found = swarm_.components(false);
  longest_heal_ = std::max(longest_heal_, world().now() - healed_at);
  if (found.largest == found.counted || is_gusting_) return;
  world().after(1s, [this, healed_at] { await_one(healed_at); });
}

// --- the kinds -----------------------------------------------------------------------------------

void Storm::cut(Cut how) {
  ++cuts_;
  // Anything from a few to a half.
  world().topology().isolate(some(2 + world().rng().below(6)), how);
}

void Storm::pause_some() {
  for (const std::uint32_t node : some(4)) {
    ++pauses_;
    world().pause(node);
    // Some come back while the gust blows, and see at once what waited for them.
    world().after(between(1s, 60s), [this, node, generation = generation_] {
      if (generation == generation_) world().resume(node);
    });
  }
}

void Storm::power_off_some() {
  for (const std::uint32_t node : some(4)) {
    if (!world().is_up(node)) continue;
    ++power_losses_;
    swarm_.crash(node, CrashKind::power);
    off_.push_back(node);
    world().after(between(5s, 60s), [this, node, generation = generation_] {
      if (generation != generation_ || std::erase(off_, node) == 0) return;
      swarm_.start(node);
    });
  }
}

void Storm::jump_clocks() {
  for (const std::uint32_t node : some(3)) {
    ++clock_jumps_;
    const auto hours = static_cast<std::int64_t>(world().rng().below(2 * 365 * 24));
    world().set_wall_offset(node, std::chrono::hours(hours) - 365 * 24h);
  }
}

void Storm::spoil_links(bool with_corruption) {
  LinkModel model = config_.world.link;
  model.loss = 0.05 + 0.15 * world().rng().unit();
  model.jitter = between(50ms, 500ms);
  model.bandwidth_bytes_per_s = 10'000 + world().rng().below(90'000);
  if (with_corruption) model.corrupt = 0.02;
  world().topology().set_default(model);
  // Bytes bent before Noise protects them look like a peer's fault.
  if (with_corruption) swarm_.excuse_faults(true);
}

// --- chance --------------------------------------------------------------------------------------

// Each node with the same chance, one at least.
std::vector<std::uint32_t> Storm::some(std::uint64_t one_in) {
  std::vector<std::uint32_t> drawn;
  for (std::uint32_t i = 0; i < swarm_.nodes(); ++i) {
    if (world().rng().below(one_in) == 0) drawn.push_back(i);
  }
  if (drawn.empty()) {
    drawn.push_back(static_cast<std::uint32_t>(world().rng().below(swarm_.nodes())));
  }
  return drawn;
}

Duration Storm::between(Duration low, Duration high) {
  return low + Duration(static_cast<std::int64_t>(
                   world().rng().below(static_cast<std::uint64_t>((high - low).count()))));
}

}  // namespace

ScenarioResult run_storm(const ScenarioOptions& options) { return Storm(options).run(); }

}  // namespace kith::sim
