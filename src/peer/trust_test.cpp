#include "peer/trust.h"

#include <rapidcheck.h>

#include "peer/test_quality.h"

namespace kith::peer {
namespace {

codec::Recommendation says(std::uint32_t recommender, std::uint64_t sequence,
                           std::vector<std::pair<std::uint32_t, std::uint16_t>> endorsed) {
  codec::Recommendation recommendation{test_peer(recommender), sequence, {}, {}};
  for (const auto& [peer, weight] : endorsed) {
    recommendation.endorsements.push_back({test_peer(peer), weight});
  }
  codec::sort_endorsements(recommendation.endorsements);
  return recommendation;
}

const TrustConfig config;
Points all_have(const PeerId&) { return 800 * point; }  // a budget of 200 points

TEST(Trust, DividesTheBudgetByWeight) {
  Trust trust(config);
  EXPECT_EQ(trust.accept(says(1, 1, {{10, 3}, {11, 1}})).size(), 2u);
  EXPECT_EQ(trust.introduction(test_peer(10), all_have), 150 * point);
  EXPECT_EQ(trust.introduction(test_peer(11), all_have), 50 * point);
  EXPECT_EQ(trust.introduction(test_peer(12), all_have), 0);
  EXPECT_EQ(trust.budget_of(-500 * point), 0);
}

TEST(Trust, SayingItAgainAddsNothing) {
  Trust trust(config);
  for (std::uint64_t i = 1; i < 100; ++i) trust.accept(says(1, i, {{10, 1}}));
  EXPECT_EQ(trust.introduction(test_peer(10), all_have), 200 * point);
  EXPECT_TRUE(trust.accept(says(1, 99, {{11, 1}})).empty());  // no news
  EXPECT_TRUE(trust.accept(says(1, 3, {{11, 1}})).empty());
  EXPECT_EQ(trust.accept(says(1, 100, {{11, 1}})).size(), 2u);
  EXPECT_EQ(trust.introduction(test_peer(10), all_have), 0);
  EXPECT_EQ(trust.introduction(test_peer(11), all_have), 200 * point);
}

TEST(Trust, SeveralEndorsersAddUpToTheWhole) {
  Trust trust(config);
  for (std::uint32_t i = 1; i <= 8; ++i) trust.accept(says(i, 1, {{10, 1}}));
  EXPECT_EQ(trust.introduction(test_peer(10), all_have), points_max);
  trust.forget(test_peer(1));
  trust.forget(test_peer(2));
  trust.forget(test_peer(3));
  trust.forget(test_peer(4));
  EXPECT_EQ(trust.introduction(test_peer(10), all_have), 800 * point);
  EXPECT_EQ(trust.recommenders(), 4u);
  for (std::uint32_t i = 5; i <= 8; ++i) trust.forget(test_peer(i));
  EXPECT_EQ(trust.endorsed(), 0u);
}

TEST(Trust, VouchingForACulpritCostsHalfTheShareAtMost) {
  Trust trust(config);
  trust.accept(says(1, 1, {{10, 1}, {11, 1}}));  // 100 points each
  auto losses = trust.charge(test_peer(10), 20 * point, all_have);
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0].endorser, test_peer(1));
  EXPECT_EQ(losses[0].credit, 10 * point);
  EXPECT_EQ(trust.introduction(test_peer(10), all_have), 80 * point);
  Points lost = losses[0].credit;
  for (int i = 0; i < 100; ++i) {
    for (const auto& loss : trust.charge(test_peer(10), 20 * point, all_have)) lost += loss.credit;
  }
  EXPECT_EQ(lost, 50 * point);
  EXPECT_EQ(trust.introduction(test_peer(10), all_have), 0);
  EXPECT_EQ(trust.introduction(test_peer(11), all_have), 100 * point);
  trust.accept(says(1, 2, {{10, 1}, {11, 1}}));  // what is spent stays spent
  EXPECT_EQ(trust.introduction(test_peer(10), all_have), 0);
}

TEST(Trust, TablesAreBounded) {
  Trust trust({.recommenders_max = 4, .endorsers_max = 2});
  for (std::uint32_t i = 1; i <= 10; ++i) trust.accept(says(i, 1, {{100, 1}, {101, 1}}));
  EXPECT_EQ(trust.recommenders(), 4u);
  EXPECT_FALSE(trust.wants(test_peer(9), 5));
  EXPECT_TRUE(trust.wants(test_peer(1), 5));
  // Those beyond two have empty books, and no share is divided by nothing.
  EXPECT_EQ(trust.introduction(test_peer(100), all_have), 200 * point);
}

// Whatever peers of a reputation say, and however many Sybils they say it of, all that the Sybils
// gain together is at most the budgets of those who vouch for them.
TEST(TrustProperty, NoMoreThanTheBudgetsHoweverManySybils) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint32_t>& raw, std::uint16_t sybils_raw) {
    Trust trust(config);
    const std::uint32_t sybils = 1 + sybils_raw % 200;
    std::map<PeerId, Points> reputation;
    std::uint64_t sequence = 0;
    for (std::size_t i = 0; i + 1 < raw.size(); i += 2) {
      const std::uint32_t edge = raw[i] % 6;
      reputation[test_peer(edge)] = (raw[i] / 6 % 1200 - 200) * point;
      codec::Recommendation said = says(edge, ++sequence, {});
      for (std::uint32_t k = 0; k < std::min(sybils, 64u); ++k) {
        said.endorsements.push_back({test_peer(1000 + (raw[i + 1] + k) % sybils),
                                     static_cast<std::uint16_t>(1 + raw[i + 1] % (k + 1))});
      }
      codec::sort_endorsements(said.endorsements);
      const auto same = std::ranges::unique(said.endorsements, {}, &codec::Endorsement::peer);
      said.endorsements.erase(same.begin(), same.end());
      trust.accept(said);
    }
    const auto reputation_of = [&](const PeerId& peer) {
      const auto found = reputation.find(peer);
      return found == reputation.end() ? 0 : found->second;
    };
    Points budgets = 0;
    for (const auto& [edge, points] : reputation) budgets += trust.budget_of(points);
    Points gained = 0;
    for (std::uint32_t k = 0; k < sybils; ++k) {
      gained += trust.introduction(test_peer(1000 + k), reputation_of);
    }
    RC_ASSERT(gained <= budgets);
  }));
}

}  // namespace
}  // namespace kith::peer
