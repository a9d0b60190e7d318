// Recovery by hand: RFC 9002's rules and examples, each bound from both sides. Flows over a line
// are in recovery_path_test.cpp.
#include "packet/recovery.h"

#include <gtest/gtest.h>

#include <vector>

#include "packet/recovery_test_util.h"
#include "packet/sent_ring.h"

namespace kith::packet {
namespace {

using testing::ack_of;
using testing::Numbers;
using testing::offsets;
using testing::packet_bytes;
using testing::peer_delay;
using testing::RecoveryTest;

// --- numbers -------------------------------------------------------------------------------------

TEST_F(RecoveryTest, AcknowledgedNotesComeOutOnceInOrder) {
  send_many(4);
  EXPECT_EQ(recovery->stats().bytes_in_flight, 4000u);
  now += 10ms;
  const RecoveryNews first = ack({{3, 3}, {0, 1}});
  EXPECT_EQ(offsets(first.acked), (Numbers{0, 1, 3}));
  EXPECT_EQ(first.largest_newly_acked, 3u);
  EXPECT_EQ(recovery->stats().bytes_in_flight, 1000u);
  const RecoveryNews second = ack({{3, 3}, {0, 1}});
  EXPECT_TRUE(second.acked.empty());
  EXPECT_FALSE(second.largest_newly_acked.has_value());
  EXPECT_EQ(offsets(ack({{0, 3}}).acked), (Numbers{2}));
  EXPECT_EQ(recovery->stats().bytes_in_flight, 0u);
}

TEST_F(RecoveryTest, SeveralNotesOfAPacketKeepTheirOrder) {
  std::vector<FrameNote> notes;
  for (std::uint64_t i = 0; i < 5; ++i) {
    notes.push_back({FrameNote::Kind::stream, 0, 0, 1, 10 + i});
  }
  recovery->on_sent(now, {recovery->next_number(1), 100, true, false}, notes);
  now += 1ms;
  EXPECT_EQ(offsets(ack({{0, 0}}).acked), (Numbers{10, 11, 12, 13, 14}));
}

TEST_F(RecoveryTest, ANumberNeverSentIsALie) {
  EXPECT_EQ(refusal(ack_of({{0, 0}})), Code::protocol);  // before anything was
  send_many(3);
  EXPECT_EQ(refusal(ack_of({{3, 3}})), Code::protocol);
  EXPECT_EQ(refusal(ack_of({{0, 3}})), Code::protocol);
  EXPECT_EQ(refusal(ack_of({{packet_number_end - 1, packet_number_end - 1}})), Code::protocol);
  EXPECT_EQ(refusal(ack_of({{2, 1}})), Code::protocol);
  EXPECT_EQ(refusal(ack_of({{1, 1}, {1, 2}})), Code::protocol);
  // Nothing has changed by it, although some of it was true.
  EXPECT_EQ(recovery->stats().bytes_in_flight, 3000u);
  EXPECT_EQ(offsets(ack({{0, 2}}).acked), (Numbers{0, 1, 2}));
  recovery->release();
  EXPECT_EQ(refusal(ack_of({{3, 3}})), Code::protocol);
  EXPECT_EQ(ack({{0, 2}}).acked.size(), 0u);
}

TEST_F(RecoveryTest, OneNumberInAThousandIsSkippedAndAcknowledgingItIsALie) {
  EXPECT_EQ(recovery->next_number(1023), 0u);
  recovery->on_sent(now, {0, 100, true, false}, {});
  const PacketNumber next = recovery->next_number(1024);
  EXPECT_EQ(next, 2u);
  recovery->on_sent(now, {next, 100, true, false}, {});
  send();
  EXPECT_EQ(refusal(ack_of({{0, 2}})), Code::protocol);
  EXPECT_EQ(refusal(ack_of({{1, 1}})), Code::protocol);
  now += 1ms;
  ack({{0, 0}});  // which does not make one forget
  EXPECT_EQ(refusal(ack_of({{0, 3}})), Code::protocol);
  ack({{2, 3}, {0, 0}});
  EXPECT_EQ(recovery->stats().bytes_in_flight, 0u);

  SeededRng entropy(5);
  Recovery other({}, packet_bytes, rng);
  PacketNumber last = 0;
  for (int i = 0; i < 100'000; ++i) last = other.next_number(entropy.next());
  EXPECT_NEAR(static_cast<double>(last - 99'999), 98, 40);
}

TEST_F(RecoveryTest, UnreliablePacketsAreHeardOfButNotWaitedFor) {
  const PacketNumber number = send(false);
  EXPECT_EQ(recovery->stats().bytes_in_flight, 0u);
  EXPECT_FALSE(recovery->next_deadline().has_value());
  now += 10ms;
  EXPECT_EQ(offsets(ack({{number, number}}).acked), (Numbers{number}));
  EXPECT_FALSE(recovery->rtt().has_sample());  // the peer may hold such a one back for ever
  EXPECT_TRUE(heard->acked.empty());
  // Any number of them, never acknowledged, beside one that was: no more memory, no deadline.
  for (int i = 0; i < 100'000; ++i) send(false);
  EXPECT_FALSE(recovery->next_deadline().has_value());
  EXPECT_EQ(ack({{2, 100'000}}).acked.size(), SentRing::places_min);
}

// --- round trips ---------------------------------------------------------------------------------

TEST_F(RecoveryTest, RoundTripsAreOfTheHighestAndOnlyWhenItIsNew) {
  send_many(2);
  now += 50ms;
  ack({{0, 0}});
  EXPECT_EQ(recovery->rtt().latest(), 50ms);
  now += 50ms;
  ack(ack_of({{0, 1}}, 20ms));
  EXPECT_EQ(recovery->rtt().latest(), 100ms);
  EXPECT_EQ(recovery->rtt().smoothed(), 53'750us);  // the peer's delay is taken off
  now += 50ms;
  ack({{0, 1}});
  EXPECT_EQ(recovery->rtt().latest(), 100ms);
}

TEST_F(RecoveryTest, ControllersAreToldTheRoundTripWithoutThePeersDelay) {
  know_round_trip();
  send();
  now += 130ms;
  ack(ack_of({{1, 1}}, 20ms));
  EXPECT_EQ(heard->acked.back().round_trip, 110ms);
  send();
  now += 110ms;
  ack(ack_of({{2, 2}}, 20ms));  // which would be shorter than any was
  EXPECT_EQ(heard->acked.back().round_trip, 110ms);
}

// --- loss ----------------------------------------------------------------------------------------

TEST_F(RecoveryTest, LostWhenOneSentThreeLaterHasArrived) {
  know_round_trip();
  send_many(4);  // 1 to 4
  now += 100ms;
  EXPECT_TRUE(ack({{3, 3}}).lost.empty());
  const RecoveryNews news = ack({{3, 4}});
  EXPECT_EQ(offsets(news.lost), (Numbers{1}));
  EXPECT_EQ(recovery->stats().packets_lost, 1u);
  EXPECT_EQ(recovery->stats().bytes_in_flight, 1000u);
  ASSERT_EQ(heard->lost.size(), 1u);
  EXPECT_EQ(heard->lost[0].bytes, 1000u);
  EXPECT_EQ(heard->lost[0].sent_at, now - 100ms);
  EXPECT_EQ(heard->lost[0].in_flight_when_sent, 1000u);
  EXPECT_EQ(heard->lost[0].round_trip_near, 100ms);
}

TEST_F(RecoveryTest, LostWhenNineEighthsOfARoundTripHavePassed) {
  know_round_trip();
  const Instant sent = now;
  send_many(2);
  now += 100ms;
  EXPECT_TRUE(ack({{2, 2}}).lost.empty());
  const Duration delay = recovery->rtt().loss_delay();
  EXPECT_EQ(delay, 112'500us);
  EXPECT_EQ(recovery->next_deadline(), sent + delay);
  EXPECT_TRUE(recovery->on_deadline(sent + delay - 1ns).lost.empty());
  EXPECT_EQ(offsets(recovery->on_deadline(sent + delay).lost), (Numbers{1}));
  EXPECT_FALSE(recovery->next_deadline().has_value());
}

TEST_F(RecoveryTest, WithoutALaterOneNothingIsLost) {
  know_round_trip();
  send_many(10);
  now += 10s;
  EXPECT_TRUE(recovery->on_deadline(now).is_probe_due);
  EXPECT_EQ(recovery->stats().packets_lost, 0u);
}

TEST_F(RecoveryTest, TheRoundTripNearALostPacketIsOfItsNeighbour) {
  know_round_trip();
  send();  // 1 will take 150 ms
  now += 1ms;
  send();  // 2 is lost
  now += 1ms;
  send();  // 3 takes 150 ms too
  now += 148ms;
  ack({{3, 3}, {1, 1}});
  send_many(4);  // 4 to 7
  now += 300ms;
  ack({{7, 7}, {3, 3}});
  // The newest of the lost is 4, which left at once with 7, but 3 is nearer.
  ASSERT_EQ(heard->lost.size(), 1u);
  EXPECT_EQ(heard->lost[0].bytes, 2000u);
  EXPECT_EQ(heard->lost[0].sent_at, now - 300ms);
  EXPECT_EQ(heard->lost[0].round_trip_near, 148ms);
}

TEST_F(RecoveryTest, ALatePacketIsCountedAndRaisesTheThreshold) {
  know_round_trip();
  send_many(10);  // 1 to 10
  now += 100ms;
  EXPECT_EQ(offsets(ack({{5, 5}}).lost), (Numbers{1, 2}));
  EXPECT_EQ(recovery->reorder_packets(), 3u);
  now += 1ms;
  const RecoveryNews late = ack({{5, 5}, {1, 1}});
  EXPECT_TRUE(late.acked.empty());  // its notes were given out as lost
  EXPECT_EQ(recovery->stats().packets_spurious, 1u);
  EXPECT_EQ(heard->spurious, 1000u);
  EXPECT_EQ(recovery->reorder_packets(), 5u);  // 1 came after 5: four later are none too few
  // It is spurious once.
  ack({{5, 5}, {1, 1}});
  EXPECT_EQ(recovery->stats().packets_spurious, 1u);
  EXPECT_TRUE(ack({{7, 7}, {5, 5}, {1, 1}}).lost.empty());  // 3 is 4 below
  EXPECT_EQ(offsets(ack({{8, 8}, {5, 5}, {1, 1}}).lost), (Numbers{3}));
}

TEST_F(RecoveryTest, TheThresholdDoublesAtMostUpTo256) {
  know_round_trip();
  std::uint32_t expected = 3;
  for (int turn = 0; turn < 10; ++turn) {
    const PacketNumber first = send();
    send_many(600);
    now += 100ms;
    ack({{first + 600, first + 600}});
    ack({{first, first + 600}});
    expected = std::min(2 * expected, 256u);
    EXPECT_EQ(recovery->reorder_packets(), expected);
  }
}

/// By what it was late, an eighth of a round trip at a time, half of one at most.
TEST_F(RecoveryTest, ALatePacketMakesOneWaitLonger) {
  for (const Duration late : {5ms, 200ms}) {
    make({});
    know_round_trip();
    Duration before{};
    for (int turn = 0; turn < 6; ++turn) {
      const PacketNumber first = send();
      const Instant sent = now;
      send();
      now += 100ms;
      EXPECT_TRUE(ack({{first + 1, first + 1}}).lost.empty());
      const Duration waits = *recovery->next_deadline() - sent;
      if (turn == 0) {
        EXPECT_EQ(waits, 112'500us);
      } else if (late == 5ms) {
        EXPECT_EQ(waits, 117'500us);  // once is enough
      } else {
        EXPECT_EQ(waits, 112'500us + std::min(turn * 12'500us, 50'000us));
      }
      EXPECT_GE(waits, before);
      before = waits;
      now = sent + waits;
      EXPECT_EQ(recovery->on_deadline(now).lost.size(), 1u);
      if (turn > 0 && late == 5ms) continue;
      now = std::max(now, sent + 112'500us + late);
      if (late == 200ms) now = sent + waits + 100ms;
      const AckFrame frame = ack_of({{first, first + 1}});
      ack(frame);
    }
  }
}

TEST_F(RecoveryTest, ALostPacketIsForgottenAfterAWhile) {
  for (const bool is_late : {false, true}) {
    make({});
    know_round_trip();
    send_many(4);
    now += 100ms;
    ack({{4, 4}});
    send(false);
    const Duration kept = recovery->rtt().loss_delay();
    now += is_late ? kept + 1ns : kept;
    ack({{5, 5}});  // forgets what is old, and gives no round trip
    ack({{1, 1}});
    EXPECT_EQ(recovery->stats().packets_spurious, is_late ? 0u : 1u);
  }
}

TEST_F(RecoveryTest, LossOfAnMtuProbeIsNoCongestion) {
  know_round_trip();
  const PacketNumber probe = send(true, true);
  send_many(3);
  now += 100ms;
  const RecoveryNews news = ack({{probe + 1, probe + 3}});
  EXPECT_EQ(news.mtu_probe_lost, probe);
  EXPECT_FALSE(news.mtu_probe_acked.has_value());
  EXPECT_TRUE(heard->lost.empty());
  EXPECT_EQ(recovery->stats().bytes_in_flight, 0u);
  const PacketNumber second = send(true, true);
  now += 100ms;
  EXPECT_EQ(ack({{second, second}}).mtu_probe_acked, second);
}

// --- probes --------------------------------------------------------------------------------------

TEST_F(RecoveryTest, TheFirstProbeComesAfterThreeInitialRoundTrips) {
  send();
  // 333 ms, four times half of it, and the peer's 25 ms (RFC 9002, 6.2.2).
  EXPECT_EQ(recovery->next_deadline(), now + 333ms + 4 * 166'500us + 25ms);
  EXPECT_FALSE(recovery->on_deadline(*recovery->next_deadline() - 1ns).is_probe_due);
  EXPECT_TRUE(at_deadline().is_probe_due);
}

TEST_F(RecoveryTest, ProbesBackOffUntilSomethingArrives) {
  know_round_trip();
  const Duration timeout = 100ms + 4 * 50ms + peer_delay;
  PacketNumber number = send();
  Instant sent = now;
  for (const int factor : {1, 2, 4, 8}) {
    EXPECT_EQ(recovery->next_deadline(), sent + factor * timeout);
    EXPECT_TRUE(at_deadline().is_probe_due);
    number = send();
    sent = now;
  }
  EXPECT_EQ(recovery->stats().probes, 4u);
  now += 100ms;
  ack({{number, number}});
  send();
  EXPECT_LE(*recovery->next_deadline() - now, timeout);
}

TEST_F(RecoveryTest, ProbesAreAMinuteApartAtMostAndAfterTenTheConnectionIsLost) {
  send();
  RecoveryNews news;
  for (int probe = 1; probe <= 9; ++probe) {
    const Instant before = now;
    news = at_deadline();
    EXPECT_TRUE(news.is_probe_due);
    EXPECT_FALSE(news.is_connection_lost);
    EXPECT_LE(now - before, 60s);
    send();
  }
  EXPECT_EQ(*recovery->next_deadline(), now + 60s);
  news = at_deadline();
  EXPECT_TRUE(news.is_connection_lost);
  EXPECT_FALSE(news.is_probe_due);
}

TEST_F(RecoveryTest, TimersThatComeMuchTooLateDoNotPileUp) {
  know_round_trip();
  send();
  now += 3600s;  // the machine slept
  EXPECT_TRUE(recovery->on_deadline(now).is_probe_due);
  EXPECT_GT(*recovery->next_deadline(), now);
  EXPECT_FALSE(recovery->on_deadline(now).is_probe_due);
}

TEST_F(RecoveryTest, AProbeTakesWhatTheTwoOldestCarriedAndGoesBeyondTheWindow) {
  know_round_trip();
  heard->room = 3000;
  send_many(3);  // 1 to 3
  EXPECT_EQ(recovery->on_deadline(*recovery->next_deadline() - 1ns).lost.size(), 0u);
  const Instant due = *recovery->next_deadline();
  const RecoveryNews news = recovery->on_deadline(now = due);
  EXPECT_EQ(offsets(news.lost), (Numbers{1, 2}));
  EXPECT_EQ(recovery->stats().bytes_in_flight, 3000u);
  EXPECT_TRUE(heard->lost.empty());
  heard->room = 1000;
  recovery->on_packet_bytes(packet_bytes);
  EXPECT_EQ(recovery->allowance(now).bytes, 2000u);
  send();
  EXPECT_EQ(recovery->allowance(now).bytes, 1000u);
  send();
  EXPECT_EQ(recovery->allowance(now).bytes, 0u);
  // The originals arrive: counted, but not told again.
  now += 1ms;
  const RecoveryNews late = ack({{1, 3}});
  EXPECT_EQ(offsets(late.acked), (Numbers{3}));
  EXPECT_EQ(recovery->stats().bytes_in_flight, 2000u);
}

// RFC 9002, 7.6: two that were lost, with nothing between them that arrived, more than three probe
// timeouts apart.
TEST_F(RecoveryTest, PersistentCongestionIsMoreThanThreeProbeTimeouts) {
  for (const Duration more : {0ns, 1ns}) {
    make({});
    know_round_trip();
    send();
    // When it is found, a second sample of 100 ms has made the variation 37.5.
    const Duration timeout = 100ms + 4 * 37'500us + peer_delay;
    now += 3 * timeout + more;
    send();
    send_many(3);
    now += 100ms;
    EXPECT_EQ(ack({{3, 5}}).lost.size(), 2u);
    EXPECT_EQ(heard->persistent, more == 0ns ? 0 : 1);
  }
}

// The example of RFC 9002, 7.6.3, in seconds: a round trip of 1 before, packets at 1 to 6, probes
// at 8 and 12, of which only the last one is heard of, at 12.2. From 1 to 8 is more than thrice 2.
TEST_F(RecoveryTest, PersistentCongestionAsInTheExample) {
  make({.reorder_packets = 1});
  send();
  now += 600ms;
  ack({{0, 0}});
  for (int i = 0; i < 6; ++i) {
    send();
    now += 1s;
  }
  now += 1s;
  send();
  now += 4s;
  const PacketNumber last = send();
  now += 200ms;
  EXPECT_EQ(ack({{last, last}}).lost.size(), 7u);
  EXPECT_LT(3 * recovery->rtt().probe_timeout(peer_delay, 0), 7s);
  EXPECT_GT(3 * recovery->rtt().probe_timeout(peer_delay, 0), 5s);
  EXPECT_EQ(heard->persistent, 1);
}

TEST_F(RecoveryTest, WhatArrivedBetweenIsNoPersistentCongestion) {
  know_round_trip();
  const PacketNumber first = send();
  now += 2s;
  send();
  now += 2s;
  send_many(4);
  now += 100ms;
  EXPECT_EQ(ack({{first + 3, first + 5}, {first + 1, first + 1}}).lost.size(), 2u);
  EXPECT_EQ(heard->persistent, 0);
}

TEST_F(RecoveryTest, ThreeProbesInARowArePersistentCongestionOnce) {
  know_round_trip();
  send();
  for (int probe = 1; probe <= 4; ++probe) {
    at_deadline();
    EXPECT_EQ(heard->persistent, probe < 3 ? 0 : 1);
    send();
  }
  now += 300ms;
  ack({{5, 5}});
  EXPECT_EQ(recovery->stats().bytes_in_flight, 0u);
  EXPECT_EQ(heard->persistent, 1);
}

}  // namespace
}  // namespace kith::packet
