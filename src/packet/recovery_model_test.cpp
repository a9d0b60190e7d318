// Recovery at random against a plain map: every note of a reliable packet is told once, as acked or
// as lost, and what is in flight is what was not told.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "packet/recovery.h"

namespace kith::packet {
namespace {

constexpr std::uint64_t packet_bytes = 1400;

class RecoveryModel {
 public:
  RecoveryModel(std::uint64_t seed, std::size_t packets_max)
      : rng_(seed),
        packets_max_(packets_max),
        recovery_({.packets_max = packets_max, .probes_max = 1'000'000}, packet_bytes,
                  controller_rng_) {}

  void step() {
    now_ += Duration(static_cast<std::int64_t>(rng_.below(2'000'000)));
    switch (rng_.below(8)) {
      case 0:
      case 1:
      case 2: send(1 + rng_.below(20)); break;
      case 3:
      case 4:
      case 5: acknowledge(); break;
      case 6: meet_deadline(); break;
      case 7:
        if (rng_.below(50) == 0) recovery_.on_path_changed(now_, packet_bytes);
        if (recovery_.packets_in_flight() == 0 && rng_.below(4) == 0) recovery_.release();
        break;
    }
    check();
  }
  /// Many more, of which the last ones arrive.
  void finish() {
    for (int i = 0; i < 100; ++i) send(20);
    AckFrame ack;
    ack.ranges[ack.count++] = {next_ - 1, next_ - 1};
    for (int i = 0; i < 3; ++i) {
      now_ += 10s;
      take(recovery_.on_ack(now_, ack, 25ms).value(), {});
    }
    EXPECT_EQ(recovery_.packets_in_flight(), 0u);
    EXPECT_EQ(recovery_.stats().bytes_in_flight, 0u);
    for (const auto& [number, packet] : waiting_) {
      EXPECT_TRUE(!packet.is_reliable || packet.is_probed) << number;
    }
  }
  RecoveryStats stats() const { return recovery_.stats(); }
  std::uint64_t lies() const { return lies_; }

 private:
  struct Packet {
    std::uint64_t bytes;
    int notes;
    bool is_reliable;
    bool is_probed = false;  // its notes were given out, and it may be in flight yet
  };

  void send(std::uint64_t count) {
    for (; count > 0; --count) {
      const PacketNumber number = recovery_.next_number(rng_.below(64) == 0 ? 0 : 1);
      if (number > next_) skipped_ = next_;
      next_ = number + 1;
      const Packet packet{.bytes = 100 + rng_.below(1300),
                          .notes = 1 + static_cast<int>(rng_.below(4)),
                          .is_reliable = rng_.below(5) > 0};
      const std::vector<FrameNote> notes(static_cast<std::size_t>(packet.notes),
                                         FrameNote{FrameNote::Kind::stream, 0, 0, 0, number});
      recovery_.on_sent(now_,
                        {number, static_cast<std::uint16_t>(packet.bytes), packet.is_reliable,
                         packet.is_reliable && rng_.below(40) == 0},
                        notes);
      waiting_.emplace(number, packet);
      if (rng_.below(10) > 0) arrived_.push_back(number);
    }
  }
  /// Some of what arrived lately, and sometimes a lie.
  void acknowledge() {
    std::vector<PacketNumber> numbers;
    const std::uint64_t lately = std::min<std::uint64_t>(arrived_.size(), 100);
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(lately, 40); ++i) {
      numbers.push_back(arrived_[arrived_.size() - 1 - rng_.below(lately)]);
    }
    const bool is_lie = rng_.below(10) == 0 && skipped_ && is_waited_for_below(*skipped_);
    if (is_lie) numbers.push_back(*skipped_);
    std::ranges::sort(numbers, std::greater<>());
    AckFrame ack;
    for (const PacketNumber number : numbers) {
      if (ack.count > 0 && ack.ranges[ack.count - 1].first <= number) continue;
      if (ack.count > 0 && ack.ranges[ack.count - 1].first == number + 1) {
        ack.ranges[ack.count - 1].first = number;
      } else if (ack.count < ack_ranges_max) {
        ack.ranges[ack.count++] = {number, number};
      } else {
        break;
      }
    }
    auto news = recovery_.on_ack(now_, ack, 25ms);
    const bool is_told = ack.count > 0 && ack.ranges[ack.count - 1].first <= skipped_.value_or(0);
    if (is_lie && is_told) {
      ++lies_;
      ASSERT_FALSE(news.has_value());
      return;
    }
    ASSERT_TRUE(news.has_value()) << news.error().message;
    take(*news, ack);
  }
  void meet_deadline() {
    if (const auto due = recovery_.next_deadline(); due && rng_.below(4) == 0) {
      now_ = std::max(now_, *due);
    }
    const RecoveryNews news = recovery_.on_deadline(now_);
    if (!news.is_probe_due) return take(news, {});
    for (const auto& [number, count] : count_of(news.lost)) {
      const auto found = waiting_.find(number);
      ASSERT_TRUE(found != waiting_.end() && !found->second.is_probed);
      ASSERT_EQ(count, found->second.notes);
      found->second.is_probed = true;
    }
  }
  static std::map<PacketNumber, int> count_of(std::span<const FrameNote> notes) {
    std::map<PacketNumber, int> counts;
    for (const FrameNote& note : notes) ++counts[note.offset];
    return counts;
  }
  void take(const RecoveryNews& news, const AckFrame& ack) {
    for (const auto& notes : {news.acked, news.lost}) {
      for (const auto& [number, count] : count_of(notes)) {
        const auto found = waiting_.find(number);
        ASSERT_TRUE(found != waiting_.end()) << number << " was told before";
        ASSERT_FALSE(found->second.is_probed) << number;
        ASSERT_EQ(count, found->second.notes) << number;
        waiting_.erase(found);
      }
    }
    // Nothing that was acknowledged waits on, but unreliable ones may have been dropped.
    for (std::size_t i = 0; i < ack.count; ++i) {
      for (PacketNumber number = ack.ranges[i].first; number <= ack.ranges[i].last; ++number) {
        const auto found = waiting_.find(number);
        if (found == waiting_.end()) continue;
        ASSERT_TRUE(found->second.is_probed || !found->second.is_reliable) << number;
        waiting_.erase(found);
      }
    }
  }
  void check() {
    // What had to make place is not told yet; only where there is place for all they are equal.
    if (packets_max_ < 65'536) {
      ASSERT_LE(recovery_.packets_in_flight(), packets_max_);
      return;
    }
    std::uint64_t bytes = 0, bytes_probed = 0, packets = 0, probed = 0;
    for (const auto& [number, packet] : waiting_) {
      if (!packet.is_reliable) continue;
      (packet.is_probed ? bytes_probed : bytes) += packet.bytes;
      ++(packet.is_probed ? probed : packets);
    }
    ASSERT_GE(recovery_.packets_in_flight(), packets);
    ASSERT_LE(recovery_.packets_in_flight(), packets + probed);
    ASSERT_GE(recovery_.stats().bytes_in_flight, bytes);
    ASSERT_LE(recovery_.stats().bytes_in_flight, bytes + bytes_probed);
  }
  bool is_waited_for_below(PacketNumber number) const {
    return packets_max_ == 65'536 && std::ranges::any_of(waiting_, [&](const auto& entry) {
             return entry.first < number && entry.second.is_reliable && !entry.second.is_probed;
           });
  }

  SeededRng rng_, controller_rng_{1};
  std::size_t packets_max_;
  Recovery recovery_;
  Instant now_{1s};
  PacketNumber next_ = 0;
  std::map<PacketNumber, Packet> waiting_;
  std::vector<PacketNumber> arrived_;
  std::optional<PacketNumber> skipped_;
  std::uint64_t lies_ = 0;
};

void run_model(std::size_t packets_max) {
  std::uint64_t lies = 0, probes = 0, spurious = 0;
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    RecoveryModel model(seed, packets_max);
    for (int i = 0; i < 1500; ++i) {
      model.step();
      if (::testing::Test::HasFatalFailure()) return;
    }
    model.finish();
    lies += model.lies();
    probes += model.stats().probes;
    spurious += model.stats().packets_spurious;
  }
  // All of it happened.
  EXPECT_EQ(lies > 0, packets_max == 65'536);
  EXPECT_GT(probes, 0u);
  EXPECT_GT(spurious, 0u);
}

TEST(RecoveryModel, EveryNoteIsToldOnceAndTheRestIsInFlight) { run_model(65'536); }
TEST(RecoveryModel, EveryNoteIsToldOnceWhereTheRingIsTooSmall) { run_model(128); }

}  // namespace
}  // namespace kith::packet
