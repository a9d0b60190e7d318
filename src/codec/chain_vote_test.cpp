#include "codec/chain_vote.h"

#include <rapidcheck.h>

#include "codec/test_votes.h"

namespace kith::codec {
namespace {

VoteKind kind_named(const std::string& name) {
  for (const VoteKind kind : {VoteKind::notarize, VoteKind::nullify, VoteKind::finalize}) {
    if (name == name_of(kind)) return kind;
  }
  ADD_FAILURE() << name;
  return VoteKind::notarize;
}

Result<Vote> decode(ByteView bytes) {
  Reader reader(bytes);
  Vote vote = TRY(decode_vote(reader));
  TRY_VOID(reader.finish());
  return vote;
}

const Statement some = notarize({3}, 7, 4, number_hash(1));

TEST(ChainVote, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("chain_vote.txt")) {
    SCOPED_TRACE(line[0] + " " + line[2] + " of view " + line[3]);
    const Statement statement{
        {std::stoull(line[1])},
        kind_named(line[2]),
        {{std::stoull(line[3])}, {std::stoull(line[4])}, hash_from_hex(line[5])}};
    const TestValidators validators(std::stoul(line[6]));
    std::vector<ValidatorIndex> signers;
    std::istringstream list(line[7]);
    for (std::string each; std::getline(list, each, ',');) {
      signers.push_back(static_cast<ValidatorIndex>(std::stoi(each)));
    }
    EXPECT_EQ(base::to_hex(signed_bytes(test_genesis, statement)), line[8]);
    const Bytes bytes = unhex(line[9]);
    if (line[0] == "vote") {
      const Vote vote = validators.vote(signers[0], statement);
      EXPECT_EQ(encoded(vote), bytes);
      EXPECT_EQ(decode(bytes).value(), vote);
      EXPECT_TRUE(verify(vote, test_genesis, validators.set));
    } else {
      const Certificate certificate = validators.certificate(statement, signers);
      EXPECT_EQ(encode(certificate), bytes);
      EXPECT_EQ(decode_certificate(bytes).value(), certificate);
      EXPECT_TRUE(verify(certificate, test_genesis, validators.set));
    }
  }
}

TEST(ChainVote, ASignatureIsForOneStatementOfOneChain) {
  const TestValidators validators(4);
  const Vote vote = validators.vote(2, some);
  ASSERT_TRUE(verify(vote, test_genesis, validators.set));
  const auto is_bad = [&](const Vote& other, const Hash& genesis = test_genesis) {
    return verify(other, genesis, validators.set).error().code == Code::bad_signature;
  };
  EXPECT_TRUE(is_bad(vote, number_hash(9)));  // another chain
  Vote other = vote;
  other.statement.epoch = {4};
  EXPECT_TRUE(is_bad(other));
  other = vote;
  other.statement.kind = VoteKind::finalize;
  EXPECT_TRUE(is_bad(other));
  other = vote;
  other.statement.subject.view = {8};
  EXPECT_TRUE(is_bad(other));
  other = vote;
  other.statement.subject.parent = {3};
  EXPECT_TRUE(is_bad(other));
  other = vote;
  other.statement.subject.digest[31] ^= 1;
  EXPECT_TRUE(is_bad(other));
  other = vote;
  other.signer = 1;
  EXPECT_TRUE(is_bad(other));
  other.signer = 4;
  EXPECT_EQ(verify(other, test_genesis, validators.set).error().code, Code::malformed);
}

/// Which is why whoever registers validators must refuse such keys: ZIP-215 takes points of any
/// order, so that everybody agrees.
TEST(ChainVote, OfAKeyOfSmallOrderAnybodySigns) {
  const ValidatorSet alone = ValidatorSet::make({{{1}, 1}}).value();  // the neutral point
  EXPECT_TRUE(verify(Vote{some, 0, {1}}, test_genesis, alone));
}

TEST(ChainVote, RefusesStatementsThatNobodyMakes) {
  const Bytes good = encoded(TestValidators(4).vote(0, some));
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(decode(ByteView(good).first(cut)).error().code, Code::truncated) << cut;
  }
  const auto with = [&](std::size_t at, std::uint8_t byte) {
    Bytes bad = good;
    bad[at] = byte;
    return decode(bad);
  };
  EXPECT_EQ(with(8, 0).error().code, Code::malformed);  // kinds are 1 to 3
  EXPECT_EQ(with(8, 4).error().code, Code::malformed);
  EXPECT_EQ(with(16, 0).error().code, Code::malformed);  // view 0
  EXPECT_EQ(with(24, 7).error().code, Code::malformed);  // its own parent
  EXPECT_EQ(with(24, 8).error().code, Code::malformed);  // a later parent
  EXPECT_TRUE(with(24, 6));
  // A nullification has neither parent nor digest.
  const Bytes nullification = encoded(TestValidators(4).vote(0, nullify({3}, 7)));
  EXPECT_EQ(nullification.size(), 8u + 1 + 8 + 2 + 64);
  EXPECT_EQ(with(8, 2).error().code, Code::malformed);  // bytes are left
}

TEST(ChainVote, AQuorumIsCountedInWeight) {
  // W = 18, a quorum is 13.
  const TestValidators validators({5, 4, 3, 2, 2, 1, 1});
  std::vector<ValidatorIndex> by_weight(7);
  for (ValidatorIndex i = 0; i < 7; ++i) by_weight[i] = i;
  ASSERT_EQ(validators.set.quorum(), 13u);
  // Every set of signers there is.
  for (unsigned bits = 0; bits < 128; ++bits) {
    std::vector<ValidatorIndex> signers;
    Weight weight = 0;
    for (ValidatorIndex i = 0; i < 7; ++i) {
      if ((bits >> i & 1U) == 0) continue;
      signers.push_back(i);
      weight += validators.set.at(i).weight;
    }
    const Certificate certificate = validators.certificate(some, signers);
    EXPECT_EQ(weight_of(certificate, validators.set), weight);
    const auto formed = check_form(certificate, validators.set);
    EXPECT_EQ(formed.has_value(), weight >= 13) << bits;
    if (!formed) EXPECT_EQ(formed.error().code, Code::refused);
    EXPECT_EQ(verify(certificate, test_genesis, validators.set).has_value(), weight >= 13);
  }
}

TEST(ChainVote, ACertificateNeedsEverySignatureRight) {
  const TestValidators validators(7);
  const Certificate good = validators.certificate(some, {0, 2, 3, 5, 6});
  ASSERT_TRUE(verify(good, test_genesis, validators.set));
  for (std::size_t i = 0; i < good.signatures.size(); ++i) {
    Certificate bad = good;
    bad.signatures[i][40] ^= 1;
    EXPECT_EQ(verify(bad, test_genesis, validators.set).error().code, Code::bad_signature) << i;
  }
  Certificate swapped = good;
  std::swap(swapped.signatures[0], swapped.signatures[1]);
  EXPECT_FALSE(verify(swapped, test_genesis, validators.set));
  Certificate fewer = good;
  fewer.signatures.pop_back();
  EXPECT_EQ(check_form(fewer, validators.set).error().code, Code::malformed);
  Certificate more = good;
  more.signatures.push_back(more.signatures[0]);
  EXPECT_EQ(check_form(more, validators.set).error().code, Code::malformed);
  EXPECT_EQ(check_form(good, TestValidators(8).set).error().code, Code::malformed);
  // Votes of those who were validators before (ava-labs #543): the same indices, other keys.
  std::vector<Validator> others;
  for (std::uint8_t i = 0; i < 7; ++i) {
    others.push_back({validator_key(key_of_number(static_cast<std::uint8_t>(100 + i))), 1});
  }
  EXPECT_FALSE(verify(good, test_genesis, ValidatorSet::make(others).value()));
}

TEST(ChainVote, CertificatesHaveOneEncodingAndLimits) {
  const TestValidators validators(9);
  const Bytes good = encode(validators.certificate(nullify({1}, 2), {0, 1, 2, 3, 4, 5, 8}));
  ASSERT_TRUE(decode_certificate(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(decode_certificate(ByteView(good).first(cut)).error().code, Code::truncated) << cut;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(decode_certificate(longer).error().code, Code::malformed);
  constexpr std::size_t count_at = 17;
  constexpr std::size_t bits_at = 19;
  for (unsigned bit = 1; bit < 0x80; bit <<= 1U) {  // beyond the nine
    Bytes beyond = good;
    beyond[bits_at + 1] |= static_cast<std::uint8_t>(bit);
    EXPECT_EQ(decode_certificate(beyond).error().code, Code::malformed) << bit;
  }
  Bytes none = good;
  none[count_at + 1] = 0;
  EXPECT_EQ(decode_certificate(none).error().code, Code::too_large);
  Bytes many = good;
  many[count_at] = 4;
  many[count_at + 1] = 1;  // 1025
  EXPECT_EQ(decode_certificate(many).error().code, Code::too_large);
  many[count_at + 1] = 0;  // 1024, with bits for all of them and no signatures
  many.resize(bits_at);
  many.resize(bits_at + 128, 0xff);
  EXPECT_EQ(decode_certificate(many).error().code, Code::truncated);
  EXPECT_LE(bits_at + 128 + validators_in_set_max * 64, certificate_bytes_max);
}

TEST(ChainVote, AnyBytesDecodeToThemselvesOrNotAtAll) {
  const TestValidators validators(5);
  EXPECT_TRUE(rc::check([&](std::uint64_t epoch, std::uint64_t view, std::uint64_t parent,
                            std::uint8_t kind, std::uint8_t signers, std::uint16_t at,
                            std::uint8_t flip, const std::vector<std::uint8_t>& noise) {
    Statement statement{{epoch}, static_cast<VoteKind>(kind % 3 + 1), {}};
    statement.subject.view = {std::max<std::uint64_t>(view, 1)};
    if (statement.kind != VoteKind::nullify) {
      statement.subject.parent = {parent % statement.subject.view.value};
      statement.subject.digest = number_hash(view);
    }
    const Vote vote = validators.vote(signers % 5, statement);
    Bytes bytes = encoded(vote);
    RC_ASSERT(bytes.size() <= vote_bytes_max);
    RC_ASSERT(decode(bytes).value() == vote);
    bytes[at % bytes.size()] ^= flip;
    if (const auto decoded = decode(bytes)) RC_ASSERT(encoded(*decoded) == bytes);
    Certificate certificate{statement, {}, {}};
    for (unsigned i = 0; i < 5; ++i) {
      certificate.signers.push_back((signers >> i & 1U) != 0);
      if (certificate.signers.back()) certificate.signatures.push_back(vote.signature);
    }
    bytes = encode(certificate);
    RC_ASSERT(decode_certificate(bytes).value() == certificate);
    bytes[at % bytes.size()] ^= flip;
    if (const auto decoded = decode_certificate(bytes)) RC_ASSERT(encode(*decoded) == bytes);
    (void)decode_certificate(noise);
    (void)decode(noise);
  }));
}

}  // namespace
}  // namespace kith::codec
