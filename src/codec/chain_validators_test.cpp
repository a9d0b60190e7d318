#include "codec/chain_validators.h"

#include <rapidcheck.h>

#include "codec/test_votes.h"

namespace kith::codec {
namespace {

std::vector<Validator> numbered(const std::vector<Weight>& weights) {
  std::vector<Validator> validators;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    Validator validator{{}, weights[i]};
    validator.key[0] = static_cast<std::uint8_t>(i >> 8);
    validator.key[1] = static_cast<std::uint8_t>(i);
    validators.push_back(validator);
  }
  return validators;
}

TEST(ChainValidators, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("chain_validators.txt")) {
    SCOPED_TRACE(line[0]);
    std::vector<Validator> members;
    std::istringstream list(line[0]);
    for (std::string each; std::getline(list, each, ',');) {
      const std::size_t colon = each.find(':');
      const auto number = static_cast<std::uint8_t>(std::stoi(each.substr(0, colon)));
      members.push_back(
          {validator_key(key_of_number(number)), std::stoull(each.substr(colon + 1))});
    }
    const ValidatorSet set = ValidatorSet::make(members).value();
    EXPECT_EQ(base::to_hex(set.encode()), line[1]);
    EXPECT_EQ(base::to_hex(set.root()), line[2]);
    EXPECT_EQ(set.total(), std::stoull(line[3]));
    EXPECT_EQ(set.quorum(), std::stoull(line[4]));
    EXPECT_EQ(set.fault_bound(), std::stoull(line[5]));
    const ValidatorSet decoded = ValidatorSet::decode(unhex(line[1])).value();
    EXPECT_EQ(decoded, set);
    EXPECT_EQ(decoded.all(), set.all());
    for (std::size_t i = 0; i < set.size(); ++i) {
      const auto index = static_cast<ValidatorIndex>(i);
      EXPECT_EQ(set.index_of(set.at(index).key), index);
    }
  }
}

TEST(ChainValidators, SortsAndFindsNobodyElse) {
  std::vector<Validator> members = numbered({3, 2, 1});
  std::ranges::reverse(members);
  const ValidatorSet set = ValidatorSet::make(members).value();
  EXPECT_EQ(set.at(0).weight, 3u);
  EXPECT_EQ(set.at(2).weight, 1u);
  ValidatorKey stranger{};
  stranger[31] = 1;
  EXPECT_EQ(set.index_of(stranger), std::nullopt);
  stranger.fill(0xff);
  EXPECT_EQ(set.index_of(stranger), std::nullopt);
}

TEST(ChainValidators, AQuorumIsMoreThanTwoThirdsAndNoMore) {
  for (Weight total = 1; total <= 1000; ++total) {
    const ValidatorSet set = ValidatorSet::make(numbered({total})).value();
    const Weight quorum = set.quorum();
    EXPECT_GT(3 * quorum, 2 * total);
    EXPECT_LE(3 * (quorum - 1), 2 * total);
    // Whoever is honest makes one; two of them share more than may lie.
    EXPECT_GE(total - set.fault_bound(), quorum);
    EXPECT_GT(2 * quorum - total, set.fault_bound());
    EXPECT_LT(3 * set.fault_bound(), total);
    EXPECT_GE(3 * (set.fault_bound() + 1), total);
  }
}

TEST(ChainValidators, WeightsUpToTheCap) {
  EXPECT_EQ(ValidatorSet::make(numbered({weight_sum_max})).value().total(), weight_sum_max);
  EXPECT_EQ(ValidatorSet::make(numbered({weight_sum_max - 1, 1})).value().total(), weight_sum_max);
  EXPECT_EQ(ValidatorSet::make(numbered({weight_sum_max, 1})).error().code, Code::too_large);
  EXPECT_EQ(ValidatorSet::make(numbered({weight_sum_max + 1})).error().code, Code::too_large);
  // A sum that would come round to something small.
  EXPECT_EQ(ValidatorSet::make(numbered({UINT64_MAX, 2})).error().code, Code::too_large);
  const std::vector<Weight> many(9, Weight{1} << 61);
  EXPECT_EQ(ValidatorSet::make(numbered(many)).error().code, Code::too_large);
}

TEST(ChainValidators, RefusesWhatIsNoSet) {
  EXPECT_EQ(ValidatorSet::make({}).error().code, Code::too_large);
  const std::vector<Weight> most(validators_in_set_max, 1);
  EXPECT_EQ(ValidatorSet::make(numbered(most)).value().size(), validators_in_set_max);
  const std::vector<Weight> over(validators_in_set_max + 1, 1);
  EXPECT_EQ(ValidatorSet::make(numbered(over)).error().code, Code::too_large);
  EXPECT_EQ(ValidatorSet::make(numbered({1, 0, 1})).error().code, Code::malformed);
  std::vector<Validator> twice = numbered({1, 1});
  twice[1].key = twice[0].key;
  EXPECT_EQ(ValidatorSet::make(twice).error().code, Code::malformed);
}

TEST(ChainValidators, HasOneEncodingAndLimits) {
  const Bytes good = ValidatorSet::make(numbered({1, 2})).value().encode();
  Bytes swapped(good.begin(), good.begin() + 3);
  swapped.insert(swapped.end(), good.begin() + 43, good.end());
  swapped.insert(swapped.end(), good.begin() + 3, good.begin() + 43);
  EXPECT_EQ(ValidatorSet::decode(swapped).error().code, Code::malformed);
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(ValidatorSet::decode(ByteView(good).first(cut)).error().code, Code::truncated) << cut;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(ValidatorSet::decode(longer).error().code, Code::malformed);
  Bytes later = good;
  later[0] = 2;
  EXPECT_EQ(ValidatorSet::decode(later).error().code, Code::unsupported);
  EXPECT_EQ(ValidatorSet::decode(Bytes{1, 0, 0}).error().code, Code::too_large);
  EXPECT_EQ(ValidatorSet::decode(Bytes{1, 4, 1}).error().code,
            Code::too_large);  // 1025, before any
  Bytes weightless = good;
  weightless[42] = 0;
  EXPECT_EQ(ValidatorSet::decode(weightless).error().code, Code::malformed);
}

TEST(ChainValidators, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint32_t>& weights, std::uint16_t at,
                           std::uint8_t flip, const std::vector<std::uint8_t>& noise) {
    std::vector<Weight> positive{1};
    for (const std::uint32_t weight : weights) positive.push_back(weight + Weight{1});
    const ValidatorSet set = ValidatorSet::make(numbered(positive)).value();
    Bytes bytes = set.encode();
    RC_ASSERT(ValidatorSet::decode(bytes).value() == set);
    bytes[at % bytes.size()] ^= flip;
    if (const auto decoded = ValidatorSet::decode(bytes)) RC_ASSERT(decoded->encode() == bytes);
    (void)ValidatorSet::decode(noise);
  }));
}

}  // namespace
}  // namespace kith::codec
