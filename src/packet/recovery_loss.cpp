// Recovery: what is lost, by later packets and by time, and what is done when nothing comes back.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "packet/recovery_flight.h"

namespace kith::packet {
namespace {

constexpr std::uint32_t recovery_probe_packets = 2;
constexpr std::uint32_t recovery_persistent_probes = 3;
constexpr std::uint32_t recovery_ecn_probes = 3;
/// So far around a lost packet one that arrived is looked for.
constexpr PacketNumber recovery_near_packets = 64;

}  // namespace

// --- loss ----------------------------------------------------------------------------------------

void Recovery::find_lost(Instant now) {
  lost_at_.reset();
  if (!largest_acked_) return;
  SentRing& ring = flight_->ring;
  const Duration delay = loss_delay();
  Lost lost;
  for (auto number = ring.next_open(ring.begin(), *largest_acked_); number < *largest_acked_;
       number = ring.next_open(number + 1, *largest_acked_)) {
    const SentRecord& record = ring.at(number);
    const bool by_packets = *largest_acked_ - number >= reorder_packets_;
    if (by_packets || record.sent_at + delay <= now) {
      lose(now, number, lost);
    } else if (record.has(SentRecord::reliable)) {
      lost_at_ = record.sent_at + delay;
      break;  // those behind it left later
    }
  }
  tell_lost(now, lost);
}

void Recovery::lose(Instant now, PacketNumber number, Lost& lost) {
  SentRing& ring = flight_->ring;
  SentRecord& record = ring.at(number);
  ring.take_notes(record, flight_->lost);
  record.state = SentState::lost;
  record.marked_at = now;
  if (!record.has(SentRecord::reliable)) {
    ring.close(number);
    return;
  }
  ring.lose(number);
  ++lost_;
  --packets_in_flight_;
  if (number < path_begin_) {
    in_flight_elsewhere_ -= record.bytes;
  } else {
    in_flight_ -= record.bytes;
  }
  if (record.has(SentRecord::mtu_probe)) {
    flight_->mtu_probe_lost = number;
  } else if (number >= path_begin_) {
    if (lost.bytes == 0) lost.first = number;
    lost.last = number;
    lost.bytes += record.bytes;
  }
}

void Recovery::tell_lost(Instant now, const Lost& lost) {
  if (lost.bytes == 0) return;
  const SentRecord& newest = flight_->ring.at(lost.last);
  congestion_->on_lost({.now = now,
                        .bytes = lost.bytes,
                        .in_flight = in_flight_,
                        .sent_at = newest.sent_at,
                        .in_flight_when_sent = newest.in_flight,
                        .round_trip_near = round_trip_near(lost.last)});
  if (!is_persistent_told_ && is_persistent(lost)) {
    is_persistent_told_ = true;
    congestion_->on_persistent_congestion(now);
  }
  refresh();
}

/// Of the acknowledged packet that left nearest to it.
Duration Recovery::round_trip_near(PacketNumber number) const {
  const SentRing& ring = flight_->ring;
  for (PacketNumber away = 1; away <= recovery_near_packets; ++away) {
    for (const PacketNumber other : {number + away, number - away}) {
      if (other < std::max(ring.begin(), path_begin_) || other >= ring.end()) continue;
      const SentRecord& record = ring.at(other);
      const bool is_sample = record.state == SentState::acked && record.has(SentRecord::reliable);
      if (is_sample) return record.marked_at - record.sent_at;
    }
  }
  return round_trip_;
}

/// Nothing of what left in three probe timeouts or more has arrived (RFC 9002, 7.6).
bool Recovery::is_persistent(const Lost& lost) const {
  const SentRing& ring = flight_->ring;
  if (!sampled_since_) return false;
  const Duration span = 3 * rtt_.probe_timeout(peer_delay_max_, 0);
  if (ring.at(lost.last).sent_at - ring.at(lost.first).sent_at <= span) return false;
  std::optional<Instant> since;
  for (PacketNumber number = lost.first; number <= lost.last; ++number) {
    const SentRecord& record = ring.at(number);
    const bool is_counted = record.has(SentRecord::reliable) && record.sent_at >= *sampled_since_;
    if (record.state == SentState::acked) since.reset();
    if (record.state != SentState::lost || !is_counted) continue;
    if (!since) since = record.sent_at;
    if (record.sent_at - *since > span) return true;
  }
  return false;
}

// --- deadlines -----------------------------------------------------------------------------------

Instant Recovery::probe_at() const {
  return std::max(reliable_at_, probed_at_) + rtt_.probe_timeout(peer_delay_max_, probes_);
}

std::optional<Instant> Recovery::next_deadline() const {
  if (flight_ && flight_->has_overflowed) return reliable_at_;
  if (lost_at_) return lost_at_;
  if (packets_in_flight_ == 0) return std::nullopt;
  return probe_at();
}

RecoveryNews Recovery::on_deadline(Instant now) {
  begin_news();
  if (!flight_) return {};
  if (lost_at_) {
    if (*lost_at_ <= now) find_lost(now);
    trim(now);
    return news();
  }
  if (packets_in_flight_ == 0 || now < probe_at()) return news();
  probe(now);
  RecoveryNews said = news();
  said.is_connection_lost = probes_ >= config_.probes_max;
  said.is_probe_due = !said.is_connection_lost;
  return said;
}

void Recovery::probe(Instant now) {
  ++probes_;
  ++probes_sent_;
  probes_owed_ = recovery_probe_packets;
  probed_at_ = now;
  // Some paths drop what is marked (RFC 9000, 13.4.2).
  if (probes_ == recovery_ecn_probes && !has_ect_arrived_) is_ecn_sound_ = false;
  if (probes_ == recovery_persistent_probes && congestion_ && !is_persistent_told_) {
    is_persistent_told_ = true;
    congestion_->on_persistent_congestion(now);
    refresh();
  }
  // What the oldest carried goes again in the probes. They themselves are still waited for.
  SentRing& ring = flight_->ring;
  std::uint32_t taken = 0;
  for (auto number = ring.next_open(ring.begin(), ring.end());
       number < ring.end() && taken < recovery_probe_packets;
       number = ring.next_open(number + 1, ring.end())) {
    SentRecord& record = ring.at(number);
    if (!record.has(SentRecord::reliable) || !record.has(SentRecord::noted)) continue;
    ring.take_notes(record, flight_->lost);
    ++taken;
  }
}

}  // namespace kith::packet
