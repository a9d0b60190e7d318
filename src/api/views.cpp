#include "api/views.h"

#include <cmath>

#include "base/version.h"
#include "codec/peer_id.h"

namespace kith::api {
namespace {

constexpr double bytes_per_mib = 1024.0 * 1024.0;
constexpr std::uint64_t max_duration_ns = INT64_MAX;

/// As a person would call it. Of an accepted link the address does not say what is spoken on it.
std::string_view transport_name(const host::ConnectionInfo& connection) {
  const bool is_session = connection.session.has_value();
  switch (codec::transport_of(connection.remote)) {
    case codec::Transport::tcp: return is_session ? "tcp-session" : "tcp";
    case codec::Transport::tcp_kith: return "tcp-session";
    case codec::Transport::ws: return is_session ? "ws-session" : "ws";
    case codec::Transport::wss: return is_session ? "wss-session" : "wss";
    case codec::Transport::ws_kith: return "ws-session";
    case codec::Transport::wss_kith: return "wss-session";
    case codec::Transport::udp_kith: return "udp-session";
    case codec::Transport::other: break;
  }
  return connection.remote.has(codec::AddrProtocol::quic_v1) ? "quic" : "unknown";
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double rounded(double value) { return std::round(value * 1000) / 1000; }

/// Whole numbers without a point.
Json number(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(rounded(value));
}

Json rate(std::uint64_t bytes, Duration time) {
  if (bytes == 0 || time <= Duration{}) return nullptr;
  return rounded(static_cast<double>(bytes) / bytes_per_mib / seconds(time));
}

/// Of a connection that is one of Kith's own sessions; else null.
Json session_view(const std::optional<host::SessionStats>& session) {
  if (!session) return nullptr;
  return Json{{"cipher", session->cipher},
              {"state", session->state},
              {"rtt_ms", ms_view(session->rtt)},
              {"rtt_least_ms", ms_view(session->rtt_least)},
              {"cwnd_bytes", to_json(session->window)},
              {"in_flight_bytes", to_json(session->bytes_in_flight)},
              {"delivery_bytes_s", to_json(session->delivery_rate)},
              {"bytes_received", to_json(session->bytes_received)},
              {"bytes_sent", to_json(session->bytes_sent)},
              {"packets_received", to_json(session->packets_received)},
              {"packets_sent", to_json(session->packets_sent)},
              {"packets_dropped", to_json(session->packets_dropped)},
              {"packets_lost", to_json(session->packets_lost)},
              {"packets_retransmitted", to_json(session->packets_resent)},
              {"packets_spurious", to_json(session->packets_spurious)},
              {"messages_unclaimed", to_json(session->messages_unclaimed)},
              {"path_changes", to_json(session->path_changes)},
              {"rotations", to_json(session->rotations)},
              {"mtu_bytes", session->mtu_bytes}};
}

}  // namespace

std::string_view name_of(Direction direction) {
  return direction == Direction::inbound ? "inbound" : "outbound";
}

Json ms_view(Duration duration) {
  return rounded(std::chrono::duration<double, std::milli>(duration).count());
}

Json strings(const std::vector<codec::Multiaddr>& addresses) {
  Json list = Json::array();
  for (const auto& address : addresses) list.push_back(address.to_string());
  return list;
}

/// What is built and not final yet has no height that anybody could rely on.
Json height_of(const node::Node& node) {
  return node.chain() == nullptr ? Json(nullptr) : to_json(node.chain()->height().value);
}

Json status_view(const node::Node& node, const Surroundings& surroundings, Instant now) {
  const host::Host& host = node.host();
  return Json{{"peer_id", codec::to_text(host.self())},
              {"node_id", surroundings.node_id},
              {"version", base::version()},
              {"network", surroundings.network_name},
              {"uptime_s", std::floor(seconds(now - surroundings.started) * 10) / 10},
              {"addresses", strings(host.addresses())},
              {"peers", host.peer_count()},
              {"peers_known", host.book().size()},
              {"connections", host.link_count()},
              {"height", height_of(node)},
              {"finalized_height", height_of(node)},
              {"syncing", node.chain() == nullptr ? Json(nullptr)
                                                  : Json(node.sync_service()->is_catching_up())}};
}

Json stats_view(const node::Node& node, const Surroundings& surroundings) {
  const host::HostStats& s = node.host().stats();
  Json host{{"links_dialed", s.links_dialed},
            {"links_accepted", s.links_accepted},
            {"links_refused", s.links_refused},
            {"links_failed", s.links_failed},
            {"handshakes", s.handshakes},
            {"handshakes_failed", s.handshakes_failed},
            {"bytes_received", to_json(s.bytes_received)},
            {"bytes_sent", to_json(s.bytes_sent)},
            {"faults", s.faults},
            {"trimmed", s.trimmed},
            {"peers", node.host().peer_count()},
            {"peers_known", node.host().book().size()}};
  Json ping{{"answered", node.pings_answered()}, {"failed", node.pings_failed()}};
  Json shell = Json::object();
  if (surroundings.shell_stats) {
    for (const auto& [name, value] : surroundings.shell_stats()) shell[name] = to_json(value);
  }
  Json gossip = nullptr;
  if (const gossip::Router* router = node.router()) {
    const gossip::RouterStats& g = router->stats();
    gossip = Json{{"peers", router->peer_count()},
                  {"published", g.published},
                  {"received", g.messages_received},
                  {"duplicate", g.duplicates},
                  {"delivered", g.delivered}};
  }
  return Json{{"host", std::move(host)},
              {"ping", std::move(ping)},
              {"gossip", std::move(gossip)},
              {"reactor", std::move(shell)}};
}

Json figures_view(const node::StatsHistory& history, const std::vector<node::Figure>& figures,
                  Instant now) {
  Json rows = Json::array();
  Json timings = Json::array();
  for (const auto& row : history.rows(figures)) {
    const node::Figure& figure = *row.figure;
    if (figure.timing) {
      const auto& [histogram, latency] = *figure.timing;
      const auto quantile = [&](double q) {
        const auto bound = histogram.quantile(q);
        return bound && *bound <= max_duration_ns ? ms_view(Duration(*bound)) : Json(nullptr);
      };
      const bool has_any = latency.count > 0;
      timings.push_back(Json{{"figure", figure.name},
                             {"count", number(row.total)},
                             {"average_ms", has_any ? ms_view(latency.average) : Json(nullptr)},
                             {"p50_ms", quantile(0.5)},
                             {"p99_ms", quantile(0.99)},
                             {"max_ms", has_any ? ms_view(latency.max) : Json(nullptr)}});
      continue;
    }
    Json line{{"figure", figure.name}, {"labels", figure.labels}, {"value", number(row.total)}};
    line["per_s"] = row.per_second ? Json(rounded(*row.per_second)) : Json(nullptr);
    rows.push_back(std::move(line));
  }
  return Json{{"since_s", rounded(seconds(now - history.since()))},
              {"figures", std::move(rows)},
              {"timings", std::move(timings)}};
}

Json peer_view(const node::Node& node, const host::PeerInfo& peer, Instant now) {
  Json addresses = Json::array();
  std::size_t streams = 0;
  for (const auto& connection : peer.connections) {
    addresses.push_back(connection.remote.to_string());
    streams += connection.streams;
  }
  const PeerStanding standing = node.quality().standing(now, peer.peer);
  Json view{{"peer_id", codec::to_text(peer.peer)},
            {"addresses", std::move(addresses)},
            {"direction", nullptr},
            {"transport", nullptr},
            {"rtt_ms", peer.rtt ? ms_view(*peer.rtt) : Json(nullptr)},
            {"health", base::name_of(standing.health)},
            {"reputation", standing.reputation},
            {"trust", rounded(standing.trust)},
            {"banned_until", nullptr},
            {"agent", nullptr},
            {"streams", streams},
            {"protocols", nullptr}};
  if (!peer.connections.empty()) {
    view["direction"] = name_of(peer.connections.front().direction);
    view["transport"] = transport_name(peer.connections.front());
  }
  if (peer.identity) {
    view["agent"] = peer.identity->agent_version;
    view["protocols"] = peer.identity->protocols;
  }
  return view;
}

Json quality_view(const node::Node& node, const PeerId& peer, Instant now) {
  const auto report = node.quality().report(now, peer);
  if (!report) return nullptr;
  const auto date = [](const std::optional<WallTime>& at) {
    return at ? to_json(static_cast<std::uint64_t>(std::max<std::int64_t>(0, at->unix_ms)))
              : Json(nullptr);
  };
  Json events = Json::object();
  for (std::size_t i = 0; i < report->counts.size(); ++i) {
    if (report->counts[i] == 0) continue;
    events[std::string(base::name_of(static_cast<PeerEventKind>(i)))] = to_json(report->counts[i]);
  }
  Json breakers = Json::array();
  for (const auto& open : node.breakers().open_of(now, peer)) {
    breakers.push_back(Json{{"protocol", open.service},
                            {"failures", open.failures},
                            {"asked_again_in_s", std::ceil(seconds(open.asked_again_in))}});
  }
  Json history = Json::array();
  for (const auto& entry : report->history) {
    history.push_back(Json{{"at_ms", date(entry.at)},
                           {"what", entry.what},
                           {"subsystem", entry.subsystem},
                           {"reason", entry.reason},
                           {"count", to_json(entry.count)}});
  }
  return Json{
      {"reputation", report->standing.reputation},
      {"trust", rounded(report->standing.trust)},
      {"health", base::name_of(report->standing.health)},
      {"is_warned", report->standing.is_warned},
      {"is_banned", report->standing.is_banned},
      {"is_on_probation", report->standing.is_on_probation},
      {"success_rate", report->success_rate ? Json(rounded(*report->success_rate)) : Json(nullptr)},
      {"first_seen_ms", date(report->first_seen)},
      {"last_seen_ms", date(report->last_seen)},
      {"connected_s", std::floor(seconds(report->connected))},
      {"events", std::move(events)},
      {"breakers", std::move(breakers)},
      {"history", std::move(history)}};
}

Json ban_view(const PeerId& peer, const peer::Ban& ban, Instant now) {
  return Json{{"peer_id", codec::to_text(peer)},
              {"cause", peer::name_of(ban.cause)},
              {"reason", ban.reason},
              {"left_s", ban.until ? Json(std::ceil(seconds(*ban.until - now))) : Json(nullptr)}};
}

Json peer_details_view(const node::Node& node, const host::PeerInfo& peer, Instant now) {
  Json view = peer_view(node, peer, now);
  Json connections = Json::array();
  for (const auto& connection : peer.connections) {
    connections.push_back(Json{{"address", connection.remote.to_string()},
                               {"direction", name_of(connection.direction)},
                               {"transport", transport_name(connection)},
                               {"age_s", rounded(seconds(now - connection.opened_at))},
                               {"streams", connection.streams},
                               {"session", session_view(connection.session)}});
  }
  view["connections"] = std::move(connections);
  view["protected"] = peer.is_protected;
  view["quality"] = quality_view(node, peer.peer, now);
  view["protocol_version"] = peer.identity ? Json(peer.identity->protocol_version) : Json(nullptr);
  view["listen_addresses"] =
      peer.identity ? strings(peer.identity->listen_addresses) : Json(nullptr);
  const host::PeerBook::Entry* entry = node.host().book().find(peer.peer);
  view["known_addresses"] = entry != nullptr ? strings(entry->addresses) : Json::array();
  return view;
}

Json perf_view(const host::PerfResult& result) {
  return Json{{"peer_id", codec::to_text(result.peer)},
              {"upload_bytes", to_json(result.upload_bytes)},
              {"download_bytes", to_json(result.download_bytes)},
              {"upload_mib_s", rate(result.upload_bytes, result.upload_time)},
              {"download_mib_s", rate(result.download_bytes, result.download_time)},
              {"upload_ms", ms_view(result.upload_time)},
              {"download_ms", ms_view(result.download_time)}};
}

}  // namespace kith::api
