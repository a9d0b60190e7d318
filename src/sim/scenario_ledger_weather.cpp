// What befalls nodes of the scenario "ledger".
#include <algorithm>

#include "base/format.h"
#include "sim/scenario_ledger_run.h"

namespace kith::sim {
namespace {

constexpr Duration gust_min = 5s;
constexpr Duration gust_max = 45s;
constexpr Duration one_again_within = 1min;
constexpr Duration good_weather = 90s;

}  // namespace

void LedgerScenario::begin_gust() {
  if (to_come_.empty()) {
    for (std::size_t i = 0; i < gusts_count; ++i) to_come_.push_back(static_cast<Gust>(i));
  }
  const auto drawn =
      to_come_.begin() + static_cast<std::ptrdiff_t>(world_.rng().below(to_come_.size()));
  const Gust gust = settings_.only.value_or(*drawn);
  to_come_.erase(drawn);
  ++gusts_;
  is_gusting_ = true;
  blow(gust);
  world_.after(between(gust_min, gust_max), [this] { end_gust(); });
}

void LedgerScenario::blow(Gust gust) {
  const std::size_t bound = (settings_.validators - 1) / 3;
  switch (gust) {
    case Gust::power:
      for (const std::uint32_t node : some(options_.nodes)) power_off(node);
      return;
    case Gust::pauses:
      for (const std::uint32_t node : some(options_.nodes)) world_.pause(node);
      return;
    case Gust::minority:
      world_.topology().isolate(some(std::max<std::size_t>(bound, 1)), Cut::both_ways);
      return;
    case Gust::halves: world_.topology().isolate(some(options_.nodes), Cut::both_ways); return;
    case Gust::clocks:
      for (const std::uint32_t node : some(options_.nodes)) {
        world_.set_wall_offset(node, between(-10s, 10s));
      }
      return;
    case Gust::links: {
      LinkModel model = world_config(options_).link;
      model.loss = 0.05 + 0.15 * world_.rng().unit();
      model.jitter = between(50ms, 500ms);
      return world_.topology().set_default(model);
    }
    case Gust::disks:
      for (const std::uint32_t node : some(options_.nodes)) {
        world_.chain_disk(node).set_model({.slow_chance = 0.3});
      }
      return;
    case Gust::backup: {
      // A third of the weight might forget what it said otherwise, or lie.
      if (bound <= settings_.liars || settings_.churn > Duration{0}) return;
      const auto index = static_cast<std::uint32_t>(world_.rng().below(settings_.validators));
      return put_back(index);
    }
    case Gust::everything:
      for (const Gust each :
           {Gust::power, Gust::pauses, Gust::minority, Gust::clocks, Gust::links, Gust::disks}) {
        blow(each);
      }
      return;
  }
}

void LedgerScenario::end_gust() {
  is_gusting_ = false;
  world_.topology().heal_all();
  world_.topology().set_default(world_config(options_).link);
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    world_.resume(i);
    world_.set_wall_offset(i, Duration{0});
    if (is_liar(i)) set_liars_clock(i);
    world_.chain_disk(i).set_model({});
  }
  for (const std::uint32_t node : std::exchange(off_, {})) world_.start(node);
  await_one(world_.now(), final_.empty() ? 0 : final_.rbegin()->first);
  world_.after(good_weather, [this] { begin_gust(); });
}

/// Looks each second whether all are where a new block is final.
void LedgerScenario::await_one(Instant healed_at, std::uint64_t height) {
  const bool is_one = std::ranges::all_of(reached_, [&](auto each) { return each > height; });
  const Duration took = world_.now() - healed_at;
  if (is_one) {
    longest_heal_ = std::max(longest_heal_, took);
    return;
  }
  // A block may be an interval away already.
  if (took > one_again_within + settings_.interval) {
    checker_.report("one again within a minute",
                    base::format("height {} {} s after the weather cleared; it was {}",
                                 std::ranges::min(reached_), base::to_ms(took) / 1000, height));
    return;
  }
  world_.after(1s, [this, healed_at, height] { await_one(healed_at, height); });
}

void LedgerScenario::power_off(std::uint32_t index) {
  if (!world_.is_up(index)) return;
  ++power_losses_;
  world_.crash(index, CrashKind::power);
  off_.push_back(index);
  world_.after(between(10ms, 30s), [this, index] {
    if (std::erase(off_, index) > 0) world_.start(index);
  });
}

/// Somebody copies a validator's disk, and seconds later, when it has said more, puts the copy
/// back.
void LedgerScenario::put_back(std::uint32_t index) {
  if (!world_.is_up(index)) return;
  ChainDisk& disk = world_.chain_disk(index);
  disk.settle(world_.now());
  const auto copy = std::make_shared<const std::pair<ledger::MemoryStore, ChainDisk::Segments>>(
      disk.store(), disk.log());
  world_.after(between(10ms, 4s), [this, index, copy] {
    if (!world_.is_up(index)) return;
    ++put_back_;
    world_.crash(index, CrashKind::power);
    world_.chain_disk(index).put_back(copy->first, copy->second);
    lost_below_[index] = 0;
    off_.push_back(index);
    world_.after(between(500ms, 2s), [this, index] {
      if (std::erase(off_, index) > 0) world_.start(index);
    });
  });
}

/// 1 to `most` of the nodes.
std::vector<std::uint32_t> LedgerScenario::some(std::size_t most) {
  const std::size_t count = 1 + world_.rng().below(std::min<std::size_t>(most, options_.nodes));
  std::set<std::uint32_t> drawn;
  while (drawn.size() < count) {
    drawn.insert(static_cast<std::uint32_t>(world_.rng().below(options_.nodes)));
  }
  return {drawn.begin(), drawn.end()};
}

Duration LedgerScenario::between(Duration low, Duration high) {
  return low + Duration(static_cast<std::int64_t>(
                   world_.rng().below(static_cast<std::uint64_t>((high - low).count()))));
}

}  // namespace kith::sim
