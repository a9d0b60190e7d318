// Recovery and Received face to face over the path that `./run bench transport` has (200 Mbit/s, 20
// ms, a queue of 512 KiB): acknowledgements of many packets, pacing in quanta, loss by their rules.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <vector>

#include "packet/received.h"
#include "packet/recovery.h"

namespace kith::packet {
namespace {

struct LineModel {
  std::uint64_t bytes_per_second = 25'000'000;
  std::uint64_t queue_bytes = 512 * 1024;
  Duration one_way = 10ms;
  std::uint64_t loss_ppm = 0;
  Duration jitter{0};  // packets overtake each other
};

/// One sender that always has something, one receiver.
class Line {
 public:
  Line(const LineModel& model, CongestionKind kind)
      : model_(model), recovery_({.congestion = kind}, packet_bytes, rng_) {
    at(now_, {.kind = Kind::wake});
  }
  void run_for(Duration span) {
    const Instant end = now_ + span;
    while (!events_.empty() && events_.begin()->first.first <= end) {
      auto event = events_.extract(events_.begin());
      now_ = event.key().first;
      take(event.mapped());
    }
    now_ = end;
  }
  /// Megabits a second over `span`, after three seconds.
  double rate(Duration span) {
    run_for(3s);
    const std::uint64_t before = acked_bytes_;
    run_for(span);
    return static_cast<double>(acked_bytes_ - before) * 8000 / static_cast<double>(span.count());
  }
  void set_loss(std::uint64_t ppm) { model_.loss_ppm = ppm; }
  const Recovery& recovery() const { return recovery_; }
  std::uint64_t acks() const { return acks_; }
  std::uint64_t arrived() const { return arrived_; }
  std::uint64_t lost_on_line() const { return lost_on_line_; }

 private:
  static constexpr std::uint16_t packet_bytes = 1400;
  enum class Kind : std::uint8_t { wake, arrive, ack_timer, acked };
  struct Event {
    Kind kind;
    PacketNumber number = 0;
    std::uint8_t flags = 0;
  };
  void at(Instant when, Event event) { events_.emplace(std::pair(when, order_++), event); }

  void take(const Event& event) {
    switch (event.kind) {
      case Kind::wake:
        if (const auto due = recovery_.next_deadline(); due && *due <= now_) {
          (void)recovery_.on_deadline(now_);
        }
        send();
        break;
      case Kind::arrive: arrive(event); break;
      case Kind::ack_timer:
        if (received_.is_ack_due(now_)) acknowledge();
        break;
      case Kind::acked: {
        const auto news = recovery_.on_ack(now_, acks_under_way_.front(), ack_delay_max);
        acks_under_way_.pop_front();
        ASSERT_TRUE(news.has_value()) << news.error().message;
        for (const FrameNote& note : news->acked) acked_bytes_ += note.bytes;
        send();
        break;
      }
    }
  }
  void send() {
    Recovery::Allowance allowance = recovery_.allowance(now_);
    for (; allowance.bytes >= packet_bytes; allowance = recovery_.allowance(now_)) {
      for (std::uint64_t left = allowance.bytes; left >= packet_bytes; left -= packet_bytes) {
        send_one();
      }
    }
    const auto next = base::soonest(allowance.again_at, recovery_.next_deadline());
    if (!next || (wake_ && *wake_ > now_ && *wake_ <= *next)) return;
    wake_ = std::max(*next, now_ + 1us);
    at(*wake_, {.kind = Kind::wake});
  }
  void send_one() {
    const PacketNumber number = recovery_.next_number(rng_.next());
    const FrameNote note{.kind = FrameNote::Kind::stream,
                         .flags = 0,
                         .bytes = packet_bytes,
                         .id = 1,
                         .offset = number};
    recovery_.on_sent(now_, {number, packet_bytes, true, false}, std::span(&note, 1));
    const auto left = recovery_.allowance(now_);
    std::uint8_t flags = flag_reliable;
    if (left.bytes == 0 && !left.again_at) flags |= flag_ack_now;
    const Instant begins = std::max(now_, busy_until_);
    const auto queued = static_cast<std::uint64_t>((begins - now_).count()) *
                        (model_.bytes_per_second / 1000) / 1'000'000;
    if (queued + packet_bytes > model_.queue_bytes) return;
    busy_until_ = begins + Duration(static_cast<std::int64_t>(packet_bytes * 1'000'000'000ULL /
                                                              model_.bytes_per_second));
    if (rng_.below(1'000'000) < model_.loss_ppm) {
      ++lost_on_line_;
      return;
    }
    const Duration late(model_.jitter == 0ns
                            ? 0
                            : static_cast<std::int64_t>(
                                  rng_.below(static_cast<std::uint64_t>(model_.jitter.count()))));
    at(busy_until_ + model_.one_way + late,
       {.kind = Kind::arrive, .number = number, .flags = flags});
  }
  void arrive(const Event& event) {
    if (!received_.may_take(event.number)) return;
    ++arrived_;
    Header header;
    header.flags = event.flags;
    received_.on_packet(now_, event.number, header, base::Ecn::none);
    received_.on_batch_end(now_, 2 * model_.one_way);
    if (received_.is_ack_due(now_)) return acknowledge();
    at(*received_.next_deadline(), {.kind = Kind::ack_timer});
  }
  void acknowledge() {
    ++acks_;
    const AckFrame& ack = acks_under_way_.emplace_back(received_.take_ack(now_));
    // What was told before last is known: as if the peer had heard of one acknowledgement in two.
    if (acks_ % 2 == 0) received_.on_ack_of_ack(told_);
    told_ = ack.ranges[0].last > 2000 ? ack.ranges[0].last - 2000 : 0;
    at(now_ + model_.one_way, {.kind = Kind::acked});
  }

  LineModel model_;
  SeededRng rng_{7};
  Recovery recovery_;
  Received received_;
  Instant now_{1s}, busy_until_{};
  std::optional<Instant> wake_;
  std::map<std::pair<Instant, std::uint64_t>, Event> events_;
  std::deque<AckFrame> acks_under_way_;  // these do not overtake
  std::uint64_t order_ = 0, acked_bytes_ = 0, acks_ = 0, arrived_ = 0, lost_on_line_ = 0;
  PacketNumber told_ = 0;
};

TEST(RecoveryPath, BbrKeepsNineTenthsOfTheBottleneckAtAnyLoss) {
  for (const std::uint64_t loss_ppm : {0U, 10'000U, 50'000U}) {
    Line line({.loss_ppm = loss_ppm}, CongestionKind::bbr);
    EXPECT_GE(line.rate(4s), 180.0) << loss_ppm;
    const RecoveryStats stats = line.recovery().stats();
    EXPECT_EQ(stats.packets_spurious, 0u);
    EXPECT_EQ(stats.probes, 0u);
    EXPECT_GE(stats.packets_lost, line.lost_on_line() * 9 / 10);
  }
}

TEST(RecoveryPath, AcknowledgementsAreFew) {
  Line line({}, CongestionKind::bbr);
  line.run_for(5s);
  EXPECT_GE(line.arrived(), 30 * line.acks());
}

/// Packets overtake each other by up to half of a round trip, some 180 of them: both thresholds of
/// reordering grow to that. Without that of time a quarter of the rate is left.
TEST(RecoveryPath, BbrLivesWithReordering) {
  for (const Duration jitter : {2ms, 10ms}) {
    Line line({.jitter = jitter}, CongestionKind::bbr);
    EXPECT_GE(line.rate(4s), 175.0) << jitter.count();
    const RecoveryStats stats = line.recovery().stats();
    EXPECT_GE(stats.packets_spurious, 10u);
    EXPECT_LE(stats.packets_spurious * 100, stats.packets_sent);
    EXPECT_LE(line.recovery().reorder_packets(), jitter == 2ms ? 64u : 256u);
  }
}

TEST(RecoveryPath, CubicFillsItWithoutLossAndFallsWithIt) {
  EXPECT_GE(Line({}, CongestionKind::cubic).rate(4s), 180.0);
  EXPECT_LE(Line({.loss_ppm = 10'000}, CongestionKind::cubic).rate(4s), 20.0);
}

/// It grows by a packet a round trip: to 115 Mbit/s in the seventh second.
TEST(RecoveryPath, AimdGrowsWithoutLossAndFallsWithIt) {
  EXPECT_GE(Line({}, CongestionKind::aimd).rate(4s), 90.0);
  EXPECT_LE(Line({.loss_ppm = 10'000}, CongestionKind::aimd).rate(4s), 20.0);
}

/// The line is cut for ten seconds.
TEST(RecoveryPath, ComesBackAfterSilence) {
  for (const auto kind : {CongestionKind::aimd, CongestionKind::cubic, CongestionKind::bbr}) {
    Line line({}, kind);
    line.run_for(2s);
    line.set_loss(1'000'000);
    line.run_for(10s);
    EXPECT_GE(line.recovery().stats().probes, 3u);
    line.set_loss(0);
    line.run_for(12s);  // until the next probe at the latest
    EXPECT_GE(line.rate(1s), kind == CongestionKind::bbr ? 180.0 : 10.0);
  }
}

}  // namespace
}  // namespace kith::packet
