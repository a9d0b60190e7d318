// The rules of safety under an adversary who owns the network: validators that lie sign everything
// that is asked of them, leaders propose up to three blocks a view, any certificate that exists may
// be shown to anybody at any time, in any order. The honest ones ask the guard, and accept what is
// justified (A2, A3). docs/protocol/consensus.md, "Why it is safe".
#include <map>
#include <set>

#include "base/rng.h"
#include "codec/test_votes.h"
#include "consensus/guard.h"

namespace kith::consensus {
namespace {

using codec::Weight;

enum class Without : std::uint8_t {
  nothing,
  nullify_bars_finalize,  // a part of G3
  finalize_bars_nullify,  // G2
  one_notarization,       // a part of G1
  nullified_between,      // a part of A2
};

/// The guard once more, in a few lines, with a rule left out.
class Rules {
 public:
  explicit Rules(Without without) : without_(without) {}

  bool approve(const Statement& statement, View final_view) {
    if (statement.view() <= final_view) return false;
    Said& said = said_[statement.view()];
    switch (statement.kind) {
      case VoteKind::notarize:
        if (said.nullify) return false;
        if (without_ != Without::one_notarization) {
          if (said.notarize && *said.notarize != statement.subject) return false;
          if (said.finalize && *said.finalize != statement.subject) return false;
        }
        said.notarize = statement.subject;
        return true;
      case VoteKind::nullify:
        if (said.finalize && without_ != Without::finalize_bars_nullify) return false;
        said.nullify = true;
        return true;
      case VoteKind::finalize:
        if (said.nullify && without_ != Without::nullify_bars_finalize) return false;
        if (said.notarize != statement.subject) return false;
        if (said.finalize && *said.finalize != statement.subject) return false;
        said.finalize = statement.subject;
        return true;
    }
    return false;
  }

 private:
  struct Said {
    std::optional<Proposal> notarize, finalize;
    bool nullify = false;
  };
  Without without_;
  std::map<View, Said> said_;
};

class Schedule {
 public:
  static constexpr std::uint64_t views = 7;
  static constexpr std::size_t proposals_a_view = 3;

  Schedule(SeededRng& rng, std::vector<Weight> weights, std::set<std::size_t> liars,
           Without without)
      : rng_(rng), weights_(std::move(weights)), liars_(std::move(liars)), without_(without) {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      total_ += weights_[i];
      nodes_.push_back({SafetyGuard({0}, {0}), Rules(without), {}});
    }
  }

  void run(std::size_t steps) {
    for (std::size_t i = 0; i < steps; ++i) step();
  }
  std::size_t finalizations() const { return final_.size(); }

  /// Two final blocks of which neither stands on the other.
  std::optional<std::pair<Proposal, Proposal>> fork() const {
    for (const Proposal& a : final_) {
      for (const Proposal& b : final_) {
        if (a < b && !stands_on(b, a)) return std::pair(a, b);
      }
    }
    return std::nullopt;
  }

  struct Guilt {
    Weight weight = 0;
    bool is_honest_accused = false;
  };
  /// What the two finalizations and the justifications beneath them prove, by offence_of() alone.
  Guilt guilt(const std::pair<Proposal, Proposal>& fork) const {
    std::set<Statement> shown;
    for (const Proposal& end : {fork.first, fork.second}) {
      shown.insert({{0}, VoteKind::finalize, end});
      for (Proposal at = end; at.view.value > 0; at = parent_of(at)) {
        const Proposal parent = parent_of(at);
        if (parent.view.value > 0) shown.insert({{0}, VoteKind::notarize, parent});
        for (View view = next(parent.view); view < at.view; view = next(view)) {
          shown.insert({{0}, VoteKind::nullify, {view, {}, {}}});
        }
      }
    }
    Guilt guilt;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      bool is_guilty = false;
      for (const Statement& a : shown) {
        for (const Statement& b : shown) {
          is_guilty |= signed_by(i, a) && signed_by(i, b) && codec::offence_of(a, b).has_value();
        }
      }
      if (is_guilty) guilt.weight += weights_[i];
      guilt.is_honest_accused |= is_guilty && !liars_.contains(i);
    }
    return guilt;
  }
  Weight quorum() const { return total_ * 2 / 3 + 1; }
  Weight total() const { return total_; }

 private:
  struct Node {
    SafetyGuard guard;
    Rules rules;
    View final_view;
  };

  bool signed_by(std::size_t node, const Statement& statement) const {
    if (liars_.contains(node)) return true;
    const auto at = votes_.find(statement);
    return at != votes_.end() && at->second.contains(node);
  }
  bool is_certified(const Statement& statement) const {
    Weight weight = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (signed_by(i, statement)) weight += weights_[i];
    }
    return weight >= quorum();
  }
  bool is_notarized(const Proposal& proposal) const {
    return is_certified({{0}, VoteKind::notarize, proposal});
  }
  bool is_nullified(View view) const {
    return is_certified({{0}, VoteKind::nullify, {view, {}, {}}});
  }
  Proposal parent_of(const Proposal& proposal) const { return parents_.at(proposal); }
  bool stands_on(Proposal block, const Proposal& on) const {
    while (block.view > on.view) block = parent_of(block);
    return block == on;
  }

  void step() {
    switch (rng_.below(8)) {
      case 0:
      case 1: propose(); break;
      case 2:
      case 3:
      case 4: vote_notarize(); break;
      case 5: vote(any_node(), {{0}, VoteKind::nullify, {{1 + rng_.below(views)}, {}, {}}}); break;
      case 6:
      case 7: vote_finalize(); break;
    }
  }
  std::size_t any_node() {
    std::size_t node = 0;
    do {
      node = rng_.below(weights_.size());
    } while (liars_.contains(node));
    return node;
  }
  const Proposal& any_proposal() { return all_[rng_.below(all_.size())]; }

  /// On any notarized block, or the floor, that the nullifications there are allow.
  void propose() {
    const View view{1 + rng_.below(views)};
    const auto there = std::ranges::count(all_, view, &Proposal::view);
    if (static_cast<std::size_t>(there) >= proposals_a_view) return;
    Proposal parent;
    if (!all_.empty() && rng_.below(4) != 0) parent = any_proposal();
    if (parent.view >= view) return;
    if (parent.view.value > 0 && !is_notarized(parent)) return;
    for (View between = next(parent.view); between < view; between = next(between)) {
      if (!is_nullified(between) && without_ != Without::nullified_between) return;
    }
    all_.push_back({view, parent.view, codec::number_hash(++blocks_)});
    parents_[all_.back()] = parent;
  }
  void vote_notarize() {
    if (all_.empty()) return;
    const std::size_t node = any_node();
    const Proposal& proposal = any_proposal();
    if (proposal.parent < nodes_[node].final_view) return;  // A3
    vote(node, {{0}, VoteKind::notarize, proposal});
  }
  void vote_finalize() {
    if (all_.empty()) return;
    const Proposal& proposal = any_proposal();
    if (!is_notarized(proposal)) return;
    const Statement statement{{0}, VoteKind::finalize, proposal};
    const std::size_t node = any_node();
    if (!is_certified(statement)) {
      vote(node, statement);
    } else if (nodes_[node].final_view < proposal.view) {
      nodes_[node].final_view = proposal.view;  // it hears of it
      nodes_[node].guard.advance(proposal.view);
    }
    if (is_certified(statement)) final_.insert(proposal);
  }
  void vote(std::size_t node, const Statement& statement) {
    Node& of = nodes_[node];
    const bool may = of.rules.approve(statement, of.final_view);
    if (without_ == Without::nothing) {
      EXPECT_EQ(of.guard.approve(statement, true).has_value(), may) << "two readings of one rule";
    }
    if (may) votes_[statement].insert(node);
  }

  SeededRng& rng_;
  const std::vector<Weight> weights_;
  const std::set<std::size_t> liars_;
  const Without without_;
  Weight total_ = 0;
  std::vector<Node> nodes_;
  std::vector<Proposal> all_;
  std::map<Proposal, Proposal> parents_;
  std::map<Statement, std::set<std::size_t>> votes_;
  std::set<Proposal> final_;
  std::uint64_t blocks_ = 0;
};

struct Outcome {
  std::size_t finalizations = 0;
  std::size_t forks = 0;
  std::size_t unattributed = 0;
  std::size_t framed = 0;
};

Outcome play(std::uint64_t seed, std::size_t schedules, const std::vector<Weight>& weights,
             const std::set<std::size_t>& liars, Without without = Without::nothing) {
  SeededRng rng(seed);
  Outcome outcome;
  for (std::size_t i = 0; i < schedules; ++i) {
    Schedule schedule(rng, weights, liars, without);
    schedule.run(160);
    outcome.finalizations += schedule.finalizations();
    const auto fork = schedule.fork();
    if (!fork) continue;
    ++outcome.forks;
    const Schedule::Guilt guilt = schedule.guilt(*fork);
    outcome.unattributed += guilt.weight < 2 * schedule.quorum() - schedule.total() ? 1 : 0;
    outcome.framed += guilt.is_honest_accused ? 1 : 0;
  }
  return outcome;
}

constexpr std::size_t schedules = 4'000;
const std::vector<Weight> four = {1, 1, 1, 1};
const std::vector<Weight> seven = {5, 4, 3, 2, 2, 1, 1};  // W = 18, a quorum is 13

TEST(Safety, BelowAThirdNothingForks) {
  for (const Outcome& outcome :
       {play(1, schedules, four, {0}), play(2, schedules, std::vector<Weight>(7, 1), {0, 1}),
        play(3, schedules, seven, {0}), play(4, schedules, seven, {3, 4, 5})}) {
    EXPECT_GT(outcome.finalizations, schedules / 20);
    EXPECT_EQ(outcome.forks, 0u);
  }
}

TEST(Safety, FromAThirdOnEveryForkIsProvedAgainstAThirdAndNobodyHonest) {
  std::size_t forks = 0;
  for (const Outcome& outcome :
       {play(5, schedules, four, {0, 1}), play(6, schedules, std::vector<Weight>(7, 1), {0, 1, 2}),
        play(7, schedules, seven, {0, 3}), play(8, schedules, seven, {0, 1, 2})}) {
    forks += outcome.forks;
    EXPECT_EQ(outcome.unattributed, 0u);
    EXPECT_EQ(outcome.framed, 0u);
  }
  EXPECT_GT(forks, 100u);
}

TEST(Safety, WithoutAnyOneRuleItForks) {
  for (const Without without : {Without::nullify_bars_finalize, Without::finalize_bars_nullify,
                                Without::one_notarization, Without::nullified_between}) {
    const Outcome outcome = play(9, schedules, four, {0}, without);
    EXPECT_GT(outcome.forks, 0u) << static_cast<int>(without);
  }
}

}  // namespace
}  // namespace kith::consensus
