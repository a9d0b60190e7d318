#include "sim/datagram_sockets.h"

#include <algorithm>

#include "base/format.h"
#include "sim/network.h"

namespace kith::sim {
namespace {

constexpr std::uint16_t datagram_port_first = 49152;  // RFC 6335, 6

bool is_own_loopback(const base::IpPort& address) { return address.ip[0] == 127; }
bool is_any_address(const base::IpPort& address) { return address.ip == base::IpPort{}.ip; }

}  // namespace

base::IpPort datagram_address_of(std::uint32_t host, std::uint16_t port) {
  base::IpPort address;
  std::ranges::copy(ip_of(host), address.ip.begin());
  address.port = port;
  return address;
}

DatagramSockets::DatagramSockets(const DatagramConfig& config, const Topology& topology,
                                 EventQueue& queue, InputQueue& inputs, Rng& rng, TraceHash& trace)
    : config_(config),
      queue_(queue),
      inputs_(inputs),
      trace_(trace),
      net_(config, topology, queue, rng) {}

void DatagramSockets::start_host(std::uint32_t host, std::uint32_t incarnation) {
  hosts_[host].incarnation = incarnation;
  hosts_[host].next_id = 1;
}

void DatagramSockets::stop_host(std::uint32_t host) {
  for (const std::uint32_t slot : std::exchange(hosts_[host].sockets, {})) close(slot);
}

// --- what machines ask ---------------------------------------------------------------------------

void DatagramSockets::listen(Instant now, std::uint32_t host, const codec::Multiaddr& asked,
                             const base::IpPort& local) {
  Host& here = hosts_[host];
  const auto address = usable(host, local);
  if (!address) {
    Error error = address.error();
    error.message = base::format("cannot listen on {}: {}", asked.to_string(), error.message);
    inputs_.post(now, host, here.incarnation, host::ListenFailed{asked, std::move(error)});
    return;
  }
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(sockets_.size());
    sockets_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Socket& socket = sockets_[slot];
  socket.host = host;
  socket.id = base::SocketId{here.next_id++};
  socket.local = *address;
  socket.bound = host::datagram_address(*address);
  socket.is_open = true;
  socket.is_told = false;
  here.sockets.push_back(slot);
  inputs_.post(now, host, here.incarnation, host::SocketOpened{asked, socket.bound, socket.id});
}

// The address with its real port, if a socket may be bound to it.
Result<base::IpPort> DatagramSockets::usable(std::uint32_t host, const base::IpPort& local) {
  Host& here = hosts_[host];
  base::IpPort address = local;
  if (local.is_v6) return fail(Code::unsupported, "this network is one of IPv4");
  const bool is_own = is_any_address(local) || is_own_loopback(local) ||
                      local.ip == datagram_address_of(host, 0).ip;
  if (!is_own) return fail(Code::io, "the address is not of this host");
  if (here.sockets.size() >= sockets_max) {
    return fail(Code::limit, base::format("{} sockets are open, the limit", sockets_max));
  }
  const auto is_taken = [&](std::uint16_t port) {
    return std::ranges::any_of(
        here.sockets, [&](std::uint32_t slot) { return sockets_[slot].local.port == port; });
  };
  while (address.port == 0 || (local.port == 0 && is_taken(address.port))) {
    here.next_port = std::max(here.next_port, datagram_port_first);
    address.port = here.next_port++;  // wraps to 0, and so to the first
  }
  if (is_taken(address.port)) {
    return fail(Code::exists, base::format("port {} is taken", address.port));
  }
  return address;
}

bool DatagramSockets::stop_listening(Instant now, std::uint32_t host,
                                     const codec::Multiaddr& bound) {
  Host& here = hosts_[host];
  const auto wanted = bound.without_peer();
  const auto found = std::ranges::find_if(
      here.sockets, [&](std::uint32_t slot) { return sockets_[slot].bound == wanted; });
  if (found == here.sockets.end()) return false;
  const std::uint32_t slot = *found;
  here.sockets.erase(found);
  inputs_.post(
      now, host, here.incarnation,
      host::SocketClosed{sockets_[slot].id, {Code::closed, "no longer listened on by this node"}});
  close(slot);
  return true;
}

void DatagramSockets::close(std::uint32_t slot) {
  Socket& socket = sockets_[slot];
  while (!socket.waiting.empty()) {
    Waiting lost = socket.waiting.pop_front();
    net_.release(lost.payload);
    ++stats_.dropped_no_socket;
  }
  socket.waiting_bytes = 0;
  socket.is_open = false;
  ++socket.generation;
  free_.push_back(slot);
}

void DatagramSockets::send(Instant now, std::uint32_t host, const base::DatagramsOut& out,
                           ByteView bytes) {
  ASSERT(out.segment_bytes > 0 && bytes.size() == out.bytes);
  const Socket* socket = find(host, out.socket);
  if (socket == nullptr) return;  // closed while this was under way
  ++stats_.batches_sent;
  stats_.bytes_sent += bytes.size();
  trace_.add(std::uint64_t{host} << 32 | out.socket.value, out.segment_bytes);
  trace_.add(bytes);
  const auto to = find_way(host, out.to);
  const Endpoint from{host, socket->local.port};
  const bool is_local = is_own_loopback(out.to);
  if (!to || (is_own_loopback(socket->local) && !is_local)) {
    ++stats_.dropped_no_socket;
    return;
  }
  base::IpPort seen_from = address_of(host, from.port);
  if (is_local) {
    seen_from = out.to;
    seen_from.port = from.port;
  }
  for (std::size_t at = 0; at < bytes.size(); at += out.segment_bytes) {
    const std::size_t size = std::min(out.segment_bytes, bytes.size() - at);
    // Over UDP's own limit: a socket says so, and the packet is lost all the same.
    (void)net_.send(now, from, *to, bytes.subspan(at, size), out.ecn, seen_from, out.to);
  }
}

// --- events --------------------------------------------------------------------------------------

void DatagramSockets::on_event(Instant now, const Event& event) {
  const auto packet = net_.on_event(now, event);
  if (!packet || packet->bytes.empty()) return;
  // Who stands at the address now: a NAT may have moved while the packet was on its way.
  const auto to = find_way(packet->from.host, packet->sent_to);
  const auto slot = to ? slot_at(*to, is_own_loopback(packet->sent_to)) : std::nullopt;
  if (!slot) {
    ++stats_.dropped_no_socket;
    return;
  }
  Socket& socket = sockets_[*slot];
  if (socket.waiting_bytes + packet->bytes.size() > config_.receive_bytes_max) {
    ++stats_.dropped_unread;
    return;
  }
  socket.waiting_bytes += packet->bytes.size();
  socket.waiting.push_back({net_.take_delivered(), packet->seen_from, packet->ecn});
  tell(now, *slot);
}

// At the same instant, but behind all that arrives then: so packets of one batch come together.
void DatagramSockets::tell(Instant now, std::uint32_t slot) {
  Socket& socket = sockets_[slot];
  if (std::exchange(socket.is_told, true)) return;
  queue_.push({now, socket.host, socket.generation, slot, EventKind::readable});
}

bool DatagramSockets::is_open(const Event& readable) const {
  const Socket& socket = sockets_[readable.payload];
  return socket.is_open && socket.generation == readable.link;
}

std::optional<base::DatagramsIn> DatagramSockets::next_batch(const Event& event) {
  net_.release(read_);
  if (!is_open(event)) return std::nullopt;
  Socket& socket = sockets_[event.payload];
  if (socket.waiting.empty()) return std::nullopt;
  const Waiting first = socket.waiting.pop_front();
  read_ = first.payload;
  base::DatagramsIn batch{socket.id, first.from, read_.bytes(), read_.size(), first.ecn};
  std::size_t packets = 1;
  while (config_.coalesces && packets < batch_packets_max && !socket.waiting.empty() &&
         joins(batch, socket.waiting.front())) {
    if (packets++ == 1) batch_.assign(read_.bytes().begin(), read_.bytes().end());
    Waiting next = socket.waiting.pop_front();
    base::append(batch_, next.payload.bytes());
    batch.bytes = batch_;
    net_.release(next.payload);
  }
  socket.waiting_bytes -= batch.bytes.size();
  ++stats_.batches_read;
  stats_.bytes_read += batch.bytes.size();
  return batch;
}

// As the kernel joins them: a shorter packet may only be the last.
bool DatagramSockets::joins(const base::DatagramsIn& batch, const Waiting& next) const {
  return batch.bytes.size() % batch.segment_bytes == 0 && next.from == batch.from &&
         next.ecn == batch.ecn && next.payload.size() <= batch.segment_bytes &&
         batch.bytes.size() + next.payload.size() <= batch_bytes_max;
}

void DatagramSockets::finish_reading(Instant now, const Event& event) {
  if (!is_open(event)) return;
  sockets_[event.payload].is_told = false;
  if (!sockets_[event.payload].waiting.empty()) tell(now, event.payload);
}

// --- who is where --------------------------------------------------------------------------------

DatagramSockets::Socket* DatagramSockets::find(std::uint32_t host, base::SocketId id) {
  for (const std::uint32_t slot : hosts_[host].sockets) {
    if (sockets_[slot].id == id) return &sockets_[slot];
  }
  return nullptr;
}

std::optional<std::uint32_t> DatagramSockets::slot_at(const Endpoint& endpoint,
                                                      bool is_local) const {
  for (const std::uint32_t slot : hosts_[endpoint.host].sockets) {
    const Socket& socket = sockets_[slot];
    if (socket.local.port != endpoint.port) continue;
    if (is_own_loopback(socket.local) && !is_local) continue;
    return slot;
  }
  return std::nullopt;
}

// Whom an address leads to, seen from a host; empty when nobody is there.
std::optional<Endpoint> DatagramSockets::find_way(std::uint32_t from,
                                                  const base::IpPort& to) const {
  if (to.is_v6) return std::nullopt;
  if (is_own_loopback(to)) return Endpoint{from, to.port};
  if (const auto natted = outsides_.find(to); natted != outsides_.end()) return natted->second;
  const std::uint32_t number =
      static_cast<std::uint32_t>(to.ip[1] << 16 | to.ip[2] << 8 | to.ip[3]);
  if (to.ip[0] != 10 || number == 0 || number > hosts_.size()) return std::nullopt;
  const Endpoint inside{number - 1, to.port};
  if (inside.host != from && natted_.contains(inside)) return std::nullopt;
  return inside;
}

void DatagramSockets::rebind(std::uint32_t host, std::uint16_t port, const base::IpPort& outside) {
  const Endpoint inside{host, port};
  if (const auto old = natted_.find(inside); old != natted_.end()) {
    outsides_.erase(old->second);
    natted_.erase(old);
  }
  if (outside == datagram_address_of(host, port)) return;
  ASSERT(outsides_.emplace(outside, inside).second);
  natted_.emplace(inside, outside);
}

base::IpPort DatagramSockets::address_of(std::uint32_t host, std::uint16_t port) const {
  const auto natted = natted_.find({host, port});
  return natted == natted_.end() ? datagram_address_of(host, port) : natted->second;
}

}  // namespace kith::sim
