#include "sim/datagram.h"

#include <algorithm>

#include "base/format.h"

namespace kith::sim {

Result<void> DatagramNet::send(Instant now, Endpoint from, Endpoint to, ByteView bytes) {
  if (bytes.size() > datagram_bytes_max) {
    return fail(Code::too_large,
                base::format("datagram of {} bytes, limit {}", bytes.size(), datagram_bytes_max));
  }
  ++stats_.sent;
  if (bytes.size() > config_.mtu_bytes) {
    ++stats_.dropped_too_large;
    return {};
  }
  const LinkModel& model = topology_.model(from.host, to.host);
  Instant departs = now;
  if (model.bandwidth_bytes_per_s > 0) {
    Instant& busy = busy_until_[std::uint64_t{from.host} << 32 | to.host];
    if (busy - now > config_.queue_max) {
      ++stats_.dropped_queue_full;
      return {};
    }
    const std::uint64_t ns = bytes.size() * std::uint64_t{1'000'000'000};
    departs =
        std::max(now, busy) + Duration(static_cast<std::int64_t>(ns / model.bandwidth_bytes_per_s));
    busy = departs;
  }
  if (happens(model.loss)) {
    ++stats_.lost;
    return {};
  }
  launch(departs, from, to, bytes);
  if (happens(model.duplicate)) {
    ++stats_.duplicated;
    launch(departs, from, to, bytes);
  }
  return {};
}

void DatagramNet::launch(Instant departs, Endpoint from, Endpoint to, ByteView bytes) {
  const LinkModel& model = topology_.model(from.host, to.host);
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
  Payload payload = pool_.copy(bytes);
  if (!bytes.empty() && happens(model.corrupt)) {
    ++stats_.corrupted;
    payload.bytes()[rng_.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << rng_.below(8));
  }
  std::uint32_t handle = 0;
  if (free_.empty()) {
    handle = static_cast<std::uint32_t>(flying_.size());
    flying_.push_back({from, to, payload});
  } else {
    handle = free_.back();
    free_.pop_back();
    flying_[handle] = {from, to, payload};
  }
  queue_.push({arrival, to.host, 0, handle, EventKind::datagram});
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
  return Datagram{flying.from, flying.to, delivered_.bytes()};
}

}  // namespace kith::sim
