#include "packet/paths.h"

#include <gtest/gtest.h>

namespace kith::packet {
namespace {

Path path_at(std::uint8_t host, std::uint16_t port = 1) {
  base::IpPort at;
  at.ip = {10, 0, 0, host};
  at.port = port;
  return {{1}, at};
}
constexpr Instant paths_start = Instant{} + 1h;

TEST(Paths, AnUnprovedPathGetsThreeBytesForEachAndAProvedOneAll) {
  Paths paths(path_at(1), false);
  EXPECT_EQ(paths.allowance(path_at(1)), 0U);
  paths.on_received(path_at(1), 100);
  EXPECT_EQ(paths.allowance(path_at(1)), 300U);
  paths.on_sent(path_at(1), 299);
  EXPECT_EQ(paths.allowance(path_at(1)), 1U);
  paths.on_sent(path_at(1), 50);
  EXPECT_EQ(paths.allowance(path_at(1)), 0U);
  EXPECT_EQ(paths.allowance(path_at(2)), 0U) << "nothing was ever heard from there";
  paths.prove();
  EXPECT_GT(paths.allowance(path_at(1)), 1ULL << 60);
}

TEST(Paths, ACandidateIsAskedAtOnceAndBecomesThePathByItsAnswer) {
  SeededRng rng(1);
  Paths paths(path_at(1), true);
  paths.on_newest_from(paths_start, path_at(2), 60, rng);
  EXPECT_EQ(paths.allowance(path_at(2)), 180U);
  ASSERT_TRUE(paths.has_question(paths_start));
  const auto question = paths.take_question(paths_start, 100ms);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->path, path_at(2));
  EXPECT_FALSE(paths.has_question(paths_start));
  PingData wrong = question->data;
  wrong[7] ^= 1U;
  EXPECT_FALSE(paths.on_pong(path_at(2), wrong));
  EXPECT_FALSE(paths.on_pong(path_at(1), question->data));
  EXPECT_FALSE(paths.on_pong(path_at(3), question->data));
  EXPECT_EQ(paths.current(), path_at(1));
  EXPECT_TRUE(paths.on_pong(path_at(2), question->data));
  EXPECT_EQ(paths.current(), path_at(2));
  EXPECT_TRUE(paths.is_proved());
  EXPECT_FALSE(paths.on_pong(path_at(2), question->data)) << "once";
}

/// The first time, and whenever the peer sends to another one; who dialled leaves it to the system.
TEST(Paths, AnswersLeaveFromWhereThePeerSendsTo) {
  SeededRng rng(1);
  for (const bool was_dialled : {true, false}) {
    const auto from = [](std::uint8_t host, std::uint8_t local) {
      Path path = path_at(host);
      path.local = {192, 0, 2, local};
      return path;
    };
    const auto kept = [&](std::uint8_t local) {
      return was_dialled ? base::LocalIp{192, 0, 2, local} : base::LocalIp{};
    };
    Paths paths(was_dialled ? from(1, 7) : path_at(1), true);
    paths.on_newest_from(paths_start, from(1, 8), 60, rng);
    EXPECT_FALSE(paths.has_question(paths_start)) << "the same path";
    EXPECT_EQ(paths.current().local, kept(8));
    paths.on_newest_from(paths_start, from(2, 9), 60, rng);
    EXPECT_EQ(paths.take_question(paths_start, 100ms)->path.local, kept(9));
    paths.on_ping(from(2, 10), {});
    EXPECT_EQ(paths.take_answer()->path.local, kept(10));
  }
}

TEST(Paths, AnAnswerBeforeTheQuestionIsNone) {
  SeededRng rng(1), same(1);
  Paths paths(path_at(1), true);
  paths.on_newest_from(paths_start, path_at(2), 60, rng);
  PingData guessed;
  same.fill(guessed);
  EXPECT_FALSE(paths.on_pong(path_at(2), guessed));
}

TEST(Paths, ACandidateIsAskedSixTimesDoubledAndForgotten) {
  SeededRng rng(1);
  Paths paths(path_at(1), true);
  paths.on_newest_from(paths_start, path_at(2), 60, rng);
  std::vector<Duration> asked;
  for (Instant now = paths_start; now < paths_start + 10s; now += 100ms) {
    if (paths.take_question(now, 100ms)) asked.push_back(now - paths_start);
  }
  EXPECT_EQ(asked, (std::vector<Duration>{0ms, 100ms, 300ms, 700ms, 1500ms, 3100ms}));
  EXPECT_FALSE(paths.next_deadline());
  EXPECT_EQ(paths.allowance(path_at(2)), 0U) << "forgotten";
}

TEST(Paths, FourCandidatesAreKnownAndTheOldestGoes) {
  SeededRng rng(1);
  Paths paths(path_at(1), true);
  for (std::uint8_t host = 2; host <= 6; ++host) {
    paths.on_newest_from(paths_start, path_at(host), 60, rng);
  }
  EXPECT_EQ(paths.allowance(path_at(2)), 0U);
  for (std::uint8_t host = 3; host <= 6; ++host) {
    EXPECT_EQ(paths.allowance(path_at(host)), 180U) << int{host};
  }
}

TEST(Paths, ThreePongsAreOwedTheNewest) {
  Paths paths(path_at(1), true);
  for (std::uint8_t i = 0; i < 5; ++i) paths.on_ping(path_at(1), {i});
  for (std::uint8_t i = 2; i < 5; ++i) {
    const auto answer = paths.take_answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->data[0], i);
  }
  EXPECT_FALSE(paths.take_answer());
}

TEST(Paths, AMoveOfOnesOwnMayAskThreeTimesThoughNothingCameFromThere) {
  SeededRng rng(1);
  Paths paths(path_at(1), true);
  paths.move_to(paths_start, path_at(1), rng);
  EXPECT_FALSE(paths.has_question(paths_start)) << "it is there";
  paths.move_to(paths_start, path_at(2), rng);
  EXPECT_TRUE(paths.has_question(paths_start));
  EXPECT_GE(paths.allowance(path_at(2)), 3U * 57U);
}

}  // namespace
}  // namespace kith::packet
