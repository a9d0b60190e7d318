#include "gossip/seqno_guard.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kith::gossip {
namespace {

constexpr Instant start{1h};

PeerId author(std::uint32_t n) {
  Bytes bytes(34, 0);
  bytes[0] = 0x12;
  bytes[1] = 0x20;
  for (std::size_t i = 0; i < 4; ++i) bytes[2 + i] = static_cast<std::uint8_t>(n >> (8 * i));
  return PeerId::from_multihash(bytes).value();
}

SeqnoGuardConfig with(SeqnoRule rule) {
  SeqnoGuardConfig config;
  config.rule = rule;
  return config;
}

TEST(SeqnoGuard, MonotonicIsKubos) {
  SeqnoGuard guard(with(SeqnoRule::monotonic));
  EXPECT_TRUE(guard.is_fresh(start, author(1), 5));
  guard.mark(start, author(1), 5);
  EXPECT_FALSE(guard.is_fresh(start, author(1), 5));
  EXPECT_FALSE(guard.is_fresh(start, author(1), 4));
  EXPECT_TRUE(guard.is_fresh(start, author(1), 6));
  EXPECT_TRUE(guard.is_fresh(start, author(2), 1));
}

TEST(SeqnoGuard, TheWindowLetsMessagesOvertake) {
  SeqnoGuard guard({});
  guard.mark(start, author(1), 10);
  EXPECT_TRUE(guard.is_fresh(start + 59s, author(1), 9));
}

// What was marked is refused at the latest when the seen cache may have forgotten it: after 120 s.
TEST(SeqnoGuard, LeavesNoGapBehindTheSeenCache) {
  ASSERT_TRUE(rc::check([] {
    SeqnoGuard guard({});
    Instant now = start;
    std::uint64_t seqno = 0;
    std::vector<std::pair<Instant, std::uint64_t>> marked;
    const auto pauses =
        *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
    for (const std::uint8_t pause : pauses) {
      now += pause * 1s;
      seqno += 1 + pause % 3;
      RC_ASSERT(guard.is_fresh(now, author(1), seqno));
      guard.mark(now, author(1), seqno);
      marked.emplace_back(now, seqno);
      for (const auto& [at, number] : marked) {
        if (now - at >= 120s) RC_ASSERT(!guard.is_fresh(now, author(1), number));
      }
      RC_ASSERT(!guard.is_fresh(now + 120s, author(1), seqno));
    }
  }));
}

// Row A27: refused after a restart too.
TEST(SeqnoGuard, RefusesReplaysAfterARestart) {
  SeqnoGuard before({});
  for (std::uint32_t n = 0; n < 50; ++n) before.mark(start, author(n), 100 + n);
  const auto stored = before.export_all();
  EXPECT_EQ(stored.size(), 50u);
  SeqnoGuard after({});
  after.import(start, stored);
  EXPECT_EQ(after.export_all(), stored);
  for (std::uint32_t n = 0; n < 50; ++n) {
    EXPECT_FALSE(after.is_fresh(start, author(n), 100 + n));
    EXPECT_FALSE(after.is_fresh(start, author(n), 1));
    EXPECT_TRUE(after.is_fresh(start, author(n), 101 + n));
  }
}

TEST(SeqnoGuard, GivesWhatChangedOnceAndInParts) {
  SeqnoGuard guard({});
  for (std::uint32_t n = 0; n < 5; ++n) guard.mark(start, author(n), 10 + n);
  EXPECT_EQ(guard.take_changed(3).size(), 3u);
  EXPECT_EQ(guard.take_changed(3).size(), 2u);
  EXPECT_TRUE(guard.take_changed(3).empty());
  guard.mark(start + 1s, author(4), 99);
  guard.mark(start + 1s, author(4), 50);
  EXPECT_EQ(guard.take_changed(3), (std::vector<AuthorSeqno>{{author(4), 99}}));
  SeqnoGuard after({});
  after.import(start, guard.export_all());
  EXPECT_TRUE(after.take_changed(9).empty());
}

// Row A28: the last seqno locks out its own author only.
TEST(SeqnoGuard, TheLastSeqnoHarmsItsAuthorAlone) {
  SeqnoGuard guard({});
  guard.mark(start, author(1), ~std::uint64_t{0});
  EXPECT_FALSE(guard.is_fresh(start + 200s, author(1), 5));
  EXPECT_TRUE(guard.is_fresh(start + 200s, author(2), 5));
}

TEST(SeqnoGuard, NewAuthorsDoNotPushOutTheGuarded) {
  SeqnoGuardConfig config;
  config.authors_max = 3;
  SeqnoGuard guard(config);
  for (std::uint32_t n = 0; n < 3; ++n) EXPECT_TRUE(guard.mark(start, author(n), 10));
  EXPECT_FALSE(guard.mark(start + 1s, author(99), 10));
  EXPECT_EQ(guard.size(), 3u);
  EXPECT_FALSE(guard.is_fresh(start + 200s, author(0), 10));
  // Who was silent for an hour makes room.
  guard.mark(start + 10s, author(1), 11);
  guard.mark(start + 10s, author(2), 11);
  EXPECT_TRUE(guard.mark(start + 3600s, author(99), 10));
  EXPECT_EQ(guard.size(), 3u);
  EXPECT_FALSE(guard.is_fresh(start + 3600s, author(1), 11));
}

TEST(SeqnoGuard, MayBeOff) {
  SeqnoGuard guard(with(SeqnoRule::none));
  guard.mark(start, author(1), 5);
  EXPECT_TRUE(guard.is_fresh(start + 3600s, author(1), 5));
  EXPECT_EQ(guard.size(), 0u);
}

}  // namespace
}  // namespace kith::gossip
