#include "packet/received.h"

#include <algorithm>

#include "base/assert.h"

namespace kith::packet {

void Received::on_packet(Instant now, PacketNumber number, const Header& header, base::Ecn ecn) {
  const PacketNumber next = replay_.end();
  replay_.mark(number);
  ranges_.add_forgetting({number, number});
  if (number >= next) highest_at_ = now;
  switch (ecn) {
    case base::Ecn::none: break;
    case base::Ecn::ect0: ++ect0_; break;
    case base::Ecn::ect1: ++ect1_; break;
    case base::Ecn::congested: ++congested_; break;
  }
  if (!header.has(flag_reliable)) return;
  ++unacknowledged_;
  // Beyond the next one a gap opens, below it one closes: either way the sender wants to know.
  if (number != next || header.has(flag_ack_now)) at_once_ = true;
}

void Received::on_batch_end(Instant now, Duration round_trip) {
  if (unacknowledged_ == 0) return;
  if (at_once_ || unacknowledged_ >= unacknowledged_max) {
    ack_at_ = now;
  } else if (!ack_at_) {
    ack_at_ = now + std::clamp(round_trip / 4, ack_delay_min, ack_delay_max);
  }
}

AckFrame Received::take_ack(Instant now) {
  AckFrame ack;
  const std::span<const NumberRange> known = ranges_.ranges();
  ack.count = std::min(known.size(), ack_ranges_max);
  std::copy_n(known.rbegin(), ack.count, ack.ranges.begin());
  ack.delay = std::max(now - highest_at_, Duration::zero());
  ack.ect0 = ect0_;
  ack.ect1 = ect1_;
  ack.congested = congested_;
  ack.has_ecn = ect0_ + ect1_ + congested_ > 0;
  unacknowledged_ = 0;
  at_once_ = false;
  ack_at_.reset();
  return ack;
}

void Received::on_ack_of_ack(PacketNumber told) {
  // The highest one is told with each acknowledgement, whatever the peer knows.
  if (!ranges_.empty()) ranges_.remove_below(std::min(told, ranges_.highest()));
}

void Received::release() {
  ASSERT(unacknowledged_ == 0);
  replay_.forget();
  ranges_ = RangeSet(ranges_max);
}

}  // namespace kith::packet
