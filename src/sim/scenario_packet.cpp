#include "sim/scenario_packet.h"

#include <charconv>
#include <chrono>

#include "base/format.h"
#include "sim/scenario_packet_long.h"

namespace kith::sim {
namespace {

/// Pairs are used one at a time, so that fewer nodes than this have hardly any; more than that make
/// a table of pairs that nobody needs.
constexpr std::uint32_t packet_nodes_min = 4, packet_nodes_max = 1000;
constexpr std::uint64_t packet_days_max = 366;

Result<std::uint64_t> packet_number(const std::string& name, std::string_view text,
                                    std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end || value < least || value > most) {
    return fail(Code::usage,
                base::format("{}={}: a whole number from {} to {}", name, text, least, most));
  }
  return value;
}

Result<bool> packet_switch(const std::string& name, std::string_view text) {
  if (text != "on" && text != "off") {
    return fail(Code::usage, base::format("{}={}: on or off", name, text));
  }
  return text == "on";
}

struct PacketSettings {
  PacketFieldConfig field;
  std::uint64_t days = 0;
};

Result<PacketSettings> packet_settings(const ScenarioOptions& options) {
  PacketSettings settings;
  if (options.nodes < packet_nodes_min || options.nodes > packet_nodes_max) {
    return fail(Code::usage, base::format("{} nodes; the scenario packet has {} to {}",
                                          options.nodes, packet_nodes_min, packet_nodes_max));
  }
  settings.field.nodes = options.nodes;
  settings.field.seed = options.seed;
  for (const auto& [name, value] : options.settings) {
    if (name == "sessions") {
      settings.field.sessions = TRY(packet_number(name, value, 1, 100'000'000));
    } else if (name == "at_once") {
      settings.field.at_once =
          static_cast<std::uint32_t>(TRY(packet_number(name, value, 1, 10'000)));
    } else if (name == "bytes") {
      settings.field.bytes = TRY(packet_number(name, value, 1, std::uint64_t{1} << 32));
    } else if (name == "attacks") {
      settings.field.has_attacks = TRY(packet_switch(name, value));
    } else if (name == "restarts") {
      if (!TRY(packet_switch(name, value))) settings.field.restart_pause = Duration{0};
    } else if (name == "forgives_moves") {
      settings.field.forgives_moves = TRY(packet_switch(name, value));
    } else if (name == "days") {
      settings.days = TRY(packet_number(name, value, 1, packet_days_max));
    } else {
      return fail(Code::usage, base::format("the scenario packet has no setting {}", name));
    }
  }
  return settings;
}

ScenarioResult packet_result(const PacketNet& net, const std::vector<PacketViolation>& violations,
                             std::uint64_t seed) {
  ScenarioResult result;
  result.events = net.events();
  result.trace_hash = net.trace();
  for (const PacketViolation& violation : violations) {
    result.violations.push_back(
        {violation.invariant, violation.what, violation.at, net.events(), seed});
  }
  return result;
}

ScenarioResult run_field(const PacketFieldConfig& config) {
  PacketField field(config);
  field.run();
  ScenarioResult result = packet_result(field.net(), field.violations(), config.seed);
  const PacketFieldFigures& figures = field.figures();
  const DatagramStats& wire = field.net().datagrams().stats();
  const auto add = [&](const char* name, std::uint64_t value) {
    result.figures.emplace_back(name, static_cast<double>(value));
  };
  add("sessions", figures.whole);
  add("sessions_begun", figures.begun);
  add("sessions_failed", figures.failed);
  add("sessions_aborted", figures.aborted);
  add("sessions_closed_early", figures.closed_early);
  add("sessions_never_up", figures.never_up);
  add("sessions_forgiven", figures.forgiven);
  add("resumed", figures.resumed);
  add("resets", figures.resets);
  add("restarts", figures.restarts);
  add("rotations", figures.rotations);
  add("wrong_identities", figures.wrong_identities);
  add("bytes", figures.totals.bytes);
  add("streams", figures.totals.streams);
  add("messages", figures.totals.messages);
  add("messages_given_up", figures.totals.messages_given_up);
  add("datagrams", figures.totals.datagrams);
  add("datagrams_sent", figures.totals.datagrams_sent);
  add("packets_sent", figures.packets_sent);
  add("packets_lost", figures.packets_lost);
  add("packets_spurious", figures.packets_spurious);
  add("packets_resent", figures.packets_resent);
  add("packets_dropped", figures.packets_dropped);
  add("path_changes", figures.path_changes);
  add("wire_sent", wire.sent);
  add("wire_lost", wire.lost);
  add("wire_corrupted", wire.corrupted);
  add("wire_duplicated", wire.duplicated);
  add("wire_too_large", wire.dropped_too_large);
  add("cuts", figures.cuts);
  add("nat_rebinds", figures.rebinds);
  add("moves", figures.moves);
  add("bursts", figures.bursts);
  add("attack_packets", field.attacks());
  add("attackers_half_open", field.half_open());
  add("strangers", figures.strangers);
  add("connections_max", figures.connections_max);
  add("violations_seen", figures.violations);
  result.figures.emplace_back("virtual_run_s", field.virtual_seconds());
  return result;
}

ScenarioResult run_long(const PacketSettings& settings) {
  // Some 1.3 GB a day: keys change by bytes, too.
  PacketLong session({.seed = settings.field.seed,
                      .duration = std::chrono::hours(24 * settings.days),
                      .stream_pause = 15s,
                      .stream_bytes = 250'000});
  session.run();
  ScenarioResult result = packet_result(session.net(), session.violations(), settings.field.seed);
  const PacketLongFigures& figures = session.figures();
  const auto add = [&](const char* name, std::uint64_t value) {
    result.figures.emplace_back(name, static_cast<double>(value));
  };
  add("days", settings.days);
  add("messages", figures.messages);
  add("datagrams", figures.datagrams);
  add("streams", figures.streams);
  add("bytes", figures.bytes);
  add("rotations", figures.rotations);
  add("packets_sent", figures.packets_sent);
  add("packets_lost", figures.packets_lost);
  add("packets_resent", figures.packets_resent);
  add("heap_settled", figures.heap_first);
  add("heap_most", figures.heap_most);
  add("heap_last", figures.heap_last);
  return result;
}

}  // namespace

Result<ScenarioResult> run_packet(const ScenarioOptions& options) {
  const PacketSettings settings = TRY(packet_settings(options));
  return settings.days > 0 ? run_long(settings) : run_field(settings.field);
}

}  // namespace kith::sim
