// A wallet and the running node of its home: which of its coins are where, what happened to them,
// and sending. What the node says is believed as to coins and history; that is what light clients
// are for. It cannot make the wallet pay more than was asked for (wallet/offline_tx.h).
#pragma once

#include <memory>
#include <vector>

#include "app/session.h"
#include "cli/reports_wallet.h"
#include "cli/wire_wallet.h"
#include "wallet/payment.h"
#include "wallet/wallet.h"

namespace kith::app {

/// A coin with what the node says of it.
struct HeldCoin {
  wallet::Coin coin;
  std::string state;  // unspent, locked or pending
  std::uint64_t height = 0;
};
struct Holdings {
  std::uint64_t height = 0;
  std::vector<HeldCoin> coins;

  /// Final and not locked; with `and_change` also own change that is on its way, which nobody
  /// else can take back.
  std::vector<wallet::Coin> spendable(bool and_change) const;
  wallet::Amount sum(std::string_view state) const;
};

class WalletChain {
 public:
  /// `unreachable` when no node runs; `unsupported` when it keeps no chain.
  static Result<WalletChain> reach(const cli::Globals& globals);

  const cli::ChainTerms& terms() const { return terms_; }
  /// `refused` when the wallet is of another chain.
  Result<void> check(const codec::Hash& genesis) const;
  /// Looks at all addresses up to the gap limit and marks those that were used. With the account's
  /// key the window grows as far as it has to.
  Result<Holdings> scan(wallet::Wallet& wallet, const wallet::HdKey* account = nullptr);
  /// The newest first.
  Result<std::vector<cli::HistoryRow>> history(wallet::Wallet& wallet, std::uint64_t limit,
                                               std::uint64_t& height);
  Result<cli::Submitted> submit(const codec::Transaction& tx);
  Result<cli::Submitted> wait(const std::string& txid);
  /// Whether it would be accepted, signatures apart.
  Result<void> check_tx(const codec::Transaction& tx);
  Result<cli::NodeValidator> validator(const std::string& key);
  Result<std::string> call(std::string_view method, const cli::Params& params);

 private:
  WalletChain(std::unique_ptr<Caller> node, cli::ChainTerms terms)
      : node_(std::move(node)), terms_(std::move(terms)) {}
  Result<bool> add_coins(const wallet::Wallet& wallet, const wallet::KeyPath& path,
                         Holdings& holdings);
  Result<bool> was_used(const std::string& address);

  std::unique_ptr<Caller> node_;
  cli::ChainTerms terms_;
};

/// "txid:index".
Result<codec::OutPoint> parse_outpoint(std::string_view text);

}  // namespace kith::app
