#include "sim/datagram.h"

#include <algorithm>

#include "base/format.h"

namespace kith::sim {
namespace {

std::uint64_t datagram_path(std::uint32_t from, std::uint32_t to) {
  return std::uint64_t{from} << 32 | to;
}

}  // namespace

void DatagramNet::set_mtu(std::uint32_t from, std::uint32_t to, std::size_t bytes) {
  mtus_[datagram_path(from, to)] = bytes;
}

void DatagramNet::turn_bit(std::uint32_t from, std::uint32_t to, std::uint64_t skip,
                           std::uint64_t bit) {
  turned_bits_.push_back({datagram_path(from, to), skip, bit});
}

Result<void> DatagramNet::send(Instant now, Endpoint from, Endpoint to, ByteView bytes,
                               base::Ecn ecn, const base::IpPort& seen_from,
                               const base::IpPort& sent_to) {
  if (bytes.size() > datagram_bytes_max) {
    return fail(Code::too_large,
                base::format("datagram of {} bytes, limit {}", bytes.size(), datagram_bytes_max));
  }
  ++stats_.sent;
  const std::uint64_t path = datagram_path(from.host, to.host);
  const auto own_mtu = mtus_.find(path);
  if (bytes.size() > (own_mtu == mtus_.end() ? config_.mtu_bytes : own_mtu->second)) {
    ++stats_.dropped_too_large;
    return {};
  }
  const LinkModel& model = topology_.model(from.host, to.host);
  const auto departs = pass_queue(now, model, path, bytes.size(), ecn);
  if (!departs) {
    ++stats_.dropped_queue_full;
    return {};
  }
  if (happens(model.loss)) {
    ++stats_.lost;
    return {};
  }
  const Flying packet{from, to, {}, ecn, seen_from, sent_to};
  launch(*departs, packet, bytes);
  if (happens(model.duplicate)) {
    ++stats_.duplicated;
    launch(*departs, packet, bytes);
  }
  return {};
}

// When the packet has left the wire; empty when the queue before it is full.
std::optional<Instant> DatagramNet::pass_queue(Instant now, const LinkModel& model,
                                               std::uint64_t path, std::size_t bytes,
                                               base::Ecn& ecn) {
  if (model.bandwidth_bytes_per_s == 0) return now;
  Instant& busy = busy_until_[path];
  if (busy - now > config_.queue_max) return std::nullopt;
  if (busy - now > config_.queue_marks && ecn != base::Ecn::none && ecn != base::Ecn::congested) {
    ecn = base::Ecn::congested;
    ++stats_.marked;
  }
  const std::uint64_t ns = bytes * std::uint64_t{1'000'000'000};
  busy =
      std::max(now, busy) + Duration(static_cast<std::int64_t>(ns / model.bandwidth_bytes_per_s));
  return busy;
}

void DatagramNet::launch(Instant departs, const Flying& packet, ByteView bytes) {
  const LinkModel& model = topology_.model(packet.from.host, packet.to.host);
  Instant arrival = departs + model.latency;
  const auto up_to = [this](Duration longest) {
    return Duration(
        static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(longest.count()) + 1)));
  };
  if (model.jitter > Duration{0}) arrival += up_to(model.jitter);
  if (happens(model.reorder)) {
    ++stats_.reordered;
    arrival += up_to(2 * model.latency);
  }
  Flying flying = packet;
  flying.payload = pool_.copy(bytes);
  if (!bytes.empty() && happens(model.corrupt)) {
    ++stats_.corrupted;
    flying.payload.bytes()[rng_.below(bytes.size())] ^=
        static_cast<std::uint8_t>(1U << rng_.below(8));
  }
  if (!bytes.empty() && !turned_bits_.empty()) {
    turn_planned(datagram_path(packet.from.host, packet.to.host), flying.payload.bytes());
  }
  std::uint32_t handle = 0;
  if (free_.empty()) {
    handle = static_cast<std::uint32_t>(flying_.size());
    flying_.push_back(flying);
  } else {
    handle = free_.back();
    free_.pop_back();
    flying_[handle] = flying;
  }
  queue_.push({arrival, packet.to.host, 0, handle, EventKind::datagram});
}

void DatagramNet::turn_planned(std::uint64_t path, ByteSpan bytes) {
  std::erase_if(turned_bits_, [&](TurnedBit& plan) {
    if (plan.path != path) return false;
    if (plan.skip > 0) {
      --plan.skip;
      return false;
    }
    const std::uint64_t bit = plan.bit % (bytes.size() * 8);
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    ++stats_.corrupted;
    return true;
  });
}

std::optional<Datagram> DatagramNet::on_event(Instant, const Event& event) {
  ASSERT(event.kind == EventKind::datagram);
  pool_.release(delivered_);
  const Flying flying = flying_[event.payload];
  free_.push_back(event.payload);
  delivered_ = flying.payload;
  if (!topology_.is_open(flying.from.host, flying.to.host)) {
    ++stats_.dropped_cut;
    return std::nullopt;
  }
  ++stats_.delivered;
  return Datagram{flying.from, flying.to,        delivered_.bytes(),
                  flying.ecn,  flying.seen_from, flying.sent_to};
}

}  // namespace kith::sim
