#include "gossip/relay.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kith::gossip {
namespace {

constexpr Instant start{1h};
constexpr PeerSlot from = 1;
constexpr PeerSlot to = 2;

MessageKey key(std::uint64_t n) { return {n, n}; }

/// Messages from `from`, one a second, of which `to` turns out to have had those that `had` says.
struct Bench {
  Relay relay{RelayConfig{}};
  Instant now = start;
  std::uint64_t next = 1;

  void message(bool had, bool asks = false) {
    const MessageKey of = key(next++);
    relay.begin(now, of, from);
    relay.handed(to, !relay.is_lazy(from, to));
    if (had) relay.had(of, to);
    if (asks) relay.asked(of, to);
    now += 1s;
    relay.settle(now);
  }
  void messages(int count, bool had) {
    for (int i = 0; i < count; ++i) message(had);
  }
};

TEST(Relay, SendsUntilItHasSeenEnough) {
  Bench bench;
  bench.messages(3, true);
  EXPECT_FALSE(bench.relay.is_lazy(from, to));
  bench.messages(3, true);
  EXPECT_TRUE(bench.relay.is_lazy(from, to));
  EXPECT_FALSE(bench.relay.is_lazy(3, to));  // what another brings is another matter
  EXPECT_FALSE(bench.relay.is_lazy(from, 3));
  EXPECT_FALSE(bench.relay.is_lazy(no_slot, to));
}

TEST(Relay, GoesOnSendingToWhoNeedsItNowAndThen) {
  Bench bench;
  for (int i = 0; i < 100; ++i) {
    bench.message(i % 5 != 0);
    EXPECT_FALSE(bench.relay.is_lazy(from, to)) << i;
  }
}

TEST(Relay, TwoQuestionsMakeItSendAgain) {
  Bench bench;
  bench.messages(20, true);
  ASSERT_TRUE(bench.relay.is_lazy(from, to));
  for (int i = 0; i < 2; ++i) bench.message(false, true);
  bench.messages(2, true);  // what the questions taught is known two seconds later
  EXPECT_FALSE(bench.relay.is_lazy(from, to));
}

TEST(Relay, ARareQuestionDoesNot) {
  Bench bench;
  bench.messages(20, true);
  for (int i = 0; i < 60; ++i) {
    bench.message(i % 10 != 0, i % 10 == 0);
    EXPECT_TRUE(bench.relay.is_lazy(from, to)) << i;
  }
}

TEST(Relay, AnAnnouncementWithoutAnAnswerKeepsItLazy) {
  Bench bench;
  bench.messages(20, true);
  bench.messages(50, false);  // says nothing, asks nothing: had it
  EXPECT_TRUE(bench.relay.is_lazy(from, to));
}

TEST(Relay, ForgetsWhoLeaves) {
  Bench bench;
  bench.messages(20, true);
  bench.relay.begin(bench.now, key(1000), from);
  bench.relay.handed(to, true);
  bench.relay.forget(to);
  EXPECT_EQ(bench.relay.pairs(), 0u);
  bench.relay.had(key(1000), to);
  bench.relay.settle(bench.now + 1h);
  EXPECT_EQ(bench.relay.pairs(), 0u);
  EXPECT_EQ(bench.relay.remembered(), 0u);
}

TEST(Relay, RemembersNoMoreThanItMay) {
  RelayConfig config;
  config.remembered_max = 4;
  Relay relay(config);
  for (std::uint64_t n = 0; n < 100; ++n) {
    relay.begin(start, key(n), from);
    relay.handed(to, true);
    relay.had(key(n), to);
    EXPECT_LE(relay.remembered(), 4u);
  }
  EXPECT_TRUE(relay.is_lazy(from, to));  // those that were pushed out have taught all the same
}

TEST(Relay, AnyOrderOfWordsIsTaken) {
  ASSERT_TRUE(rc::check([](const std::vector<std::uint8_t>& steps) {
    RelayConfig config;
    config.remembered_max = 8;
    Relay relay(config);
    Instant now = start;
    std::uint64_t next = 0;
    for (const std::uint8_t step : steps) {
      const PeerSlot peer = step >> 4U & 3U;
      const MessageKey of = key(next - std::min<std::uint64_t>(next, step >> 6U));
      switch (step & 7U) {
        case 0: relay.begin(now, key(++next), peer); break;
        case 1: relay.handed(peer, (step & 8U) != 0); break;
        case 2: relay.had(of, peer); break;
        case 3: relay.asked(of, peer); break;
        case 4: now += 300ms; break;
        case 5: relay.settle(now); break;
        case 6: relay.forget(peer); break;
        case 7: (void)relay.is_lazy(peer, step & 3U); break;
      }
      RC_ASSERT(relay.remembered() <= 8u);
      RC_ASSERT(relay.pairs() <= 4u * 5u);
    }
  }));
}

}  // namespace
}  // namespace kith::gossip
