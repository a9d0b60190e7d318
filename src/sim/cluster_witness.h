// What is asked of all that the nodes of an EngineCluster say and finalize, whatever befalls them:
//
//   one digest a height; no height finalized twice by one node; no honest node contradicts itself
//   in a view (E1 to E4), across crashes too; certificates are quorums of signatures that were
//   given; of one view not two notarizations, not a nullification beside a finalization; no honest
//   key is accused. When a third of the weight or more lies, forks may be: then each must be blamed
//   on at least 2Q - W of the weight, by votes that honest nodes have received (consensus.md 1.3).
//
// Limits: the votes of the latest `views_kept` views are remembered.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "codec/chain_evidence.h"
#include "codec/chain_message.h"
#include "codec/chain_validators.h"

namespace kith::sim {

class ClusterWitness {
 public:
  static constexpr std::size_t views_kept = 10'000;
  using Report = std::function<void(std::string)>;
  using SetOf = std::function<const codec::ValidatorSet&(codec::Epoch)>;

  /// `is_valid`: of one signature. `may_fork`: forks are counted and blamed, not reported.
  ClusterWitness(Report report, SetOf set_of,
                 std::function<bool(const codec::Certificate&)> is_valid, bool may_fork)
      : report_(std::move(report)),
        set_of_(std::move(set_of)),
        is_valid_(std::move(is_valid)),
        may_fork_(may_fork) {}

  /// Honest votes as they are said, others as they arrive.
  void vote(const codec::Vote& vote, bool is_honest);
  /// Said by an honest node, or committed by.
  void certificate(const codec::Certificate& certificate);
  void block_final(std::uint32_t node, codec::Epoch epoch, std::uint64_t height,
                   const codec::Hash& digest);
  void evidence(const codec::Evidence& evidence, bool is_honest);

  const std::set<codec::ValidatorKey>& accused() const { return accused_; }
  std::uint64_t forks() const { return forks_; }
  /// Whom the votes convict, and of how much weight, in an epoch.
  std::set<codec::ValidatorIndex> blamed(codec::Epoch epoch) const;
  /// After a run in which forks might be: that each fork is blamed on enough.
  void check_blame();

 private:
  using Place = std::pair<codec::Epoch, codec::View>;
  using Statements = std::vector<codec::Statement>;
  void forget();

  const Report report_;
  const SetOf set_of_;
  const std::function<bool(const codec::Certificate&)> is_valid_;
  const bool may_fork_;
  std::map<Place, std::map<codec::ValidatorIndex, Statements>> said_;
  std::map<Place, Statements> certified_;
  std::map<std::uint64_t, codec::Hash> final_;
  std::set<codec::ValidatorKey> accused_;
  std::set<codec::Epoch> forked_;
  std::uint64_t forks_ = 0;
};

}  // namespace kith::sim
