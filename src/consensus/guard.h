// The safety guard: which votes a validator may give, whatever anybody else thinks. Small, apart
// from the rules that decide what would be good to say, and asked for every vote; a remote signer
// asks the same one. Two honest nodes that keep to it never finalize two blocks at one height.
//
//   G1 Notarize(p) at v: nothing but p was notarized or finalized at v, and v was not nullified.
//   G2 Nullify(v): nothing was finalized at v.
//   G3 Finalize(p) at v: v was not nullified, p was notarized by us, a notarization of p is held,
//   and
//      nothing but p was finalized at v.
//   G4 Only of this epoch, and of views above the last final one: what was said below is forgotten.
//
// What was approved must be durable before anybody hears of it (consensus/engine.h), and be given
// to restore() after a crash. Source: docs/protocol/consensus.md, "The guard". Limits: `views_max`
// views without a final one, then it refuses.
#pragma once

#include <map>
#include <optional>

#include "base/error.h"
#include "codec/chain_vote.h"

namespace kith::consensus {

using codec::Epoch;
using codec::Proposal;
using codec::Statement;
using codec::View;
using codec::VoteKind;

class SafetyGuard {
 public:
  static constexpr std::size_t views_max = 100'000;

  /// Votes of `epoch`, above `final_view`.
  SafetyGuard(Epoch epoch, View final_view) : epoch_(epoch), final_view_(final_view) {}

  /// Whether it may be signed; if so, that counts as said from now on. `refused` names the rule.
  /// `holds_notarization`: the caller has a valid notarization of the subject (G3).
  Result<void> approve(const Statement& statement, bool holds_notarization);
  /// The same question, and nothing changes.
  Result<void> would_approve(const Statement& statement, bool holds_notarization) const;
  /// What was approved before a crash. Older epochs and views are passed over.
  void restore(const Statement& statement);
  /// Everything up to this view is final. Never goes back.
  void advance(View final_view);

  std::optional<Proposal> notarized(View view) const;
  std::optional<Proposal> finalized(View view) const;
  bool nullified(View view) const;
  /// It was approved, or is of a view below which everything is forgotten.
  bool remembers(const Statement& statement) const;
  View final_view() const { return final_view_; }

 private:
  struct Said {
    std::optional<Proposal> notarize;
    std::optional<Proposal> finalize;
    bool nullify = false;
  };
  const Said* said(View view) const;
  void note(const Statement& statement);

  const Epoch epoch_;
  View final_view_;
  std::map<View, Said> said_;  // above final_view_
};

}  // namespace kith::consensus
