#include "sim/cluster_witness.h"

#include <algorithm>

#include "base/format.h"

namespace kith::sim {

using codec::Certificate;
using codec::Statement;
using codec::ValidatorIndex;
using codec::VoteKind;

namespace {

/// Whether certificates of both may exist while less than a third lies.
bool may_stand_together(const Statement& a, const Statement& b) {
  if (a.kind == VoteKind::nullify || b.kind == VoteKind::nullify) {
    return a.kind != VoteKind::finalize && b.kind != VoteKind::finalize;
  }
  return a.subject == b.subject;
}

}  // namespace

void ClusterWitness::vote(const codec::Vote& vote, bool is_honest) {
  const Statement& statement = vote.statement;
  Statements& said = said_[{statement.epoch, statement.view()}][vote.signer];
  if (std::ranges::count(said, statement) > 0) return;
  for (const Statement& before : said) {
    const auto offence = codec::offence_of(before, statement);
    if (!offence || !is_honest) continue;
    report_(base::format("honest validator {} contradicts itself in epoch {}, view {}: {}",
                         vote.signer, statement.epoch.value, statement.view().value,
                         codec::name_of(*offence)));
  }
  said.push_back(statement);
  forget();
}

void ClusterWitness::certificate(const Certificate& certificate) {
  const Statement& statement = certificate.statement;
  Statements& certified = certified_[{statement.epoch, statement.view()}];
  if (std::ranges::count(certified, statement) > 0) return;
  if (auto formed = codec::check_form(certificate, set_of_(statement.epoch)); !formed) {
    report_(
        base::format("an honest node holds what is no certificate: {}", formed.error().message));
    return;
  }
  if (!is_valid_(certificate)) {
    report_(base::format("an honest node holds a false certificate of view {}",
                         statement.view().value));
    return;
  }
  for (const Statement& other : certified) {
    if (may_stand_together(other, statement)) continue;
    forked_.insert(statement.epoch);
    if (may_fork_) continue;
    report_(base::format("epoch {}, view {}: certificates of {} and of {}", statement.epoch.value,
                         statement.view().value, codec::name_of(other.kind),
                         codec::name_of(statement.kind)));
  }
  certified.push_back(statement);
  forget();
}

void ClusterWitness::block_final(std::uint32_t node, codec::Epoch epoch, std::uint64_t height,
                                 const codec::Hash& digest) {
  const auto [known, is_new] = final_.try_emplace(height, digest);
  if (known->second == digest) return;
  ++forks_;
  forked_.insert(epoch);
  if (may_fork_) return;
  report_(base::format("FORK at height {}: node {} finalizes another block", height, node));
}

void ClusterWitness::evidence(const codec::Evidence& evidence, bool is_honest) {
  accused_.insert(evidence.key);
  if (!is_honest) return;
  report_(
      base::format("evidence against an honest validator: {}", codec::name_of(evidence.offence())));
}

std::set<ValidatorIndex> ClusterWitness::blamed(codec::Epoch epoch) const {
  std::set<ValidatorIndex> blamed;
  for (auto at = said_.lower_bound({epoch, {0}}); at != said_.end() && at->first.first == epoch;
       ++at) {
    for (const auto& [signer, said] : at->second) {
      for (std::size_t i = 0; i < said.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (codec::offence_of(said[i], said[j])) blamed.insert(signer);
        }
      }
    }
  }
  return blamed;
}

void ClusterWitness::check_blame() {
  for (const codec::Epoch epoch : forked_) {
    const codec::ValidatorSet& set = set_of_(epoch);
    codec::Weight weight = 0;
    for (const ValidatorIndex index : blamed(epoch)) weight += set.at(index).weight;
    if (weight >= 2 * set.quorum() - set.total()) continue;
    report_(
        base::format("a fork in epoch {} is blamed on a weight of {} only", epoch.value, weight));
  }
}

void ClusterWitness::forget() {
  if (said_.size() > views_kept) said_.erase(said_.begin());
  if (certified_.size() > views_kept) certified_.erase(certified_.begin());
}

}  // namespace kith::sim
