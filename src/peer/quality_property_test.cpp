// What must hold of the model whatever peers do (docs/peer-quality.md, "Properties").
#include <rapidcheck.h>

#include "peer/limits.h"
#include "peer/quality.h"
#include "peer/test_quality.h"

namespace kith::peer {
namespace {

using enum PeerEventKind;
using Raw = std::vector<std::uint32_t>;
const PeerId a = test_peer(1);
const PeerId b = test_peer(2);

PeerEventKind kind_of(std::uint32_t raw) {
  static constexpr PeerEventKind kinds[] = {useful,   useful,  ambiguous,        rejected,
                                            useful,   ignored, request_failed,   useful,
                                            rejected, useful,  request_succeeded};
  return kinds[raw % std::size(kinds)];
}
Duration pause_of(std::uint32_t raw) { return Duration(std::int64_t{raw % 977} * 331'000'007); }

/// Events of several peers, all probed as usual.
void play(QualityBench& bench, const Raw& raw) {
  for (std::uint32_t i = 1; i <= 4; ++i) bench.connect(test_peer(i));
  for (const std::uint32_t r : raw) {
    bench.wait(pause_of(r));
    bench.event(test_peer(1 + r / 977 % 4), r % 5000 == 4999 ? fatal : kind_of(r / 4000));
  }
}

double effective(const PeerStanding& standing, double topics) {
  return std::min(topics + standing.gossip_score, standing.gossip_gate);
}

// One bad deed more never makes anything better, at that moment or later.
TEST(QualityProperty, IsMonotone) {
  EXPECT_TRUE(rc::check([](const Raw& raw, std::uint16_t at, bool is_rejected) {
    QualityBench good;
    QualityBench worse;
    for (auto* bench : {&good, &worse}) bench->connect(a);
    std::size_t i = 0;
    for (const std::uint32_t r : raw) {
      for (auto* bench : {&good, &worse}) {
        bench->wait(pause_of(r));
        bench->event(a, kind_of(r / 1000));
      }
      if (i++ == at % raw.size()) worse.event(a, is_rejected ? rejected : ambiguous);
      const PeerStanding x = good.of(a);
      const PeerStanding y = worse.of(a);
      RC_ASSERT(y.reputation <= x.reputation);
      RC_ASSERT(effective(y, 30) <= effective(x, 30) + 1e-9);
      RC_ASSERT(y.quota_milli <= x.quota_milli);
      RC_ASSERT(y.is_banned || !x.is_banned);
    }
  }));
}

// 25 invalid messages in ten minutes ban, whatever was earned before and done in between, in
// however many topics; and the gate shuts whatever the topics say.
TEST(QualityProperty, NoPurchase) {
  EXPECT_TRUE(rc::check([](std::uint16_t work, const std::array<std::uint16_t, 25>& moments) {
    QualityBench bench;
    bench.connect(a);
    bench.events(a, useful, work % 1200, 1s);
    auto sorted = moments;
    std::ranges::sort(sorted);
    const Instant start = bench.now;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      const Instant at = start + Duration(std::int64_t{sorted[i]} * 600'000'000'000 / 65536);
      bench.wait(at - bench.now);
      bench.event(a, useful);
      bench.event(a, rejected, "topic " + std::to_string(i % 7));
    }
    RC_ASSERT(bench.of(a).is_banned);
    RC_ASSERT(effective(bench.of(a), 1e6) == -51);
  }));
}

TEST(QualityProperty, StaysWithinItsBounds) {
  EXPECT_TRUE(rc::check([](const Raw& raw) {
    QualityBench bench({});
    play(bench, raw);
    for (std::uint32_t i = 1; i <= 4; ++i) {
      const PeerStanding standing = bench.of(test_peer(i));
      RC_ASSERT(std::abs(standing.reputation) <= 1000);
      RC_ASSERT(standing.trust >= 0 && standing.trust <= 1);
      RC_ASSERT(standing.introduction >= 0 && standing.introduction <= 1);
      RC_ASSERT(standing.gossip_score <= 20 && standing.gossip_score >= -112);
      RC_ASSERT(standing.quota_milli <= 4000);
      RC_ASSERT(bench.quality.report(bench.now, test_peer(i))->history.size() <= 16);
    }
  }));
}

// Two peers' events of one moment, in any order: the same record, the same decisions.
TEST(QualityProperty, TheOrderWithinAMomentDoesNotMatter) {
  EXPECT_TRUE(rc::check([](const Raw& before, const Raw& moment, std::uint64_t seed) {
    QualityBench one;
    QualityBench other;
    play(one, before);
    play(other, before);
    one.wait(2s);
    other.wait(2s);
    std::vector<std::pair<PeerId, PeerEventKind>> events;
    for (const std::uint32_t r : moment) {
      events.emplace_back(test_peer(1 + r % 2), r % 50 == 0 ? fatal : kind_of(r / 2));
    }
    for (const auto& [peer, kind] : events) one.event(peer, kind);
    SeededRng rng(seed);
    for (std::size_t i = events.size(); i > 1; --i) {
      std::swap(events[i - 1], events[rng.below(i)]);
    }
    for (const auto& [peer, kind] : events) other.event(peer, kind);
    for (const PeerId& peer : {a, b}) {
      StoredQuality x = one.stored(peer);
      StoredQuality y = other.stored(peer);
      x.history.clear();  // tells the order, of course…
      y.history.clear();
      if (x.ban && y.ban) y.ban->reason = x.ban->reason = "";
      if (x.ban && y.ban) y.ban->cause = x.ban->cause;  // …as does what the ban was for
      RC_ASSERT(x == y);
      PeerStanding p = one.of(peer);
      PeerStanding q = other.of(peer);
      RC_ASSERT(p == q);
    }
  }));
}

// Stored, and restored by another run with another monotonic clock, while the wall clock went on.
TEST(QualityProperty, PersistenceIsARoundTrip) {
  EXPECT_TRUE(rc::check([](const Raw& raw, std::uint32_t pause_s, std::uint32_t offset) {
    QualityBench before;
    play(before, raw);
    before.input(BanPeer{test_peer(9), 24h * 30, "by hand"});
    // A failure is nobody's until the own-fault window has passed; a restart forgets such a one.
    before.wait(2 * before.config.health.window);
    std::vector<StoredQuality> stored;
    for (std::uint32_t i : {1u, 2u, 3u, 4u, 9u}) stored.push_back(before.stored(test_peer(i)));
    // Whole milliseconds: dates have no more.
    const Duration pause = std::chrono::seconds(pause_s % 100'000);
    QualityBench after(quiet_config(), Instant(Duration(offset)));
    const std::int64_t ms = stored[0].as_of.unix_ms + base::to_ms(pause);
    after.input(WallClock{WallTime{ms}});
    before.wait(pause);
    for (const auto& record : stored) after.input(Restore{record});
    for (const auto& record : stored) {
      const PeerStanding x = before.of(record.peer);
      const PeerStanding y = after.of(record.peer);
      RC_ASSERT(std::abs(x.reputation - y.reputation) <= 1);
      RC_ASSERT(std::abs(x.gossip_score - y.gossip_score) < 0.01);
      const StoredQuality again = after.stored(record.peer);
      RC_ASSERT(again.counts == record.counts && again.history == record.history);
      RC_ASSERT(again.first_seen == record.first_seen && again.connected == record.connected);
      RC_ASSERT(x.is_on_probation == y.is_on_probation);
      if (!x.banned_until || !y.banned_until) {
        // Only in the second in which it ends may the two differ.
        const auto until = x.banned_until ? x.banned_until : y.banned_until;
        if (until) RC_ASSERT(*until - (x.banned_until ? before.now : after.now) < 1s);
        continue;
      }
      const Duration apart = (*x.banned_until - before.now) - (*y.banned_until - after.now);
      RC_ASSERT(apart > -1s && apart < 1s);
    }
  }));
}

// A clock that was put back, or that is nonsense, shortens no ban and lengthens none.
TEST(QualityProperty, BansSurviveClockJumps) {
  EXPECT_TRUE(rc::check([](std::int64_t as_of, std::int64_t wall, std::int64_t until) {
    StoredQuality stored;
    stored.peer = a;
    stored.as_of = WallTime{as_of};
    stored.fault = points_max;
    stored.ban = StoredBan{BanCause::person, WallTime{until}, ""};
    QualityBench bench;
    bench.input(WallClock{WallTime{wall}});
    bench.input(Restore{stored});
    const PeerStanding standing = bench.of(a);
    RC_ASSERT(std::abs(standing.reputation) <= 1000);
    if (wall <= as_of && wall >= 0 && wall < (std::int64_t{1} << 53) && until > as_of) {
      RC_ASSERT(standing.is_banned);
      RC_ASSERT(standing.reputation == -1000);
    }
    if (until <= as_of) RC_ASSERT(!standing.is_banned);
  }));
}

TEST(Quality, AJumpOfTheClockHasAllStoredAnew) {
  QualityBench bench;
  bench.event(a, fatal);
  bench.stored(a);
  bench.wait(1h);
  bench.input(WallClock{WallTime{1'700'003'600'000}});  // as expected
  EXPECT_TRUE(bench.take<Persist>().empty());
  bench.input(WallClock{WallTime{1'900'000'000'000}});  // six years later
  const auto stored = bench.take<Persist>();
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].stored.as_of.unix_ms, 1'900'000'000'000);
  EXPECT_TRUE(bench.of(a).is_banned);
  QualityBench next;
  next.input(WallClock{WallTime{1'900'000'060'000}});
  next.input(Restore{stored[0].stored});
  EXPECT_TRUE(next.of(a).is_banned);
  // Some 839 of the 840 minutes that were left.
  EXPECT_NEAR(static_cast<double>((*next.of(a).banned_until - next.now) / 1min), 839, 1);
}

// Whatever is said of A, and whatever A says, nobody else's record changes.
TEST(QualityProperty, IsFramingProof) {
  EXPECT_TRUE(rc::check([](const Raw& raw) {
    QualityBench bench;
    const PeerId speaker = test_keyed_peer(1);
    bench.connect(speaker);
    bench.connect(b);
    bench.events(b, useful, 50, 1s);
    bench.events(speaker, useful, 100, 1s);
    QualityBench alone;
    alone.connect(b);
    alone.events(b, useful, 50, 1s);
    alone.wait(100s);
    std::uint64_t sequence = 0;
    for (const std::uint32_t r : raw) {
      bench.wait(pause_of(r));
      alone.wait(pause_of(r));
      if (r % 3 != 0) {
        bench.event(speaker, r % 100 == 1 ? fatal : kind_of(r / 3));
        continue;
      }
      codec::Recommendation said{speaker, ++sequence, {}, {{b, 7}}};
      Bytes envelope = codec::seal_recommendation(test_key(1), said);
      if (r % 2 == 0) envelope[r % envelope.size()] ^= 1;
      bench.input(RecommendationReceived{r % 7 == 0 ? b : speaker, envelope});
      // b passing on another's word is b's own doing; undo the comparison from there.
      if (r % 7 == 0) return;
    }
    const StoredQuality x = bench.stored(b);
    const StoredQuality y = alone.stored(b);
    RC_ASSERT(x.credit == y.credit && x.fault == y.fault && x.liveness == y.liveness);
    RC_ASSERT(x.history == y.history && x.counts == y.counts);
  }));
}

TEST(QualityProperty, IgnoreNeverCosts) {
  EXPECT_TRUE(rc::check([](const Raw& raw) {
    QualityBench with;
    QualityBench without;
    for (auto* bench : {&with, &without}) bench->connect(a);
    for (const std::uint32_t r : raw) {
      for (auto* bench : {&with, &without}) {
        bench->wait(pause_of(r));
        bench->event(a, kind_of(r / 1000));
      }
      for (std::uint32_t i = 0; i < r % 9; ++i) with.event(a, ignored);
    }
    RC_ASSERT(with.of(a) == without.of(a));
    with.event(b, ignored);
    RC_ASSERT(with.quality.size() == 1u);  // nor is it remembered
  }));
}

// Silence alone, however much of it, warns and never bans.
TEST(QualityProperty, LivenessHasAFloor) {
  EXPECT_TRUE(rc::check([](const Raw& raw, std::uint64_t seed) {
    QualityBench bench({});
    SeededRng dice(seed);
    bench.answers = [&](const PeerId& peer) { return peer != a || dice.below(3) == 0; };
    for (std::uint32_t i = 1; i <= 4; ++i) bench.connect(test_peer(i));
    for (const std::uint32_t r : raw) {
      bench.wait(pause_of(r));
      for (std::uint32_t i = 0; i < r % 40; ++i) bench.event(a, request_failed);
      bench.event(a, r % 2 == 0 ? probe_failed : useful);
    }
    bench.wait(1min);
    RC_ASSERT(!bench.of(a).is_banned);
    RC_ASSERT(bench.of(a).reputation >= -100);
    RC_ASSERT(bench.take<PeerBanned>().empty());
  }));
}

// A new name is worth no more than an old one on probation; and new names get half the slots.
TEST(QualityProperty, WhitewashingGainsNothing) {
  EXPECT_TRUE(rc::check([](const Raw& raw) {
    QualityBench bench;
    play(bench, raw);
    bench.event(a, fatal);
    bench.wait(901min);
    bench.connect(a);
    const PeerStanding old = bench.of(a);
    RC_ASSERT(old.is_on_probation && !old.is_banned);
    bench.wait(60min);  // the warning is over as well
    RC_ASSERT(bench.of(test_peer(777)).quota_milli <= bench.of(a).quota_milli);
  }));
  std::size_t unproven = 0;
  while (has_inbound_slot(64, unproven, unproven, false)) ++unproven;
  EXPECT_EQ(unproven, 32u);
  EXPECT_TRUE(has_inbound_slot(64, 63, 32, true));
  EXPECT_FALSE(has_inbound_slot(64, 64, 0, true));
}

// Same inputs, same outputs: nothing depends on addresses, hashing or chance but the given one.
TEST(QualityProperty, IsDeterministic) {
  EXPECT_TRUE(rc::check([](const Raw& raw) {
    QualityBench one({});
    QualityBench other({});
    play(one, raw);
    play(other, raw);
    RC_ASSERT(one.said.size() == other.said.size());
    for (std::size_t i = 0; i < one.said.size(); ++i) {
      RC_ASSERT(one.said[i].index() == other.said[i].index());
    }
    RC_ASSERT(one.quality.next_deadline() == other.quality.next_deadline());
  }));
}

}  // namespace
}  // namespace kith::peer
