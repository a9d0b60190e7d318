#include "packet/recovery.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/assert.h"
#include "base/format.h"
#include "packet/aimd.h"
#include "packet/bbr.h"
#include "packet/cubic.h"
#include "packet/recovery_flight.h"

namespace kith::packet {
namespace {

constexpr std::uint64_t recovery_skip_one_in = 1024;
constexpr std::uint64_t recovery_million = 1'000'000;

std::size_t recovery_places_max(const RecoveryConfig& config) {
  return std::max(std::bit_ceil(config.packets_max), SentRing::places_min);
}

std::uint64_t recovery_initial_window(CongestionKind kind, std::uint64_t packet_bytes) {
  switch (kind) {
    case CongestionKind::aimd: return AimdConfig{}.initial_packets * packet_bytes;
    case CongestionKind::cubic: return CubicConfig{}.initial_packets * packet_bytes;
    case CongestionKind::bbr: return BbrConfig{}.initial_packets * packet_bytes;
  }
  UNREACHABLE();
}

std::unique_ptr<Congestion> recovery_controller(CongestionKind kind, std::uint64_t packet_bytes,
                                                Rng& rng) {
  switch (kind) {
    case CongestionKind::aimd:
      return std::make_unique<Aimd>(AimdConfig{.packet_bytes = packet_bytes});
    case CongestionKind::cubic:
      return std::make_unique<Cubic>(CubicConfig{.packet_bytes = packet_bytes});
    case CongestionKind::bbr:
      return std::make_unique<Bbr>(BbrConfig{.packet_bytes = packet_bytes}, rng);
  }
  UNREACHABLE();
}

}  // namespace

Recovery::Recovery(const RecoveryConfig& config, std::uint64_t packet_bytes, Rng& rng)
    : config_(config),
      rng_(rng),
      packet_bytes_(packet_bytes),
      reorder_packets_(config.reorder_packets) {
  ASSERT(packet_bytes > 0 && config.packets_max > 0 && config.reorder_packets > 0);
}

Recovery::Recovery(const RecoveryConfig& config, std::uint64_t packet_bytes, Rng& rng,
                   std::unique_ptr<Congestion> congestion)
    : Recovery(config, packet_bytes, rng) {
  congestion_ = std::move(congestion);
  refresh();
}

Recovery::~Recovery() = default;

// --- out -----------------------------------------------------------------------------------------

PacketNumber Recovery::next_number(std::uint64_t entropy) {
  if (entropy % recovery_skip_one_in == 0) ++next_;
  return next_++;
}

void Recovery::on_sent(Instant now, const SentPacket& packet, std::span<const FrameNote> notes) {
  ASSERT(packet.number >= end_ && packet.number - end_ < recovery_places_max(config_));
  make_place(now, packet.number);
  SentRing& ring = flight_->ring;
  SentRecord& record = ring.push(packet.number);
  end_ = packet.number + 1;
  next_ = std::max(next_, end_);
  ++sent_;

  record.sent_at = now;
  record.bytes = packet.bytes;
  record.state = SentState::sent;
  record.flags = packet.is_ect ? SentRecord::ect : std::uint8_t{0};
  ring.note(record, notes);
  if (!packet.is_reliable) return;

  if (!congestion_) make_controller();
  if (in_flight_ == 0) {
    first_sent_at_ = delivered_at_ = now;
    // The one call that controllers want: of packets behind others they need not know.
    congestion_->on_sent(now, packet.bytes, 0);
  }
  in_flight_ += packet.bytes;
  ++packets_in_flight_;
  record.flags |= SentRecord::reliable;
  if (packet.is_mtu_probe) record.flags |= SentRecord::mtu_probe;
  if (application_limited_until_ > 0) record.flags |= SentRecord::application_limited;
  record.first_sent_at = first_sent_at_;
  record.marked_at = delivered_at_;
  record.delivered = delivered_;
  record.in_flight = static_cast<std::uint32_t>(in_flight_);
  reliable_at_ = now;
  if (probes_owed_ > 0) --probes_owed_;
  if (rate_) pacer_.on_sent(now, packet.bytes, *rate_, packet_bytes_);
}

void Recovery::make_controller() {
  congestion_ = recovery_controller(config_.congestion, packet_bytes_, rng_);
  refresh();
}

void Recovery::make_place(Instant now, PacketNumber number) {
  if (!flight_) flight_ = std::make_unique<Flight>(end_);
  SentRing& ring = flight_->ring;
  if (ring.has_place_for(number)) return;
  drop_unreliable(number);
  trim(now);
  while (!ring.has_place_for(number) && ring.places() < recovery_places_max(config_)) ring.grow();
  // As large as it may be: what was lost is forgotten, and what is oldest in flight counts as lost.
  while (!ring.has_place_for(number)) {
    const PacketNumber front =
        std::min(ring.next_open(ring.begin(), end_), ring.next_lost(ring.begin(), end_));
    if (ring.is_open(front)) {
      if (!flight_->has_overflowed) begin_news();
      flight_->has_overflowed = true;
      Lost lost;
      lose(now, front, lost);
      tell_lost(now, lost);
    }
    if (ring.is_lost(front)) ring.forget_lost(front);
    trim(now);
  }
}

/// Unreliable packets take no place that another one needs: nobody may ever hear of them.
void Recovery::drop_unreliable(PacketNumber wanted) {
  SentRing& ring = flight_->ring;
  PacketNumber front = ring.next_open(ring.begin(), ring.end());
  while (front < ring.end() && wanted - front >= ring.places()) {
    SentRecord& record = ring.at(front);
    if (record.has(SentRecord::reliable)) return;
    ring.drop_notes(record);
    ring.close(front);
    front = ring.next_open(front, ring.end());
  }
}

/// Brings the ring's front up to the first packet that is still of interest.
void Recovery::trim(Instant now) {
  SentRing& ring = flight_->ring;
  const PacketNumber front = ring.next_open(ring.begin(), ring.end());
  const Duration kept = loss_delay();
  PacketNumber lost = ring.next_lost(ring.begin(), front);
  while (lost < front && now - ring.at(lost).marked_at > kept) {
    ring.forget_lost(lost);
    lost = ring.next_lost(lost + 1, front);
  }
  ring.trim(std::min(front, lost));
}

// --- news ----------------------------------------------------------------------------------------

void Recovery::begin_news() {
  if (!flight_) return;
  flight_->acked.clear();
  if (!std::exchange(flight_->has_overflowed, false)) {
    flight_->lost.clear();
    flight_->mtu_probe_lost.reset();
  }
  flight_->mtu_probe_acked.reset();
  flight_->largest_newly_acked.reset();
}

RecoveryNews Recovery::news() const {
  if (!flight_) return {};
  return {.acked = flight_->acked,
          .lost = flight_->lost,
          .mtu_probe_acked = flight_->mtu_probe_acked,
          .mtu_probe_lost = flight_->mtu_probe_lost,
          .largest_newly_acked = flight_->largest_newly_acked};
}

Result<void> Recovery::check(const AckFrame& ack) const {
  for (std::size_t i = 0; i < ack.count; ++i) {
    const NumberRange& range = ack.ranges[i];
    if (range.first > range.last || (i > 0 && range.last >= ack.ranges[i - 1].first)) {
      return fail(Code::protocol, base::format("acknowledged range {} to {} is out of order",
                                               range.first, range.last));
    }
    PacketNumber unsent = range.last;
    if (range.last < end_) {
      const PacketNumber past = range.last + 1;
      unsent = flight_ ? flight_->ring.next_skipped(range.first, past) : past;
      if (unsent >= past) continue;
    }
    return fail(Code::protocol, base::format("packet {} was acknowledged, never sent", unsent));
  }
  return {};
}

Result<RecoveryNews> Recovery::on_ack(Instant now, const AckFrame& ack, Duration peer_delay_max) {
  TRY_VOID(check(ack));
  begin_news();
  peer_delay_max_ = peer_delay_max;
  if (!flight_ || ack.count == 0) return news();

  Acked acked{.now = now, .in_flight = in_flight_};
  const SentRing& ring = flight_->ring;
  const PacketNumber highest = ack.ranges[0].last;
  const bool is_new = highest >= std::max(ring.begin(), path_begin_) &&
                      (ring.is_open(highest) || ring.is_lost(highest));
  if (is_new) {
    acked.raw = now - ring.at(highest).sent_at;
    const Duration held = std::clamp(ack.delay, Duration::zero(), peer_delay_max);
    const bool is_believed = rtt_.has_sample() && acked.raw - held >= rtt_.least();
    acked.round_trip = is_believed ? acked.raw - held : acked.raw;
  }
  for (std::size_t i = ack.count; i-- > 0;) settle(ack.ranges[i], acked);  // from the oldest on
  largest_acked_ = std::max(largest_acked_.value_or(0), highest);
  if (acked.reliable > 0) probes_ = probes_owed_ = 0;
  take_round_trip(ack, acked);
  adapt_to_reordering(acked);
  find_lost(now);
  if (acked.reliable > 0) is_persistent_told_ = false;
  tell_acked(ack, acked);
  trim(now);
  return news();
}

void Recovery::settle(const NumberRange& range, Acked& acked) {
  SentRing& ring = flight_->ring;
  const PacketNumber end = range.last + 1;
  for (auto lost = ring.next_lost(range.first, end); lost < end;
       lost = ring.next_lost(lost + 1, end)) {
    settle_lost(lost, acked);
  }
  for (auto open = ring.next_open(range.first, end); open < end;
       open = ring.next_open(open + 1, end)) {
    settle_open(open, acked);
  }
}

void Recovery::settle_open(PacketNumber number, Acked& acked) {
  SentRing& ring = flight_->ring;
  SentRecord& record = ring.at(number);
  ring.close(number);
  ring.take_notes(record, flight_->acked);
  record.state = SentState::acked;
  flight_->largest_newly_acked = number;
  if (record.has(SentRecord::mtu_probe)) flight_->mtu_probe_acked = number;
  const bool is_here = number >= path_begin_;
  if (is_here && record.has(SentRecord::ect)) ++acked.ect;
  if (!record.has(SentRecord::reliable)) return;

  ++acked.reliable;
  --packets_in_flight_;
  if (!is_here) {
    in_flight_elsewhere_ -= record.bytes;
    return;
  }
  in_flight_ -= record.bytes;
  delivered_ += record.bytes;
  acked.bytes += record.bytes;
  acked.sent_at = record.sent_at;
  acked.first_sent_at = record.first_sent_at;
  acked.delivered_at = record.marked_at;
  acked.delivered = record.delivered;
  acked.is_application_limited = record.has(SentRecord::application_limited);
  record.marked_at =
      record.sent_at + (acked.round_trip > Duration::zero() ? acked.round_trip : round_trip_);
}

/// It was only late.
void Recovery::settle_lost(PacketNumber number, Acked& acked) {
  SentRing& ring = flight_->ring;
  SentRecord& record = ring.at(number);
  ring.forget_lost(number);
  record.state = SentState::acked;
  record.marked_at = record.sent_at + round_trip_;
  ++spurious_;
  ++acked.reliable;
  if (record.has(SentRecord::mtu_probe)) flight_->mtu_probe_acked = number;
  if (!acked.lowest_spurious) acked.lowest_spurious = number;
  if (number < path_begin_) return;
  delivered_ += record.bytes;
  acked.spurious_bytes += record.bytes;
}

void Recovery::take_round_trip(const AckFrame& ack, const Acked& acked) {
  if (acked.raw <= Duration::zero() || acked.reliable == 0) return;
  rtt_.on_sample(acked.raw, ack.delay, peer_delay_max_);
  round_trip_ = acked.round_trip;
  if (!sampled_since_) sampled_since_ = acked.now;
}

void Recovery::adapt_to_reordering(const Acked& acked) {
  if (!acked.lowest_spurious) return;
  // Doubled at most: an acknowledgement is of many packets, and its highest may be far beyond what
  // overtook the late one.
  const PacketNumber enough = *largest_acked_ - *acked.lowest_spurious + 1;
  const std::uint32_t most = std::min(2 * reorder_packets_, config_.reorder_packets_max);
  reorder_packets_ =
      std::max(reorder_packets_, static_cast<std::uint32_t>(std::min<PacketNumber>(enough, most)));
  // The same in time, by an eighth of a round trip.
  const Duration late = acked.now - flight_->ring.at(*acked.lowest_spurious).sent_at;
  const Duration step = late_by_ + rtt_.smoothed() / 8;
  late_by_ = std::max(late_by_, std::min(late - rtt_.loss_delay(), step));
}

Duration Recovery::loss_delay() const {
  return rtt_.loss_delay() + std::min(late_by_, rtt_.smoothed() / 2);
}

/// How many of the packets came with a mark. Counts that cannot be true end the use of ECN here.
std::uint64_t Recovery::marks_of(const AckFrame& ack, const Acked& acked) {
  ect_acked_ += acked.ect;
  has_ect_arrived_ = has_ect_arrived_ || acked.ect > 0;
  // Without counts: the header's acknowledgement alone, or marks do not reach the peer.
  if (!is_ecn_sound_ || !ack.has_ecn || flight_->largest_newly_acked != ack.ranges[0].last)
    return 0;
  const std::uint64_t before = ect0_ + ect1_ + congested_;
  const bool has_shrunk = ack.ect0 < ect0_ || ack.ect1 < ect1_ || ack.congested < congested_;
  // Each is below sent_ or a lie, so that the sum does not overflow.
  const bool is_absurd = ack.ect0 > sent_ || ack.ect1 > sent_ || ack.congested > sent_;
  if (has_shrunk || is_absurd || ack.ect0 + ack.ect1 + ack.congested > sent_ ||
      ack.ect0 + ack.ect1 + ack.congested - before < ect_acked_) {
    is_ecn_sound_ = false;
    return 0;
  }
  const std::uint64_t marked = ack.congested - congested_;
  ect0_ = ack.ect0;
  ect1_ = ack.ect1;
  congested_ = ack.congested;
  ect_acked_ = 0;
  return marked;
}

void Recovery::tell_acked(const AckFrame& ack, const Acked& acked) {
  const std::uint64_t marked = marks_of(ack, acked);
  if (congestion_ && acked.spurious_bytes > 0) {
    congestion_->on_spurious_loss(acked.now, acked.spurious_bytes);
  }
  if (acked.bytes == 0) return;
  // What was in flight only grew since the last time.
  const bool was_full = acked.in_flight + packet_bytes_ > window_;
  const bool was_half_full = application_limited_until_ == 0 && 2 * acked.in_flight >= window_;
  const Duration took =
      std::max(acked.now - acked.delivered_at, acked.sent_at - acked.first_sent_at);
  const AckedBatch batch{
      .now = acked.now,
      .bytes = acked.bytes,
      .in_flight = in_flight_,
      .round_trip = acked.round_trip,
      .smoothed = rtt_.has_sample() ? rtt_.smoothed() : Duration::zero(),
      .sent_at = acked.sent_at,
      .is_window_limited = was_full || (congestion_->is_slow_start() && was_half_full),
      .marked_packets = marked,
      .delivered_bytes = delivered_ - acked.delivered,
      .interval = took,
      .is_application_limited = acked.is_application_limited,
      .delivered_total = delivered_,
      .delivered_when_sent = acked.delivered};
  first_sent_at_ = acked.sent_at;
  delivered_at_ = acked.now;
  if (delivered_ > application_limited_until_) application_limited_until_ = 0;
  if (took >= 1us) {
    delivery_rate_ =
        batch.delivered_bytes * recovery_million / static_cast<std::uint64_t>(took / 1us);
  }
  congestion_->on_acked(batch);
  refresh();
}

// --- how much may leave --------------------------------------------------------------------------

void Recovery::refresh() {
  window_ = congestion_->window();
  rate_ = congestion_->pacing_rate();
}

std::uint64_t Recovery::window() const {
  return congestion_ ? window_ : recovery_initial_window(config_.congestion, packet_bytes_);
}

Recovery::Allowance Recovery::allowance(Instant now) const {
  const std::uint64_t probes = probes_owed_ * packet_bytes_;
  if (packets_in_flight_ >= config_.packets_max) return {.bytes = probes};
  const std::uint64_t most = window();
  std::uint64_t room = most > in_flight_ ? most - in_flight_ : 0;
  room = std::min(room, (config_.packets_max - packets_in_flight_) * packet_bytes_);
  if (room < packet_bytes_) return {.bytes = probes};
  if (!rate_) return {.bytes = std::max(room, probes)};
  const Pacer::Room paced = pacer_.room(now, *rate_, packet_bytes_);
  const std::uint64_t bytes = std::max(std::min(room, paced.bytes), probes);
  if (bytes == 0) return {.again_at = paced.again_at};
  return {.bytes = bytes};
}

void Recovery::on_application_limited() {
  if (in_flight_ + packet_bytes_ > window()) return;
  application_limited_until_ = std::max<std::uint64_t>(delivered_ + in_flight_, 1);
}

// --- the path ------------------------------------------------------------------------------------

void Recovery::on_path_changed(Instant now, std::uint64_t packet_bytes) {
  path_begin_ = end_;
  packet_bytes_ = packet_bytes;
  in_flight_elsewhere_ += std::exchange(in_flight_, 0);
  rtt_.reset();
  round_trip_ = Duration::zero();
  sampled_since_.reset();
  congestion_.reset();
  rate_.reset();
  pacer_ = Pacer();
  reorder_packets_ = config_.reorder_packets;
  late_by_ = Duration::zero();
  probes_ = 0;
  probed_at_ = now;
  is_persistent_told_ = false;
  is_ecn_sound_ = true;
  has_ect_arrived_ = false;
  ect_acked_ = 0;
  application_limited_until_ = 0;
  delivery_rate_ = 0;
}

void Recovery::on_packet_bytes(std::uint64_t packet_bytes) {
  packet_bytes_ = packet_bytes;
  if (!congestion_) return;
  congestion_->on_packet_bytes(packet_bytes);
  refresh();
}

RecoveryStats Recovery::stats() const {
  return {.packets_sent = sent_,
          .packets_lost = lost_,
          .packets_spurious = spurious_,
          .probes = probes_sent_,
          .bytes_in_flight = in_flight_ + in_flight_elsewhere_,
          .window = window(),
          .delivery_rate = delivery_rate_};
}

void Recovery::release() {
  ASSERT(packets_in_flight_ == 0);
  if (flight_ && flight_->has_overflowed) return;  // its news was not taken yet
  lost_at_.reset();
  flight_.reset();
}

}  // namespace kith::packet
