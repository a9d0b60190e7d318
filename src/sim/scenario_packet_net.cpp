#include "sim/scenario_packet_net.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace kith::sim {
namespace {

constexpr std::size_t net_batch_packets_max = 64;
/// Header and tag say all of a sealed packet.
constexpr std::size_t net_traced_bytes = 32;

}  // namespace

PacketNet::PacketNet(const PacketNetConfig& config, PacketApp& app)
    : config_(config),
      rng_(mix_words(config.seed, 1)),
      attack_rng_(mix_words(config.seed, 2)),
      topology_(LinkModel{}),
      net_(DatagramConfig{}, topology_, queue_, rng_),
      trace_(config.seed),
      sides_(std::size_t{config.nodes + 1} * (config.nodes + 1)) {
  for (std::uint32_t index = 0; index <= config.nodes; ++index) {
    topology_.add_host();
    if (index == config.nodes) break;
    auto host = std::make_unique<Host>();
    host->node = std::make_unique<PacketNode>(config.node, index,
                                              mix_words(config.seed, 1000 + index), now_, app);
    nodes_.push_back(std::move(host));
  }
}

PacketNet::~PacketNet() = default;

// --- time ----------------------------------------------------------------------------------------

void PacketNet::at(Instant at, std::uint32_t payload, std::uint32_t link) {
  queue_.push({.at = std::max(at, now_), .link = link, .payload = payload});
}

void PacketNet::run(Instant limit, const std::function<bool()>& is_done) {
  while (!is_done()) {
    const auto event = queue_.pop(limit);
    if (!event) {
      now_ = std::max(now_, limit);
      return;
    }
    now_ = event->at;
    ++events_;
    if (event->kind == EventKind::datagram) {
      deliver(*event);
    } else if (event->kind == EventKind::timer) {
      Host& host = *nodes_[event->node];
      if (host.wakes_at != event->at) continue;
      host.wakes_at.reset();
      turn(event->node);
    } else {
      on_action(event->payload, event->link);
    }
  }
}

Instant PacketNet::next_tick(Instant at) const {
  const auto past = at.time_since_epoch() % config_.tick;
  return past == Duration{0} ? at : at + (config_.tick - past);
}

void PacketNet::wake(std::uint32_t index, Instant at) {
  Host& host = *nodes_[index];
  at = next_tick(std::max(at, now_));
  if (host.wakes_at && *host.wakes_at <= at) return;
  host.wakes_at = at;
  queue_.push({.at = at, .node = index, .kind = EventKind::timer});
}

void PacketNet::turn(std::uint32_t index) {
  Host& host = *nodes_[index];
  read(host);
  host.node->on_time(now_);
  transmit(index);
  const auto next = host.node->next_deadline();
  const bool is_due_again = next && *next <= now_;
  host.due_again = is_due_again ? host.due_again + 1 : 0;
  if (host.due_again == restless_turns && on_restless) on_restless(index);
  if (next) wake(index, is_due_again ? now_ + Duration{1} : *next);
}

void PacketNet::release_delivered() {
  Payload payload = net_.take_delivered();
  net_.release(payload);
}

void PacketNet::restart(std::uint32_t index) {
  Host& host = *nodes_[index];
  for (Waiting& waiting : host.inbox) net_.release(waiting.payload);
  host.inbox.clear();
  host.node->restart(now_);
  turn(index);
}

// --- packets -------------------------------------------------------------------------------------

void PacketNet::deliver(const Event& event) {
  const auto datagram = net_.on_event(now_, event);
  if (!datagram) return;
  const std::uint32_t to = datagram->to.host, from = datagram->from.host;
  const ByteView tail = datagram->bytes.last(std::min(net_traced_bytes, datagram->bytes.size()));
  trace_.add(static_cast<std::uint64_t>(now_.time_since_epoch().count()), hash_bytes(tail));
  if (to == attacker()) {
    if (on_attacker) on_attacker(*datagram);
    return;
  }
  // What goes to an address that is no longer this node's is lost.
  const std::uint32_t peer = from == attacker() ? datagram->from.port : from;
  const std::uint8_t socket = datagram->sent_to.ip[1];
  const Side& known = side(to, peer);
  if (datagram->sent_to != address(to, peer, socket) || socket < known.least_socket ||
      socket > known.socket) {
    return;
  }
  Host& host = *nodes_[to];
  host.inbox.push_back(
      {datagram->seen_from, base::SocketId{socket}, datagram->ecn, net_.take_delivered()});
  wake(to, now_);
}

void PacketNet::read(Host& host) {
  std::vector<Waiting> inbox = std::exchange(host.inbox, {});
  for (std::size_t first = 0; first < inbox.size();) {
    const Waiting& head = inbox[first];
    const std::size_t segment = head.payload.size();
    std::size_t end = first + 1;
    std::size_t bytes = segment;
    while (end < inbox.size() && end - first < net_batch_packets_max) {
      const Waiting& next = inbox[end];
      const std::size_t last = inbox[end - 1].payload.size();
      const bool joins = next.from == head.from && next.socket == head.socket &&
                         next.ecn == head.ecn && last == segment &&
                         next.payload.size() <= segment && next.payload.size() > 0 &&
                         bytes + next.payload.size() <= batch_.size();
      if (!joins) break;
      bytes += next.payload.size();
      ++end;
    }
    ByteSpan all = head.payload.bytes();
    if (end - first > 1) {
      std::size_t at = 0;
      for (std::size_t i = first; i < end; ++i) {
        const ByteView part = inbox[i].payload.bytes();
        std::memcpy(batch_.data() + at, part.data(), part.size());
        at += part.size();
      }
      all = ByteSpan(batch_).first(bytes);
    }
    host.node->receive(now_, {head.socket, head.from, all, segment, head.ecn});
    first = end;
  }
  for (Waiting& waiting : inbox) net_.release(waiting.payload);
  inbox.clear();
  if (host.inbox.empty()) host.inbox = std::move(inbox);  // its room is used again
}

void PacketNet::transmit(std::uint32_t index) {
  PacketNode& node = *nodes_[index]->node;
  node.drain(now_);
  while (true) {
    const base::DatagramsOut out = node.poll(now_, room_);
    // What was asked and had nothing to send says only then when it will have.
    node.drain(now_);
    if (out.bytes == 0) return;
    for (std::size_t at = 0; at < out.bytes; at += out.segment_bytes) {
      const std::size_t size = std::min(out.segment_bytes, out.bytes - at);
      send(index, out, ByteView(room_).subspan(at, size));
    }
  }
}

void PacketNet::send(std::uint32_t from, const base::DatagramsOut& out, ByteView packet) {
  const std::uint32_t to = std::uint32_t{out.to.ip[2]} << 8 | out.to.ip[3];
  const auto socket = static_cast<std::uint8_t>(out.socket.value);
  if (out.to.ip[0] != 10 || to > config_.nodes) return;  // nobody is there
  const base::IpPort seen_from = address(from, to, socket);
  (void)net_.send(now_, {from, 0}, {to, 0}, packet, out.ecn, seen_from, out.to);
  if (config_.is_tapped && tap_countdown_-- == 0) {
    tap({from, to, seen_from, out.to, {}}, packet);
    tap_countdown_ = 16;
  }
}

void PacketNet::tap(const TappedPacket& packet, ByteView bytes) {
  if (tapped_.size() < taps) tapped_.emplace_back();
  TappedPacket& kept = tapped_[attack_rng_.below(tapped_.size())];
  kept.from = packet.from;
  kept.to = packet.to;
  kept.seen_from = packet.seen_from;
  kept.sent_to = packet.sent_to;
  kept.bytes.assign(bytes.begin(), bytes.end());
}

void PacketNet::attack(const base::IpPort& from, std::uint32_t to, ByteView bytes) {
  // The port says whose NAT lets it pass.
  const std::uint32_t as = std::uint32_t{from.ip[2]} << 8 | from.ip[3];
  const bool is_known = from.ip[0] == 10 && as < config_.nodes && as != to;
  const std::uint32_t peer = is_known ? as : attacker();
  (void)net_.send(now_, {attacker(), static_cast<std::uint16_t>(peer)}, {to, 0}, bytes,
                  base::Ecn::none, from, address_of(to, peer));
}

// --- addresses -----------------------------------------------------------------------------------

base::IpPort PacketNet::address(std::uint32_t of, std::uint32_t peer, std::uint8_t socket) const {
  base::IpPort at;
  at.ip[0] = 10;
  at.ip[1] = socket;
  at.ip[2] = static_cast<std::uint8_t>(of >> 8);
  at.ip[3] = static_cast<std::uint8_t>(of);
  at.port = static_cast<std::uint16_t>(port_first + side(of, peer).rebinds);
  return at;
}

base::IpPort PacketNet::address_of(std::uint32_t of, std::uint32_t peer) const {
  return address(of, peer, side(of, peer).socket);
}

packet::Path PacketNet::path(std::uint32_t from, std::uint32_t to) const {
  return {base::SocketId{side(from, to).socket}, address_of(to, from)};
}

void PacketNet::rebind(std::uint32_t of, std::uint32_t peer) {
  Side& known = side(of, peer);
  known.rebinds = static_cast<std::uint16_t>((known.rebinds + 1) % 50'000);
}

base::SocketId PacketNet::move(std::uint32_t of, std::uint32_t peer, bool old_ones_die) {
  Side& known = side(of, peer);
  known.socket = static_cast<std::uint8_t>(known.socket == 255 ? 1 : known.socket + 1);
  if (old_ones_die || known.socket < known.least_socket) known.least_socket = known.socket;
  return base::SocketId{known.socket};
}

}  // namespace kith::sim
