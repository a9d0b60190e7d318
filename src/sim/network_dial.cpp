// Network: listeners and the handshake of a link.
#include <algorithm>

#include "base/format.h"
#include "sim/network.h"

namespace kith::sim {
namespace {

constexpr Duration syn_retry_first = 1s;  // RFC 6298, 2.1; doubled each time
constexpr std::uint8_t syn_doublings_max = 6;
constexpr Duration dial_timeout_max = 3600s;
constexpr std::uint16_t port_ephemeral_first = 49152;  // RFC 6335, 6

bool is_loopback(ByteView ip) { return ip.size() == 4 && ip[0] == 127; }

/// The host of a 10.x.y.z address; nothing for other addresses, where nobody lives.
std::uint32_t host_of(ByteView ip, std::uint32_t self, std::size_t hosts) {
  if (is_loopback(ip)) return self;
  if (ip[0] != 10) return nothing;
  const std::uint32_t number = static_cast<std::uint32_t>(ip[1] << 16 | ip[2] << 8 | ip[3]);
  return number >= 1 && number <= hosts ? number - 1 : nothing;
}

}  // namespace

void Network::listen(Instant now, std::uint32_t host, const codec::Multiaddr& asked) {
  Host& here = hosts_[host];
  const auto refuse = [&](Code code, std::string why) {
    inputs_.post(now, host, here.incarnation, host::ListenFailed{asked, {code, std::move(why)}});
  };
  auto address = codec::as_tcp(asked);
  if (!address || address->ip.size() != 4) {
    return refuse(Code::unsupported,
                  base::format("{} is not a TCP address of this network", asked.to_string()));
  }
  const bool is_any = address->ip == Bytes{0, 0, 0, 0};
  const bool is_local = is_loopback(address->ip);
  if (!is_any && !is_local && host_of(address->ip, host, hosts_.size()) != host) {
    return refuse(Code::io, base::format("{} is not of this host", asked.to_string()));
  }
  if (address->port == 0) address->port = ephemeral_port(here);
  const auto is_same_port = [&](const Listener& other) { return other.port == address->port; };
  if (std::any_of(here.listeners.begin(), here.listeners.end(), is_same_port)) {
    return refuse(Code::exists, base::format("port {} is taken", address->port));
  }
  auto bound = codec::Multiaddr::tcp(address->ip, address->port);
  here.listeners.push_back({address->port, bound, is_local});
  inputs_.post(now, host, here.incarnation, host::Listening{asked, std::move(bound)});
}

void Network::stop_listening(std::uint32_t host, const codec::Multiaddr& bound) {
  std::erase_if(hosts_[host].listeners, [&](const Listener& l) { return l.bound == bound; });
}

void Network::dial(Instant now, std::uint32_t host, const host::DialLink& dial) {
  ASSERT(dial.link.value % 2 == 0);
  Host& here = hosts_[host];
  ++stats_.dials;
  const auto address = codec::as_tcp(dial.address);
  if (!address || address->ip.size() != 4) {
    ++stats_.dials_failed;
    inputs_.post(
        now, host, here.incarnation,
        host::LinkFailed{dial.link,
                         {Code::unsupported, base::format("{} is not a TCP address of this network",
                                                          dial.address.to_string())}});
    return;
  }
  const std::uint32_t slot = new_link();
  Link& link = links_[slot];
  link.sides[0] = {host, here.incarnation, dial.link, ephemeral_port(here), SideState::dialing};
  link.sides[1].node = host_of(address->ip, host, hosts_.size());
  link.sides[1].port = address->port;
  remember_id(host, dial.link, slot, 0);
  const Duration timeout = std::clamp(dial.timeout, Duration{0}, dial_timeout_max);
  push_event(now + timeout, EventKind::dial_timeout, {slot, link.generation, 0});
  send_syn(now, slot);
}

void Network::send_syn(Instant now, std::uint32_t slot) {
  Link& link = links_[slot];
  if (link.sides[0].state != SideState::dialing) return;
  const LinkRef ref{slot, link.generation, 0};
  const std::uint32_t from = link.sides[0].node;
  const std::uint32_t to = link.sides[1].node;
  if (to == nothing) return;
  if (passes(from, to)) push_event(now + topology_.model(from, to).latency, EventKind::syn, ref);
  push_event(now + syn_retry_first * (1 << std::min(link.syn_attempts, syn_doublings_max)),
             EventKind::syn_retry, ref);
  ++link.syn_attempts;
}

void Network::on_syn(Instant now, std::uint32_t slot) {
  Link& link = links_[slot];
  const std::uint32_t from = link.sides[0].node;
  const std::uint32_t to = link.sides[1].node;
  const Host& there = hosts_[to];
  if (link.sides[0].state != SideState::dialing || !there.has_power) return;
  const bool agrees = there.is_running && listens(there, link.sides[1].port, from == to);
  if (agrees) {
    link.sides[1].state = SideState::handshaking;
    link.sides[1].incarnation = there.incarnation;
  }
  if (!passes(to, from)) return;
  push_event(now + topology_.model(to, from).latency,
             agrees ? EventKind::syn_ack : EventKind::syn_refused, {slot, link.generation, 0});
}

void Network::on_syn_ack(Instant now, std::uint32_t slot) {
  Link& link = links_[slot];
  Side& dialler = link.sides[0];
  if (dialler.state != SideState::dialing) return;
  dialler.state = SideState::open;
  ++stats_.links_opened;
  post(now, dialler,
       host::LinkOpened{dialler.id, Direction::outbound,
                        codec::Multiaddr::tcp(ip_of(dialler.node), dialler.port),
                        codec::Multiaddr::tcp(ip_of(link.sides[1].node), link.sides[1].port)});
  push_item(now, {slot, link.generation, 0}, ItemKind::open, {});
}

// The listener may have gone since it agreed; then it answers as to any packet of no connection.
void Network::accept(Instant now, std::uint32_t slot) {
  Link& link = links_[slot];
  Side& side = link.sides[1];
  Host& here = hosts_[side.node];
  const bool is_local = link.sides[0].node == side.node;
  if (!here.is_running || here.incarnation != side.incarnation ||
      !listens(here, side.port, is_local)) {
    side.state = SideState::closed;
    push_item(now, {slot, link.generation, 1}, ItemKind::reset, {});
    maybe_free(slot);
    return;
  }
  side.state = SideState::open;
  side.id = LinkId{here.next_accepted_id};
  here.next_accepted_id += 2;
  remember_id(side.node, side.id, slot, 1);
  post(now, side,
       host::LinkOpened{side.id, Direction::inbound,
                        codec::Multiaddr::tcp(ip_of(side.node), side.port),
                        codec::Multiaddr::tcp(ip_of(link.sides[0].node), link.sides[0].port)});
}

void Network::fail_dial(Instant now, std::uint32_t slot, Error error) {
  Side& side = links_[slot].sides[0];
  if (side.state != SideState::dialing) return;
  ++stats_.dials_failed;
  side.state = SideState::closed;
  forget_id(side.node, side.id);
  post(now, side, host::LinkFailed{side.id, std::move(error)});
  maybe_free(slot);
}

bool Network::listens(const Host& host, std::uint16_t port, bool loopback) const {
  return std::any_of(host.listeners.begin(), host.listeners.end(), [&](const Listener& listener) {
    return listener.port == port && (!listener.loopback_only || loopback);
  });
}

/// Whether one packet of a handshake gets through.
bool Network::passes(std::uint32_t from, std::uint32_t to) {
  if (!topology_.is_open(from, to)) return false;
  const double loss = topology_.model(from, to).loss;
  return loss <= 0 || rng_.unit() >= loss;
}

std::uint16_t Network::ephemeral_port(Host& host) {
  if (host.next_port < port_ephemeral_first) host.next_port = port_ephemeral_first;
  return host.next_port++;  // wraps to 0, and so to the first
}

}  // namespace kith::sim
