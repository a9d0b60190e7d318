// Recovery: what controllers are told, what may leave, marks of congestion, other paths, limits,
// and everything at random against a plain map.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "packet/recovery.h"
#include "packet/recovery_test_util.h"

namespace kith::packet {
namespace {

using testing::ack_of;
using testing::Numbers;
using testing::offsets;
using testing::packet_bytes;
using testing::peer_delay;
using testing::RecoveryTest;
using RecoveryFlow = RecoveryTest;

// --- samples -------------------------------------------------------------------------------------

/// A packet a millisecond, each acknowledged 10 ms later: 1,000 bytes a millisecond.
TEST_F(RecoveryFlow, DeliveryRateOfASteadyFlow) {
  for (PacketNumber number = 0; number < 40; ++number) {
    send();
    if (number >= 10) ack({{number - 10, number - 10}});
    now += 1ms;
  }
  const AckedBatch& last = heard->acked.back();
  EXPECT_EQ(last.bytes, 1000u);
  EXPECT_EQ(last.in_flight, 10'000u);
  EXPECT_EQ(last.round_trip, 10ms);
  EXPECT_EQ(last.sent_at, now - 11ms);
  EXPECT_EQ(last.delivered_total, 30'000u);
  EXPECT_EQ(last.delivered_when_sent, 19'000u);
  EXPECT_EQ(last.delivered_bytes, 11'000u);
  EXPECT_EQ(last.interval, 11ms);
  EXPECT_FALSE(last.is_application_limited);
  EXPECT_EQ(recovery->stats().delivery_rate, 1'000'000u);
}

/// Acknowledgements that come together say no more than the pace at which the packets left.
TEST_F(RecoveryFlow, CompressedAcknowledgementsDoNotRaiseTheRate) {
  for (int i = 0; i < 20; ++i) {
    send();
    now += 1ms;
  }
  now += 10ms;
  ack({{0, 9}});
  now += 1us;
  ack({{0, 19}});
  EXPECT_EQ(heard->acked.back().delivered_bytes, 20'000u);
  EXPECT_EQ(heard->acked.back().interval, 30ms + 1us);
  for (int i = 0; i < 2; ++i) {
    send();
    now += 1ms;
  }
  now += 9ms;
  ack({{0, 21}});
  EXPECT_LE(recovery->stats().delivery_rate, 1'000'000u);
}

TEST_F(RecoveryFlow, SilenceIsNoTimeOfDelivery) {
  know_round_trip();
  now += 10s;
  send_many(10);
  now += 100ms;
  ack({{0, 10}});
  EXPECT_EQ(heard->acked.back().interval, 100ms);
  EXPECT_EQ(heard->acked.back().delivered_bytes, 10'000u);
  EXPECT_EQ(heard->starts, 2);
}

TEST_F(RecoveryFlow, ApplicationLimitedUntilWhatWasInFlightHasArrived) {
  send();                              // 0
  recovery->on_application_limited();  // up to 1,000 bytes delivered
  send_many(2);                        // 1, 2 carry the mark
  now += 10ms;
  ack({{0, 0}});
  EXPECT_FALSE(heard->acked.back().is_application_limited);
  send();  // 3: delivered is 1,000 and not beyond
  now += 1ms;
  ack({{0, 1}});
  EXPECT_TRUE(heard->acked.back().is_application_limited);
  send();  // 4: beyond
  now += 1ms;
  ack({{0, 3}});
  EXPECT_TRUE(heard->acked.back().is_application_limited);
  now += 1ms;
  ack({{0, 4}});
  EXPECT_FALSE(heard->acked.back().is_application_limited);
}

TEST_F(RecoveryFlow, WhoCouldNotSendForTheWindowIsNotApplicationLimited) {
  heard->room = 2000;
  recovery->on_packet_bytes(packet_bytes);
  send_many(2);
  recovery->on_application_limited();
  now += 10ms;
  ack({{0, 1}});
  send();
  now += 10ms;
  ack({{2, 2}});
  EXPECT_FALSE(heard->acked.back().is_application_limited);
}

TEST_F(RecoveryFlow, WindowLimitedWhenNotOneMorePacketWasInTheWindow) {
  for (const std::uint64_t room : {3999U, 4000U}) {
    make({});
    heard->room = room;
    recovery->on_packet_bytes(packet_bytes);
    send_many(3);
    now += 10ms;
    ack({{0, 2}});
    EXPECT_EQ(heard->acked.back().is_window_limited, room == 3999);
  }
  // In slow start half of it is enough, as the pace lets no more leave, but not for want of data.
  for (const bool is_limited : {false, true}) {
    make({});
    heard->room = 6000;
    heard->is_starting = true;
    recovery->on_packet_bytes(packet_bytes);
    send_many(3);
    if (is_limited) recovery->on_application_limited();
    now += 10ms;
    ack({{0, 2}});
    EXPECT_EQ(heard->acked.back().is_window_limited, !is_limited);
  }
}

// --- marks of congestion -------------------------------------------------------------------------

class RecoveryMarks : public RecoveryTest {
 protected:
  AckFrame marked(NumberRange range, std::uint64_t ect0, std::uint64_t congested) {
    AckFrame frame = ack_of({range});
    frame.has_ecn = true;
    frame.ect0 = ect0;
    frame.congested = congested;
    return frame;
  }
  void send_ect(int count) {
    for (; count > 0; --count) send(true, false, true);
    now += 10ms;
  }
};

TEST_F(RecoveryMarks, AreToldAsManyAsAreNew) {
  send_ect(4);
  ack(marked({0, 3}, 3, 1));
  EXPECT_EQ(heard->acked.back().marked_packets, 1u);
  send_ect(4);
  ack(marked({4, 7}, 5, 3));
  EXPECT_EQ(heard->acked.back().marked_packets, 2u);
  ack(marked({4, 7}, 5, 3));
  EXPECT_EQ(heard->acked.size(), 2u);
  EXPECT_TRUE(recovery->uses_ecn());
}

/// Where marked packets are dropped the rest gets through.
TEST_F(RecoveryMarks, EndWhereNothingThatHasThemArrives) {
  for (const bool has_one_arrived : {false, true}) {
    make({});
    send_ect(4);
    if (has_one_arrived) ack(marked({0, 0}, 1, 0));
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(recovery->uses_ecn());
      while (!at_deadline().is_probe_due) {
      }
    }
    EXPECT_EQ(recovery->uses_ecn(), has_one_arrived);
  }
}

TEST_F(RecoveryMarks, ByTheHeaderAloneAreMadeUpForLater) {
  send_ect(4);
  ack({{1, 1}});  // without counts
  EXPECT_TRUE(recovery->uses_ecn());
  ack(marked({0, 3}, 4, 0));
  EXPECT_TRUE(recovery->uses_ecn());
}

TEST_F(RecoveryMarks, ThatCannotBeTrueEndTheUseOfEcnOnThePath) {
  struct Lie {
    const char* what;
    NumberRange range;
    std::uint64_t ect0, congested;
    bool is_sound;
  };
  for (const Lie& lie : {Lie{"all is well", {2, 3}, 2, 2, true},
                         {"fewer than arrived", {2, 3}, 1, 2, false},
                         {"a count shrank", {2, 3}, 4, 0, false},
                         {"more than were sent", {2, 3}, 3, 2, false},
                         {"absurd", {2, 3}, ~0ULL, 2, false}}) {
    make({});
    send_ect(4);
    ack(marked({0, 1}, 1, 1));
    ack(marked(lie.range, lie.ect0, lie.congested));
    EXPECT_EQ(recovery->uses_ecn(), lie.is_sound) << lie.what;
    if (lie.is_sound) continue;
    EXPECT_EQ(heard->acked.back().marked_packets, 0u) << lie.what;
    send_ect(1);
    ack(marked({4, 4}, 2, 3));
    EXPECT_EQ(heard->acked.back().marked_packets, 0u) << lie.what;
    recovery->on_path_changed(now, packet_bytes);
    EXPECT_TRUE(recovery->uses_ecn()) << lie.what;
  }
}

// --- what may leave ------------------------------------------------------------------------------

TEST_F(RecoveryFlow, TheWindowIsWhatMayBeInFlight) {
  heard->room = 3500;
  recovery->on_packet_bytes(packet_bytes);
  EXPECT_EQ(heard->packet, packet_bytes);
  EXPECT_EQ(recovery->allowance(now).bytes, 3500u);
  send_many(2);
  EXPECT_EQ(recovery->allowance(now).bytes, 1500u);
  send();  // half a packet is none
  EXPECT_EQ(recovery->allowance(now).bytes, 0u);
  EXPECT_FALSE(recovery->allowance(now).again_at.has_value());
  send(false);
  now += 10ms;
  ack({{0, 0}});
  EXPECT_EQ(recovery->allowance(now).bytes, 1500u);
}

TEST_F(RecoveryFlow, APacedFlowLeavesInQuantaOf250Microseconds) {
  heard->rate = 40'000'000;  // 10,000 bytes a quantum
  recovery->on_packet_bytes(packet_bytes);
  EXPECT_EQ(recovery->allowance(now).bytes, 10'000u);
  send_many(10);
  const auto none = recovery->allowance(now);
  EXPECT_EQ(none.bytes, 0u);
  EXPECT_EQ(none.again_at, now + 250us);
  EXPECT_EQ(recovery->allowance(now + 250us - 1ns).bytes, 0u);
  EXPECT_EQ(recovery->allowance(now + 250us).bytes, 10'000u);
}

TEST_F(RecoveryFlow, TheWindowBeforeTheFirstPacketIsTheControllersFirst) {
  for (const auto& [kind, packets] : {std::pair(CongestionKind::aimd, 1U),
                                      {CongestionKind::cubic, 10U},
                                      {CongestionKind::bbr, 32U}}) {
    Recovery fresh({.congestion = kind}, packet_bytes, rng);
    EXPECT_EQ(fresh.allowance(now).bytes, packets * packet_bytes);
    EXPECT_FALSE(fresh.holds_memory());
    fresh.on_sent(now, {fresh.next_number(1), packet_bytes, true, false}, {});
    EXPECT_EQ(fresh.stats().window, packets * packet_bytes);
    EXPECT_EQ(fresh.allowance(now).bytes, (packets - 1) * packet_bytes);
  }
}

// --- limits --------------------------------------------------------------------------------------

TEST_F(RecoveryFlow, SoManyPacketsInFlightAndNotOneMore) {
  make({.packets_max = 128});
  send_many(127);
  EXPECT_EQ(recovery->allowance(now).bytes, packet_bytes);
  send();
  EXPECT_EQ(recovery->allowance(now).bytes, 0u);
  EXPECT_EQ(recovery->stats().packets_lost, 0u);
  // Who sends all the same loses the oldest, and hears of it with the next news.
  now += 1ms;
  send_many(2);
  EXPECT_EQ(recovery->stats().packets_lost, 2u);
  EXPECT_EQ(recovery->stats().bytes_in_flight, 128'000u);
  EXPECT_LE(*recovery->next_deadline(), now);
  EXPECT_EQ(offsets(recovery->on_deadline(now).lost), (Numbers{0, 1}));
  EXPECT_GT(*recovery->next_deadline(), now);
  send();
  EXPECT_EQ(offsets(ack({{130, 130}}).lost).front(), 2u);
}

/// What was lost and is only remembered makes place.
TEST_F(RecoveryFlow, AFullRingForgetsTheLostFirst) {
  make({.packets_max = 128});
  know_round_trip();
  send_many(127);  // 1 to 127
  now += 100ms;
  ack({{64, 127}});
  EXPECT_EQ(recovery->packets_in_flight(), 0u);
  send_many(128);
  EXPECT_EQ(recovery->packets_in_flight(), 128u);
  EXPECT_EQ(recovery->stats().packets_lost, 63u);
}

TEST_F(RecoveryFlow, AnIdleOneGivesItsMemoryBackAndGoesOn) {
  EXPECT_FALSE(recovery->holds_memory());
  know_round_trip();
  EXPECT_TRUE(recovery->holds_memory());
  recovery->release();
  EXPECT_FALSE(recovery->holds_memory());
  EXPECT_FALSE(recovery->next_deadline().has_value());
  EXPECT_FALSE(recovery->on_deadline(now).is_probe_due);
  EXPECT_EQ(send(), 1u);
  now += 100ms;
  EXPECT_EQ(offsets(ack({{0, 1}}).acked), (Numbers{1}));
  EXPECT_EQ(heard->acked.size(), 2u);
}

// --- paths ---------------------------------------------------------------------------------------

TEST_F(RecoveryFlow, AnotherPathBeginsAnew) {
  know_round_trip();
  send_many(4);  // 1 to 4, on the old one
  now += 10ms;
  recovery->on_path_changed(now, 1200);
  EXPECT_FALSE(recovery->rtt().has_sample());
  EXPECT_EQ(recovery->stats().bytes_in_flight, 4000u);
  EXPECT_EQ(recovery->allowance(now).bytes, 32u * 1200);  // none of it is in this path's window
  EXPECT_TRUE(recovery->next_deadline().has_value());
  EXPECT_EQ(send(), 5u);
  now += 30ms;
  // What arrives of before is no round trip of this path, what is lost of it no congestion here.
  const std::uint64_t window = recovery->stats().window;
  const RecoveryNews old = ack({{4, 4}});
  EXPECT_EQ(offsets(old.acked), (Numbers{4}));
  EXPECT_EQ(offsets(old.lost), (Numbers{1}));
  EXPECT_FALSE(recovery->rtt().has_sample());
  EXPECT_EQ(recovery->stats().bytes_in_flight, 3000u);
  EXPECT_EQ(offsets(ack({{5, 5}}).lost), (Numbers{2, 3}));
  EXPECT_EQ(recovery->rtt().latest(), 30ms);
  EXPECT_GE(recovery->stats().window, window);
  EXPECT_EQ(recovery->stats().bytes_in_flight, 0u);
}

// --- disorder -----------------------------------------------------------------------------------

TEST_F(RecoveryFlow, ReorderingUpTo8192IsSettledOnceEach) {
  make({});
  heard->room = 1'000'000'000;
  recovery->on_packet_bytes(packet_bytes);
  constexpr std::size_t count = 3 * 8192;
  std::vector<std::pair<std::size_t, PacketNumber>> order;
  for (std::size_t i = 0; i < count; ++i) order.emplace_back(i + rng.below(8192), send());
  std::ranges::sort(order);
  std::vector<int> told(count);
  const auto tell = [&](std::span<const FrameNote> notes) {
    for (const FrameNote& note : notes) ++told[note.offset];
  };
  now += 20ms;
  for (const auto& [at, number] : order) {
    now += 1us;
    const RecoveryNews news = ack({{number, number}});
    tell(news.acked);
    tell(news.lost);
  }
  EXPECT_EQ(std::ranges::count(told, 1), static_cast<std::ptrdiff_t>(count));
  EXPECT_EQ(recovery->stats().bytes_in_flight, 0u);
  EXPECT_EQ(recovery->packets_in_flight(), 0u);
  EXPECT_EQ(recovery->reorder_packets(), 256u);
  // All came, so what counted as lost was late; of none it was forgotten within 9/8 of a round
  // trip.
  EXPECT_EQ(recovery->stats().packets_lost, recovery->stats().packets_spurious);
  EXPECT_GT(recovery->stats().packets_lost, 1000u);
}

}  // namespace
}  // namespace kith::packet
