// Sessions of a host: over the datagrams of its endpoint, and over links.
#include "host/host_packets.h"

#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "host/host.h"

namespace kith::host {
namespace {

constexpr std::string_view packets_subsystem = "packets";
/// Of a session's first window, however little may be downloaded.
constexpr std::uint64_t window_least = 64 * 1024;

bool is_unspecified(const base::IpPort& address) {
  return std::ranges::all_of(address.ip, [](std::uint8_t byte) { return byte == 0; });
}

bool is_loopback(const base::IpPort& address) {
  return codec::scope_of(datagram_address(address)) == codec::AddrScope::loopback;
}

/// What a node without a socket of a family dials from.
codec::Multiaddr any_address(bool is_v6) {
  base::IpPort any;
  any.is_v6 = is_v6;
  return datagram_address(any);
}

SessionConnectionConfig session_config_of(const HostConfig& config, const crypto::KeyPair& key,
                                          Rng& rng) {
  SessionConnectionConfig session = config.session;
  session.session.identity =
      secure::make_session_identity(key, crypto::X25519KeyPair::generate(rng));
  // Who has the key of a private network has its seed.
  if (config.connection.network_key && !session.session.seed) {
    session.session.seed.emplace();
    crypto::hkdf_sha256({}, *config.connection.network_key, base::as_bytes("kith/session/swarm/1"),
                        *session.session.seed);
  }
  return session;
}

}  // namespace

std::optional<base::SocketId> Host::Packets::socket_for(const base::IpPort& remote) const {
  std::optional<base::SocketId> best;
  int best_rank = 0;
  for (const auto& [id, socket] : sockets) {
    if (socket.local.is_v6 != remote.is_v6) continue;
    // One of a loopback address leads nowhere else; a wildcard leads everywhere.
    if (is_loopback(socket.local) && !is_loopback(remote)) continue;
    const int rank = is_unspecified(socket.local) ? 3 : socket.is_own ? 1 : 2;
    if (rank > best_rank) {
      best_rank = rank;
      best = id;
    }
  }
  return best;
}

Host::Packets& Host::packets(Instant) {
  if (packets_) return *packets_;
  packets_ = std::make_unique<Packets>(session_config_of(config_, key_, rng_));
  packet::EndpointConfig& endpoint = packets_->endpoint_config;
  endpoint.packet = packets_->shared.config().packet;
  if (download_.is_limited()) {
    // The first window is owed before anybody goes on: not for long.
    packet::ServicesConfig& services = endpoint.packet.services;
    services.holds_credit = true;
    services.window_initial =
        std::min(services.window_initial, std::max(window_least, download_.quantum()));
  }
  endpoint.handshakes_max = config_.limits.inbound_pending_max;
  crypto::hkdf_sha256({}, key_.seed(), base::as_bytes("kith/packet/reset/1"), endpoint.reset_key);
  return *packets_;
}

// --- links ---------------------------------------------------------------------------------------

bool Host::speaks_session(const Link& link) const {
  if (link.direction == Direction::inbound) return false;  // as long as nothing was heard
  switch (codec::transport_of(link.remote)) {
    case codec::Transport::tcp_kith:
    case codec::Transport::ws_kith:
    case codec::Transport::wss_kith:
    case codec::Transport::udp_kith: return true;
    case codec::Transport::tcp:
    case codec::Transport::ws:
    case codec::Transport::wss:
    case codec::Transport::other: return false;
  }
  return false;
}

// Sessions and libp2p share ports: the first bytes of an inbound link say which one it is. False
// while they are too few.
bool Host::decide_link(Instant now, LinkId id, Link& link, ByteView bytes) {
  const auto is_session = SessionConnection::is_session(bytes);
  if (!is_session) return false;
  link.is_undecided = false;
  if (*is_session) {
    link.channel.speak_session(context_, packets(now).shared, id, Direction::inbound, std::nullopt,
                               now);
  }
  return true;
}

// --- sockets -------------------------------------------------------------------------------------

void Host::on_socket_opened(Instant now, SocketOpened opened) {
  const auto local = as_datagram_address(opened.bound);
  if (!local) return;
  Packets& packets = this->packets(now);
  if (!packets.endpoint) packets.endpoint.emplace(packets.endpoint_config, rng_, now);
  const bool is_own = std::ranges::find(config_.listen, opened.asked) == config_.listen.end();
  if (opened.reachable.empty()) opened.reachable.push_back(opened.bound);
  packets.sockets[opened.socket] = {std::move(opened.asked), std::move(opened.bound), *local,
                                    std::move(opened.reachable), is_own};
  if (!is_own) refresh_self(now);
  for (auto& [id, remote] : std::exchange(packets.waiting, {})) {
    if (const auto socket = packets.socket_for(remote)) {
      start_datagrams(now, id, packet::Path{*socket, remote});
    } else {
      packets.waiting.emplace(id, remote);
    }
  }
}

void Host::on_socket_closed(Instant now, const SocketClosed& closed) {
  if (!packets_) return;
  const auto found = packets_->sockets.find(closed.socket);
  if (found == packets_->sockets.end()) return;
  const Packets::Socket socket = std::move(found->second);
  packets_->sockets.erase(found);
  if (socket.is_own) {
    (socket.local.is_v6 ? packets_->has_asked_v6 : packets_->has_asked_v4) = false;
  } else {
    refresh_self(now);
  }
  if (closed.error.code != Code::closed) {
    log_.warn(packets_subsystem, "{} is lost: {}", socket.bound.to_string(), closed.error.message);
  }
}

// Whether it was a socket to dial from.
bool Host::on_listen_failed(Instant, const ListenFailed& failed) {
  if (!packets_) return false;
  const auto local = as_datagram_address(failed.asked);
  if (!local || std::ranges::find(config_.listen, failed.asked) != config_.listen.end()) {
    return false;
  }
  (local->is_v6 ? packets_->has_asked_v6 : packets_->has_asked_v4) = false;
  std::erase_if(packets_->waiting, [&](const auto& entry) {
    if (entry.second.is_v6 != local->is_v6) return false;
    packets_->ended.push_back({entry.first, failed.error});
    return true;
  });
  return true;
}

std::size_t Host::listener_count() const {
  const auto is_told = [](const auto& entry) { return !entry.second.is_own; };
  return listening_.size() +
         (packets_ ? static_cast<std::size_t>(std::ranges::count_if(packets_->sockets, is_told))
                   : 0);
}

void Host::append_socket_addresses(std::vector<codec::Multiaddr>& all) const {
  if (!packets_) return;
  for (const auto& [id, socket] : packets_->sockets) {
    if (socket.is_own) continue;
    for (const auto& address : socket.reachable) all.push_back(address.with_peer(self_));
  }
}

// --- dialling ------------------------------------------------------------------------------------

void Host::dial_datagrams(Instant now, const DialLink& dial) {
  Packets& packets = this->packets(now);
  const auto remote = as_datagram_address(dial.address);
  ASSERT(remote);  // the dialler gives us no other
  links_.at(dial.link)->opened_at = now;
  if (const auto socket = packets.socket_for(*remote)) {
    return start_datagrams(now, dial.link, packet::Path{*socket, *remote});
  }
  packets.waiting.emplace(dial.link, *remote);
  bool& has_asked = remote->is_v6 ? packets.has_asked_v6 : packets.has_asked_v4;
  if (!std::exchange(has_asked, true)) {
    outputs_.push_back(WorldOutput(Listen{any_address(remote->is_v6)}));
  }
}

void Host::start_datagrams(Instant now, LinkId id, const packet::Path& path) {
  packets_->endpoint->on_input(now, packet::DialPath{Token{id.value}, path});
}

void Host::on_dialled(Instant now, Token token, packet::ConnectionSlot slot) {
  const LinkId id{token.value};
  const auto found = links_.find(id);
  Packets& packets = *packets_;
  if (found == links_.end() || found->second->is_closing) {
    packets.endpoint->on_input(now, packet::ToConnection{slot, packet::CloseConnection{}});
    return;
  }
  Link& link = *found->second;
  packets.links[slot] = {id, &link};
  link.channel.speak_session(context_, packets.shared, id, Direction::outbound,
                             dialer_.expected_of(id), *packets.endpoint, slot, now);
  drain_connection(now, id);
}

// --- being dialled -------------------------------------------------------------------------------

void Host::on_incoming(Instant now, const packet::Incoming& incoming) {
  using Verdict = packet::Decide::Verdict;
  Packets& packets = *packets_;
  const auto decide = [&](Verdict verdict) {
    packets.endpoint->on_input(now, packet::Decide{incoming.token, verdict});
  };
  if (!incoming.has_cookie && !packets.shared.has_good_ticket(now, self_, incoming.hello)) {
    return decide(Verdict::ask_for_cookie);
  }
  const codec::Multiaddr remote = datagram_address(incoming.path.remote);
  const auto admitted = is_stopping_ ? Result<void>(fail(Code::closed, "the node is stopping"))
                                     : limits_.admit_inbound(now, remote);
  if (!admitted) {
    ++stats_.links_refused;
    log_.debug(packets_subsystem, "refused {}: {}", remote.to_string(), admitted.error().message);
    return decide(Verdict::drop);
  }
  packets.deciding.emplace(incoming.token, remote);
  decide(Verdict::admit);
}

void Host::on_admitted(Instant now, Token token, packet::ConnectionSlot slot) {
  Packets& packets = *packets_;
  const auto decided = packets.deciding.extract(token);
  ASSERT(!decided.empty());
  ++stats_.links_accepted;
  const LinkId id = dialer_.take_link_id();
  auto made = std::make_unique<Link>();
  Link& link = *made;
  link.direction = Direction::inbound;
  link.remote = decided.mapped();
  link.opened_at = now;
  link.is_datagrams = true;
  links_.emplace(id, std::move(made));
  packets.links[slot] = {id, &link};
  link.channel.speak_session(context_, packets.shared, id, Direction::inbound, std::nullopt,
                             *packets.endpoint, slot, now);
  drain_connection(now, id);
}

// --- packets -------------------------------------------------------------------------------------

std::size_t Host::on_datagrams(Instant now, const base::DatagramsIn& in) {
  if (!packets_ || !packets_->endpoint) return in.bytes.size();
  const std::size_t taken = packets_->endpoint->on_datagrams(now, in);
  ++stats_.datagram_batches_received;
  stats_.bytes_received += taken;
  download_.on_moved(now, taken);
  drain_endpoint(now);
  settle(now);
  return taken;
}

base::DatagramsOut Host::poll_datagrams(Instant now, ByteSpan room) {
  if (!packets_ || !packets_->endpoint) return {};
  if (!upload_.may_move(Packets::lane)) return {};  // told again by wake_shaped()
  const base::DatagramsOut out = packets_->endpoint->poll_datagrams(now, room);
  if (out.bytes == 0) {
    packets_->is_told = false;
    if (std::exchange(packets_->is_stopping, false)) say_stopped();
    return out;
  }
  ++stats_.datagram_batches_sent;
  stats_.bytes_sent += out.bytes;
  upload_.on_moved(now, out.bytes);
  drain_endpoint(now);  // sending makes room
  settle(now);
  return out;
}

// Outputs of one connection come in runs: what it has for services is taken after each run, since
// all connections lend one outbox.
void Host::drain_endpoint(Instant now) {
  Packets& packets = *packets_;
  std::optional<LinkId> current;
  const auto finish_run = [&] {
    if (const auto id = std::exchange(current, std::nullopt)) drain_connection(now, *id);
  };
  while (auto output = packets.endpoint->poll_output(now)) {
    std::visit(Overload{[&](packet::FromConnection& from) {
                          Link* link = packets.link_of(from.slot);
                          if (link == nullptr || link->channel.session() == nullptr) return;
                          const LinkId id = packets.last_id;
                          if (current != id) finish_run();
                          current = id;
                          link->channel.session()->on_packet_output(now, std::move(from.output));
                        },
                        [&](packet::Dialled& dialled) {
                          finish_run();
                          on_dialled(now, dialled.token, dialled.slot);
                        },
                        [&](packet::NotDialled& failed) {
                          packets.ended.push_back({LinkId{failed.token.value}, failed.error});
                        },
                        [&](packet::Incoming& incoming) { on_incoming(now, incoming); },
                        [&](packet::Admitted& admitted) {
                          finish_run();
                          on_admitted(now, admitted.token, admitted.slot);
                        }},
               *output);
  }
  finish_run();
}

// What was put off, since it ends links while others look at them. True when there was something.
bool Host::settle_packets(Instant now) {
  Packets& packets = *packets_;
  bool is_busy = false;
  while (!packets.closing.empty()) {
    is_busy = true;
    const auto [id, flush] = packets.closing.pop_front();
    const auto found = links_.find(id);
    if (found == links_.end()) continue;
    if (SessionConnection* session = found->second->channel.session()) {
      session->close(now, flush);
      drain_connection(now, id);
    } else {
      packets.waiting.erase(id);
      packets.ended.push_back({id, {Code::closed, "the dial was called off"}});
    }
  }
  if (packets.endpoint) drain_endpoint(now);
  while (!packets.ended.empty()) {
    is_busy = true;
    const auto [id, error] = packets.ended.pop_front();
    on_link_closed(now, id, error);
  }
  if (packets.endpoint && packets.endpoint->has_transmit() && !packets.is_told) {
    packets.is_told = true;
    outputs_.push_back(WorldOutput(DatagramsReady{}));
  }
  return is_busy;
}

// A connection over datagrams has no shell that says when it is closed.
void Host::look_for_end(LinkId id, Link& link) {
  const SessionConnection* session = link.channel.session();
  if (session == nullptr || !session->has_ended() || std::exchange(link.has_ended, true)) return;
  packets_->ended.push_back({id, {Code::closed, "the connection was closed"}});
}

void Host::forget_slot(const Link& link) {
  packets_->last_link = nullptr;
  if (const SessionConnection* session = link.channel.session()) {
    packets_->links.erase(session->slot());
  }
}

void Host::say_stopped() {
  // What ends a connection is said by a packet: sockets close when it has gone.
  if (packets_ && packets_->endpoint && packets_->endpoint->has_transmit()) {
    packets_->is_stopping = true;
    return;
  }
  if (packets_) {
    for (const auto& [id, socket] : packets_->sockets) {
      outputs_.push_back(WorldOutput(StopListening{socket.bound}));
    }
  }
  outputs_.push_back(Stopped{});
}

}  // namespace kith::host
