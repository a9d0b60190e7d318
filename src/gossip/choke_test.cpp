#include "gossip/choke.h"

#include <gtest/gtest.h>

namespace kith::gossip {
namespace {

constexpr Instant start{1h};
using Slots = std::vector<PeerSlot>;

// Peers 0 to n - 1, inbound, of netgroup 1, all knowing the extension.
std::vector<ChokeCandidate> mesh_of(PeerSlot n) {
  std::vector<ChokeCandidate> mesh;
  for (PeerSlot slot = 0; slot < n; ++slot) mesh.push_back({slot, true, false, 1, 50ms});
  return mesh;
}

ChokeConfig three() {
  ChokeConfig config;
  config.fastest = 3;
  return config;
}

struct Bench {
  explicit Bench(const ChokeConfig& config = three()) : choke(config) {}

  /// One message, which each peer sends so long after the first; negative: it only announces.
  void message(const std::vector<int>& lags_ms, bool was_asked_for = false) {
    const MessageKey key{next, next};
    ++next;
    PeerSlot first = 0;
    for (PeerSlot i = 0; i < lags_ms.size(); ++i) {
      if (lags_ms[i] >= 0 && (lags_ms[first] < 0 || lags_ms[i] < lags_ms[first])) first = i;
    }
    now += 100ms;
    choke.delivered(now + lags_ms[first] * 1ms, key, first, was_asked_for);
    for (PeerSlot i = 0; i < lags_ms.size(); ++i) {
      const int lag = lags_ms[i];
      choke.heard(now + (lag < 0 ? -lag - 1 : lag) * 1ms, key, i, lag >= 0);
    }
  }
  void messages(int count, const std::vector<int>& lags_ms) {
    for (int i = 0; i < count; ++i) message(lags_ms);
  }

  Choke choke;
  Instant now = start;
  std::uint64_t next = 1;
};

TEST(Choke, LeavesTheFastestThree) {
  Bench bench;
  EXPECT_FALSE(bench.choke.choose(bench.now, mesh_of(6)).has_value());  // has seen nothing
  // Each is first now and then, the first ones more often.
  for (int i = 0; i < 60; ++i) {
    std::vector<int> lags(6, 40);
    lags[static_cast<std::size_t>(i % 2 == 0 ? 0 : (i % 4 == 1 ? 1 : (i % 8 == 3 ? 2 : 3)))] = 0;
    if (i == 7) lags[4] = 0;
    bench.message(lags);
  }
  EXPECT_EQ(bench.choke.choose(bench.now, mesh_of(6)), (Slots{3, 4, 5}));
  EXPECT_FALSE(bench.choke.choose(bench.now + 100s, mesh_of(6)).has_value());  // nothing new since
}

// Three that are always a little early are worth less than one of them and two that are early when
// it is late.
TEST(Choke, TheChosenComplementEachOther) {
  Bench bench;
  for (int i = 0; i < 60; ++i) {
    if (i % 4 == 0) {
      bench.message({100, 100, 100, 0, 100});
    } else if (i % 4 == 1) {
      bench.message({100, 100, 100, 100, 0});
    } else {
      bench.message({0, 1, 2, 100, 100});
    }
  }
  EXPECT_EQ(bench.choke.choose(bench.now, mesh_of(5)), (Slots{1, 2}));
}

TEST(Choke, WhoIsSilentIsChoked) {
  Bench bench;
  for (int i = 0; i < 60; ++i) {
    const MessageKey key{bench.next, bench.next};
    ++bench.next;
    bench.choke.delivered(bench.now, key, 2, false);
    for (const PeerSlot peer : {3u, 4u}) bench.choke.heard(bench.now + 90ms, key, peer, true);
  }
  EXPECT_EQ(bench.choke.choose(bench.now, mesh_of(5)), (Slots{0, 1}));
}

TEST(Choke, KeepsASmallMesh) {
  Bench bench;
  bench.messages(60, {0, 1, 2});
  EXPECT_EQ(bench.choke.choose(bench.now, mesh_of(3)), Slots());
}

TEST(Choke, OneOfThemIsOutboundAndOfAnotherNetgroup) {
  Bench bench;
  bench.messages(60, {0, 1, 2, 3, 4, 5});
  auto mesh = mesh_of(6);
  mesh[4].is_outbound = true;  // of the same netgroup: no help
  mesh[5].is_outbound = true;
  mesh[5].netgroup = 2;
  EXPECT_EQ(bench.choke.choose(bench.now, mesh), (Slots{2, 3, 4}));
}

TEST(Choke, DoesNotChokeWhoDoesNotKnowIt) {
  Bench bench;
  bench.messages(60, {0, 1, 2, 3, 4, 5});
  auto mesh = mesh_of(6);
  mesh[5].knows_choke = mesh[0].knows_choke = false;
  EXPECT_EQ(bench.choke.choose(bench.now, mesh), (Slots{3, 4}));
}

TEST(Choke, AnotherChoiceMustBeClearlyBetter) {
  ChokeConfig config = three();
  config.remembered_max = 60;  // each choice by its own training
  config.loyalty = 1.25;
  Bench bench(config);
  bench.messages(60, {0, 0, 0, 100});
  bench.choke.set_choked(*bench.choke.choose(bench.now, mesh_of(4)));
  ASSERT_EQ(bench.choke.choked(), Slots{3});
  const auto again = [&](int lag_ms) {
    for (int i = 0; i < 60; ++i) {
      bench.message({lag_ms, i % 2 == 0 ? 0 : 40, i % 2 == 0 ? 40 : 20, i % 2 == 0 ? 40 : 0});
    }
    return bench.choke.choose(bench.now, mesh_of(4));
  };
  EXPECT_EQ(again(40), Slots{0});
  bench.choke.set_choked({3});
  for (int i = 0; i < 60; ++i) bench.message({10, 10, 10, 9});
  EXPECT_EQ(bench.choke.choose(bench.now, mesh_of(4)), Slots{3});
}

// What is announced early would come as a body later by what a body takes.
TEST(Choke, AnnouncementsAreReckonedWithTheBodysTime) {
  ChokeConfig config = three();
  config.fastest = 1;
  Bench bench(config);
  bench.messages(60, {20, -1});  // 1 announces 20 ms before 0 sends
  EXPECT_EQ(bench.choke.choose(bench.now, mesh_of(2)), Slots{0});
  for (int i = 0; i < 60; ++i) bench.choke.answered(150ms, 50ms);  // bodies take 100 ms
  bench.messages(60, {20, -1});
  EXPECT_EQ(bench.choke.choose(bench.now, mesh_of(2)), Slots{1});
}

TEST(Choke, LateMessagesEndIt) {
  Bench bench;
  bench.messages(60, {0, 1, 2, 3, 4, 5});
  bench.choke.set_choked(*bench.choke.choose(bench.now, mesh_of(6)));
  EXPECT_FALSE(bench.choke.begins_fallback(start));
  for (int i = 0; i < 40; ++i) bench.message({0, 1, 2, 3, 4, 5}, i % 4 != 0);  // were asked for
  EXPECT_TRUE(bench.choke.begins_fallback(start));
  bench.choke.set_choked({});
  EXPECT_FALSE(bench.choke.begins_fallback(start));
  bench.messages(60, {0, 1, 2, 3, 4, 5});
  EXPECT_FALSE(bench.choke.choose(start + 59s, mesh_of(6)).has_value());  // plain push for a minute
  EXPECT_TRUE(bench.choke.choose(start + 60s, mesh_of(6)).has_value());
}

TEST(Choke, MayBeOff) {
  ChokeConfig config = three();
  config.is_on = false;
  Bench bench(config);
  bench.messages(60, {0, 1, 2, 3, 4, 5});
  EXPECT_FALSE(bench.choke.choose(bench.now, mesh_of(6)).has_value());
}

TEST(Choke, ForgetsWhoLeaves) {
  Bench bench;
  bench.messages(60, {0, 1, 2, 3, 4, 5});
  bench.choke.set_choked({3, 4, 5});
  bench.choke.forget(4);
  EXPECT_EQ(bench.choke.choked(), (Slots{3, 5}));
  EXPECT_TRUE(bench.choke.is_choked(3));
  EXPECT_FALSE(bench.choke.is_choked(4));
  bench.choke.forget(0);  // whoever gets its slot has said nothing yet
  EXPECT_EQ(bench.choke.choose(bench.now, mesh_of(6)), (Slots{0, 4, 5}));
}

}  // namespace
}  // namespace kith::gossip
