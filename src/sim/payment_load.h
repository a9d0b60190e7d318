// Payments for scenarios with a chain: accounts that pay each other with what is final, and a model
// of who has what. The model takes final blocks one by one, and finds what no ledger may do: an
// output spent twice, one spent that never was, coins out of nothing.
//
// A payment that is not final after `again_after` is made anew, to somebody else: nodes then see
// conflicts, of which one may win.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "codec/chain_validator.h"

namespace kith::sim {

class PaymentLoad {
 public:
  static constexpr Duration again_after = 60s;
  static constexpr codec::Amount fee = 2'000;

  /// `coins` outputs each, of `value`.
  PaymentLoad(std::uint32_t accounts, std::uint32_t coins, codec::Amount value);

  /// What the genesis gives them, and then its hash.
  const std::vector<codec::TxOutput>& outputs() const { return outputs_; }
  void begin(const codec::Hash& genesis);

  /// A payment of one account to another; null while all is on its way.
  codec::TxPtr next(Instant now, Rng& rng);
  /// An order to a validator, with whoever must sign it: the one who is bonded, or the owner; null
  /// while no coin is worth so much.
  codec::TxPtr order(Instant now, Rng& rng, codec::ValidatorOrder order,
                     const crypto::KeyPair& signer);
  /// The block after the last one. `now`: the first time that any node has it.
  void on_final(Instant now, const std::vector<codec::TxPtr>& txs);

  /// What broke, if anything did.
  const std::optional<std::string>& problem() const { return problem_; }
  std::uint64_t payments_made() const { return made_; }
  std::uint64_t payments_final() const { return final_; }
  struct Coin {
    std::uint32_t account = 0;
    codec::Amount value = 0;
  };
  const std::map<codec::OutPoint, Coin>& coins() const { return coins_; }
  /// From being made to being final anywhere, milliseconds.
  const std::vector<double>& took_ms() const { return took_ms_; }

 private:
  void add(const codec::OutPoint& outpoint, std::uint32_t account, codec::Amount value);
  std::optional<codec::OutPoint> take(Instant now, Rng& rng, codec::Amount least);
  codec::TxPtr note(Instant now, codec::Transaction tx);

  std::vector<crypto::KeyPair> keys_;  // by account
  std::vector<codec::Hash> locks_;
  std::map<codec::Hash, std::uint32_t> account_of_;
  std::vector<codec::TxOutput> outputs_;
  codec::Hash genesis_{};
  std::map<codec::OutPoint, Coin> coins_;
  std::vector<codec::OutPoint> free_;             // those that no payment spends; may be gone
  std::multimap<Instant, codec::OutPoint> busy_;  // by when they are free again
  std::map<codec::Hash, Instant> made_at_;
  std::vector<double> took_ms_;
  std::optional<std::string> problem_;
  std::uint64_t made_ = 0;
  std::uint64_t final_ = 0;
};

}  // namespace kith::sim
