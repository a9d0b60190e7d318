#include "sim/cluster_swarm.h"

#include <algorithm>
#include <numeric>

#include "base/format.h"
#include "sim/cluster_liars.h"
#include "sim/engine_cluster.h"

namespace kith::sim {

using codec::Weight;

namespace {

struct Liar {
  std::uint32_t node;
  ClusterLie lie;
};

/// What is drawn before anything happens.
struct Weather {
  ClusterConfig cluster;
  std::vector<Liar> liars;
  bool has_crashes = false, has_pauses = false, has_partitions = false, has_jumps = false;
  bool has_lost_logs = false;
  bool has_old_disks = false;
  Duration gust_mean{0};
  Duration lasts{0};
};

Duration times(Duration duration, double factor) {
  return std::chrono::duration_cast<Duration>(duration * factor);
}

class Swarm {
 public:
  Swarm(std::uint64_t seed, double scale)
      : rng_(seed), weather_(draw(seed, scale)), cluster_(weather_.cluster) {}

  SwarmResult run(std::uint64_t seed);

 private:
  bool chance(double probability) { return rng_.unit() < probability; }
  Duration span(Duration low, Duration high) { return low + times(high - low, rng_.unit()); }
  template <class T>
  T one_of(std::initializer_list<T> options) {
    return options.begin()[rng_.below(options.size())];
  }
  Weather draw(std::uint64_t seed, double scale);
  void draw_network(ClusterConfig& config);
  void draw_liars(Weather& weather);
  void draw_later_sets(Weather& weather);
  void gust();
  void clear_up();
  std::string words() const;
  bool is_whole(std::uint64_t height) const;
  std::uint32_t honest();

  SeededRng rng_;
  const Weather weather_;
  EngineCluster cluster_;
  bool is_clear_ = false;
};

Weather Swarm::draw(std::uint64_t seed, double scale) {
  Weather weather;
  ClusterConfig& config = weather.cluster;
  config.seed = seed;
  config.is_really_signed = false;
  const std::uint64_t nodes = 1 + rng_.below(7);
  config.weights.assign(nodes, 1);
  if (chance(0.4)) {
    for (Weight& weight : config.weights) weight = 1 + rng_.below(10);
  }
  draw_network(config);
  const bool is_alone = chance(0.05);  // it alone is a quorum
  if (is_alone) config.weights[0] = 1'000'000'000;
  if (is_alone || nodes == 1) {
    config.engine.block_interval = std::max<Duration>(config.engine.block_interval, 100ms);
  }
  config.epoch_length = one_of<std::uint64_t>({3, 3, 10, 50, 1000});
  if (chance(0.3)) {
    for (std::uint64_t i = 0; i < nodes; ++i) config.clock_offsets.push_back(span(-10s, 10s));
  }
  if (chance(0.5)) draw_liars(weather);
  if (chance(0.4)) draw_later_sets(weather);

  weather.has_crashes = chance(0.6);
  weather.has_pauses = chance(0.3);
  weather.has_partitions = chance(0.5);
  weather.has_jumps = chance(0.2);
  // Without it there is a quorum still, for the epoch could not end otherwise.
  const Weight all = std::accumulate(config.weights.begin(), config.weights.end(), Weight{0});
  weather.has_lost_logs =
      weather.liars.empty() && !config.weights_of && 3 * config.weights[0] < all && chance(0.4);
  // Others hold what it said as long as it reaches them and they do not start anew.
  weather.has_old_disks = weather.liars.empty() && !config.weights_of && config.loss == 0 &&
                          3 * config.weights[0] < all && chance(0.3);
  if (weather.has_old_disks) {
    weather.has_crashes = true;
    weather.has_pauses = weather.has_partitions = weather.has_lost_logs = false;
  }
  const Duration interval = config.engine.block_interval;
  weather.gust_mean = 10 * config.engine.delta + 3 * interval;
  if (chance(0.3)) weather.gust_mean /= 10;
  const Duration pace = std::max<Duration>(interval, 150ms);
  weather.lasts = times(pace, scale * static_cast<double>(100 + rng_.below(300)));
  return weather;
}

void Swarm::draw_network(ClusterConfig& config) {
  consensus::EngineConfig& engine = config.engine;
  engine.block_interval = one_of<Duration>({0s, 0s, 0s, 100ms, 1s, 10s, 60s});
  engine.delta = span(100ms, 1s);
  engine.delta_max = engine.delta * one_of({1, 4, 16});
  engine.delta_growth = one_of({1.1, 1.25, 2.0});
  engine.standstill = 5 * engine.delta;
  engine.standstill_max = std::max(engine.standstill, 2 * engine.delta_max);
  engine.skip_after = 10 * engine.delta;
  engine.missing_after = one_of({5, 30}) * engine.delta;
  engine.log_bytes_max = one_of<std::size_t>({2'000, 20'000, 32 << 20});
  config.delay_min = span(0ms, engine.delta / 10);
  config.delay_max = config.delay_min + span(1ms, engine.delta * 3 / 4);
  if (chance(0.4)) config.loss = rng_.unit() * 0.3;
  if (chance(0.4)) config.repeat = rng_.unit() * 0.5;
  config.disk_max = span(0ms, chance(0.2) ? engine.delta : 5ms);
  // Slow, but not so that blocks come faster than they are stored: nobody holds them back here.
  if (chance(0.2)) config.store_max = span(0ms, std::min(2 * engine.delta, engine.block_interval));
  config.check_max = span(0ms, chance(0.2) ? engine.delta / 2 : 5ms);
  if (chance(0.5)) config.verify_max = span(0ms, 10ms);
  if (chance(0.3)) config.sign_max = span(0ms, 50ms);
}

/// Less than a third of the weight.
void Swarm::draw_liars(Weather& weather) {
  const std::vector<Weight>& weights = weather.cluster.weights;
  Weight left = (std::accumulate(weights.begin(), weights.end(), Weight{0}) - 1) / 3;
  for (std::uint32_t node = 0; node < weights.size(); ++node) {
    if (weights[node] > left || chance(0.4)) continue;
    left -= weights[node];
    weather.liars.push_back({node, static_cast<ClusterLie>(rng_.below(cluster_lies_count))});
  }
}

void Swarm::draw_later_sets(Weather& weather) {
  std::vector<Weight> first = weather.cluster.weights;
  std::vector<bool> is_liar(first.size());
  for (const Liar& liar : weather.liars) is_liar[liar.node] = true;
  weather.cluster.weights_of = [first, is_liar, seed = rng_.next()](codec::Epoch epoch) {
    SeededRng rng(seed + epoch.value);
    std::vector<Weight> weights = first;
    Weight lying = 0;
    Weight all = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (rng.below(3) == 0) weights[i] = rng.below(3) == 0 ? 0 : 1 + rng.below(5);
      all += weights[i];
      if (is_liar[i]) lying += weights[i];
    }
    return all == 0 || 3 * lying >= all ? first : weights;
  };
}

// --- what befalls it -----------------------------------------------------------------------------

std::uint32_t Swarm::honest() {
  const auto nodes = static_cast<std::uint32_t>(weather_.cluster.weights.size());
  return static_cast<std::uint32_t>(rng_.below(nodes));
}

void Swarm::gust() {
  if (is_clear_) return;
  cluster_.at(cluster_.now() - Instant{} + span(0s, 2 * weather_.gust_mean), [this] { gust(); });
  const std::uint32_t node = honest();
  const auto later = [&](std::function<void()> action) {
    cluster_.at(cluster_.now() - Instant{} + span(0s, 2 * weather_.gust_mean), std::move(action));
  };
  if (weather_.has_old_disks && chance(0.5)) cluster_.back_up(0);
  const auto fall = [&](std::uint32_t index) {
    if (!cluster_.is_up(index)) return;
    cluster_.crash(index);
    if (weather_.has_old_disks) {
      // It takes a while to put it back: what it said has arrived.
      const Duration after = 2 * weather_.cluster.engine.delta;
      cluster_.at(cluster_.now() - Instant{} + after, [this, index] {
        if (!cluster_.is_up(index)) cluster_.restart(index, EngineCluster::Disk::stale);
      });
      return;
    }
    const bool is_lost = weather_.has_lost_logs && index == 0;
    later([this, index, is_lost] {
      if (cluster_.is_up(index)) return;
      cluster_.restart(index, is_lost ? EngineCluster::Disk::log_lost : EngineCluster::Disk::whole);
    });
  };
  switch (rng_.below(5)) {
    case 0:
      if (weather_.has_crashes) fall(weather_.has_old_disks ? 0 : node);
      break;
    case 1:
      if (weather_.has_crashes && !weather_.has_old_disks && chance(0.2)) {
        for (std::uint32_t i = 0; i < cluster_.nodes(); ++i) fall(i);
      }
      break;
    case 2:
      if (!weather_.has_pauses) break;
      cluster_.pause(node);
      later([this, node] { cluster_.resume(node); });
      break;
    case 3: {
      if (!weather_.has_partitions) break;
      std::vector<bool> side;
      for (std::uint32_t i = 0; i < cluster_.nodes(); ++i) side.push_back(chance(0.5));
      const bool is_one_way = chance(0.3);
      cluster_.set_links([side, is_one_way](std::uint32_t from, std::uint32_t to) {
        return side[from] == side[to] || (is_one_way && side[from]);
      });
      later([this] { cluster_.set_links({}); });
      break;
    }
    default:
      if (weather_.has_jumps) cluster_.set_clock_offset(node, span(-10s, 10s));
      break;
  }
}

void Swarm::clear_up() {
  is_clear_ = true;
  cluster_.set_links({});
  cluster_.set_loss(0);
  for (std::uint32_t i = 0; i < cluster_.nodes(); ++i) {
    if (!cluster_.is_up(i)) cluster_.restart(i);
    cluster_.resume(i);
    if (!cluster_.is_byzantine(i)) cluster_.set_clock_offset(i, 0s);
  }
}

bool Swarm::is_whole(std::uint64_t height) const { return cluster_.height_min() > height; }

SwarmResult Swarm::run(std::uint64_t seed) {
  const consensus::EngineConfig& engine = weather_.cluster.engine;
  for (const Liar& liar : weather_.liars) {
    // Floods are bounded: a hundred hours of one would teach nothing more.
    const bool is_flood = liar.lie == ClusterLie::flooder;
    make_liar(cluster_, liar.node, liar.lie,
              is_flood ? std::max(engine.delta, weather_.lasts / 50) : engine.delta);
  }
  cluster_.start();
  cluster_.at(span(0s, weather_.gust_mean), [this] { gust(); });
  const auto is_well = [&] { return cluster_.violations().empty(); };
  for (int i = 0; i < 20 && is_well(); ++i) cluster_.run_for(weather_.lasts / 20);

  clear_up();
  SwarmResult result;
  const Instant cleared = cluster_.now();
  const std::uint64_t height = cluster_.height_max();
  // Clocks that were wrong make blocks that are ahead by as much; liars lead views in vain.
  const Duration within =
      10 * std::max<Duration>(engine.delta_max, 4 * engine.delta) + 4 * engine.block_interval + 40s;
  const Duration step = std::max<Duration>(engine.delta, engine.block_interval / 4);
  while (is_well() && !is_whole(height) && cluster_.now() - cleared < 2 * within) {
    cluster_.run_for(step);
    if (cluster_.height_max() > height && result.healed_in == Duration{0}) {
      result.healed_in = cluster_.now() - cleared;
    }
  }
  result.violations = cluster_.violations();
  if (is_well() && (cluster_.height_max() <= height || result.healed_in > within)) {
    result.violations.push_back(
        base::format("{} s after the weather cleared nothing new is final, at height {}",
                     base::to_ms(within) / 1000, height));
  } else if (is_well() && !is_whole(height)) {
    result.violations.push_back(
        base::format("{} s after the weather cleared a node is at height "
                     "{} of {}",
                     base::to_ms(2 * within) / 1000, cluster_.height_min(), cluster_.height_max()));
  }
  if (is_well() && !result.violations.empty()) {
    for (std::uint32_t i = 0; i < cluster_.nodes(); ++i) {
      result.violations.push_back(
          base::format("node {}: {}", i, cluster_.engine(i)->dump(cluster_.now())));
    }
  }
  result.seed = seed;
  result.weather = words();
  result.lasted = cluster_.now() - Instant{};
  result.heights = cluster_.height_max();
  result.events = cluster_.events();
  result.trace_hash = cluster_.trace_hash();
  return result;
}

std::string Swarm::words() const {
  const ClusterConfig& config = weather_.cluster;
  std::string text = base::format(
      "{} nodes, a block each {} ms, delta {} to {} ms, delays {} to {} ms, loss {:.2f}, epochs of "
      "{}",
      config.weights.size(), base::to_ms(config.engine.block_interval),
      base::to_ms(config.engine.delta), base::to_ms(config.engine.delta_max),
      base::to_ms(config.delay_min), base::to_ms(config.delay_max), config.loss,
      config.epoch_length);
  if (config.weights_of) text += ", changing sets";
  if (weather_.has_crashes) text += ", crashes";
  if (weather_.has_pauses) text += ", pauses";
  if (weather_.has_partitions) text += ", partitions";
  if (weather_.has_jumps) text += ", jumping clocks";
  if (weather_.has_lost_logs) text += ", lost logs";
  if (weather_.has_old_disks) text += ", old disks";
  for (const Liar& liar : weather_.liars) {
    text += base::format(", {} is {}", liar.node, name_of(liar.lie));
  }
  return text;
}

}  // namespace

SwarmResult run_cluster_swarm(std::uint64_t seed, double scale) {
  return Swarm(seed, scale).run(seed);
}

}  // namespace kith::sim
