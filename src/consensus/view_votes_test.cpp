#include "consensus/view_votes.h"

#include <rapidcheck.h>

#include <map>

#include "codec/test_votes.h"

namespace kith::consensus {
namespace {

using codec::finalize;
using codec::notarize;
using codec::nullify;
using codec::Offence;
using codec::Statement;
using codec::ValidatorIndex;
using codec::Vote;
using codec::VoteKind;

constexpr codec::Epoch epoch{1};
Statement proposal(std::uint64_t number) {
  return notarize(epoch, 7, 3, codec::number_hash(number));
}
Statement final_of(std::uint64_t number) {
  return finalize(epoch, 7, 3, codec::number_hash(number));
}
const Statement skip = nullify(epoch, 7);

TEST(ViewVotes, AQuorumOfWeightMakesOneCertificate) {
  const codec::TestValidators validators({5, 4, 3, 2, 2, 1, 1});  // a quorum is 13 of 18
  ViewVotes votes;
  codec::Weight weight = 0;
  int certificates = 0;
  for (ValidatorIndex signer = 7; signer-- > 0;) {
    const Vote vote = validators.vote(signer, proposal(1));
    ASSERT_TRUE(votes.wants(vote));
    const ViewVotes::Added added = votes.add(vote, validators.set);
    EXPECT_FALSE(votes.wants(vote));
    EXPECT_TRUE(votes.holds(vote));
    EXPECT_TRUE(votes.has(signer, VoteKind::notarize));
    EXPECT_FALSE(votes.has(signer, VoteKind::finalize));
    const bool was_below = weight < 13;
    weight += validators.set.at(signer).weight;
    EXPECT_EQ(votes.weight(proposal(1)), weight);
    EXPECT_FALSE(added.evidence);
    EXPECT_EQ(added.certificate != nullptr, was_below && weight >= 13);
    if (added.certificate == nullptr) continue;
    ++certificates;
    EXPECT_EQ(added.certificate->statement, proposal(1));
    EXPECT_EQ(codec::weight_of(*added.certificate, validators.set), weight);
    EXPECT_TRUE(verify(*added.certificate, codec::test_genesis, validators.set));
  }
  EXPECT_EQ(certificates, 1);
  EXPECT_EQ(votes.weight(proposal(2)), 0u);
}

TEST(ViewVotes, ADifferentSignatureIsNotTheSameVote) {
  const codec::TestValidators validators(4);
  ViewVotes votes;
  Vote vote = validators.vote(0, skip);
  votes.add(vote, validators.set);
  vote.signature[0] ^= 1;
  EXPECT_FALSE(votes.holds(vote));
  EXPECT_FALSE(votes.wants(vote)) << "and tells nothing new";
}

TEST(ViewVotes, EveryContradictionIsEvidenceAndNothingElseIs) {
  const codec::TestValidators validators(4);
  const auto offence = [&](std::initializer_list<Statement> said) {
    ViewVotes votes;
    std::optional<Offence> found;
    for (const Statement& statement : said) {
      const ViewVotes::Added added = votes.add(validators.vote(2, statement), validators.set);
      if (!added.evidence) continue;
      EXPECT_TRUE(verify(*added.evidence, codec::test_genesis, validators.set));
      found = added.evidence->offence();
    }
    return found;
  };
  EXPECT_EQ(offence({proposal(1), proposal(2)}), Offence::double_notarize);
  EXPECT_EQ(offence({final_of(1), final_of(2)}), Offence::double_finalize);
  EXPECT_EQ(offence({skip, final_of(1)}), Offence::nullify_and_finalize);
  EXPECT_EQ(offence({final_of(1), skip}), Offence::nullify_and_finalize);
  EXPECT_EQ(offence({proposal(1), final_of(2)}), Offence::notarize_and_finalize);
  EXPECT_EQ(offence({final_of(2), proposal(1)}), Offence::notarize_and_finalize);
  EXPECT_EQ(offence({proposal(1), skip}), std::nullopt);
  EXPECT_EQ(offence({proposal(1), final_of(1)}), std::nullopt);
  EXPECT_EQ(offence({skip, proposal(1)}), std::nullopt);
}

TEST(ViewVotes, OfOneSignerTwoLiesAreEnough) {
  const codec::TestValidators validators(4);
  ViewVotes votes;
  votes.add(validators.vote(2, proposal(1)), validators.set);
  votes.add(validators.vote(2, proposal(2)), validators.set);
  EXPECT_FALSE(votes.wants(validators.vote(2, proposal(3))));
  votes.add(validators.vote(2, final_of(1)), validators.set);
  votes.add(validators.vote(2, final_of(2)), validators.set);
  EXPECT_FALSE(votes.wants(validators.vote(2, final_of(3))));
  votes.add(validators.vote(2, skip), validators.set);
  EXPECT_EQ(votes.all().size(), 5u);
  EXPECT_TRUE(votes.wants(validators.vote(1, proposal(3))));
}

/// Of many signers who say what they like: a certificate comes exactly when a quorum says the same.
TEST(ViewVotes, CountsLikeAMap) {
  const codec::TestValidators validators({3, 2, 2, 1, 1});
  EXPECT_TRUE(rc::check([&](const std::vector<std::pair<std::uint8_t, std::uint8_t>>& said) {
    ViewVotes votes;
    std::map<Statement, std::map<ValidatorIndex, codec::Weight>> model;
    for (const auto& [who, what] : said) {
      const auto signer = static_cast<ValidatorIndex>(who % 5U);
      const Statement statement = what % 5U == 0   ? skip
                                  : what % 5U <= 2 ? proposal(what % 2U)
                                                   : final_of(what % 2U);
      const Vote vote{statement, signer, {}};
      RC_ASSERT(votes.wants(vote) == !model[statement].contains(signer));
      if (!votes.wants(vote)) continue;
      const auto weight = [&] {
        codec::Weight sum = 0;
        for (const auto& [each, of] : model[statement]) sum += of;
        return sum;
      };
      const bool was_below = weight() < validators.set.quorum();
      model[statement][signer] = validators.set.at(signer).weight;
      const auto added = votes.add(vote, validators.set);
      RC_ASSERT(votes.weight(statement) == weight());
      RC_ASSERT((added.certificate != nullptr) ==
                (was_below && weight() >= validators.set.quorum()));
      if (added.certificate) RC_ASSERT(check_form(*added.certificate, validators.set).has_value());
    }
  }));
}

}  // namespace
}  // namespace kith::consensus
