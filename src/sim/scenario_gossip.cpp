#include "sim/scenario_gossip.h"

#include <charconv>

#include "base/format.h"
#include "node/config_text.h"
#include "sim/scenario_gossip_net.h"

namespace kith::sim {
namespace {

constexpr Duration duration_min = 60s;
constexpr double training_share = 0.5;  // of what is left when the network stands…
constexpr int training_pace = 2;        // …at so many times the pace
constexpr Duration pause = 2s;          // so that no message of the training is counted
constexpr std::size_t message_bytes_max = 1 << 20;

struct Settings {
  std::string variant = "choke";
  std::uint64_t bytes = 1024;
  Duration period = 250ms;
  double droppers = 0;
  double announcers = 0;
  double loss = 0;
  std::uint64_t fastest = 0;  // 0: the default
  gossip::RelayConfig relay;
};

Result<double> parse_share(std::string_view text) {
  double value = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end || !(value >= 0 && value < 1)) {
    return fail(Code::usage, base::format("\"{}\" is not a share from 0 to below 1", text));
  }
  return value;
}

Result<void> take(Settings& settings, const std::string& name, const std::string& value) {
  if (name == "variant") {
    if (value != "choke" && value != "idontwant" && value != "push") {
      return fail(Code::usage, base::format("variant {}: choke, idontwant or push", value));
    }
    settings.variant = value;
  } else if (name == "bytes") {
    settings.bytes = TRY(node::parse_size(value));
    if (settings.bytes < 8 || settings.bytes > message_bytes_max) {
      return fail(Code::usage,
                  base::format("{} bytes: 8 to {}", settings.bytes, message_bytes_max));
    }
  } else if (name == "period") {
    settings.period = TRY(node::parse_duration(value));
    if (settings.period < 1ms) return fail(Code::usage, "a period of at least 1ms, please");
  } else if (name == "droppers") {
    settings.droppers = TRY(parse_share(value));
  } else if (name == "announcers") {
    settings.announcers = TRY(parse_share(value));
  } else if (name == "loss") {
    settings.loss = TRY(parse_share(value));
  } else if (name == "fastest") {
    settings.fastest = TRY(node::parse_count(value));
  } else if (name == "lazy_above") {
    settings.relay.lazy_above = TRY(parse_share(value));
  } else if (name == "eager_below") {
    settings.relay.eager_below = TRY(parse_share(value));
  } else if (name == "weight") {
    settings.relay.weight = TRY(parse_share(value));
  } else if (name == "weight_asked") {
    settings.relay.weight_asked = TRY(parse_share(value));
  } else {
    return fail(Code::usage,
                base::format("gossip has no setting \"{}\"; it has variant, bytes, period, "
                             "droppers, announcers, loss, fastest, lazy_above, eager_below, "
                             "weight, weight_asked",
                             name));
  }
  return {};
}

GossipNetConfig config_of(const ScenarioOptions& options, const Settings& settings) {
  GossipNetConfig config = usual_gossip_net(options.nodes, options.seed);
  config.message_bytes = static_cast<std::size_t>(settings.bytes);
  const bool announces = settings.announcers > 0;
  const double share = announces ? settings.announcers : settings.droppers;
  config.liars = static_cast<std::uint32_t>(share * options.nodes);
  config.lie = announces ? Lie::announces_only : Lie::forwards_nothing;
  config.world.link.loss = settings.loss;
  config.grace = 10s;
  gossip::Config& gossip = config.node.gossip;
  gossip.choke.is_on = settings.variant == "choke";
  if (settings.variant == "push") gossip.idontwant_bytes_min = SIZE_MAX;
  gossip.relay = settings.relay;
  if (settings.fastest > 0) gossip.choke.fastest = static_cast<std::size_t>(settings.fastest);
  return config;
}

}  // namespace

Result<ScenarioResult> run_gossip(const ScenarioOptions& options) {
  Settings settings;
  for (const auto& [name, value] : options.settings) TRY(take(settings, name, value));
  if (options.duration < duration_min) {
    return fail(Code::usage, "the scenario gossip takes at least 60s of virtual time");
  }
  const GossipNetConfig config = config_of(options, settings);
  GossipNet net(config);
  Checker checker(net.world());
  const Instant begin = net.ready_at();
  const Instant end = Instant{} + options.duration - config.grace - 1s;
  const Duration training(
      static_cast<std::int64_t>(training_share * static_cast<double>((end - begin).count())));
  net.publish_every(settings.period / training_pace, begin, begin + training, false);
  const Instant measured = begin + training + pause;
  net.world().at(measured, [&] { net.begin_counting(); });
  net.publish_every(settings.period, measured, end);
  net.world().run_until(Instant{} + options.duration);
  net.end_counting();

  if (net.tally().expected > net.tally().delivered) {
    checker.report(
        "every message arrives",
        base::format("{} of {} deliveries are missing",
                     net.tally().expected - net.tally().delivered, net.tally().expected));
  }
  if (const std::size_t banned = net.honest_banned(); banned > 0) {
    checker.report("honest nodes are not banned", base::format("{} are", banned));
  }
  const Report report = net.world().report();
  ScenarioResult result;
  result.events = report.events;
  result.trace_hash = report.trace_hash;
  result.violations = checker.violations();
  result.figures = net.figures();
  return result;
}

}  // namespace kith::sim
