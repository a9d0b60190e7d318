// Paying for what workers say: a key of this node's whose coins pay the fees of transactions with
// statements, our worker's and those that peers hand us, with the orders that our worker's key
// signs, and with verdicts (node/verdict_service.h), which need no witness. Statements that wait
// share a transaction; each order has one of its own, for one that does not apply makes all of it
// void. Change returns to the key. A coin is in one transaction at a time until that is final,
// refused or expired; then it is made anew with what is still of use.
//
// A machine: the key's coins are asked for when there is something to pay for and a block has
// become final since. Limits: `statements_max` waiting, `known_max` a round, `orders_max`; one
// transaction of statements a block.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/queue.h"
#include "codec/chain_job.h"
#include "codec/chain_params.h"
#include "crypto/key.h"
#include "ledger/jobs.h"

namespace kith::node {

using codec::Hash;
using codec::Height;

/// An output of the carrier's key.
struct Coin {
  codec::OutPoint from;
  codec::Amount value = 0;
  friend bool operator==(const Coin&, const Coin&) = default;
};

/// Whether the statement says something in the block `next`, as the state is, and up to which
/// block; not whether its signature holds.
Result<Height> may_carry(const ledger::Entries& entries, Height next,
                         const codec::JobStatement& statement);

struct CarrierStats {
  std::uint64_t statements = 0;  // in final transactions of ours
  std::uint64_t orders = 0;      // likewise
  std::uint64_t transactions = 0;
  std::uint64_t refused = 0;   // by the mempool
  std::uint64_t expired = 0;   // not final in time
  std::uint64_t too_late = 0;  // statements whose round was over before they were carried
  codec::Amount fees = 0;
};

class Carrier {
 public:
  static constexpr std::size_t statements_max = 4'096;
  /// Carried in rounds that are not over, so that none is paid for twice; beyond, none is taken.
  static constexpr std::size_t known_max = 65'536;
  static constexpr std::size_t orders_max = 64;
  static constexpr std::uint64_t expiry_blocks = 24;
  static constexpr std::size_t coins_max = 64;  // asked for at once
  static constexpr std::size_t inputs_max = 16;
  /// Of a transaction's statements.
  static constexpr std::size_t tx_statements_bytes_max = 64 * 1024;

  /// Of outputs that this lock keeps, up to coins_max; answered by on_coins().
  struct FindCoins {
    Hash lock{};
  };
  struct SubmitCarried {
    codec::TxPtr tx;
  };
  using Output = std::variant<FindCoins, SubmitCarried>;

  /// `payer` and `worker` (null: no orders are given) outlive it.
  Carrier(const codec::ChainParams& params, const Hash& genesis, const crypto::KeyPair& payer,
          const crypto::KeyPair* worker);

  /// Whether it pays for statements that peers hand in, too.
  void serve_others(bool serves) { serves_others_ = serves; }
  bool serves_others() const { return serves_others_; }
  /// To be in a block up to `until`. False: there is no room, or it is here or was already.
  bool carry(codec::JobStatement statement, Height until);
  /// Signed by the worker's key. One that is under way already is not given again.
  bool give(codec::JobOrder order);
  /// False: there is no room, or one of this dispute is here.
  bool give_verdict(codec::GiveVerdict verdict);

  void on_final(Height height, const std::vector<codec::TxPtr>& txs);
  void on_coins(std::vector<Coin> coins);
  /// What the mempool says.
  void on_answer(const Hash& txid, const Result<void>& accepted);
  /// Of those that it took: `is_there` says whether the mempool still has them, for it drops what
  /// has been overtaken. After on_final().
  void look_for(const std::function<bool(const Hash&)>& is_there);
  std::optional<Output> poll_output();

  const Hash& lock() const { return lock_; }
  std::size_t waiting() const { return statements_.size() + orders_.size(); }
  std::size_t pending() const { return pending_.size(); }
  /// Of the coins seen last.
  codec::Amount funds() const;
  bool is_poor() const { return is_poor_; }  // it has not enough for what waits
  const CarrierStats& stats() const { return stats_; }

 private:
  struct Waiting {
    codec::JobStatement statement;
    Hash name{};
    std::size_t bytes = 0;
    Height until;
  };
  struct Pending {
    codec::TxPtr tx;
    std::vector<Waiting> statements;
    std::optional<codec::JobOrder> order;
    bool is_accepted = false;
  };
  using Pendings = std::map<Hash, Pending>;

  void make();
  bool make_statements();
  bool make_order();
  std::optional<codec::TxPtr> pay_for(std::vector<codec::JobOrder> orders, bool is_workers);
  bool is_locked(const codec::OutPoint& coin) const;
  void give_up(Pendings::iterator at, bool keeps_order);
  void forget_old();
  void spend(const codec::SealedTx& tx);

  const codec::ChainParams params_;
  const Hash genesis_;
  const crypto::KeyPair& payer_;
  const crypto::KeyPair* const worker_;
  Hash lock_{};

  Height height_;
  std::deque<Waiting> statements_;
  std::deque<codec::JobOrder> orders_;
  std::map<Hash, Height> known_;  // statements, until their round is over
  Pendings pending_;
  std::vector<Coin> coins_;
  bool serves_others_ = false;
  bool has_coins_ = false;  // they have been answered once
  bool is_asking_ = false;
  Height asked_at_;
  Height spent_at_;  // when one of our transactions became final last
  Height made_at_;   // the last state for which statements were put together
  bool is_poor_ = false;
  base::Queue<Output> outputs_;
  CarrierStats stats_;
};

}  // namespace kith::node
