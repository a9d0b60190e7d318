#include "codec/chain_evidence.h"

#include <rapidcheck.h>

#include "codec/test_votes.h"

namespace kith::codec {
namespace {

constexpr Epoch epoch{3};
constexpr std::uint64_t view = 7;

TEST(ChainEvidence, GoldenVectors) {
  const TestValidators four(4);
  for (const GoldenLine& line : golden_lines("chain_evidence.txt")) {
    SCOPED_TRACE(line[0]);
    const Bytes bytes = unhex(line[1]);
    ASSERT_LE(bytes.size(), double_vote_bytes_max);
    const Evidence evidence = decode_evidence(bytes).value();
    EXPECT_EQ(name_of(evidence.offence()), line[0]);
    EXPECT_EQ(evidence.key, four.set.at(2).key);
    EXPECT_TRUE(verify(evidence, test_genesis, four.set));
    EXPECT_EQ(encode(evidence), bytes);
    EXPECT_EQ(base::to_hex(id_of(evidence)), line[2]);
    // From the votes, in either order.
    const Vote first = four.vote(2, evidence.first.statement);
    const Vote second = four.vote(2, evidence.second.statement);
    EXPECT_EQ(encode(make_evidence(evidence.key, first, second)), bytes);
    EXPECT_EQ(encode(make_evidence(evidence.key, second, first)), bytes);
  }
}

TEST(ChainEvidence, WhatProvesALieAndWhatDoesNot) {
  const Statement n1 = notarize(epoch, view, 4, number_hash(1));
  const Statement n2 = notarize(epoch, view, 4, number_hash(2));
  const Statement n3 = notarize(epoch, view, 5, number_hash(1));  // the same block, another parent
  const Statement f1 = finalize(epoch, view, 4, number_hash(1));
  const Statement f2 = finalize(epoch, view, 4, number_hash(2));
  const Statement f3 = finalize(epoch, view, 5, number_hash(1));
  const Statement skip = nullify(epoch, view);
  const auto check = [](const Statement& a, const Statement& b, std::optional<Offence> expected) {
    EXPECT_EQ(offence_of(a, b), expected);
    EXPECT_EQ(offence_of(b, a), expected);
  };
  check(n1, n2, Offence::double_notarize);
  check(n1, n3, Offence::double_notarize);
  check(f1, f2, Offence::double_finalize);
  check(f1, f3, Offence::double_finalize);
  check(skip, f1, Offence::nullify_and_finalize);
  check(n1, f2, Offence::notarize_and_finalize);
  check(n1, f3, Offence::notarize_and_finalize);
  check(n1, f1, std::nullopt);
  check(n1, n1, std::nullopt);
  check(f1, f1, std::nullopt);
  check(skip, skip, std::nullopt);
  check(n1, skip, std::nullopt);  // legal: the view took too long
  check(n1, notarize(epoch, view + 1, 4, number_hash(2)), std::nullopt);
  check(n1, notarize({4}, view, 4, number_hash(2)), std::nullopt);
  check(f1, nullify(epoch, view + 1), std::nullopt);
  check(f1, nullify({4}, view), std::nullopt);
}

TEST(ChainEvidence, ALieAboutALieIsRefused) {
  const TestValidators four(4);
  const Statement a = notarize(epoch, view, 4, number_hash(1));
  const Statement b = notarize(epoch, view, 4, number_hash(2));
  const Evidence good = make_evidence(four.set.at(1).key, four.vote(1, a), four.vote(1, b));
  ASSERT_TRUE(verify(good, test_genesis, four.set));
  const Bytes bytes = encode(good);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes bad = bytes;
    bad[i] ^= 1;
    const auto decoded = decode_evidence(bad);
    EXPECT_FALSE(decoded && verify(*decoded, test_genesis, four.set)) << i;
    EXPECT_EQ(decode_evidence(ByteView(bytes).first(i)).error().code, Code::truncated) << i;
  }
  // Nobody is accused with what others signed (ava-labs #557, #568).
  Evidence framed = good;
  framed.key = four.set.at(2).key;
  EXPECT_EQ(verify(framed, test_genesis, four.set).error().code, Code::refused);
  framed.first.signer = framed.second.signer = 2;
  EXPECT_EQ(verify(framed, test_genesis, four.set).error().code, Code::bad_signature);
  EXPECT_EQ(verify(good, number_hash(1), four.set).error().code, Code::bad_signature);
  EXPECT_EQ(verify(good, test_genesis, TestValidators(1).set).error().code, Code::refused);
}

TEST(ChainEvidence, HasOneEncoding) {
  const TestValidators four(4);
  const Statement a = notarize(epoch, view, 4, number_hash(1));
  const Statement b = finalize(epoch, view, 4, number_hash(2));
  const auto made = [&](const Statement& first, ValidatorIndex by, const Statement& second,
                        ValidatorIndex by_second) {
    return decode_evidence(
        encode(Evidence{four.set.at(by).key, four.vote(by, first), four.vote(by_second, second)}));
  };
  EXPECT_TRUE(made(a, 0, b, 0));
  EXPECT_EQ(made(b, 0, a, 0).error().code, Code::malformed);  // out of order
  EXPECT_EQ(made(a, 0, a, 0).error().code, Code::malformed);  // twice the same
  EXPECT_EQ(made(a, 0, b, 1).error().code, Code::malformed);  // of two validators
  EXPECT_EQ(made(a, 0, nullify(epoch, view), 0).error().code, Code::malformed);  // legal
  EXPECT_EQ(made(a, 0, finalize(epoch, view, 4, number_hash(1)), 0).error().code, Code::malformed);
  EXPECT_EQ(made(a, 0, nullify(epoch, view + 1), 0).error().code, Code::malformed);
  Bytes later = encode(make_evidence(four.set.at(0).key, four.vote(0, a), four.vote(0, b)));
  later[0] = 2;
  EXPECT_EQ(decode_evidence(later).error().code, Code::unsupported);
  later[0] = 1;
  later.push_back(0);
  EXPECT_EQ(decode_evidence(later).error().code, Code::malformed);
}

TEST(ChainEvidence, TwoReportsOfOneLieAreOne) {
  const TestValidators four(4);
  const auto id = [&](ValidatorIndex signer, const Statement& a, const Statement& b) {
    return id_of(
        make_evidence(four.set.at(signer).key, four.vote(signer, a), four.vote(signer, b)));
  };
  const auto proposal = [](std::uint64_t number) {
    return notarize(epoch, view, 4, number_hash(number));
  };
  const Hash first = id(0, proposal(1), proposal(2));
  EXPECT_EQ(first, id(0, proposal(2), proposal(3)));
  EXPECT_NE(first, id(1, proposal(1), proposal(2)));
  EXPECT_NE(first, id(0, proposal(1), finalize(epoch, view, 4, number_hash(2))));
  EXPECT_NE(first, id(0, notarize(epoch, view + 1, 4, number_hash(1)),
                      notarize(epoch, view + 1, 4, number_hash(2))));
  EXPECT_NE(first,
            id(0, notarize({4}, view, 4, number_hash(1)), notarize({4}, view, 4, number_hash(2))));
}

TEST(ChainEvidence, AnyBytesDecodeToThemselvesOrNotAtAll) {
  const TestValidators four(4);
  const Bytes good = encode(make_evidence(four.set.at(0).key, four.vote(0, nullify(epoch, view)),
                                          four.vote(0, finalize(epoch, view, 1, number_hash(1)))));
  EXPECT_TRUE(
      rc::check([&](std::uint16_t at, std::uint8_t flip, const std::vector<std::uint8_t>& noise) {
        Bytes bytes = good;
        bytes[at % bytes.size()] ^= flip;
        if (const auto decoded = decode_evidence(bytes)) RC_ASSERT(encode(*decoded) == bytes);
        if (const auto decoded = decode_evidence(noise)) RC_ASSERT(encode(*decoded) == noise);
      }));
}

}  // namespace
}  // namespace kith::codec
