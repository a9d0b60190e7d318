#include "sim/network.h"

#include <algorithm>

namespace kith::sim {
Ipv4 ip_of(std::uint32_t host) {
  const std::uint32_t number = host + 1;  // 10.0.0.0 names the network itself
  ASSERT(number < (1U << 24));
  return {10, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
          static_cast<std::uint8_t>(number)};
}

Network::Network(const NetworkConfig& config, const Topology& topology, EventQueue& queue,
                 InputQueue& inputs, Rng& rng, TraceHash& trace)
    : config_(config),
      topology_(topology),
      queue_(queue),
      inputs_(inputs),
      rng_(rng),
      trace_(trace) {
  ASSERT(config_.window_bytes >= host::link_transmit_bytes_min);
}

void Network::add_host(std::uint64_t uplink_bytes_per_s) {
  hosts_.emplace_back();
  hosts_.back().uplink_bytes_per_s = uplink_bytes_per_s;
}

void Network::start_host(std::uint32_t host, std::uint32_t incarnation) {
  Host& started = hosts_[host];
  started.is_running = true;
  started.has_power = true;
  started.incarnation = incarnation;
}

void Network::stop_host(Instant now, std::uint32_t host, CrashKind kind) {
  Host& stopped = hosts_[host];
  stopped.is_running = false;
  stopped.has_power = kind == CrashKind::process;
  stopped.listeners.clear();
  const std::vector<IdEntry> ids = std::exchange(stopped.ids, {});
  for (const IdEntry& entry : ids) {
    const LinkRef ref{entry.slot, links_[entry.slot].generation, entry.side};
    Side& side = links_[ref.slot].sides[ref.side];
    if (side.state != SideState::dialing) {
      drop_items(now, ref);
      if (kind == CrashKind::process) push_item(now, ref, ItemKind::reset, {});
      Flow& unread = incoming(ref);
      pool_.release(unread.tail);
      unread.read_blocked = false;
      if (kind == CrashKind::power && !unread.items.empty()) stall(now, other_end(ref));
      arm_arrival(now, other_end(ref));
    }
    if (links_[ref.slot].generation != ref.generation) continue;  // stall() freed it
    side.state = SideState::closed;
    maybe_free(ref.slot);
  }
}

std::optional<LinkRef> Network::close(Instant now, std::uint32_t host,
                                      const host::CloseLink& close) {
  const auto& ids = hosts_[host].ids;
  const auto entry = std::lower_bound(ids.begin(), ids.end(), close.link,
                                      [](const IdEntry& e, LinkId id) { return e.id < id; });
  // LinkClosed or LinkFailed is on its way already.
  if (entry == ids.end() || entry->id != close.link) return std::nullopt;

  const LinkRef ref{entry->slot, links_[entry->slot].generation, entry->side};
  Side& side = links_[ref.slot].sides[ref.side];
  if (side.state == SideState::dialing) {
    close_side(now, ref, {Code::canceled, "the dial was called off"});
    return std::nullopt;
  }
  if (!close.flush) {
    abort(now, ref, {Code::closed, "closed by this end, unsent bytes dropped"});
    return std::nullopt;
  }
  if (side.state == SideState::flushing) return std::nullopt;
  side.state = SideState::flushing;
  push_event(now + config_.flush_max, EventKind::flush_timeout, ref);
  // What arrives from now on is discarded, so that the other end can finish too.
  if (incoming(ref).read_blocked) resume_reads(now, ref);
  if (!set_ready(ref)) return std::nullopt;
  return ref;
}

std::optional<LinkRef> Network::find(std::uint32_t host, LinkId id) const {
  const auto& ids = hosts_[host].ids;
  const auto entry = std::lower_bound(ids.begin(), ids.end(), id,
                                      [](const IdEntry& e, LinkId key) { return e.id < key; });
  if (entry == ids.end() || entry->id != id) return std::nullopt;
  const LinkRef ref{entry->slot, links_[entry->slot].generation, entry->side};
  return is_current(ref) ? std::optional(ref) : std::nullopt;
}

bool Network::is_current(LinkRef ref) const {
  const Link& link = links_[ref.slot];
  if (link.generation != ref.generation) return false;
  const SideState state = link.sides[ref.side].state;
  return state == SideState::open || state == SideState::flushing;
}

// --- sending -------------------------------------------------------------------------------------

bool Network::set_ready(LinkRef ref) {
  flow(ref).transmit_ready = true;
  return !flow(ref).room_awaited;
}

std::size_t Network::room(Instant now, LinkRef ref) {
  Flow& out = flow(ref);
  absorb_acks(now, out);
  return config_.window_bytes - out.in_flight_bytes;
}

void Network::send(Instant now, LinkRef ref, ByteSpan bytes) {
  ASSERT(is_current(ref) && bytes.size() <= room(now, ref));
  const double corrupt = topology_.model(sender(ref), receiver(ref)).corrupt;
  if (corrupt > 0 && rng_.unit() < chance_of_any(corrupt, packets_of(bytes.size()))) {
    bytes[rng_.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << rng_.below(8));
    ++stats_.segments_corrupted;
  }
  trace_.add(bytes);
  ++stats_.segments;
  stats_.bytes_sent += bytes.size();
  flow(ref).in_flight_bytes += static_cast<std::uint32_t>(bytes.size());
  push_item(now, ref, ItemKind::data, pool_.copy(bytes));
}

void Network::nothing_to_send(Instant now, LinkRef ref) {
  flow(ref).transmit_ready = false;
  if (links_[ref.slot].sides[ref.side].state != SideState::flushing) return;
  push_item(now, ref, ItemKind::fin, {});
  close_side(now, ref, {Code::closed, "closed by this end"});
}

void Network::await_room(Instant now, LinkRef ref) {
  flow(ref).room_awaited = true;
  arm_writable(now, ref);
}

// --- receiving -----------------------------------------------------------------------------------

bool Network::has_unread(Instant now, LinkRef ref) const {
  const Link& link = links_[ref.slot];
  const Flow& in = link.flows[1 - ref.side];
  if (in.items.empty() || link.sides[ref.side].state != SideState::open) return false;
  const Item& head = items_[in.items.head];
  return head.kind == ItemKind::data && head.arrival <= now;
}

ByteSpan Network::read(Instant now, LinkRef ref) {
  Flow& in = incoming(ref);
  Payload segment = items_[in.items.head].payload;
  in.items.pop(items_);
  const auto count = static_cast<std::uint32_t>(segment.size());
  stats_.bytes_delivered += count;
  if (in.tail.block == nullptr) {
    in.tail = segment;
  } else {
    pool_.append(in.tail, segment.bytes());
    pool_.release(segment);
  }
  acknowledge(now, other_end(ref), count);
  return in.tail.bytes();
}

void Network::taken(LinkRef ref, std::size_t count) {
  Payload& tail = incoming(ref).tail;
  ASSERT(count <= tail.size());
  tail.begin += static_cast<std::uint32_t>(count);
  ASSERT(tail.size() < host::link_tail_bytes_max);
  if (tail.size() == 0) pool_.release(tail);
}

void Network::block_reads(LinkRef ref) { incoming(ref).read_blocked = true; }

bool Network::is_read_blocked(LinkRef ref) const {
  return links_[ref.slot].flows[1 - ref.side].read_blocked;
}

void Network::resume_reads(Instant now, LinkRef ref) {
  incoming(ref).read_blocked = false;
  arm_arrival(now, other_end(ref));
}

void Network::await_bytes(Instant now, LinkRef ref) { arm_arrival(now, other_end(ref)); }

// --- state ---------------------------------------------------------------------------------------

NetworkTask Network::on_event(Instant now, const Event& event) {
  const LinkRef ref{event.link >> 1, event.payload, static_cast<std::uint8_t>(event.link & 1)};
  if (links_[ref.slot].generation != ref.generation) return {};
  switch (event.kind) {
    case EventKind::arrival: return on_arrival(now, ref);
    case EventKind::writable: {
      Flow& out = flow(ref);
      out.writable_armed = false;
      if (!std::exchange(out.room_awaited, false) || !is_current(ref)) return {};
      return {NetworkTask::Kind::write, ref};
    }
    case EventKind::retry: on_retry(now, ref); return {};
    case EventKind::syn: on_syn(now, ref.slot); return {};
    case EventKind::syn_ack: on_syn_ack(now, ref.slot); return {};
    case EventKind::syn_refused:
      fail_dial(now, ref.slot, {Code::refused, "the connection was refused"});
      return {};
    case EventKind::syn_retry: send_syn(now, ref.slot); return {};
    case EventKind::dial_timeout:
      fail_dial(now, ref.slot, {Code::timeout, "no answer to the dial"});
      return {};
    case EventKind::flush_timeout:
      if (links_[ref.slot].sides[ref.side].state == SideState::flushing) {
        abort(now, ref, {Code::timeout, "bytes were left when the flush ran out of time"});
      }
      return {};
    case EventKind::action:
    case EventKind::timer:
    case EventKind::input:
    case EventKind::datagram:
    case EventKind::readable: break;
  }
  UNREACHABLE();
}

std::uint32_t Network::new_link() {
  if (free_links_.empty()) {
    links_.emplace_back();
    return static_cast<std::uint32_t>(links_.size() - 1);
  }
  const std::uint32_t slot = free_links_.back();
  free_links_.pop_back();
  return slot;
}

void Network::remember_id(std::uint32_t host, LinkId id, std::uint32_t slot, std::uint8_t side) {
  auto& ids = hosts_[host].ids;
  const auto at = std::lower_bound(ids.begin(), ids.end(), id,
                                   [](const IdEntry& e, LinkId key) { return e.id < key; });
  ASSERT(at == ids.end() || at->id != id);
  ids.insert(at, {id, slot, side});
}

void Network::forget_id(std::uint32_t host, LinkId id) {
  auto& ids = hosts_[host].ids;
  const auto at = std::lower_bound(ids.begin(), ids.end(), id,
                                   [](const IdEntry& e, LinkId key) { return e.id < key; });
  if (at != ids.end() && at->id == id) ids.erase(at);
}

void Network::push_event(Instant at, EventKind kind, LinkRef ref) {
  const std::uint32_t node = links_[ref.slot].sides[ref.side].node;
  queue_.push({at, node, ref.slot << 1 | ref.side, ref.generation, kind});
}

void Network::post(Instant at, const Side& side, host::WorldInput input) {
  inputs_.post(at, side.node, side.incarnation, std::move(input));
}

// Says LinkClosed, once, and forgets the id. What is in flight to the other end goes on.
void Network::close_side(Instant now, LinkRef ref, Error error) {
  Side& side = links_[ref.slot].sides[ref.side];
  side.state = SideState::closed;
  forget_id(side.node, side.id);
  post(now, side, host::LinkClosed{side.id, std::move(error)});
  flow(ref).transmit_ready = false;
  flow(ref).room_awaited = false;
  Flow& in = incoming(ref);
  pool_.release(in.tail);
  in.read_blocked = false;
  arm_arrival(now, other_end(ref));
  maybe_free(ref.slot);
}

void Network::abort(Instant now, LinkRef ref, Error error) {
  drop_items(now, ref);
  push_item(now, ref, ItemKind::reset, {});
  close_side(now, ref, std::move(error));
}

void Network::maybe_free(std::uint32_t slot) {
  Link& link = links_[slot];
  const bool is_dialler_gone = link.sides[0].state == SideState::closed;
  const bool is_listener_gone =
      link.sides[1].state == SideState::closed ||
      (link.sides[1].state == SideState::handshaking && link.flows[0].items.empty());
  if (!is_dialler_gone || !is_listener_gone) return;
  for (Flow& each : link.flows) {
    clear_flow(each);
    pool_.release(each.tail);
  }
  link = Link{.sides = {}, .flows = {}, .generation = link.generation + 1, .syn_attempts = 0};
  free_links_.push_back(slot);
}

}  // namespace kith::sim
