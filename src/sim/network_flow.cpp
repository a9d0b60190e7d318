// Network: what travels on a link, in one direction: items, receipts, repetition. A LinkRef here
// names the flow that leaves its side, but for on_arrival and on_unwanted: there, who receives.
#include <algorithm>

#include "base/format.h"
#include "sim/network.h"

namespace kith::sim {
namespace {

constexpr Duration retransmission_min = 200ms;  // Linux's TCP_RTO_MIN
constexpr Duration retransmission_max = 120s;   // and TCP_RTO_MAX
constexpr Duration never = Duration::max();

Duration serialisation(std::size_t bytes, std::uint64_t bytes_per_s) {
  return Duration(static_cast<std::int64_t>(bytes * std::uint64_t{1'000'000'000} / bytes_per_s));
}

}  // namespace

void Network::push_item(Instant now, LinkRef ref, ItemKind kind, Payload payload) {
  Item item{.depart = now, .arrival = now, .payload = payload, .kind = kind};
  schedule(now, ref, item);
  Flow& out = flow(ref);
  out.items.push(items_, item);
  if (kind == ItemKind::fin || kind == ItemKind::reset) out.finished = true;
  arm_arrival(now, ref);
}

// The wire, and the host's uplink, take one item after the other; none overtakes.
void Network::schedule(Instant now, LinkRef ref, Item& item) {
  Flow& out = flow(ref);
  item.depart = item.arrival = Instant::max();
  if (out.stalled) return;
  const LinkModel& model = topology_.model(sender(ref), receiver(ref));
  const std::size_t size = item.payload.size();
  Instant depart = std::max(now, out.busy_until);
  if (model.bandwidth_bytes_per_s > 0) depart += serialisation(size, model.bandwidth_bytes_per_s);
  Host& host = hosts_[sender(ref)];
  if (host.uplink_bytes_per_s > 0) {
    host.uplink_busy_until =
        std::max(now, host.uplink_busy_until) + serialisation(size, host.uplink_bytes_per_s);
    depart = std::max(depart, host.uplink_busy_until);
  }
  const Duration repeated = retransmission_delay(ref, packets_of(size));
  if (repeated == never) {
    out.stalled = true;
    hold_for_retry(now, ref);
    return;
  }
  Instant arrival = depart + model.latency + repeated;
  if (model.jitter > Duration{0}) {
    const auto range = static_cast<std::uint64_t>(model.jitter.count()) + 1;
    arrival += Duration(static_cast<std::int64_t>(rng_.below(range)));
  }
  item.depart = depart;
  item.arrival = std::max(arrival, out.last_arrival);
  out.busy_until = depart;
  out.last_arrival = item.arrival;
}

// A segment waits while any packet of it is lost, and again while its repetition is.
Duration Network::retransmission_delay(LinkRef ref, std::size_t packets) {
  const double loss = topology_.model(sender(ref), receiver(ref)).loss;
  if (loss <= 0) return Duration{0};
  double probability = chance_of_any(loss, packets);
  Duration timeout = std::max(retransmission_min, 2 * round_trip(ref));
  Duration delay{0};
  while (rng_.unit() < probability) {
    ++stats_.retransmissions;
    delay += timeout;
    if (delay >= config_.give_up) return never;
    timeout = std::min(2 * timeout, retransmission_max);
    probability = loss;
  }
  return delay;
}

Duration Network::round_trip(LinkRef ref) const {
  return topology_.model(sender(ref), receiver(ref)).latency +
         topology_.model(receiver(ref), sender(ref)).latency;
}

/// Forgets what is not yet on the wire; departures are in order, so that is a tail of the items.
void Network::drop_items(Instant now, LinkRef ref) {
  Flow& out = flow(ref);
  Fifo kept;
  out.last_arrival = Instant{};
  while (!out.items.empty()) {
    Item item = items_[out.items.head];
    out.items.pop(items_);
    if (item.depart > now) {
      pool_.release(item.payload);
      continue;
    }
    item.next = nothing;
    kept.push(items_, item);
    out.last_arrival = item.arrival;
  }
  out.items = kept;
  out.stalled = false;
  out.ack_held_bytes = 0;
  out.busy_until = std::min(out.busy_until, now);
  // The armed arrival may have been of a dropped item, later than what comes next.
  out.arrival_armed = false;
  arm_arrival(now, ref);
}

void Network::clear_flow(Flow& flow) {
  while (!flow.items.empty()) {
    pool_.release(items_[flow.items.head].payload);
    flow.items.pop(items_);
  }
  while (!flow.acks.empty()) flow.acks.pop(acks_);
  flow.acks_bytes = 0;
  flow.ack_held_bytes = 0;
  flow.stalled = false;
  flow.finished = false;
}

// --- receipts ------------------------------------------------------------------------------------

void Network::acknowledge(Instant now, LinkRef ref, std::uint32_t bytes) {
  if (!is_current(ref)) return;
  if (topology_.is_open(receiver(ref), sender(ref))) {
    push_ack(now, ref, bytes);
  } else {
    flow(ref).ack_held_bytes += bytes;
    hold_for_retry(now, ref);
  }
}

void Network::push_ack(Instant now, LinkRef ref, std::uint32_t bytes) {
  Flow& out = flow(ref);
  absorb_acks(now, out);
  bytes += std::exchange(out.ack_held_bytes, 0);
  const Instant arrival = now + topology_.model(receiver(ref), sender(ref)).latency;
  out.acks_bytes += bytes;
  if (!out.acks.empty() && acks_[out.acks.tail].arrival == arrival) {
    acks_[out.acks.tail].bytes += bytes;
  } else {
    out.acks.push(acks_, Ack{arrival, bytes});
  }
  if (out.room_awaited) arm_writable(now, ref);
}

// Receipts cost no events: they are counted when somebody asks for room.
void Network::absorb_acks(Instant now, Flow& flow) {
  while (!flow.acks.empty() && acks_[flow.acks.head].arrival <= now) {
    const std::uint32_t bytes = acks_[flow.acks.head].bytes;
    flow.acks.pop(acks_);
    flow.acks_bytes -= bytes;
    flow.in_flight_bytes -= bytes;
  }
}

/// Finds the receipt that makes room enough, if it is on its way.
void Network::arm_writable(Instant now, LinkRef ref) {
  Flow& out = flow(ref);
  if (out.writable_armed) return;
  std::size_t room = config_.window_bytes - out.in_flight_bytes;
  if (room + out.acks_bytes < host::link_transmit_bytes_min) return;
  Instant at = now;
  for (std::uint32_t i = out.acks.head; room < host::link_transmit_bytes_min; i = acks_[i].next) {
    room += acks_[i].bytes;
    at = acks_[i].arrival;
  }
  out.writable_armed = true;
  push_event(std::max(now, at), EventKind::writable, ref);
}

// --- silence and repetition ----------------------------------------------------------------------

/// Items are out of reach: they will be sent again, if there is still somebody to do so.
void Network::stall(Instant now, LinkRef ref) {
  Flow& out = flow(ref);
  const Side& side = links_[ref.slot].sides[ref.side];
  const Host& host = hosts_[side.node];
  const bool is_kept =
      host.has_power && host.incarnation == side.incarnation &&
      (side.state != SideState::closed || items_[out.items.tail].kind == ItemKind::fin);
  if (!is_kept) {
    clear_flow(out);
    maybe_free(ref.slot);
    return;
  }
  out.stalled = true;
  for (std::uint32_t i = out.items.head; i != nothing; i = items_[i].next) {
    items_[i].depart = items_[i].arrival = Instant::max();
  }
  hold_for_retry(now, ref);
}

void Network::hold_for_retry(Instant now, LinkRef ref) {
  Flow& out = flow(ref);
  if (out.retry_armed) return;
  if (out.retries == 0) out.stalled_since = now;
  Duration pause = std::max(retransmission_min, 2 * round_trip(ref));
  for (int i = 0; i < out.retries && pause < retransmission_max; ++i) pause *= 2;
  out.retry_armed = true;
  push_event(now + std::min(pause, retransmission_max), EventKind::retry, ref);
}

void Network::on_retry(Instant now, LinkRef ref) {
  Flow& out = flow(ref);
  out.retry_armed = false;
  const bool was_stalled = out.stalled;
  if (!was_stalled && out.ack_held_bytes == 0) {
    out.retries = 0;
    return;
  }
  ++stats_.retransmissions;
  if (out.retries < 255) ++out.retries;
  if (was_stalled && topology_.is_open(sender(ref), receiver(ref)) &&
      hosts_[receiver(ref)].has_power) {
    out.stalled = false;
    out.busy_until = out.last_arrival = now;
    for (std::uint32_t i = out.items.head; i != nothing; i = items_[i].next) {
      schedule(now, ref, items_[i]);
    }
    arm_arrival(now, ref);
  }
  if (out.ack_held_bytes > 0 && topology_.is_open(receiver(ref), sender(ref))) {
    push_ack(now, ref, 0);
  }
  if (!out.stalled && out.ack_held_bytes == 0) {
    if (!was_stalled) out.retries = 0;  // else an arrival will say that it worked
    return;
  }
  if (now - out.stalled_since < config_.give_up) return hold_for_retry(now, ref);
  clear_flow(out);
  if (is_current(ref)) {
    close_side(
        now, ref,
        {Code::timeout, base::format("no receipt for {} s", base::to_ms(config_.give_up) / 1000)});
  } else {
    maybe_free(ref.slot);
  }
}

// --- arrival -------------------------------------------------------------------------------------

void Network::arm_arrival(Instant now, LinkRef ref) {
  Flow& out = flow(ref);
  if (out.arrival_armed || out.stalled || out.read_blocked || out.items.empty()) return;
  out.arrival_armed = true;
  push_event(std::max(now, items_[out.items.head].arrival), EventKind::arrival, other_end(ref));
}

NetworkTask Network::on_arrival(Instant now, LinkRef receiver_ref) {
  const LinkRef ref = other_end(receiver_ref);
  Flow& in = flow(ref);
  in.arrival_armed = false;
  if (in.items.empty() || items_[in.items.head].arrival > now) {
    arm_arrival(now, ref);
    return {};
  }
  if (!topology_.is_open(sender(ref), receiver(ref)) || !hosts_[receiver(ref)].has_power) {
    stall(now, ref);
    return {};
  }
  in.retries = 0;
  const SideState state = links_[ref.slot].sides[receiver_ref.side].state;
  const ItemKind kind = items_[in.items.head].kind;
  if (state == SideState::open && kind == ItemKind::data) {
    return {NetworkTask::Kind::read, receiver_ref};
  }
  if (state == SideState::handshaking) {
    in.items.pop(items_);
    accept(now, ref.slot);
  } else if (state == SideState::closed || kind == ItemKind::data) {
    on_unwanted(now, receiver_ref);
  } else {
    in.items.pop(items_);
    const bool is_reset = kind == ItemKind::reset;
    stats_.links_reset += is_reset;
    close_side(now, receiver_ref,
               is_reset ? Error{Code::reset, "the other end reset the connection"}
                        : Error{Code::closed, "the other end closed"});
  }
  if (links_[ref.slot].generation == ref.generation) arm_arrival(now, ref);
  return {};
}

/// Bytes for a side that closed, flushes, or whose machine has crashed since.
void Network::on_unwanted(Instant now, LinkRef receiver_ref) {
  const LinkRef ref = other_end(receiver_ref);
  Flow& in = flow(ref);
  const auto count = static_cast<std::uint32_t>(items_[in.items.head].payload.size());
  pool_.release(items_[in.items.head].payload);
  in.items.pop(items_);
  if (is_current(receiver_ref)) return acknowledge(now, ref, count);
  if (!flow(receiver_ref).finished) push_item(now, receiver_ref, ItemKind::reset, {});
}

}  // namespace kith::sim
