// The keys of packets, sessions and WebSockets: what they say together, and whom they are told.
#include "node/config_transports.h"

#include <algorithm>

#include "base/format.h"
#include "node/config.h"
#include "node/config_text.h"

namespace kith::node {
namespace {

bool is_default(const Settings& settings, std::string_view name) {
  const auto found = std::ranges::find(settings.effective, name, &EffectiveSetting::key);
  return found != settings.effective.end() && found->origin == Origin::defaults;
}

}  // namespace

/// What the keys of packets, sessions and WebSockets say together.
void check_transports(const Settings& settings, std::vector<std::string>& faults) {
  const PacketSettings& packet = settings.packet;
  for (const auto& address : packet.listen) {
    const auto parts = codec::as_transport(address);
    if (parts && parts->transport == codec::Transport::udp_kith && !parts->ip.empty()) continue;
    faults.push_back(
        base::format("packet.listen: {} is not /ip4 or /ip6, /udp and /kith", address.to_string()));
  }
  if (packet.mtu > packet.mtu_max) {
    faults.push_back(
        base::format("packet.mtu {} is above packet.mtu_max {}", packet.mtu, packet.mtu_max));
  }
  if (packet.keep_alive > packet.idle_timeout / 2) {
    faults.push_back(base::format("packet.keep_alive {} is above half of packet.idle_timeout {}",
                                  format_duration(packet.keep_alive),
                                  format_duration(packet.idle_timeout)));
  }
  if (const auto ciphers = crypto::ciphers_named(settings.session.ciphers); !ciphers) {
    faults.push_back("session.ciphers: " + ciphers.error().message);
  }
  for (const auto& address : settings.node.host.listen) {
    const codec::Transport transport = codec::transport_of(address);
    const bool is_session =
        transport == codec::Transport::udp_kith || transport == codec::Transport::tcp_kith ||
        transport == codec::Transport::ws_kith || transport == codec::Transport::wss_kith;
    if (packet.is_enabled || !is_session) continue;
    faults.push_back(base::format("listen: {} needs packet.enabled", address.to_string()));
  }
  const WebSocketSettings& web = settings.web_socket;
  for (const auto& address : settings.node.host.listen) {
    if (!codec::is_tls(codec::transport_of(address)) || !web.tls_certificate_file.empty()) continue;
    faults.push_back(
        base::format("listen: {} needs websocket.tls_certificate", address.to_string()));
  }
}

void apply_transports(Settings& settings) {
  host::HostConfig& host = settings.node.host;
  const PacketSettings& packet = settings.packet;
  host.has_sessions = packet.is_enabled;
  host.dialer.has_sessions = packet.is_enabled;
  packet::PacketConfig& packets = host.session.packet;
  packets.mtu.bytes = packet.mtu;
  packets.mtu.bytes_max = packet.mtu_max;
  packets.mtu.discovers = packet.discovers_mtu;
  packets.recovery.congestion =
      packet::congestion_named(packet.congestion).value();  // the table's choices
  packets.idle_timeout = packet.idle_timeout;
  packets.keep_alive = packet.keep_alive;
  packets.services.compresses = settings.session.compresses;
  secure::SessionConfig& session = host.session.session;
  session.rotate_bytes = settings.session.rotate_bytes;
  session.rotate_messages = settings.session.rotate_messages;
  session.rotate_interval = settings.session.rotate_interval;
  session.ciphers = crypto::ciphers_named(settings.session.ciphers).value();  // checked
  // Whoever says where to listen has said all of it: a default port beside it would surprise, and
  // stop a second node of one machine.
  const bool is_wanted = is_default(settings, "listen") || !is_default(settings, "packet.listen");
  if (!packet.is_enabled || !is_wanted) return;
  host.listen.insert(host.listen.end(), packet.listen.begin(), packet.listen.end());
}

}  // namespace kith::node
