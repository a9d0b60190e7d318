// Transactions that wait for a block, in the order in which blocks should take them. What is in
// here applies to the last final state, together with what it spends in here; no two spend the same
// output. Grammar of the snapshot: docs/protocol/ledger.md, "Mempool".
//
// Rules. A conflict is refused, unless it replaces: a fee rate of 1.25 times that of each it
// conflicts with, and a fee of all that goes, with descendants, and its own minimum on top. When
// the pool, or its peer's share of it, is full, those without children make room in the order of
// their fee rates, as long as they pay less. Blocks take by the lower of a transaction's own rate
// and that of it together with its ancestors here, ancestors first: a child pays for its parents.
// Limits: transactions and bytes in all, bytes of one peer, 25 of a chain, 100 replaced at once,
// 72 hours, the transaction's own expiry; orphan_pool.h has its own.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "ledger/execute.h"
#include "ledger/orphan_pool.h"

namespace kith::ledger {

struct MempoolConfig {
  std::size_t count_max = 65'536;
  std::size_t bytes_max = 24 * 1024 * 1024;
  std::size_t peer_bytes_max = 8 * 1024 * 1024;
  std::size_t ancestors_max = 24;
  std::size_t replaced_max = 100;
  std::int64_t age_ms_max = 72ll * 3600 * 1000;
  OrphanLimits orphans;
  std::uint64_t seed = 0;  // see outpoint_hash.h
};

enum class Refusal : std::uint8_t {
  known,     // it is in here, or waits for its parents
  invalid,   // it can be in no block, whatever comes
  stale,     // not in the next one, as the state is here: expired, or what it orders does not apply
  low_fee,   // below the chain's minimum
  spent,     // by a final block
  conflict,  // spends what another in here does, and does not replace it
  chain,     // too many ancestors in here
  full,      // and it pays too little to make room
  peer_full,  // the same, for its peer's share
  store,      // our store failed, so that nobody knows
};
inline constexpr std::size_t refusals = 10;
std::string_view name_of(Refusal refusal);

struct MempoolCounters {
  std::uint64_t accepted = 0;
  std::uint64_t orphaned = 0;
  std::uint64_t adopted = 0;   // orphans whose parents came
  std::uint64_t replaced = 0;  // descendants included; so below
  std::uint64_t evicted = 0;
  std::uint64_t expired = 0;
  std::uint64_t included = 0;   // in final blocks
  std::uint64_t overtaken = 0;  // a final block spent what they spend, or they apply no more
  std::array<std::uint64_t, refusals> refused{};
};

/// What add() did.
struct MempoolAnswer {
  enum class Kind : std::uint8_t { accepted, orphaned, refused };
  Kind kind = Kind::refused;
  Refusal refusal = Refusal::invalid;  // when refused
  Error error;                         // when refused: names what is wrong
  std::vector<Hash> removed;           // to make room, or replaced
  std::vector<codec::TxPtr> adopted;   // orphans that this one let in, in order
};

class Mempool {
 public:
  explicit Mempool(const MempoolConfig& config);

  /// What add() would say, changing nothing; signatures are not looked at.
  std::optional<MempoolAnswer> refuses(const codec::TxPtr& tx, const Source& source,
                                       const Rules& rules, const BlockState& final_state) const;
  /// `tx` has verified signatures. `final_state` is the last final one.
  MempoolAnswer add(const codec::TxPtr& tx, const Source& source, WallTime now, const Rules& rules,
                    const BlockState& final_state);
  /// A block has become final: what it holds goes, and what can be in no later block. Returns
  /// orphans that its transactions let in.
  std::vector<codec::TxPtr> on_final(const std::vector<codec::TxPtr>& included, WallTime now,
                                     const Rules& rules, const BlockState& final_state);
  void expire(WallTime now);

  codec::TxPtr find(const Hash& txid) const;
  /// Outputs of transactions in here that this lock keeps, by outpoint.
  std::vector<OutPoint> outputs_of(const Hash& lock) const;
  struct Waiting {
    codec::TxPtr tx;
    WallTime since;
  };
  /// Up to `limit` in the order of arrival, those after `after` where it is given and in here.
  std::vector<Waiting> list(const std::optional<Hash>& after, std::size_t limit) const;
  /// The transaction in here that spends the output: it is locked.
  std::optional<Hash> spender_of(const OutPoint& outpoint) const;
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }
  std::size_t bytes_of(const PeerId& peer) const;
  const OrphanPool& orphans() const { return orphans_; }
  const MempoolCounters& counters() const { return counters_; }

  /// All in here, parents before children, for a restart. They are to be added anew.
  std::vector<Waiting> all() const { return list({}, entries_.size()); }
  static Bytes encode_snapshot(const std::vector<Waiting>& waiting);
  static Result<std::vector<Waiting>> decode_snapshot(ByteView bytes, std::size_t bytes_max);

 private:
  /// A fee rate, compared exactly; of two equal ones the older is better.
  struct Rank {
    Amount fee = 0;
    std::uint64_t bytes = 1;
    std::uint64_t order = 0;
    Hash txid{};
    bool operator<(const Rank& other) const;
  };
  using Ranks = std::set<Rank>;
  struct Entry {
    codec::TxPtr tx;
    Source source;
    WallTime since;
    std::uint64_t order = 0;  // of arrival: parents are before children
    std::set<Hash> parents;   // in here
    std::set<Hash> children;
    Rank score;  // by which blocks take it
    Rank own() const { return {tx->tx.fee, tx->bytes, order, tx->txid}; }
  };
  /// What adding a transaction would mean.
  struct Plan {
    std::set<Hash> parents;
    std::set<Hash> ancestors;
    std::set<Hash> conflicts;
    std::set<Hash> gone;         // replaced with descendants, then evicted
    std::size_t replaced = 0;    // of those
    std::size_t bytes_gone = 0;  // of all peers
    std::size_t peer_bytes_gone = 0;
    std::vector<Hash> missing;  // it is an orphan
  };
  struct Denial {
    Refusal refusal = Refusal::invalid;
    Error error;
  };
  using Denied = std::optional<Denial>;
  struct Share {
    std::size_t bytes = 0;
    Ranks leaves;
  };

 public:
  /// For assemble(): one after the other in the order of the rules, without those that `head` or
  /// its parents hold already, or have overtaken. The pool does not change meanwhile.
  class Walk {
   public:
    Walk(const Mempool& pool, const BlockState& head)
        : pool_(&pool), head_(&head), at_(pool.by_score_.rbegin()) {}
    codec::TxPtr next();

   private:
    const Mempool* pool_;
    const BlockState* head_;
    Ranks::const_reverse_iterator at_;
    std::vector<codec::TxPtr> ready_;  // to be given next, the last one first
    std::set<Hash> given_;
  };

 private:
  Denied plan(const codec::SealedTx& tx, const Source& source, const Rules& rules,
              const BlockState& final_state, Plan& plan) const;
  Denied plan_inputs(const codec::SealedTx& tx, const BlockState& final_state, Plan& plan) const;
  Denied plan_replacement(const codec::SealedTx& tx, const Rules& rules, Plan& plan) const;
  Denied plan_room(const codec::SealedTx& tx, const Source& source, Plan& plan) const;
  /// Adds those of `leaves`, or that become leaves, to what goes, until `fits`.
  template <class Fits>
  bool evict(const Ranks& leaves, const Source* of_peer, const Rank& newcomer, const Fits& fits,
             Plan& plan) const;
  void plan_to_remove(const Hash& txid, const Source& source, Plan& plan) const;

  MempoolAnswer add_one(const codec::TxPtr& tx, const Source& source, WallTime now,
                        const Rules& rules, const BlockState& final_state);
  void adopt(std::vector<Hash> parents, const Rules& rules, const BlockState& final_state,
             MempoolAnswer& answer);
  Result<void> check_entry(const codec::SealedTx& tx, const Rules& rules,
                           const BlockState& final_state, std::size_t looks) const;
  void drop_overtaken_orders(const Rules& rules, const BlockState& final_state);
  void insert(const codec::TxPtr& tx, const Source& source, WallTime since, const Plan& plan);
  void remove(const Hash& txid);
  /// How many went.
  std::size_t remove_with_descendants(const Hash& txid);
  void set_leaf(const Entry& entry, bool is_leaf);
  void set_score(Entry& entry);
  std::set<Hash> closure(const Hash& txid, std::set<Hash> Entry::* links) const;

  using Entries = std::unordered_map<Hash, Entry, OutPointHash>;      // lookup only
  using Spenders = std::unordered_map<OutPoint, Hash, OutPointHash>;  // lookup only

  MempoolConfig config_;
  std::uint64_t next_order_ = 0;
  std::size_t bytes_ = 0;
  Entries entries_;
  Spenders spenders_;
  Ranks by_score_;
  Ranks leaves_;  // by their own rate; those without children
  std::map<PeerId, Share> shares_;
  std::set<std::pair<Hash, OutPoint>> by_lock_;
  std::map<std::uint64_t, Hash> by_order_;
  std::set<std::pair<std::int64_t, Hash>> by_age_;
  std::set<std::pair<std::uint64_t, Hash>> by_expiry_;
  std::set<Hash> with_actions_;  // what they order may stop to apply
  Hash checked_last_{};          // of these, after the last block
  OrphanPool orphans_;
  MempoolCounters counters_;
};

}  // namespace kith::ledger
