#include "packet/sent_ring.h"

#include <gtest/gtest.h>

#include <set>

#include "base/rng.h"

namespace kith::packet {
namespace {

std::vector<FrameNote> notes(std::uint64_t first, std::size_t count) {
  std::vector<FrameNote> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back({FrameNote::Kind::stream, 0, 0, 1, first + i});
  }
  return all;
}

TEST(NumberBits, FindsWhatASetFinds) {
  SeededRng rng(1);
  constexpr std::size_t places = 256;
  NumberBits bits(places);
  std::set<PacketNumber> model;
  const PacketNumber base = 1'000'003;  // the window wraps around the words
  for (int i = 0; i < 20'000; ++i) {
    const PacketNumber number = base + rng.below(places);
    if (rng.below(2) == 0) {
      bits.set(number);
      model.insert(number);
    } else {
      bits.clear(number);
      model.erase(number);
    }
    EXPECT_EQ(bits.has(number), model.contains(number));
    const PacketNumber from = base + rng.below(places), end = base + rng.below(places + 1);
    const auto found = model.lower_bound(from);
    const PacketNumber expected = found == model.end() ? end : std::min(*found, end);
    EXPECT_EQ(bits.next(from, end), from < end ? expected : end);
  }
}

TEST(SentRing, GrowsAndKeepsEverything) {
  SentRing ring(50);
  constexpr PacketNumber end = 50 + SentRing::places_min;
  for (PacketNumber number = 50; number < end; ++number) {
    EXPECT_TRUE(ring.has_place_for(number));
    if (number % 10 == 0) continue;  // skipped
    SentRecord& record = ring.push(number);
    record.bytes = static_cast<std::uint16_t>(number);
    ring.note(record, notes(number, 2));
  }
  EXPECT_FALSE(ring.has_place_for(end));
  ring.close(51);
  ring.lose(52);
  ring.grow();
  EXPECT_EQ(ring.places(), 2 * SentRing::places_min);
  EXPECT_TRUE(ring.has_place_for(end + SentRing::places_min - 1));
  EXPECT_FALSE(ring.has_place_for(end + SentRing::places_min));
  EXPECT_EQ(ring.next_open(0, 1000), 53u);
  EXPECT_EQ(ring.next_lost(0, 1000), 52u);
  EXPECT_EQ(ring.next_skipped(0, 1000), 50u);
  EXPECT_EQ(ring.next_skipped(51, 1000), 60u);
  std::vector<FrameNote> out;
  ring.take_notes(ring.at(end - 1), out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[1].offset, end);
  EXPECT_EQ(ring.at(end - 1).bytes, end - 1);
}

TEST(SentRing, SkippedNumbersStayUntilWhatFollowsHasGone) {
  SentRing ring(0);
  ring.push(0);
  ring.push(3);
  ring.push(4);
  ring.close(0);
  ring.trim(3);
  EXPECT_EQ(ring.begin(), 1u);
  EXPECT_EQ(ring.next_skipped(0, 4), 1u);
  ring.close(3);
  ring.trim(4);
  EXPECT_EQ(ring.begin(), 4u);
  EXPECT_EQ(ring.next_skipped(0, 4), 4u);
}

TEST(SentRing, ThePlacesOfNotesAreUsedAgain) {
  SentRing ring(0);
  std::vector<FrameNote> out;
  for (PacketNumber number = 0; number < 1000; ++number) {
    SentRecord& record = ring.push(number);
    ring.note(record, notes(number * 10, number % 5));
    out.clear();
    if (number % 2 == 0) {
      ring.take_notes(record, out);
      EXPECT_EQ(out.size(), number % 5);
      for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i].offset, number * 10 + i);
    } else {
      ring.drop_notes(record);
    }
    ring.take_notes(record, out);  // there are none any more
    EXPECT_EQ(out.size(), number % 2 == 0 ? number % 5 : 0);
    ring.close(number);
    ring.trim(number + 1);
  }
  EXPECT_EQ(ring.slab_places(), 3u);
  EXPECT_EQ(ring.slab_free(), 3u);
}

}  // namespace
}  // namespace kith::packet
