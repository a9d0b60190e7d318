#include "consensus/leaders.h"

#include <rapidcheck.h>

#include <map>

#include "codec/test_votes.h"

namespace kith::consensus {
namespace {

const codec::Hash floor_digest = codec::number_hash(1);

codec::ValidatorSet set_of(const std::vector<codec::Weight>& weights) {
  std::vector<codec::Validator> validators;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    codec::Validator validator{{}, weights[i]};
    validator.key[0] = static_cast<std::uint8_t>(i);
    validators.push_back(validator);
  }
  return *codec::ValidatorSet::make(std::move(validators));
}

TEST(LeaderSchedule, GoldenVectors) {
  for (const codec::GoldenLine& line : codec::golden_lines("leaders.txt")) {
    SCOPED_TRACE(line[0]);
    std::vector<codec::Weight> weights;
    std::istringstream list(line[0]);
    for (std::string each; std::getline(list, each, ',');) weights.push_back(std::stoull(each));
    LeaderSchedule schedule(codec::TestValidators(weights).set,
                            codec::number_hash(std::stoull(line[1])), {std::stoull(line[2])});
    std::istringstream leaders(line[3]);
    std::uint64_t view = 0;
    for (std::string each; std::getline(leaders, each, ',');) {
      EXPECT_EQ(schedule.leader({++view}), std::stoul(each)) << view;
    }
  }
}

TEST(LeaderSchedule, EachLeadsAsOftenAsItWeighs) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint8_t>& drawn, std::uint64_t epoch) {
    std::vector<codec::Weight> weights{1};
    for (const std::uint8_t weight : drawn) {
      if (weights.size() < 20) weights.push_back(1 + weight % 40U);
    }
    const codec::ValidatorSet set = set_of(weights);
    LeaderSchedule schedule(set, floor_digest, {epoch});
    std::map<ValidatorIndex, std::uint64_t> led, last;
    for (std::uint64_t view = 1; view <= 2 * set.total(); ++view) {
      const ValidatorIndex leader = schedule.leader({view});
      ++led[leader];
      // Evenly spread: nobody waits longer than about twice its share of turns.
      const codec::Weight weight = set.at(leader).weight;
      RC_ASSERT((view - last[leader]) * weight <= 2 * set.total() + weight);
      last[leader] = view;
      if (view % set.total() != 0) continue;
      for (std::size_t i = 0; i < set.size(); ++i) {
        const auto index = static_cast<ValidatorIndex>(i);
        RC_ASSERT(led[index] == view / set.total() * set.at(index).weight);
      }
    }
  }));
}

TEST(LeaderSchedule, EqualWeightsTakeTurns) {
  LeaderSchedule schedule(set_of(std::vector<codec::Weight>(7, 1'000'000)), floor_digest, {2});
  for (std::uint64_t view = 1; view <= 100; ++view) {
    std::set<ValidatorIndex> seven;
    for (std::uint64_t each = view; each < view + 7; ++each) seven.insert(schedule.leader({each}));
    EXPECT_EQ(seven.size(), 7u);
  }
}

TEST(LeaderSchedule, IsTheSameForEverybodyInWhateverOrderItIsAsked) {
  const codec::ValidatorSet set = set_of({5, 4, 3, 2, 2, 1, 1});
  LeaderSchedule one(set, floor_digest, {2});
  LeaderSchedule other(set, floor_digest, {2});
  constexpr std::uint64_t far = 3 * LeaderSchedule::remembered_max;
  const ValidatorIndex last = other.leader({far});
  for (std::uint64_t view = 1; view <= far; view += 97) {
    EXPECT_EQ(one.leader({view}), other.leader({view})) << view;
  }
  EXPECT_EQ(one.leader({far}), last);
}

TEST(LeaderSchedule, IsShuffledAnewByFloorAndEpoch) {
  const codec::ValidatorSet set = set_of(std::vector<codec::Weight>(20, 1));
  const auto first = [&](const codec::Hash& floor, std::uint64_t epoch) {
    LeaderSchedule schedule(set, floor, {epoch});
    std::vector<ValidatorIndex> leaders;
    for (std::uint64_t view = 1; view <= 20; ++view) leaders.push_back(schedule.leader({view}));
    return leaders;
  };
  EXPECT_NE(first(floor_digest, 1), first(floor_digest, 2));
  EXPECT_NE(first(floor_digest, 1), first(codec::number_hash(2), 1));
  EXPECT_EQ(first(floor_digest, 1), first(floor_digest, 1));
}

TEST(LeaderSchedule, TheHeaviestSetDoesNotOverflow) {
  const codec::Weight half = codec::weight_sum_max / 2;
  LeaderSchedule schedule(set_of({half, half - 1, 1}), floor_digest, {0});
  std::map<ValidatorIndex, int> led;
  for (std::uint64_t view = 1; view <= 1000; ++view) ++led[schedule.leader({view})];
  EXPECT_EQ(led[0], 500);
  EXPECT_EQ(led[1], 500);
}

}  // namespace
}  // namespace kith::consensus
