#include "consensus/guard.h"

#include <rapidcheck.h>

#include <set>

#include "codec/test_votes.h"

namespace kith::consensus {
namespace {

using codec::finalize;
using codec::notarize;
using codec::nullify;

constexpr codec::Epoch epoch{3};
const Statement n1 = notarize(epoch, 5, 4, codec::number_hash(1));
const Statement n2 = notarize(epoch, 5, 4, codec::number_hash(2));
const Statement f1 = finalize(epoch, 5, 4, codec::number_hash(1));
const Statement f2 = finalize(epoch, 5, 4, codec::number_hash(2));
const Statement skip = nullify(epoch, 5);

/// Which rule refuses `then` after `before`; empty: none.
std::string refusal(const std::vector<Statement>& before, const Statement& then,
                    bool holds_notarization = true) {
  SafetyGuard guard(epoch, {2});
  for (const Statement& each : before) EXPECT_TRUE(guard.approve(each, true));
  const auto asked = guard.would_approve(then, holds_notarization);
  const auto approved = guard.approve(then, holds_notarization);
  EXPECT_EQ(asked.has_value(), approved.has_value());
  if (approved) return "";
  EXPECT_EQ(approved.error().code, Code::refused);
  return approved.error().message.substr(0, 2);
}

TEST(SafetyGuard, G1OneNotarizationAViewAndNoneAfterANullification) {
  EXPECT_EQ(refusal({}, n1), "");
  EXPECT_EQ(refusal({n1}, n1), "");
  EXPECT_EQ(refusal({n1}, n2), "G1");
  EXPECT_EQ(refusal({n1}, notarize(epoch, 5, 3, codec::number_hash(1))), "G1");
  EXPECT_EQ(refusal({skip}, n1), "G1");
  EXPECT_EQ(refusal({n1, skip}, n1), "G1");
  EXPECT_EQ(refusal({n1, f1}, n1), "");
  EXPECT_EQ(refusal({n1, f1}, n2), "G1");
}

TEST(SafetyGuard, G2NoNullificationAfterAFinalization) {
  EXPECT_EQ(refusal({}, skip), "");
  EXPECT_EQ(refusal({n1}, skip), "") << "having notarized does not forbid it";
  EXPECT_EQ(refusal({skip}, skip), "");
  EXPECT_EQ(refusal({n1, f1}, skip), "G2");
}

TEST(SafetyGuard, G3FinalizesWhatItNotarizedAndSeesNotarized) {
  EXPECT_EQ(refusal({n1}, f1), "");
  EXPECT_EQ(refusal({n1, f1}, f1), "");
  EXPECT_EQ(refusal({n1}, f1, false), "G3");
  EXPECT_EQ(refusal({}, f1), "G3");
  EXPECT_EQ(refusal({n2}, f1), "G3");
  EXPECT_EQ(refusal({n1}, finalize(epoch, 5, 3, codec::number_hash(1))), "G3");
  EXPECT_EQ(refusal({n1, skip}, f1), "G3");
}

TEST(SafetyGuard, G4NothingOfOtherEpochsOrOfViewsThatAreOver) {
  EXPECT_EQ(refusal({}, notarize({2}, 5, 4, codec::number_hash(1))), "G4");
  EXPECT_EQ(refusal({}, nullify({4}, 5)), "G4");
  EXPECT_EQ(refusal({}, nullify(epoch, 2)), "G4");
  EXPECT_EQ(refusal({}, nullify(epoch, 1)), "G4");
  EXPECT_EQ(refusal({}, nullify(epoch, 3)), "");
}

TEST(SafetyGuard, WhatIsForgottenIsRefused) {
  SafetyGuard guard(epoch, {0});
  ASSERT_TRUE(guard.approve(skip, false));
  EXPECT_TRUE(guard.nullified({5}));
  guard.advance({5});
  EXPECT_FALSE(guard.nullified({5}));
  EXPECT_FALSE(guard.approve(n1, false));
  EXPECT_FALSE(guard.approve(f1, true));
  guard.advance({3});  // never back
  EXPECT_EQ(guard.final_view().value, 5u);
  EXPECT_FALSE(guard.approve(nullify(epoch, 4), false));
  EXPECT_TRUE(guard.approve(nullify(epoch, 6), false));
}

TEST(SafetyGuard, ACrashChangesNothing) {
  SafetyGuard guard(epoch, {2});
  guard.restore(n1);
  guard.restore(f1);
  guard.restore(nullify(epoch, 6));
  guard.restore(nullify({2}, 7));    // of an epoch before
  guard.restore(nullify(epoch, 2));  // final since
  EXPECT_EQ(guard.notarized({5}), n1.subject);
  EXPECT_EQ(guard.finalized({5}), f1.subject);
  EXPECT_TRUE(guard.nullified({6}));
  EXPECT_FALSE(guard.nullified({7}));
  EXPECT_FALSE(guard.nullified({2}));
  EXPECT_FALSE(guard.approve(skip, false));
  EXPECT_FALSE(guard.approve(n2, false));
  EXPECT_FALSE(guard.approve(notarize(epoch, 6, 5, codec::number_hash(1)), false));
  EXPECT_TRUE(guard.approve(n1, false));
}

TEST(SafetyGuard, ViewsWithoutEndAreRefused) {
  SafetyGuard guard(epoch, {0});
  for (std::uint64_t view = 1; view <= SafetyGuard::views_max; ++view) {
    ASSERT_TRUE(guard.approve(nullify(epoch, view), false));
  }
  EXPECT_FALSE(guard.approve(nullify(epoch, SafetyGuard::views_max + 1), false));
  EXPECT_TRUE(guard.approve(nullify(epoch, 1), false)) << "what it knows it still repeats";
  guard.advance({10});
  EXPECT_TRUE(guard.approve(nullify(epoch, SafetyGuard::views_max + 1), false));
}

/// Whatever it is asked, in whatever order, with crashes and finality between: what it approved is
/// never evidence.
TEST(SafetyGuard, NeverContradictsItself) {
  EXPECT_TRUE(rc::check([](const std::vector<std::array<std::uint8_t, 3>>& asked) {
    SafetyGuard guard(epoch, {0});
    std::set<Statement> said;
    for (const auto& [what, view_byte, digest_byte] : asked) {
      const std::uint64_t view = 2 + view_byte % 4U;
      const codec::Hash digest = codec::number_hash(digest_byte % 2U);
      const std::uint64_t parent = digest_byte / 2U % 2U;
      Statement statement = nullify(epoch, view);
      switch (what % 8U) {
        case 0:
        case 1: statement = notarize(epoch, view, parent, digest); break;
        case 2:
        case 3: statement = finalize(epoch, view, parent, digest); break;
        case 4: guard.advance({view - 2}); continue;
        case 5: {  // a crash
          SafetyGuard again(epoch, guard.final_view());
          for (const Statement& each : said) again.restore(each);
          for (const Statement& each : said) {
            RC_ASSERT(again.would_approve(each, true).has_value() ==
                      guard.would_approve(each, true).has_value());
          }
          continue;
        }
        default: break;
      }
      if (!guard.approve(statement, digest_byte % 8U != 0)) continue;
      RC_ASSERT(statement.view() > guard.final_view());
      for (const Statement& before : said) RC_ASSERT(!codec::offence_of(before, statement));
      said.insert(statement);
    }
  }));
}

TEST(SafetyGuard, RemembersWhatItApprovedAndNothingElse) {
  SafetyGuard guard({0}, {3});
  const Statement notarized{{0}, VoteKind::notarize, {{5}, {4}, codec::number_hash(1)}};
  const Statement finalized{{0}, VoteKind::finalize, {{5}, {4}, codec::number_hash(1)}};
  const Statement nullified{{0}, VoteKind::nullify, {{6}, {}, {}}};
  for (const Statement& each : {notarized, finalized, nullified}) {
    EXPECT_FALSE(guard.remembers(each));
    ASSERT_TRUE(guard.approve(each, true));
    EXPECT_TRUE(guard.remembers(each));
  }
  Statement other = notarized;
  other.subject.digest = codec::number_hash(2);
  EXPECT_FALSE(guard.remembers(other));
  EXPECT_FALSE(guard.remembers({{0}, VoteKind::nullify, {{7}, {}, {}}}));
  EXPECT_TRUE(guard.remembers({{0}, VoteKind::nullify, {{3}, {}, {}}})) << "forgotten, and over";
  guard.advance({7});
  EXPECT_TRUE(guard.remembers({{0}, VoteKind::nullify, {{7}, {}, {}}}));
}

}  // namespace
}  // namespace kith::consensus
