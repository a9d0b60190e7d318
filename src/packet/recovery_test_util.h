// For tests: a Recovery under a controller that only writes down what it hears.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <vector>

#include "packet/recovery.h"

namespace kith::packet::testing {

inline constexpr std::uint64_t packet_bytes = 1000;
inline constexpr Duration peer_delay = 25ms;

/// Does nothing but write down what it hears.
class Recorder final : public Congestion {
 public:
  std::string_view name() const override { return "recorder"; }
  void on_sent(Instant, std::uint64_t, std::uint64_t in_flight) override {
    EXPECT_EQ(in_flight, 0u);
    ++starts;
  }
  void on_acked(const AckedBatch& batch) override { acked.push_back(batch); }
  void on_lost(const LostBatch& batch) override { lost.push_back(batch); }
  void on_persistent_congestion(Instant) override { ++persistent; }
  void on_spurious_loss(Instant, std::uint64_t bytes) override { spurious += bytes; }
  void on_packet_bytes(std::uint64_t bytes) override { packet = bytes; }
  std::uint64_t window() const override { return room; }
  std::optional<ByteRate> pacing_rate() const override { return rate; }
  bool is_slow_start() const override { return is_starting; }

  std::vector<AckedBatch> acked;
  std::vector<LostBatch> lost;
  int persistent = 0, starts = 0;
  std::uint64_t spurious = 0, packet = 0, room = 1'000'000;
  std::optional<ByteRate> rate;
  bool is_starting = false;
};

inline AckFrame ack_of(std::initializer_list<NumberRange> ranges, Duration delay = 0ms) {
  AckFrame ack;
  ack.delay = delay;
  for (const NumberRange& range : ranges) ack.ranges[ack.count++] = range;
  return ack;
}
inline std::vector<std::uint64_t> offsets(std::span<const FrameNote> notes) {
  std::vector<std::uint64_t> all;
  for (const FrameNote& note : notes) all.push_back(note.offset);
  return all;
}
using Numbers = std::vector<std::uint64_t>;

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() { make({}); }
  void make(const RecoveryConfig& config) {
    auto congestion = std::make_unique<Recorder>();
    heard = congestion.get();
    recovery = std::make_unique<Recovery>(config, packet_bytes, rng, std::move(congestion));
  }
  /// One with a note of its number.
  PacketNumber send(bool is_reliable = true, bool is_mtu_probe = false, bool is_ect = false) {
    const PacketNumber number = recovery->next_number(1);
    const FrameNote note{
        .kind = FrameNote::Kind::stream, .flags = 0, .bytes = 0, .id = 1, .offset = number};
    recovery->on_sent(now, {number, packet_bytes, is_reliable, is_mtu_probe, is_ect},
                      std::span(&note, 1));
    return number;
  }
  void send_many(std::size_t count) {
    for (; count > 0; --count) send();
  }
  RecoveryNews ack(const AckFrame& frame) {
    auto news = recovery->on_ack(now, frame, peer_delay);
    EXPECT_TRUE(news.has_value()) << news.error().message;
    return news.value_or(RecoveryNews{});
  }
  RecoveryNews ack(std::initializer_list<NumberRange> ranges) { return ack(ack_of(ranges)); }
  /// A round trip of 100 ms is known: srtt 100, variation 50.
  void know_round_trip() {
    const PacketNumber number = send();
    now += 100ms;
    ack({{number, number}});
  }
  Code refusal(const AckFrame& frame) {
    auto news = recovery->on_ack(now, frame, peer_delay);
    return news ? Code::internal : news.error().code;
  }
  RecoveryNews at_deadline() {
    now = recovery->next_deadline().value();
    return recovery->on_deadline(now);
  }

  SeededRng rng{1};
  Recorder* heard = nullptr;
  std::unique_ptr<Recovery> recovery;
  Instant now{1s};
};

}  // namespace kith::packet::testing
