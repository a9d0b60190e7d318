#include "packet/stream_send.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

namespace kith::packet {
namespace {

TEST(SentRanges, LostIsWhatWasLostAndNeverAcknowledged) {
  rc::check([] {
    SentRanges ranges;
    std::set<std::uint64_t> acked, lost;
    const auto steps = *rc::gen::inRange(0, 60);
    for (int i = 0; i < steps; ++i) {
      const auto offset = *rc::gen::inRange<std::uint64_t>(0, 60);
      const auto bytes = *rc::gen::inRange<std::uint64_t>(1, 8);
      const bool is_ack = *rc::gen::arbitrary<bool>();
      for (std::uint64_t at = offset; at < offset + bytes; ++at) {
        (is_ack ? acked : lost).insert(at);
      }
      is_ack ? ranges.on_acked(offset, bytes) : ranges.on_lost(offset, bytes);
      std::uint64_t end = 0;
      while (acked.contains(end)) ++end;
      RC_ASSERT(ranges.acked_end() == end);
    }
    // All that is lost, from the lowest on, in runs without an acknowledged byte.
    std::set<std::uint64_t> again;
    while (const auto run = ranges.next_lost()) {
      for (std::uint64_t at = run->first; at <= run->last; ++at) {
        RC_ASSERT(!acked.contains(at) && lost.contains(at));
        RC_ASSERT(again.insert(at).second);
      }
      ranges.on_resent(run->last + 1);
    }
    for (const std::uint64_t at : lost) RC_ASSERT(again.contains(at) || acked.contains(at));
  });
}

TEST(StreamSend, BuffersGoWhenTheirLastByteIsAcknowledged) {
  StreamSend send;
  for (int i = 0; i < 4; ++i) send.write(Buffer(Bytes(5000, static_cast<std::uint8_t>(i))));
  EXPECT_EQ(send.unsent(), 20'000U);
  send.on_sent(0, 20'000, false);
  send.on_acked(5000, 5000, false);
  EXPECT_EQ(send.pieces(), 4U);  // the first is missing
  send.on_acked(0, 4999, false);
  EXPECT_EQ(send.pieces(), 4U);
  send.on_acked(4999, 1, false);
  EXPECT_EQ(send.pieces(), 2U);
  Bytes out(6000);
  send.copy(10'000, out);
  EXPECT_EQ(out[0], 2);
  EXPECT_EQ(out[4999], 2);
  EXPECT_EQ(out[5000], 3);
  EXPECT_FALSE(send.is_settled());
  send.on_acked(10'000, 10'000, false);
  EXPECT_TRUE(send.is_settled());
  EXPECT_EQ(send.pieces(), 0U);
}

TEST(StreamSend, SmallWritesAreJoined) {
  StreamSend send;
  for (int i = 0; i < 10'000; ++i) send.write(Buffer("ab"));
  EXPECT_LT(send.pieces(), 10U);
  Bytes out(20'000);
  send.copy(0, out);
  for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], i % 2 == 0 ? 'a' : 'b');
}

TEST(StreamSend, TheEndIsOwedUntilItIsAcknowledged) {
  StreamSend send;
  send.write(Buffer("x"));
  send.finish();
  EXPECT_FALSE(send.owes_end());  // it goes with the byte
  EXPECT_TRUE(send.is_end(1));
  send.on_sent(0, 1, true);
  EXPECT_FALSE(send.owes_end());
  send.on_lost(0, 1, true);
  ASSERT_TRUE(send.next_lost());
  send.on_acked(0, 1, false);  // the byte came another way, the end did not
  EXPECT_FALSE(send.next_lost());
  EXPECT_TRUE(send.owes_end());
  EXPECT_FALSE(send.is_over());
  send.on_sent(1, 0, true);
  send.on_acked(1, 0, true);
  EXPECT_TRUE(send.is_over());
}

}  // namespace
}  // namespace kith::packet
