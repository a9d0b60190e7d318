// What peers we know vouch for: the transitive part of trust, by conservation of flow.
//
// Each peer u that has earned a reputation here owns a budget, a quarter of it. Its newest signed
// recommendation (codec/recommendation.h) divides that budget by weight, and the share of an
// endorsed peer is what it is introduced with. However many peers u endorses, their shares never
// add up to more than its budget; so what any number of Sybils gain together is bounded by the
// budgets of the peers that vouch for them, and a second recommendation moves shares instead of
// adding any.
//
// When the endorsed misbehaves, its share is spent and half of it is taken from the endorser's
// credit: vouching costs at most half the share, never brings demerit, and was the endorser's own
// act. Depth two: a budget comes from our own experience alone, never from an introduction.
// Limits: `recommenders_max` books, 64 endorsements a book, `endorsers_max` endorsers a peer.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "codec/recommendation.h"
#include "peer/ledger.h"

namespace kith::peer {

struct TrustConfig {
  Points budget_divisor = 4;
  std::size_t recommenders_max = 1024;
  std::size_t endorsers_max = 32;
  Points reputation_min = 40 * point;  // of a recommender that is listened to
  Duration interval_min = 60s;         // between recommendations of one peer
};

class Trust {
 public:
  struct Loss {
    PeerId endorser;
    Points credit;
  };

  explicit Trust(const TrustConfig& config) : config_(config) {}

  Points budget_of(Points reputation) const {
    return std::max<Points>(0, reputation) / config_.budget_divisor;
  }
  /// Whether the sequence number is news and there is room.
  bool wants(const PeerId& recommender, std::uint64_t sequence) const;
  /// Replaces what the recommender said before; the peers whose introduction may have changed.
  std::vector<PeerId> accept(const codec::Recommendation& verified);
  /// Forgets what the peer said.
  void forget(const PeerId& recommender);

  /// The sum of the shares that vouch for the peer. `reputation` gives that of an endorser now.
  template <class Reputation>
  Points introduction(const PeerId& peer, Reputation&& reputation) const {
    Points sum = 0;
    each_endorser(peer, [&](const PeerId& endorser, const Book& book, const Stake& stake) {
      sum += share(book, stake, budget_of(reputation(endorser)));
    });
    return std::min(sum, points_max);
  }
  /// The peer earned `demerit`: spends its shares; what the endorsers lose for it.
  template <class Reputation>
  std::vector<Loss> charge(const PeerId& peer, Points demerit, Reputation&& reputation) {
    std::vector<Loss> losses;
    each_endorser(peer, [&](const PeerId& endorser, const Book& book, const Stake& stake) {
      const Points cut = std::min(demerit, share(book, stake, budget_of(reputation(endorser))));
      if (cut == 0) return;
      books_.at(endorser).stakes.at(peer).spent += cut;
      losses.push_back({endorser, cut / 2});
    });
    return losses;
  }

  std::size_t recommenders() const { return books_.size(); }
  std::size_t endorsed() const { return endorsers_.size(); }

 private:
  struct Stake {
    std::uint64_t weight = 0;
    Points spent = 0;
  };
  struct Book {
    std::uint64_t sequence = 0;
    std::uint64_t weights = 0;  // of all stakes
    std::map<PeerId, Stake> stakes;
  };

  static Points share(const Book& book, const Stake& stake, Points budget) {
    // 10^6 · 2^16 is far below 2^63.
    const auto whole =
        budget * static_cast<Points>(stake.weight) / static_cast<Points>(book.weights);
    return std::max<Points>(0, whole - stake.spent);
  }
  template <class Visit>
  void each_endorser(const PeerId& peer, Visit&& visit) const {
    const auto found = endorsers_.find(peer);
    if (found == endorsers_.end()) return;
    for (const PeerId& endorser : found->second) {
      const Book& book = books_.at(endorser);
      visit(endorser, book, book.stakes.at(peer));
    }
  }
  void unlink(const PeerId& endorsed, const PeerId& endorser);

  const TrustConfig config_;
  std::map<PeerId, Book> books_;                  // by recommender
  std::map<PeerId, std::set<PeerId>> endorsers_;  // by endorsed peer; none empty
};

}  // namespace kith::peer
