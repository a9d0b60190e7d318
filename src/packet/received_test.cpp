#include "packet/received.h"

#include <gtest/gtest.h>

#include <set>

#include "base/rng.h"

namespace kith::packet {
namespace {

class ReceivedTest : public ::testing::Test {
 protected:
  /// A batch of its own.
  void take(PacketNumber number, std::uint8_t flags = flag_reliable,
            base::Ecn ecn = base::Ecn::none, Duration round_trip = 40ms) {
    put(number, flags, ecn);
    received.on_batch_end(now, round_trip);
  }
  void put(PacketNumber number, std::uint8_t flags = flag_reliable,
           base::Ecn ecn = base::Ecn::none) {
    Header header;
    header.flags = flags;
    ASSERT_TRUE(received.may_take(number));
    received.on_packet(now, number, header, ecn);
  }

  Received received;
  Instant now{1s};
};

TEST_F(ReceivedTest, NoneIsTakenTwice) {
  take(0);
  take(5);
  EXPECT_FALSE(received.may_take(0));
  EXPECT_FALSE(received.may_take(5));
  EXPECT_TRUE(received.may_take(3));
  EXPECT_EQ(received.expected(), 6u);
  take(9000);
  EXPECT_FALSE(received.may_take(9001 - ReplayWindow::numbers - 1));
  EXPECT_TRUE(received.may_take(9001 - ReplayWindow::numbers));
}

TEST_F(ReceivedTest, AnAcknowledgementIsHeldBackForAQuarterOfARoundTrip) {
  take(0);
  EXPECT_TRUE(received.has_news());
  EXPECT_EQ(received.next_deadline(), now + 10ms);
  EXPECT_FALSE(received.is_ack_due(now + 10ms - 1ns));
  EXPECT_TRUE(received.is_ack_due(now + 10ms));
  const Instant first = now;
  now += 5ms;
  take(1);  // counts from the first
  EXPECT_EQ(received.next_deadline(), first + 10ms);
  received.take_ack(now);
  EXPECT_FALSE(received.has_news());
  EXPECT_FALSE(received.next_deadline().has_value());
  take(2, flag_reliable, base::Ecn::none, 3999us);
  EXPECT_EQ(received.next_deadline(), now + 1ms);
  received.take_ack(now);
  take(3, flag_reliable, base::Ecn::none, 4004us);
  EXPECT_EQ(received.next_deadline(), now + 1001us);
  received.take_ack(now);
  take(4, flag_reliable, base::Ecn::none, 96ms);
  EXPECT_EQ(received.next_deadline(), now + 24ms);
  received.take_ack(now);
  take(5, flag_reliable, base::Ecn::none, 1s);
  EXPECT_EQ(received.next_deadline(), now + 25ms);
}

TEST_F(ReceivedTest, AtOnceWhenAskedOrAtTheSixtyFourth) {
  take(0, flag_reliable | flag_ack_now);
  EXPECT_TRUE(received.is_ack_due(now));
  received.take_ack(now);
  for (PacketNumber number = 1; number <= 63; ++number) take(number);
  EXPECT_FALSE(received.is_ack_due(now));
  take(64);
  EXPECT_TRUE(received.is_ack_due(now));
}

TEST_F(ReceivedTest, AtOnceWhenAGapOpensAndWhenItCloses) {
  take(0);
  take(1);
  EXPECT_FALSE(received.is_ack_due(now));
  take(3);
  EXPECT_TRUE(received.is_ack_due(now));
  received.take_ack(now);
  take(4);
  EXPECT_FALSE(received.is_ack_due(now));
  take(2);
  EXPECT_TRUE(received.is_ack_due(now));
}

TEST_F(ReceivedTest, OnlyTheEndOfABatchDecides) {
  put(0, flag_reliable | flag_ack_now);
  put(1);
  EXPECT_FALSE(received.is_ack_due(now));
  received.on_batch_end(now, 40ms);
  EXPECT_TRUE(received.is_ack_due(now));
  EXPECT_EQ(received.take_ack(now).ranges[0], (NumberRange{0, 1}));
}

/// Else two peers would acknowledge acknowledgements for ever.
TEST_F(ReceivedTest, WhatWantsNoAcknowledgementGetsNoneButIsTold) {
  take(0, 0);
  take(7, 0);
  EXPECT_FALSE(received.has_news());
  EXPECT_FALSE(received.next_deadline().has_value());
  const AckFrame ack = received.take_ack(now);
  ASSERT_EQ(ack.count, 2u);
  EXPECT_EQ(ack.ranges[0], (NumberRange{7, 7}));
}

TEST_F(ReceivedTest, DelayIsOfTheHighest) {
  take(5);
  now += 3ms;
  take(4);
  now += 2ms;
  EXPECT_EQ(received.take_ack(now).delay, 5ms);
}

TEST_F(ReceivedTest, RangesGoDownwardsFromTheHighestThirtyTwoOfThem) {
  for (PacketNumber number = 0; number < 31; ++number) take(2 * number);
  EXPECT_EQ(received.take_ack(now).count, 31u);
  take(2 * 31);
  EXPECT_EQ(received.take_ack(now).count, 32u);
  take(2 * 32);
  const AckFrame ack = received.take_ack(now);
  ASSERT_EQ(ack.count, ack_ranges_max);
  EXPECT_EQ(ack.ranges[0], (NumberRange{64, 64}));
  EXPECT_EQ(ack.ranges[31], (NumberRange{2, 2}));
  EXPECT_EQ(ack.ranges[0].last + 1, received.expected());
}

TEST_F(ReceivedTest, SixtyFourRangesAreKnownTheLowestIsForgotten) {
  for (PacketNumber number = 0; number < 64; ++number) take(2 * number);
  for (PacketNumber number = 1; number < 64; ++number) take(2 * number + 1);
  EXPECT_EQ(received.take_ack(now).ranges[1], (NumberRange{0, 0}));
  Received other;
  std::swap(received, other);
  for (PacketNumber number = 0; number < 65; ++number) take(2 * number);
  for (PacketNumber number = 1; number < 65; ++number) take(2 * number + 1);
  EXPECT_EQ(received.take_ack(now).count, 1u);
}

TEST_F(ReceivedTest, WhatThePeerKnowsIsToldNoMore) {
  for (const PacketNumber number : {0UL, 2UL, 4UL, 5UL, 6UL}) take(number);
  received.on_ack_of_ack(4);
  AckFrame ack = received.take_ack(now);
  ASSERT_EQ(ack.count, 1u);
  EXPECT_EQ(ack.ranges[0], (NumberRange{4, 6}));
  received.on_ack_of_ack(100);  // the highest is told all the same
  ack = received.take_ack(now);
  ASSERT_EQ(ack.count, 1u);
  EXPECT_EQ(ack.ranges[0], (NumberRange{6, 6}));
  EXPECT_FALSE(received.may_take(0));
}

TEST_F(ReceivedTest, MarksAreCounted) {
  EXPECT_FALSE(received.take_ack(now).has_ecn);
  take(0, flag_reliable, base::Ecn::none);
  EXPECT_FALSE(received.take_ack(now).has_ecn);
  take(1, flag_reliable, base::Ecn::ect0);
  take(2, flag_reliable, base::Ecn::ect0);
  take(3, 0, base::Ecn::congested);
  take(4, flag_reliable, base::Ecn::ect1);
  const AckFrame ack = received.take_ack(now);
  EXPECT_TRUE(ack.has_ecn);
  EXPECT_EQ(ack.ect0, 2u);
  EXPECT_EQ(ack.ect1, 1u);
  EXPECT_EQ(ack.congested, 1u);
}

TEST_F(ReceivedTest, AnIdleOneKeepsTheHighestNumberAlone) {
  take(0);
  take(5);
  received.take_ack(now);
  received.release();
  EXPECT_EQ(received.expected(), 6u);
  EXPECT_FALSE(received.may_take(3));  // although it never came
  EXPECT_FALSE(received.may_take(5));
  EXPECT_EQ(received.take_ack(now).count, 0u);
  take(6);
  EXPECT_FALSE(received.is_ack_due(now));  // no gap
  EXPECT_EQ(received.take_ack(now).ranges[0], (NumberRange{6, 6}));
}

/// Against a set: what an acknowledgement says was received, and of the last 32 ranges all of it.
TEST_F(ReceivedTest, SaysWhatWasReceived) {
  SeededRng rng(3);
  std::set<PacketNumber> model;
  PacketNumber next = 0;
  for (int i = 0; i < 5000; ++i) {
    const PacketNumber number = rng.below(10) == 0 ? next - std::min(next, rng.below(40)) : next++;
    if (!received.may_take(number)) continue;
    next += rng.below(20) == 0 ? 1 : 0;
    next = std::max(next, number + 1);
    take(number);
    model.insert(number);
    if (rng.below(8) != 0) continue;
    const AckFrame ack = received.take_ack(now);
    PacketNumber expected = *model.rbegin();
    ASSERT_EQ(ack.ranges[0].last, expected);
    auto at = model.rbegin();
    for (std::size_t range = 0; range < ack.count; ++range) {
      for (PacketNumber told = ack.ranges[range].last;; --told) {
        ASSERT_EQ(told, *at++);
        if (told == ack.ranges[range].first) break;
      }
    }
    if (ack.count < ack_ranges_max) {
      ASSERT_TRUE(at == model.rend());
    }
  }
}

}  // namespace
}  // namespace kith::packet
