// What all verbs share that make a transaction: open the wallet, look at its coins, build, sign,
// send or write to a file, and say what was done.
#pragma once

#include <functional>

#include "app/cmd.h"
#include "app/wallet_chain.h"
#include "app/wallet_store.h"

namespace kith::app {

/// What a verb adds to the payment.
struct PayDraft {
  wallet::PaymentRequest request;
  /// Signers whose keys are not the wallet's.
  std::vector<const crypto::KeyPair*> signers;
};
/// Fills the draft in. The wallet may hand out addresses: they count when the payment is made.
using FillDraft = std::function<Result<void>(PayDraft&, wallet::Wallet&, WalletChain&)>;

/// `account`: the wallet's key, when the caller has unlocked it already.
Result<cli::TxReport> pay(const cli::Globals& globals, const cli::WalletOptions& wallet,
                          const cli::PaymentOptions& options, const FillDraft& fill,
                          const wallet::HdKey* account = nullptr);
/// Prints the report, or the error with its exit code: 3 when no node runs.
int finish_tx(const cli::Globals& globals, const Result<cli::TxReport>& report);
int fail_wallet(const cli::Globals& globals, const Error& error);

/// `account` proves what comes back to the wallet; without it the wallet's own list does, which is
/// right for files that this process made.
Result<cli::TxReport> report_of(const wallet::OfflineTx& file, const wallet::HdKey* account,
                                const wallet::Wallet* own);
/// Coins, or what is said when there are none.
Result<wallet::Amount> coins_or(const std::string& text, wallet::Amount otherwise);

}  // namespace kith::app
