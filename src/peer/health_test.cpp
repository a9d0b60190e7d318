#include "peer/health.h"

#include "peer/test_quality.h"

namespace kith::peer {
namespace {

struct Monitor {
  explicit Monitor(const HealthConfig& with = {}) : config(with) {}
  void wait(Duration span) {
    const Instant end = now + span;
    for (auto next = health.next_deadline(); next && *next <= end; next = health.next_deadline()) {
      now = std::max(now, *next);
      health.on_deadline(now);
      drain();
    }
    now = end;
  }
  void drain() {
    while (auto output = health.poll()) {
      std::visit(Overload{[&](AskPeer& ask) {
                            ++asked[ask.peer];
                            asked_at[ask.peer].push_back(now);
                            if (answers(ask.peer)) health.probe_succeeded(now, ask.peer);
                          },
                          [&](HealthChanged& change) { changes.push_back(change); },
                          [&](Silence& silence) { silences[silence.peer] += silence.failures; }},
                 *output);
    }
  }

  const HealthConfig config;
  SeededRng rng{7};
  Health health{config, rng};
  Instant now{1h};
  std::map<PeerId, int> asked;
  std::map<PeerId, std::vector<Instant>> asked_at;
  std::vector<HealthChanged> changes;
  std::map<PeerId, std::uint32_t> silences;
  std::function<bool(const PeerId&)> answers = [](const PeerId&) { return true; };
};

TEST(Health, ProbesEachThirtySecondsMoreOrLess) {
  Monitor m;
  m.health.connected(m.now, test_peer(1));
  m.wait(1h);
  EXPECT_GE(m.asked[test_peer(1)], 115);
  EXPECT_LE(m.asked[test_peer(1)], 125);
  const auto& at = m.asked_at[test_peer(1)];
  for (std::size_t i = 1; i < at.size(); ++i) {
    EXPECT_GE(at[i] - at[i - 1], 27s);
    EXPECT_LE(at[i] - at[i - 1], 33s);
  }
  EXPECT_EQ(m.health.of(test_peer(1)), PeerHealth::healthy);
  EXPECT_TRUE(m.silences.empty());
}

TEST(Health, DegradesAndRecovers) {
  Monitor m({.probe_jitter_percent = 0});
  for (std::uint32_t i = 1; i <= 5; ++i) m.health.connected(m.now, test_peer(i));
  bool is_back = false;
  m.answers = [&](const PeerId& peer) { return is_back || peer != test_peer(1); };
  m.wait(5min);
  ASSERT_GE(m.changes.size(), 2u);
  EXPECT_EQ(m.changes[0].health, PeerHealth::degraded);
  EXPECT_EQ(m.changes[1].health, PeerHealth::unhealthy);
  EXPECT_EQ(m.changes[0].peer, test_peer(1));
  EXPECT_EQ(m.health.of(test_peer(1)), PeerHealth::stale);  // nothing at all for five minutes
  EXPECT_EQ(m.health.of(test_peer(2)), PeerHealth::healthy);
  EXPECT_GE(m.silences[test_peer(1)], 8u);
  EXPECT_FALSE(m.silences.contains(test_peer(2)));

  Monitor n;
  for (std::uint32_t i = 1; i <= 5; ++i) n.health.connected(n.now, test_peer(i));
  n.answers = [&](const PeerId& peer) { return is_back || peer != test_peer(1); };
  n.wait(3min);
  EXPECT_EQ(n.health.of(test_peer(1)), PeerHealth::unhealthy);
  is_back = true;
  n.wait(31s);
  EXPECT_EQ(n.health.of(test_peer(1)), PeerHealth::unhealthy);  // one answer is not enough
  n.wait(60s);
  EXPECT_EQ(n.health.of(test_peer(1)), PeerHealth::healthy);
}

TEST(Health, OneLostAnswerIsNothing) {
  Monitor m;
  for (std::uint32_t i = 1; i <= 5; ++i) m.health.connected(m.now, test_peer(i));
  int lost = 0;
  m.answers = [&](const PeerId& peer) { return peer != test_peer(1) || ++lost % 2 == 0; };
  m.wait(1h);
  EXPECT_TRUE(m.changes.empty());
  EXPECT_GT(m.silences[test_peer(1)], 50u);
}

TEST(Health, WhenMostFailNobodyIsBlamed) {
  Monitor m;
  for (std::uint32_t i = 1; i <= 10; ++i) m.health.connected(m.now, test_peer(i));
  m.wait(1min);
  m.answers = [](const PeerId&) { return false; };
  m.wait(4min);
  for (const auto& [peer, failures] : m.silences) EXPECT_EQ(failures, 1u);  // as it began
  EXPECT_LE(m.silences.size(), 5u);
  EXPECT_TRUE(m.changes.empty());
  EXPECT_EQ(m.health.timeout(), 20s);  // widened, as far as it goes
  m.answers = [](const PeerId&) { return true; };
  m.wait(3min);
  EXPECT_EQ(m.health.timeout(), 5s);
  EXPECT_EQ(m.health.of(test_peer(3)), PeerHealth::healthy);
}

TEST(Health, WhenFewFailTheyAreBlamed) {
  Monitor m;
  for (std::uint32_t i = 1; i <= 10; ++i) m.health.connected(m.now, test_peer(i));
  m.answers = [](const PeerId& peer) { return peer > test_peer(4); };
  m.wait(4min);
  EXPECT_EQ(m.silences.size(), 4u);
  EXPECT_EQ(m.health.timeout(), 5s);
}

TEST(Health, WithoutTrafficAPeerIsGivenUp) {
  HealthConfig config;
  config.probe_interval = Duration::zero();
  Monitor m(config);
  m.health.connected(m.now, test_peer(1));
  m.health.connected(m.now, test_peer(2));
  m.wait(200s);
  m.health.traffic(m.now, test_peer(2));
  m.wait(99s);
  EXPECT_TRUE(m.changes.empty());
  m.wait(1s);
  ASSERT_EQ(m.changes.size(), 1u);
  EXPECT_EQ(m.changes[0].peer, test_peer(1));
  EXPECT_EQ(m.changes[0].health, PeerHealth::stale);
  EXPECT_TRUE(m.asked.empty());
  m.health.traffic(m.now, test_peer(1));  // it was only slow to be closed
  m.drain();
  EXPECT_EQ(m.health.of(test_peer(1)), PeerHealth::healthy);
}

TEST(Health, ALateOrUnaskedAnswerIsOnlyTraffic) {
  Monitor m;
  m.answers = [](const PeerId&) { return false; };
  m.health.connected(m.now, test_peer(1));
  m.health.probe_succeeded(m.now, test_peer(1));
  m.health.probe_failed(m.now, test_peer(1));
  m.health.probe_failed(m.now, test_peer(2));
  m.health.request_failed(m.now, test_peer(2));
  m.drain();
  EXPECT_TRUE(m.changes.empty());
  EXPECT_EQ(m.health.of(test_peer(2)), PeerHealth::unknown);
  m.wait(2min);
  const auto before = m.silences[test_peer(1)];
  EXPECT_GE(before, 2u);
  m.health.probe_failed(m.now + 1ns, test_peer(1));  // the timeout has said so already
  m.health.disconnected(test_peer(1));
  m.health.disconnected(test_peer(1));
  EXPECT_EQ(m.health.size(), 0u);
  m.wait(2min);
  EXPECT_LE(m.silences[test_peer(1)], before + 1);
}

TEST(Health, FailedRequestsCostButAreNoIllness) {
  Monitor m;
  for (std::uint32_t i = 1; i <= 5; ++i) m.health.connected(m.now, test_peer(i));
  for (int i = 0; i < 20; ++i) m.health.request_failed(m.now, test_peer(1));
  m.wait(90s);
  EXPECT_EQ(m.silences[test_peer(1)], 20u);
  EXPECT_EQ(m.health.of(test_peer(1)), PeerHealth::healthy);
}

}  // namespace
}  // namespace kith::peer
