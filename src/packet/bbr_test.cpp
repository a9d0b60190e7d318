// BBR on the path that `./run bench transport` has: 200 Mbit/s, 20 ms, a queue of 512 KiB.
#include "packet/bbr.h"

#include <gtest/gtest.h>

#include "packet/aimd.h"
#include "packet/cubic.h"
#include "packet/test_path.h"

namespace kith::packet {
namespace {

using testing::PathModel;
using testing::TestPath;

double mbits(std::uint64_t bytes, Duration span) {
  return static_cast<double>(bytes) * 8000 / static_cast<double>(span.count());
}

/// Of one flow, from the third second to the thirteenth.
double alone(std::unique_ptr<Congestion> congestion, std::uint64_t loss_ppm) {
  TestPath path({.loss_ppm = loss_ppm}, 7);
  path.add(std::move(congestion));
  path.run_for(3s);
  path.take_delivered(0);
  path.run_for(10s);
  return mbits(path.take_delivered(0), 10s);
}

struct Shares {
  double first, second;
};
Shares together(std::unique_ptr<Congestion> one, std::unique_ptr<Congestion> other,
                const PathModel& model = {}) {
  TestPath path(model, 7);
  path.add(std::move(one));
  path.add(std::move(other), 500ms);
  path.run_for(5s);
  path.take_delivered(0);
  path.take_delivered(1);
  path.run_for(30s);
  const Shares shares{mbits(path.take_delivered(0), 30s), mbits(path.take_delivered(1), 30s)};
  return shares;
}

class BbrPath : public ::testing::Test {
 protected:
  std::unique_ptr<Congestion> bbr() { return std::make_unique<Bbr>(BbrConfig{}, rng_); }
  std::unique_ptr<Congestion> cubic() { return std::make_unique<Cubic>(CubicConfig{}); }
  SeededRng rng_{3};
};

// 0.95 of what TCP BBR reaches on the relay: 197, 197, 196 and 187 Mbit/s.
TEST_F(BbrPath, HoldsThePipeAtAnyLoss) {
  for (const auto& [loss_ppm, least] :
       {std::pair(0U, 187.0), {1'000U, 187.0}, {10'000U, 186.0}, {50'000U, 178.0}}) {
    const double rate = alone(bbr(), loss_ppm);
    EXPECT_GE(rate, least) << loss_ppm;
  }
}

/// What it is for: whoever halves on loss does not.
TEST_F(BbrPath, WhereTheOthersFall) {
  EXPECT_GE(alone(cubic(), 0), 180.0);
  EXPECT_LE(alone(cubic(), 10'000), 20.0);
  EXPECT_LE(alone(std::make_unique<Aimd>(AimdConfig{}), 10'000), 20.0);
}

TEST_F(BbrPath, TwoOfThemShare) {
  const Shares shares = together(bbr(), bbr());
  EXPECT_GE(shares.first + shares.second, 185.0);
  EXPECT_GE(std::min(shares.first, shares.second) / (shares.first + shares.second), 0.4);
}

TEST_F(BbrPath, LeavesCubicAThird) {
  const Shares shares = together(bbr(), cubic());
  EXPECT_GE(shares.second / (shares.first + shares.second), 0.3);
  EXPECT_GE(shares.first / (shares.first + shares.second), 0.3);
}

/// A queue of a quarter of a round trip: losses must count there too, or the first one has it all.
TEST_F(BbrPath, SharesAShortQueueToo) {
  for (const std::uint64_t loss_ppm : {0U, 10'000U}) {
    const PathModel model{.queue_bytes = 125'000, .loss_ppm = loss_ppm};
    const Shares two = together(bbr(), bbr(), model);
    EXPECT_GE(two.first + two.second, 185.0) << loss_ppm;
    EXPECT_GE(std::min(two.first, two.second) / (two.first + two.second), 0.4) << loss_ppm;
  }
}

/// A queue that marks and drops nothing bounds what a probe has in flight.
TEST_F(BbrPath, GivesWayToMarks) {
  const std::uint64_t bdp = 500'000;
  std::array<std::uint64_t, 2> most{};
  for (const bool has_marks : {false, true}) {
    PathModel model{.queue_bytes = 64 << 20};
    if (has_marks) model.marks_above = 50'000;
    TestPath path(model, 7);
    path.add(bbr());
    path.run_for(1s);
    path.take_delivered(0);
    for (int i = 0; i < 400; ++i) {
      path.run_for(10ms);
      most[has_marks] = std::max(most[has_marks], path.in_flight(0));
    }
    EXPECT_GE(mbits(path.take_delivered(0), 4s), 170.0) << has_marks;
  }
  EXPECT_LE(most[1], bdp * 13 / 10);
  EXPECT_LT(most[1], most[0] * 9 / 10);
}

/// Two programs of one machine: a round trip takes what it takes to wake up, and now and then next
/// to nothing. By the least one the pipe holds some KB, and with so few in flight it is slow.
TEST_F(BbrPath, IsFastWhereReceiversSleep) {
  TestPath path({.bytes_per_second = 500'000'000, .round_trip = 10us, .wakes_after = 200us}, 7);
  path.add(bbr());
  path.run_for(6s);  // past the first look for the least round trip
  path.take_delivered(0);
  path.run_for(3s);
  EXPECT_GE(mbits(path.take_delivered(0), 3s), 3'600.0);
}

/// What was slow for a while is fast again soon.
TEST_F(BbrPath, FollowsAPathThatComesBack) {
  for (const std::uint64_t loss_ppm : {0U, 10'000U, 50'000U}) {
    TestPath path({.loss_ppm = loss_ppm}, 7);
    path.add(bbr());
    path.run_for(3s);
    path.set_rate(1'000'000);
    path.run_for(5s);
    path.set_rate(25'000'000);
    path.run_for(3s);
    path.take_delivered(0);
    path.run_for(1s);
    EXPECT_GE(mbits(path.take_delivered(0), 1s), 170.0) << loss_ppm;
  }
}

TEST_F(BbrPath, FindsBandwidthAndRoundTrip) {
  TestPath path({}, 7);
  path.add(bbr());
  path.run_for(2s);
  const auto& found = dynamic_cast<const Bbr&>(path.congestion(0));
  EXPECT_NEAR(static_cast<double>(found.bandwidth()), 25e6, 1e6);
  EXPECT_NEAR(static_cast<double>(found.least_round_trip() / 1us), 20'056, 500);
}

}  // namespace
}  // namespace kith::packet
