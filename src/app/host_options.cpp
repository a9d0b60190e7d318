#include "app/host_options.h"

#include <algorithm>

#include "base/format.h"
#include "secure/session_keys.h"

namespace kith::app {
namespace {

using namespace std::chrono_literals;

Result<std::vector<codec::Multiaddr>> parse_all(const std::vector<std::string>& texts) {
  std::vector<codec::Multiaddr> addresses;
  for (const auto& text : texts) addresses.push_back(TRY(codec::Multiaddr::parse(text)));
  return addresses;
}

// The ranges are those of the keys gossip.dedup_entries, limits.peer_messages and limits.messages.
Result<void> apply(const PubSubLimits& limits, node::NodeConfig& config) {
  const auto check = [](const char* name, std::size_t value, std::size_t max) -> Result<void> {
    if (value >= 1 && value <= max) return {};
    return fail(Code::usage, base::format("pubsub.{} is {}, not 1 to {}", name, value, max));
  };
  TRY_VOID(check("dedup_entries", limits.dedup_entries, 10'000'000));
  TRY_VOID(check("peer_messages", limits.peer_messages, 1'000'000));
  TRY_VOID(check("messages", limits.messages, 100'000'000));
  config.gossip.seen.entries_max = limits.dedup_entries;
  config.limits.per_peer = {limits.peer_messages, 2 * limits.peer_messages};
  config.limits.overall = {limits.messages, 2 * limits.messages};
  return {};
}

Result<void> check_session(const char* name, std::int64_t value, std::int64_t min, std::int64_t max,
                           const char* unit = "") {
  if (value >= min && value <= max) return {};
  return fail(Code::usage,
              base::format("sessions.{} is {}{}, not {} to {}", name, value, unit, min, max));
}

Result<void> apply(const SessionOptions& options, packet::PacketConfig& packets) {
  const std::int64_t idle = options.idle_timeout / 1ms;
  const auto mtu = static_cast<std::int64_t>(std::min<std::size_t>(options.mtu, 1 << 20));
  const auto mtu_max = static_cast<std::int64_t>(std::min<std::size_t>(options.mtu_max, 1 << 20));
  TRY_VOID(check_session("mtu", mtu, 1200, 8952));
  TRY_VOID(check_session("mtu_max", mtu_max, mtu, 8952));
  TRY_VOID(check_session("idle_timeout", idle, 5000, 1h / 1ms, " ms"));
  TRY_VOID(check_session("keep_alive", options.keep_alive / 1ms, 1000, idle / 2, " ms"));
  const auto congestion = packet::congestion_named(options.congestion);
  if (!congestion) {
    return fail(Code::usage,
                base::format("sessions.congestion is \"{}\", not \"bbr\", \"cubic\" or \"aimd\"",
                             options.congestion));
  }
  packets.mtu.bytes = options.mtu;
  packets.mtu.bytes_max = options.mtu_max;
  packets.mtu.discovers = options.mtu_max > options.mtu;
  packets.recovery.congestion = *congestion;
  packets.idle_timeout = options.idle_timeout;
  packets.keep_alive = options.keep_alive;
  packets.services.compresses = options.compresses;
  return {};
}

Result<void> apply(const SessionOptions& options, secure::SessionConfig& session) {
  const auto checked = [](std::uint64_t value) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(value, 1ULL << 62));
  };
  TRY_VOID(check_session("rotate_bytes", checked(options.rotate_bytes), 1'000'000, 10'000'000'000));
  TRY_VOID(check_session("rotate_messages", checked(options.rotate_messages), 1000, 1'000'000'000));
  TRY_VOID(check_session("rotate_interval", options.rotate_interval / 1s, 10, 24h / 1s, " s"));
  session.rotate_bytes = options.rotate_bytes;
  session.rotate_messages = options.rotate_messages;
  session.rotate_interval = options.rotate_interval;
  auto ciphers = crypto::ciphers_named(options.ciphers);
  if (!ciphers) return fail(Code::usage, "sessions.ciphers: " + ciphers.error().message);
  session.ciphers = *std::move(ciphers);
  return {};
}

Result<node::NodeConfig> node_config(const HostOptions& options) {
  node::NodeConfig config;
  if (!options.agent_version.empty()) config.host.agent_version = options.agent_version;
  config.host.listen = TRY(parse_all(options.listen));
  config.host.bootstrap = TRY(parse_all(options.bootstrap));
  config.host.peers_min = options.peers_min;
  if (options.peers_min > options.peers_max) {
    return fail(Code::usage, base::format("peers_min {} is above peers_max {}", options.peers_min,
                                          options.peers_max));
  }
  config.host.peers_high = options.peers_max;
  config.host.peers_low = options.peers_max - options.peers_max / 5;
  // Room for every peer, for those we dial, and for the next to come.
  host::LimitsConfig& limits = config.host.limits;
  limits.connections_max =
      std::max(limits.connections_max, options.peers_max * 2 + limits.outbound_reserve);
  config.serves_perf = options.serve_perf;
  TRY_VOID(apply(options.pubsub, config));
  TRY_VOID(apply(options.sessions, config.host.session.packet));
  TRY_VOID(apply(options.sessions, config.host.session.session));
  config.host.has_sessions = config.host.dialer.has_sessions = options.sessions.is_enabled;
  if (!options.private_network_key.empty()) {
    config.host.connection.network_key = TRY(secure::parse_swarm_key(options.private_network_key));
  }
  return config;
}

}  // namespace

Result<EngineConfig> engine_config(const HostOptions& options) {
  EngineConfig config;
  config.node = TRY(node_config(options));
  TRY_VOID(check_session("spin", options.sessions.spin / 1us, 0, 1000, " us"));
  config.reactor.spin_us = static_cast<std::uint32_t>(options.sessions.spin / 1us);
  const WebSocketOptions& web = options.web_sockets;
  config.web_sockets = {.tls_certificate = web.tls_certificate,
                        .tls_key = web.tls_key,
                        .tls_authorities = web.tls_authorities};
  return config;
}

}  // namespace kith::app
