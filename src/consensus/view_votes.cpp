#include "consensus/view_votes.h"

#include <algorithm>

#include "base/assert.h"

namespace kith::consensus {

using codec::Certificate;
using codec::Evidence;
using codec::Statement;
using codec::ValidatorIndex;
using codec::ValidatorSet;
using codec::Vote;
using codec::VoteKind;

std::pair<std::size_t, std::size_t> ViewVotes::range_of(VoteKind kind) {
  switch (kind) {
    case VoteKind::notarize: return {0, 2};
    case VoteKind::nullify: return {2, 3};
    case VoteKind::finalize: return {3, 5};
  }
  ASSERT(false);
  return {0, 0};
}

bool ViewVotes::wants(const Vote& vote) const {
  if (vote.signer >= of_signer_.size()) return true;
  const auto [begin, end] = range_of(vote.statement.kind);
  for (std::size_t i = begin; i < end; ++i) {
    const std::uint16_t at = of_signer_[vote.signer][i];
    if (at == none) return true;
    if (votes_[at].statement == vote.statement) return false;
  }
  return false;
}

bool ViewVotes::holds(const Vote& vote) const {
  if (vote.signer >= of_signer_.size()) return false;
  const Places& of = of_signer_[vote.signer];
  return std::ranges::any_of(of,
                             [&](std::uint16_t at) { return at != none && votes_[at] == vote; });
}

bool ViewVotes::has(ValidatorIndex signer, VoteKind kind) const {
  if (signer >= of_signer_.size()) return false;
  return of_signer_[signer][range_of(kind).first] != none;
}

codec::Weight ViewVotes::weight(const Statement& statement) const {
  const auto at = std::ranges::find(tallies_, statement, &Tally::statement);
  return at == tallies_.end() ? 0 : at->weight;
}

ViewVotes::Added ViewVotes::add(const Vote& vote, const ValidatorSet& validators) {
  ASSERT(wants(vote) && vote.signer < validators.size());
  Added added;
  added.evidence = evidence_of(vote, validators);
  if (vote.signer >= of_signer_.size()) {
    Places empty;
    empty.fill(none);
    of_signer_.resize(vote.signer + std::size_t{1}, empty);
  }
  const auto [begin, end] = range_of(vote.statement.kind);
  Places& of = of_signer_[vote.signer];
  const auto place = std::find(of.begin() + begin, of.begin() + end, none);
  *place = static_cast<std::uint16_t>(votes_.size());
  votes_.push_back(vote);

  Tally& tally = tally_of(vote.statement);
  tally.weight += validators.at(vote.signer).weight;
  if (tally.weight >= validators.quorum() && !tally.is_certified) {
    tally.is_certified = true;
    added.certificate = certificate_of(vote.statement, validators.size());
  }
  return added;
}

ViewVotes::Tally& ViewVotes::tally_of(const Statement& statement) {
  const auto at = std::ranges::find(tallies_, statement, &Tally::statement);
  return at != tallies_.end() ? *at : tallies_.emplace_back(Tally{statement, 0, false});
}

CertificatePtr ViewVotes::certificate_of(const Statement& statement, std::size_t count) const {
  auto certificate = std::make_shared<Certificate>();
  certificate->statement = statement;
  certificate->signers.resize(count);
  std::vector<const Vote*> of;
  for (const Vote& vote : votes_) {
    if (vote.statement == statement) of.push_back(&vote);
  }
  std::ranges::sort(of, {}, &Vote::signer);
  for (const Vote* const vote : of) {
    certificate->signers[vote->signer] = true;
    certificate->signatures.push_back(vote->signature);
  }
  return certificate;
}

std::optional<Evidence> ViewVotes::evidence_of(const Vote& vote,
                                               const ValidatorSet& validators) const {
  if (vote.signer >= of_signer_.size()) return std::nullopt;
  for (const std::uint16_t at : of_signer_[vote.signer]) {
    if (at == none || !codec::offence_of(votes_[at].statement, vote.statement)) continue;
    return codec::make_evidence(validators.at(vote.signer).key, votes_[at], vote);
  }
  return std::nullopt;
}

}  // namespace kith::consensus
