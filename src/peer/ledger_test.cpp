#include "peer/ledger.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/rng.h"

namespace kith::peer {
namespace {

const LedgerConfig config;
const Instant start{1h};

TEST(Ledger, DecaysTenPointsInTenMinutesAndNeverCrossesZero) {
  Ledger ledger(config, start, 25 * point, 15 * point, 0);
  EXPECT_EQ(ledger.credit(config, start + 600s), 15 * point);
  EXPECT_EQ(ledger.fault(config, start + 600s), 5 * point);
  EXPECT_EQ(ledger.reputation(config, start + 600s), 10 * point);
  EXPECT_EQ(ledger.fault(config, start + 900s), 0);
  EXPECT_EQ(ledger.reputation(config, start + 1200s), 5 * point);
  EXPECT_EQ(ledger.credit(config, start + 24h * 365 * 200), 0);
  EXPECT_EQ(ledger.credit(config, start + 60ms), 25 * point - 1);  // a milli-point each 60 ms
  EXPECT_EQ(ledger.credit(config, start + 60ms - 1ns), 25 * point);
}

TEST(Ledger, EarnsAtMostOnceASecond) {
  Ledger ledger;
  EXPECT_TRUE(ledger.earn(config, start));
  EXPECT_FALSE(ledger.earn(config, start));
  EXPECT_FALSE(ledger.earn(config, start + 999ms));
  EXPECT_TRUE(ledger.earn(config, start + 1s));
  EXPECT_GT(ledger.credit(config, start + 1s), 1 * point);
  EXPECT_LE(ledger.credit(config, start + 1s), 2 * point);
}

TEST(Ledger, FullCreditTakesAThousandSecondsOfWork) {
  Ledger ledger;
  Instant now = start;
  int seconds = 0;
  for (; ledger.credit(config, now) < 990 * point; now += 1s, ++seconds) ledger.earn(config, now);
  EXPECT_GE(seconds, 1000);
  EXPECT_LE(seconds, 1010);
}

TEST(Ledger, LivenessIsCappedBelowABan) {
  Ledger ledger;
  for (int i = 0; i < 1000; ++i) ledger.add_liveness(config, start, config.liveness_cost);
  EXPECT_EQ(ledger.demerit(config, start), 100 * point);
  EXPECT_TRUE(ledger.deserves_warning(config, start));
  EXPECT_FALSE(ledger.deserves_ban(config, start));
  ledger.add_fault(config, start, 499 * point);
  EXPECT_FALSE(ledger.deserves_ban(config, start));  // its silence does not push it over the edge
  ledger.add_fault(config, start, 1 * point);
  EXPECT_TRUE(ledger.deserves_ban(config, start));
}

TEST(Ledger, AConvictionIsAllTheDemeritThereIs) {
  Ledger ledger(config, start, points_max, 0, 0);
  ledger.convict(config, start);
  EXPECT_EQ(ledger.fault(config, start), points_max);
  EXPECT_EQ(ledger.reputation(config, start), 0);
  ledger.begin_ban(config, start);
  EXPECT_EQ(ledger.reputation(config, start), -points_max);
}

// A ban of the least demerit lasts four hundred minutes.
TEST(Ledger, ABanLastsFourHundredMinutesAtTheLeast) {
  Ledger ledger;
  ledger.begin_ban(config, start);
  const auto until = ledger.fault_below(config, start, config.ban_until);
  ASSERT_TRUE(until);
  EXPECT_GE(*until - start, 400min);
  EXPECT_LE(*until - start, 400min + 120ms);
}

TEST(Ledger, WithoutDecayNothingEnds) {
  LedgerConfig frozen;
  frozen.decay = 0;
  Ledger ledger;
  ledger.add_fault(frozen, start, 20 * point);
  EXPECT_EQ(ledger.fault(frozen, start + 24h * 365), 20 * point);
  EXPECT_FALSE(ledger.fault_below(frozen, start, 10 * point));
  EXPECT_FALSE(ledger.demerit_below(frozen, start, 10 * point));
}

/// Arbitrary doings: who, what, and how long after the last.
struct Step {
  int what;
  Duration after;
};
std::vector<Step> steps_of(const std::vector<std::uint32_t>& raw) {
  std::vector<Step> steps;
  for (const std::uint32_t r : raw) {
    steps.push_back({static_cast<int>(r % 7), Duration(std::int64_t{r / 7 % 5000} * 137'000'003)});
  }
  return steps;
}
void apply(Ledger& ledger, Instant now, int what) {
  switch (what) {
    case 0: ledger.add_fault(config, now, config.ambiguous_cost); break;
    case 1: ledger.add_fault(config, now, config.rejected_cost); break;
    case 2: ledger.add_liveness(config, now, config.liveness_cost); break;
    case 3: ledger.lose_credit(config, now, 3 * point); break;
    default: ledger.earn(config, now); break;
  }
}

TEST(LedgerProperty, StaysWithinItsBounds) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint32_t>& raw) {
    Ledger ledger;
    Instant now = start;
    for (const auto& [what, after] : steps_of(raw)) {
      now += after;
      apply(ledger, now, what);
      RC_ASSERT(ledger.credit(config, now) >= 0 && ledger.credit(config, now) <= points_max);
      RC_ASSERT(ledger.demerit(config, now) >= 0 && ledger.demerit(config, now) <= points_max);
      RC_ASSERT(std::abs(ledger.reputation(config, now)) <= points_max);
      RC_ASSERT(ledger.liveness(config, now) <= config.liveness_max);
    }
  }));
}

// Looking, however often, changes nothing; neither do actions that add nothing.
TEST(LedgerProperty, DecayIsExactHoweverOftenItIsSettled) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint32_t>& raw) {
    Ledger often(config, start, 900 * point, 400 * point, 50 * point);
    Ledger once = often;
    Instant now = start;
    for (const auto& [what, after] : steps_of(raw)) {
      now += after;
      often.add_fault(config, now, 0);
      often.lose_credit(config, now, 0);
    }
    RC_ASSERT(often.credit(config, now) == once.credit(config, now));
    RC_ASSERT(often.fault(config, now) == once.fault(config, now));
    RC_ASSERT(often.liveness(config, now) == once.liveness(config, now));
  }));
}

// What two ledgers differ in never changes sign by waiting: no overshoot of zero.
TEST(LedgerProperty, WaitingMovesTowardsZeroOnly) {
  EXPECT_TRUE(rc::check([](std::uint32_t credit, std::uint32_t fault, std::uint32_t wait) {
    const Ledger ledger(config, start, credit % 1'000'001, fault % 1'000'001, 0);
    const Instant later = start + Duration(std::int64_t{wait} * 50'000);
    RC_ASSERT(ledger.credit(config, later) <= ledger.credit(config, start));
    RC_ASSERT(ledger.fault(config, later) <= ledger.fault(config, start));
    RC_ASSERT(ledger.credit(config, later) >= 0 && ledger.fault(config, later) >= 0);
  }));
}

// One fault more, at any time, never makes anything better, then or later.
TEST(LedgerProperty, IsMonotone) {
  EXPECT_TRUE(
      rc::check([](const std::vector<std::uint32_t>& raw, std::uint16_t at, std::uint16_t cost) {
        Ledger good;
        Ledger worse;
        Instant now = start;
        std::size_t i = 0;
        for (const auto& [what, after] : steps_of(raw)) {
          now += after;
          apply(good, now, what);
          apply(worse, now, what);
          if (i++ == at % raw.size()) worse.add_fault(config, now, cost % 200 * point);
          RC_ASSERT(worse.reputation(config, now) <= good.reputation(config, now));
          RC_ASSERT(worse.fault(config, now) >= good.fault(config, now));
          RC_ASSERT(worse.deserves_ban(config, now) || !good.deserves_ban(config, now));
          RC_ASSERT(worse.deserves_warning(config, now) || !good.deserves_warning(config, now));
        }
      }));
}

// 25 invalid messages within ten minutes, whatever was earned before and however they are spread.
TEST(LedgerProperty, NoPurchase) {
  EXPECT_TRUE(rc::check([](std::uint32_t credit, const std::array<std::uint16_t, 25>& moments) {
    Ledger ledger(config, start, credit % 1'000'001, 0, 0);
    std::array<std::uint16_t, 25> sorted = moments;
    std::ranges::sort(sorted);
    Instant last = start;
    for (const auto moment : sorted) {
      last = start + 17s + Duration(std::int64_t{moment} * 600'000'000'000 / 65536);
      ledger.earn(config, last);
      ledger.add_fault(config, last, config.rejected_cost);
    }
    RC_ASSERT(ledger.deserves_ban(config, last));
  }));
}

TEST(LedgerProperty, TheOrderWithinAMomentDoesNotMatter) {
  EXPECT_TRUE(
      rc::check([](std::vector<std::uint32_t> raw, std::uint32_t before, std::uint64_t seed) {
        Ledger one(config, start, before % 1'000'001, before / 3 % 1'000'001, 0);
        Ledger other = one;
        const Instant now = start + 5s;
        for (const auto r : raw) apply(one, now, r % 3 == 0 ? 6 : static_cast<int>(r % 3));
        SeededRng rng(seed);
        for (std::size_t i = raw.size(); i > 1; --i) std::swap(raw[i - 1], raw[rng.below(i)]);
        for (const auto r : raw) apply(other, now, r % 3 == 0 ? 6 : static_cast<int>(r % 3));
        RC_ASSERT(one.credit(config, now) == other.credit(config, now));
        RC_ASSERT(one.demerit(config, now) == other.demerit(config, now));
        RC_ASSERT(one.deserves_ban(config, now) == other.deserves_ban(config, now));
      }));
}

// The moments that are told in advance are the first ones, to the nanosecond.
TEST(LedgerProperty, MomentsAreTheFirst) {
  EXPECT_TRUE(rc::check([](std::uint32_t fault, std::uint32_t liveness, std::uint32_t limit_raw,
                           std::uint32_t offset) {
    const Instant now = start + Duration(offset);
    const Ledger ledger(config, now, 0, fault % 1'000'001, liveness % 100'001);
    const Points limit = 1 + limit_raw % 900'000;
    const auto demerit_at = ledger.demerit_below(config, now, limit);
    RC_ASSERT(demerit_at.has_value());
    RC_ASSERT(ledger.demerit(config, *demerit_at) < limit);
    RC_ASSERT(*demerit_at == now || ledger.demerit(config, *demerit_at - 1ns) >= limit);
    const auto fault_at = ledger.fault_below(config, now, limit);
    RC_ASSERT(fault_at.has_value());
    RC_ASSERT(ledger.fault(config, *fault_at) < limit);
    RC_ASSERT(*fault_at == now || ledger.fault(config, *fault_at - 1ns) >= limit);
  }));
}

TEST(LedgerProperty, AnyDecayRateIsExact) {
  EXPECT_TRUE(
      rc::check([](std::uint32_t amount, std::uint32_t seconds, std::uint32_t a, std::uint32_t b) {
        LedgerConfig odd;
        odd.decay = amount % 100'000;
        odd.decay_interval = Duration(1 + std::int64_t{seconds} * 1000);
        const Instant x{Duration(std::int64_t{a} * 1'000'000)};
        const Instant y = x + Duration(b);
        const Instant z = y + Duration(a);
        const auto part = [&](Instant from, Instant to) {
          return decayed_until(odd, to) - decayed_until(odd, from);
        };
        RC_ASSERT(part(x, y) + part(y, z) == part(x, z));
        RC_ASSERT(part(x, y) >= 0);
      }));
}

}  // namespace
}  // namespace kith::peer
