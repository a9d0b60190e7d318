// The votes of one view: each signer's, counted by what they say, made into a certificate when a
// quorum says the same, and into evidence when one signer contradicts himself.
//
// Of each signer at most two different notarizations and two finalizations are kept (more prove
// nothing new) and one nullification. Votes are verified before they come here.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "codec/chain_evidence.h"
#include "codec/chain_vote.h"

namespace kith::consensus {

using CertificatePtr = std::shared_ptr<const codec::Certificate>;

class ViewVotes {
 public:
  /// Whether the vote would tell anything new: asked before it is verified.
  bool wants(const codec::Vote& vote) const;
  /// The same vote, with the same signature, is here.
  bool holds(const codec::Vote& vote) const;

  struct Added {
    CertificatePtr certificate;  // when this vote completed a quorum
    std::optional<codec::Evidence> evidence;
  };
  /// REQUIRES: wants(vote), and its signature is right.
  Added add(const codec::Vote& vote, const codec::ValidatorSet& validators);

  /// All votes that say this, as a certificate of `validators` signers or fewer: it may hold more
  /// than the quorum that add() told of, and is none when there was no quorum.
  CertificatePtr certificate_of(const codec::Statement& statement, std::size_t validators) const;
  bool has(codec::ValidatorIndex signer, codec::VoteKind kind) const;
  codec::Weight weight(const codec::Statement& statement) const;
  const std::vector<codec::Vote>& all() const { return votes_; }

 private:
  static constexpr std::uint16_t none = UINT16_MAX;
  static constexpr std::size_t places = 5;  // notarize twice, nullify, finalize twice
  using Places = std::array<std::uint16_t, places>;
  struct Tally {
    codec::Statement statement;
    codec::Weight weight = 0;
    bool is_certified = false;
  };

  /// The places of a kind in Places: first and one past the last.
  static std::pair<std::size_t, std::size_t> range_of(codec::VoteKind kind);
  Tally& tally_of(const codec::Statement& statement);
  std::optional<codec::Evidence> evidence_of(const codec::Vote& vote,
                                             const codec::ValidatorSet& validators) const;

  std::vector<codec::Vote> votes_;  // as they came
  std::vector<Places> of_signer_;   // into votes_; as long as the highest signer needs
  std::vector<Tally> tallies_;
};

}  // namespace kith::consensus
