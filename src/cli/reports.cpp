#include "cli/reports.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/format.h"

namespace kith::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

double rounded(double value) { return std::round(value * 1000) / 1000; }

std::string_view name_of(DoctorCheck::State state) {
  switch (state) {
    case DoctorCheck::State::ok: return "ok";
    case DoctorCheck::State::warning: return "warning";
    case DoctorCheck::State::failed: return "failed";
  }
  return "unknown";
}

Json json_of(const std::optional<DevnetJob>& job) {
  if (!job) return nullptr;
  return Json{{"units_done", job->units},
              {"numbers_verified", job->numbers},
              {"job", job->job},
              {"tasks_leased", job->leased},
              {"tasks_checking", job->checking},
              {"tasks_maturing", job->maturing},
              {"tasks_accepted", job->accepted},
              {"coins_paid", job->paid}};
}

std::vector<double> sorted(std::vector<double> values) {
  std::ranges::sort(values);
  return values;
}

}  // namespace

std::string to_json(const ReadyReport& report) {
  return to_line(Json{{"ready", true},
                      {"peer_id", report.peer_id},
                      {"node_id", report.node_id},
                      {"addresses", report.addresses},
                      {"api", report.api},
                      {"version", report.version},
                      {"network", report.network},
                      {"home", report.home},
                      {"pid", report.pid},
                      {"took_ms", rounded(report.took_ms)}});
}

std::string to_text(const ReadyReport& report) {
  std::string text = base::format("ready {}", report.peer_id);
  for (const auto& address : report.addresses) text += " " + address;
  for (const auto& url : report.api) text += " " + url;
  return text;
}

std::string to_json(const IdentityReport& report) {
  return to_line(Json{{"peer_id", report.peer_id},
                      {"node_id", report.node_id},
                      {"home", report.home},
                      {"created", report.created}});
}

std::string to_text(const IdentityReport& report) {
  return base::format("peer id  {}\nnode id  {}\nhome     {}{}", report.peer_id, report.node_id,
                      report.home, report.created ? " (new)" : "");
}

std::string to_json(const SignerReport& report) {
  return to_line(Json{{"ready", report.is_ready},
                      {"home", report.home},
                      {"key", report.key},
                      {"peer_id", report.peer_id},
                      {"socket", report.socket},
                      {"address", report.address.empty() ? Json(nullptr) : Json(report.address)},
                      {"created", report.created},
                      {"is_silent", report.is_silent}});
}

std::string to_text(const SignerReport& report) {
  std::string text = base::format(
      "{}key      {}{}\npeer id  {}\nhome     {}\nsocket   {}", report.is_ready ? "ready\n" : "",
      report.key, report.created ? " (new)" : "", report.peer_id, report.home, report.socket);
  if (!report.address.empty()) text += "\naddress  " + report.address;
  if (report.is_silent)
    text += "\nsilent until the next epoch: what the key has signed is not known";
  return text;
}

std::string to_json(const PingReport& report) {
  Json rtt{{"min", nullptr}, {"p50", nullptr}, {"max", nullptr}};
  if (!report.rtts_ms.empty()) {
    const auto values = sorted(report.rtts_ms);
    rtt = Json{
        {"min", values.front()}, {"p50", values[(values.size() - 1) / 2]}, {"max", values.back()}};
  }
  Json json{{"target", report.target},
            {"rtt_ms", std::move(rtt)},
            {"sent", report.sent},
            {"received", report.rtts_ms.size()}};
  if (report.last_error) {
    json["error"] = Json{{"code", base::name_of(report.last_error->code)},
                         {"message", report.last_error->message}};
  }
  return to_line(json);
}

std::string to_text(const PingReport& report) {
  std::string text = base::format("{} sent, {} answered", report.sent, report.rtts_ms.size());
  if (report.rtts_ms.empty()) return text;
  const auto values = sorted(report.rtts_ms);
  return text + base::format("; min {:.3f} ms, median {:.3f} ms, max {:.3f} ms", values.front(),
                             values[(values.size() - 1) / 2], values.back());
}

bool DoctorReport::is_well() const {
  return std::ranges::none_of(
      checks, [](const DoctorCheck& c) { return c.state == DoctorCheck::State::failed; });
}

std::string to_json(const DoctorReport& report) {
  Json checks = Json::array();
  for (const auto& check : report.checks) {
    checks.push_back(
        Json{{"name", check.name}, {"state", name_of(check.state)}, {"detail", check.detail}});
  }
  return to_line(Json{{"ok", report.is_well()}, {"checks", std::move(checks)}});
}

std::string to_text(const DoctorReport& report) {
  std::string text;
  for (const auto& check : report.checks) {
    text += base::format("{:<8} {:<12} {}\n", name_of(check.state), check.name, check.detail);
  }
  return text + (report.is_well() ? "all is well" : "something must be mended");
}

std::string to_text(const DevnetJob& job) {
  return base::format(
      "job {}: of {} tasks given out {} are being checked, {} mature, {} are accepted; {} units, "
      "{:.4g} numbers, {} coins paid",
      job.job, job.leased, job.checking, job.maturing, job.accepted, job.units,
      static_cast<double>(job.numbers), job.paid);
}

std::string to_json(const DevnetReport& report) {
  return to_line(Json{
      {"nodes", report.nodes},
      {"validators", report.chain ? Json(report.chain->validators) : Json(nullptr)},
      {"height", report.chain ? Json(report.chain->height) : Json(nullptr)},
      {"finalized_height", report.chain ? Json(report.chain->finalized_height) : Json(nullptr)},
      {"forks", report.chain ? Json(report.chain->forks) : Json(nullptr)},
      {"peers_per_node_min", report.peers_per_node_min},
      {"finality_ms", report.chain ? Json{{"p50", rounded(report.chain->finality_p50_ms)},
                                          {"p99", rounded(report.chain->finality_p99_ms)}}
                                   : Json(nullptr)},
      {"tx_committed", report.chain ? Json(report.chain->transactions) : Json(nullptr)},
      {"compute", json_of(report.job)},
      {"pings_answered", report.pings_answered},
      {"learned", report.learned},
      {"gossip",
       Json{{"published", report.messages_published}, {"delivered", report.messages_delivered}}},
      {"wall_s", rounded(report.wall_s)},
      {"clean_exit", report.clean_exit},
      {"dir", report.dir.empty() ? Json(nullptr) : Json(report.dir)}});
}

std::string to_text(const DevnetReport& report) {
  std::string chain;
  if (report.chain) {
    chain =
        base::format("{} validators at height {}, {} forks, final in {:.1f} ms (p99 {:.1f}), ",
                     report.chain->validators, report.chain->finalized_height, report.chain->forks,
                     report.chain->finality_p50_ms, report.chain->finality_p99_ms);
  }
  if (report.job) chain += to_text(*report.job) + ", ";
  return base::format(
      "{} nodes for {:.1f} s: {}at least {} peers each, {} pings answered, {} peers learned, "
      "{} messages published and {} delivered, {}",
      report.nodes, report.wall_s, chain, report.peers_per_node_min, report.pings_answered,
      report.learned, report.messages_published, report.messages_delivered,
      report.clean_exit ? "all ended cleanly" : "not all ended cleanly");
}

std::string to_json(const SimulateReport& report) {
  Json json{{"scenario", report.scenario},
            {"seed", report.seed},
            {"nodes", report.nodes},
            {"virtual_s", rounded(report.virtual_s)},
            {"wall_s", rounded(report.wall_s)},
            {"events", report.events},
            {"events_per_s", rounded(static_cast<double>(report.events) / report.wall_s)},
            {"trace_hash", base::format("{:016x}", report.trace_hash)},
            {"violations", report.violations},
            {"rss_mib", rounded(report.rss_mib)}};
  for (const auto& [name, value] : report.figures) json[name] = rounded(value);
  return to_line(json);
}

std::string to_text(const SimulateReport& report) {
  std::string text = base::format(
      "{}: {} nodes, seed {}, {:.0f} s of virtual time in {:.1f} s\n"
      "  events      {} ({:.0f} a second)\n  trace_hash  {:016x}\n",
      report.scenario, report.nodes, report.seed, report.virtual_s, report.wall_s, report.events,
      static_cast<double>(report.events) / report.wall_s, report.trace_hash);
  for (const auto& [name, value] : report.figures) {
    text += base::format("  {:<20} {:.6g}\n", name, value);
  }
  text += base::format("  {:<20} {:.0f} MiB\n", "memory", report.rss_mib);
  for (const auto& violation : report.violations) text += "  VIOLATED: " + violation + "\n";
  text += report.violations.empty() ? "no violations" : "there were violations";
  return text;
}

std::string to_json(std::string_view key, bool value) {
  return to_line(Json{{std::string(key), value}});
}

std::string to_json(std::string_view key, std::string_view value) {
  return to_line(Json{{std::string(key), value}});
}

std::string config_text(const std::vector<node::EffectiveSetting>& settings) {
  std::string text;
  for (const auto& setting : settings) {
    const bool is_list = node::is_list(setting.type);
    std::string value;
    for (const auto& item : setting.values) value += (value.empty() ? "" : ", ") + item;
    const std::string where =
        setting.where.empty() ? std::string(name_of(setting.origin)) : setting.where;
    if (!text.empty()) text += "\n";
    text +=
        base::format("{:<25} {:<40} {}", setting.key, is_list ? "[" + value + "]" : value, where);
  }
  return text;
}

}  // namespace kith::cli
