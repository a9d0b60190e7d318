#include "peer/quality.h"

#include "peer/test_quality.h"

namespace kith::peer {
namespace {

using enum PeerEventKind;
const PeerId a = test_peer(1);
const PeerId b = test_peer(2);
const PeerId c = test_peer(3);

TEST(Quality, AStrangerIsANewcomer) {
  QualityBench bench;
  const PeerStanding standing = bench.of(a);
  EXPECT_EQ(standing.peer, a);
  EXPECT_EQ(standing.reputation, 0);
  EXPECT_DOUBLE_EQ(standing.trust, 0.5);
  EXPECT_EQ(standing.health, PeerHealth::unknown);
  EXPECT_FALSE(standing.is_warned || standing.is_banned || standing.is_proven);
  EXPECT_EQ(standing.quota_milli, 1000u);
  EXPECT_FALSE(bench.quality.report(bench.now, a));
}

TEST(Quality, GoodWorkRaisesStandingAndQuota) {
  QualityBench bench;
  bench.connect(a);
  bench.events(a, useful, 1100, 1s);
  const PeerStanding standing = bench.of(a);
  EXPECT_GE(standing.reputation, 998);
  EXPECT_GT(standing.trust, 0.998);
  EXPECT_TRUE(standing.is_proven);
  EXPECT_GE(standing.quota_milli, 3990u);
  EXPECT_NEAR(standing.gossip_score, 10, 0.01);
  EXPECT_FALSE(bench.take<StandingChanged>().empty());
  EXPECT_TRUE(bench.take<Disconnect>().empty());
}

// The measured behaviour of the model: one event a second from the first second on.
TEST(QualityFigures, InvalidMessagesWarnInFiveSecondsAndBanInTwentyFive) {
  QualityBench bench;
  bench.connect(a);
  int warned_at = 0;
  int banned_at = 0;
  for (int second = 1; banned_at == 0 && second < 100; ++second) {
    bench.wait(1s);
    bench.event(a, rejected);
    if (warned_at == 0 && bench.of(a).is_warned) warned_at = second;
    if (bench.of(a).is_banned) banned_at = second;
  }
  EXPECT_EQ(warned_at, 5);
  EXPECT_EQ(banned_at, 25);
}

TEST(QualityFigures, ASpammerIsWarnedInTwentySecondsAndBannedInAHundred) {
  QualityBench bench;
  bench.connect(a);
  int warned_at = 0;
  int banned_at = 0;
  for (int second = 1; banned_at == 0 && second < 200; ++second) {
    bench.wait(1s);
    bench.event(a, ambiguous);
    if (warned_at == 0 && bench.of(a).is_warned) warned_at = second;
    if (bench.of(a).is_banned) banned_at = second;
  }
  EXPECT_EQ(warned_at, 20);
  EXPECT_EQ(banned_at, 100);  // 101 in the reference, which rounds decay to whole points
}

TEST(QualityFigures, AFarmerWithFullCreditIsBannedInHalfAnHour) {
  QualityBench bench;
  bench.connect(a);
  bench.events(a, useful, 1100, 1s);
  ASSERT_GE(bench.of(a).reputation, 998);
  int warned_at = 0;
  int banned_at = 0;
  for (int minute = 1; banned_at == 0 && minute < 100; ++minute) {
    bench.events(a, useful, 60, 1s);
    bench.event(a, rejected);
    if (warned_at == 0 && bench.of(a).is_warned) warned_at = minute;
    if (bench.of(a).is_banned) banned_at = minute;
  }
  EXPECT_EQ(warned_at, 5);  // 8 in the reference, whose invalid messages come at random
  EXPECT_EQ(banned_at, 27);
}

TEST(QualityFigures, OneInvalidMessageInTwentyMinutesIsBorne) {
  QualityBench bench;
  bench.connect(a);
  for (int i = 0; i < 3 * 24 * 7; ++i) {  // a week
    bench.wait(20min);
    bench.event(a, rejected);
    bench.event(a, useful);
    ASSERT_FALSE(bench.of(a).is_banned) << i;
  }
}

TEST(QualityFigures, OneInQuarterOfAnHourIsBannedInADay) {
  QualityBench bench;
  bench.connect(a);
  int quarters = 0;
  while (!bench.of(a).is_banned && quarters < 1000) {
    bench.wait(15min);
    bench.event(a, rejected);
    ++quarters;
  }
  EXPECT_NEAR(quarters / 4.0, 24.25, 0.01);  // 5 points a quarter; 19 h in the random reference
}

/// A day of useful work and of probes of which a share is lost, among peers that answer all.
void lose_probes(QualityBench& bench, double loss) {
  SeededRng dice(42);
  bench.answers = [&](const PeerId& peer) { return peer != a || dice.unit() >= loss; };
  for (const PeerId& peer : {a, b, c, test_peer(4)}) bench.connect(peer);
  for (Duration waited{}; waited < 24h; waited += 10s) {
    bench.wait(10s);
    bench.event(a, useful);
  }
  bench.answers = nullptr;
}

TEST(QualityFigures, TwoPerCentOfLostProbesAreNothing) {
  QualityBench bench({});
  lose_probes(bench, 0.02);
  EXPECT_LE(bench.stored(a).liveness, 15 * point);
  EXPECT_EQ(bench.quality.stats().warnings, 0u);
  EXPECT_EQ(bench.quality.stats().bans, 0u);
}

TEST(QualityFigures, ThirtyPerCentOfLostProbesWarnAndNeverBan) {
  QualityBench bench({});
  lose_probes(bench, 0.3);
  EXPECT_GE(bench.stored(a).liveness, 90 * point);
  EXPECT_LE(bench.stored(a).liveness, 100 * point);
  EXPECT_EQ(bench.quality.stats().bans, 0u);
}

TEST(Quality, ABanDisconnectsRefusesAndEndsInProbation) {
  QualityBench bench;
  bench.connect(a);
  bench.events(a, useful, 100, 1s);
  bench.events(a, rejected, 25, 1s);
  const auto disconnects = bench.take<Disconnect>();
  ASSERT_EQ(disconnects.size(), 1u);
  EXPECT_EQ(disconnects[0].cause, DisconnectCause::banned);
  const auto banned = bench.take<PeerBanned>();
  ASSERT_EQ(banned.size(), 1u);
  EXPECT_EQ(banned[0].ban.cause, BanCause::record);
  EXPECT_EQ(banned[0].ban.reason, "test");
  bench.input(PeerDisconnected{a});
  const auto refused = bench.quality.admit(bench.now, a);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_EQ(bench.of(a).quota_milli, 0u);
  EXPECT_EQ(bench.of(a).gossip_gate, -51);
  EXPECT_EQ(bench.of(a).connections_max, 0u);
  bench.wait(399min);
  EXPECT_FALSE(bench.quality.admit(bench.now, a));
  EXPECT_TRUE(bench.take<BanEnded>().empty());
  bench.wait(2min);
  EXPECT_EQ(bench.take<BanEnded>().size(), 1u);
  EXPECT_TRUE(bench.quality.admit(bench.now, a));
  PeerStanding standing = bench.of(a);
  EXPECT_TRUE(standing.is_on_probation && standing.is_warned && !standing.is_banned);
  EXPECT_EQ(standing.connections_max, 1u);
  bench.wait(51min);  // the warning ends as well
  EXPECT_FALSE(bench.of(a).is_warned);
  EXPECT_EQ(bench.of(a).quota_milli, 1000u);
  bench.connect(a);
  bench.events(a, useful, 70, 1s);
  EXPECT_FALSE(bench.of(a).is_on_probation);
  EXPECT_EQ(bench.of(a).connections_max, 8u);
}

TEST(Quality, AWarningHasHysteresis) {
  QualityBench bench;
  bench.connect(a);
  for (int i = 0; i < 5; ++i) bench.event(a, rejected);
  EXPECT_TRUE(bench.of(a).is_warned);
  EXPECT_EQ(bench.of(a).quota_milli, 500u);
  EXPECT_EQ(bench.of(a).gossip_gate, -1);
  bench.wait(49min);
  EXPECT_TRUE(bench.of(a).is_warned);
  bench.take<StandingChanged>();
  bench.wait(2min);
  EXPECT_FALSE(bench.of(a).is_warned);
  const auto told = bench.take<StandingChanged>();  // in time, without an event
  ASSERT_EQ(told.size(), 1u);
  EXPECT_FALSE(told[0].standing.is_warned);
}

TEST(Quality, AProofBansAtOnce) {
  QualityBench bench;
  bench.event(a, fatal, "equivocation");  // not even connected
  EXPECT_TRUE(bench.of(a).is_banned);
  EXPECT_EQ(bench.of(a).reputation, -1000);
  const auto bans = bench.quality.bans(bench.now);
  ASSERT_EQ(bans.size(), 1u);
  EXPECT_EQ(bans[0].second.cause, BanCause::proof);
  EXPECT_EQ(bans[0].second.reason, "equivocation");
  EXPECT_NEAR(static_cast<double>((*bans[0].second.until - bench.now) / 1min), 900, 1);
}

TEST(Quality, DirectPeersAreNeverBannedForTheirRecord) {
  QualityBench bench;
  bench.input(SetDirect{a});
  bench.connect(a);
  bench.events(a, rejected, 100, 1s);
  EXPECT_FALSE(bench.of(a).is_banned);
  EXPECT_TRUE(bench.take<Disconnect>().empty());
  bench.event(a, fatal);
  EXPECT_FALSE(bench.of(a).is_banned);
  ASSERT_EQ(bench.take<Disconnect>().size(), 1u);
  // A person may still ban it; and making a banned peer direct lifts what its record brought.
  bench.input(BanPeer{a, 1h, "maintenance"});
  EXPECT_TRUE(bench.of(a).is_banned);
  bench.event(b, fatal);
  EXPECT_TRUE(bench.of(b).is_banned);
  bench.input(SetDirect{b});
  EXPECT_FALSE(bench.of(b).is_banned);
}

TEST(Quality, APersonBansAndLifts) {
  QualityBench bench;
  bench.connect(a);
  bench.input(BanPeer{a, std::nullopt, "spam"});
  EXPECT_TRUE(bench.of(a).is_banned);
  EXPECT_FALSE(bench.of(a).banned_until);
  EXPECT_EQ(bench.of(a).gossip_gate, -51);  // without any demerit
  EXPECT_EQ(bench.of(a).quota_milli, 0u);
  EXPECT_EQ(bench.take<Disconnect>().size(), 1u);
  bench.wait(24h * 365);
  EXPECT_TRUE(bench.of(a).is_banned);
  bench.input(UnbanPeer{a});
  EXPECT_FALSE(bench.of(a).is_banned);
  EXPECT_EQ(bench.take<BanEnded>().size(), 1u);
  EXPECT_TRUE(bench.of(a).is_on_probation);
  bench.input(BanPeer{b, 1min, "a minute"});
  EXPECT_TRUE(bench.of(b).is_banned);
  bench.wait(1min);
  EXPECT_FALSE(bench.of(b).is_banned);
  bench.input(BanPeer{b, Duration::max(), "for ever"});
  EXPECT_FALSE(bench.of(b).banned_until);
  // Lifting a ban for the record clears the record, or the next fault would bring it back.
  bench.event(c, fatal);
  bench.input(UnbanPeer{c});
  bench.event(c, rejected);
  EXPECT_FALSE(bench.of(c).is_banned);
}

TEST(Quality, FiveBannedPeersCloseTheirNetwork) {
  QualityBench bench;
  const NetGroup group{4};
  for (std::uint32_t i = 10; i < 15; ++i) {
    EXPECT_TRUE(bench.quality.admit(bench.now, test_peer(i), group));
    bench.connect(test_peer(i), group);
    bench.event(test_peer(i), fatal);
  }
  ASSERT_EQ(bench.take<GroupBanned>().size(), 1u);
  EXPECT_FALSE(bench.quality.admit(bench.now, a, group));
  EXPECT_FALSE(bench.quality.admit_group(bench.now, group));
  EXPECT_TRUE(bench.quality.admit(bench.now, a, NetGroup{5}));
  bench.input(SetDirect{a});
  EXPECT_TRUE(bench.quality.admit(bench.now, a, group));  // the operator's own
  EXPECT_EQ(bench.quality.group_bans(bench.now).size(), 1u);
  bench.wait(1h);
  EXPECT_TRUE(bench.quality.admit(bench.now, b, group));
}

TEST(Quality, ASilentPeerIsGatedAndGivenUp) {
  QualityBench bench({});
  for (const PeerId& peer : {a, b, c, test_peer(4)}) bench.connect(peer);
  bench.answers = [](const PeerId& peer) { return peer != a; };
  bench.wait(4min);
  EXPECT_EQ(bench.of(a).health, PeerHealth::unhealthy);
  EXPECT_EQ(bench.of(a).gossip_gate, -1);
  EXPECT_LE(bench.of(a).gossip_score, -12);
  EXPECT_EQ(bench.of(b).health, PeerHealth::healthy);
  EXPECT_TRUE(bench.take<Disconnect>().empty());
  bench.wait(2min);
  const auto closed = bench.take<Disconnect>();
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].peer, a);
  EXPECT_EQ(closed[0].cause, DisconnectCause::stale);
  bench.input(PeerDisconnected{a});
  EXPECT_EQ(bench.of(a).health, PeerHealth::unknown);
  EXPECT_EQ(bench.quality.stats().stale, 1u);
}

TEST(Quality, KeepsTimesCountsAndSuccessRate) {
  QualityBench bench;
  bench.connect(a);
  bench.wait(90s);
  bench.input(PeerEvent{a, request_succeeded, "dht", "", 80ms});
  bench.event(a, useful);
  bench.event(a, useful);
  bench.event(a, ambiguous);
  bench.event(a, ignored);
  bench.input(PeerDisconnected{a});
  bench.wait(10s);
  const PeerReport report = bench.quality.report(bench.now, a).value();
  EXPECT_EQ(report.first_seen->unix_ms, 1'700'000'000'000);
  EXPECT_EQ(report.last_seen->unix_ms, 1'700'000'090'000);
  EXPECT_EQ(report.connected, 90s);
  EXPECT_DOUBLE_EQ(report.success_rate.value(), 0.75);
  EXPECT_EQ(report.rtt, 80ms);
  EXPECT_EQ(bench.quality.request_timeout(a),
            1s);  // 80 ms + 4 · 40 ms is less than the least
  EXPECT_EQ(report.counts[static_cast<std::size_t>(ignored)], 1u);
  ASSERT_EQ(report.history.size(), 1u);
  EXPECT_EQ(report.history[0].what, "ambiguous");
  EXPECT_EQ(report.history[0].at.unix_ms, 1'700'000'090'000);
  EXPECT_EQ(bench.quality.reports(bench.now).size(), 1u);
}

TEST(Quality, HistoriesAreBoundedAndAFloodDoesNotClearThem) {
  QualityBench bench;
  bench.event(a, rejected, "the first");
  for (int i = 0; i < 10; ++i) bench.event(a, ambiguous, "flood");
  auto history = bench.quality.report(bench.now, a)->history;
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].reason, "the first");
  EXPECT_EQ(history[1].count, 10u);
  for (int i = 0; i < 40; ++i) bench.event(b, ignored, "none");
  for (int i = 0; i < 40; ++i) bench.event(b, ambiguous, std::to_string(i) + std::string(500, 'x'));
  history = bench.quality.report(bench.now, b)->history;
  EXPECT_EQ(history.size(), 16u);
  for (const auto& entry : history) EXPECT_LE(entry.reason.size(), history_text_bytes_max);
  const std::string umlauts = "x" + std::string(400, '\xc3');
  EXPECT_EQ(history_text(umlauts).size(), history_text_bytes_max);
  EXPECT_EQ(history_text("x" + std::string(127, 'y') + "\xc3\xa4").back(), 'y');
}

TEST(Quality, NothingIsSaidOfOneself) {
  QualityBench bench;
  const PeerId self = test_peer(999'999);
  bench.event(self, fatal);
  bench.connect(self);
  bench.input(BanPeer{self, 1h, ""});
  bench.event(PeerId(), fatal);
  EXPECT_EQ(bench.quality.size(), 0u);
  EXPECT_FALSE(bench.of(self).is_banned);
}

TEST(Quality, TheTableIsBoundedAndKeepsWhatMatters) {
  QualityConfig config = quiet_config();
  config.peers_max = 50;
  config.bans.bans_max = 10;
  QualityBench bench(config);
  bench.connect(a);
  bench.connect(b);
  bench.events(b, useful, 30, 1s);
  bench.input(PeerDisconnected{b});  // proven
  bench.event(c, fatal);             // banned
  for (std::uint32_t i = 100; i < 2000; ++i) {
    bench.event(test_peer(i), ambiguous);
    ASSERT_LE(bench.quality.size(), 50u);
  }
  EXPECT_TRUE(bench.quality.report(bench.now, a));
  EXPECT_TRUE(bench.quality.report(bench.now, b));
  EXPECT_TRUE(bench.quality.report(bench.now, c));
  EXPECT_EQ(bench.take<Forget>().size(), bench.quality.stats().forgotten);
  // Bans are bounded as well, and one that is pushed out is over.
  for (std::uint32_t i = 3000; i < 3100; ++i) bench.event(test_peer(i), fatal);
  EXPECT_EQ(bench.quality.bans(bench.now).size(), 10u);
  EXPECT_FALSE(bench.of(c).is_banned);
  EXPECT_FALSE(bench.take<BanEnded>().empty());
  // A table of peers that may not be forgotten takes no more.
  QualityConfig tiny = quiet_config();
  tiny.peers_max = 2;
  QualityBench full(tiny);
  full.connect(a);
  full.connect(b);
  full.connect(c);
  full.event(c, fatal);
  EXPECT_EQ(full.quality.size(), 2u);
}

TEST(Quality, SignedRecommendationsIntroduce) {
  QualityBench bench;
  const PeerId good = test_keyed_peer(1);
  bench.connect(good);
  bench.connect(b);
  const auto recommend = [&](std::uint32_t signer, PeerId from, std::uint64_t sequence, PeerId of) {
    bench.input(RecommendationReceived{
        from, codec::seal_recommendation(
                  test_key(signer), {test_keyed_peer(signer), sequence, WallTime{1}, {{of, 10}}})});
  };
  recommend(1, good, 1, b);
  EXPECT_EQ(bench.of(b).introduction, 0);  // it has earned nothing yet
  bench.events(good, useful, 400, 1s);
  recommend(1, good, 2, b);
  EXPECT_NEAR(bench.of(b).introduction, 0.0985, 0.001);  // a quarter of its 394 points
  EXPECT_GT(bench.of(b).gossip_score, 0.9);
  EXPECT_GT(bench.of(b).quota_milli, 1090u);
  EXPECT_EQ(bench.quality.report(bench.now, b)->standing.reputation, 0);
  const auto own = bench.quality.endorsements(bench.now, 64);
  ASSERT_EQ(own.size(), 1u);
  EXPECT_EQ(own[0].peer, good);

  // Too soon, another's, forged: the sender's fault, and nobody else's.
  const auto faults = [&](const PeerId& peer) { return bench.stored(peer).fault; };
  recommend(1, good, 3, c);
  EXPECT_EQ(faults(good), 5 * point);
  bench.wait(2min);
  recommend(2, good, 1, c);
  EXPECT_GE(faults(good), 20 * point);
  EXPECT_EQ(faults(test_keyed_peer(2)), 0);
  bench.wait(2min);
  Bytes forged = codec::seal_recommendation(test_key(1), {good, 9, WallTime{1}, {{c, 10}}});
  forged.back() ^= 1;
  bench.input(RecommendationReceived{good, forged});
  EXPECT_GE(faults(good), 38 * point);
  EXPECT_EQ(bench.of(c).introduction, 0);
}

TEST(Quality, VouchingForACulpritCostsCreditOnly) {
  QualityBench bench;
  const PeerId good = test_keyed_peer(1);
  bench.connect(good);
  bench.connect(b);
  bench.events(good, useful, 400, 1s);
  bench.input(RecommendationReceived{
      good, codec::seal_recommendation(test_key(1), {good, 1, WallTime{1}, {{b, 1}}})});
  const Points before = bench.stored(good).credit;
  bench.event(b, rejected);
  EXPECT_EQ(bench.stored(good).credit, before - 10 * point);
  EXPECT_EQ(bench.stored(good).fault, 0);
  bench.event(b, fatal);
  EXPECT_GE(bench.stored(good).credit, before - 50 * point);
  EXPECT_FALSE(bench.of(good).is_warned);
  EXPECT_EQ(bench.quality.report(bench.now, good)->history.back().what, "endorsed");
}

TEST(Quality, PersistsSoonAndBansAtOnce) {
  QualityBench bench;
  bench.connect(a);
  bench.event(a, useful);
  EXPECT_TRUE(bench.take<Persist>().empty());
  bench.wait(30s);
  EXPECT_EQ(bench.take<Persist>().size(), 1u);
  bench.wait(10min);
  EXPECT_TRUE(bench.take<Persist>().empty());  // nothing new, nothing written
  bench.event(a, fatal);
  const auto stored = bench.take<Persist>();
  ASSERT_FALSE(stored.empty());
  EXPECT_TRUE(stored.back().stored.ban.has_value());
}

}  // namespace
}  // namespace kith::peer
