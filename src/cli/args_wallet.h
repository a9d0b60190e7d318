// Arguments of `kith wallet` and `kith validator`. Amounts stay text here: app/ reads them, as
// coins with up to 8 decimals. Included by args.h.
#pragma once

#include <cstdint>
#include <string>

namespace kith::cli {

/// Of every verb that opens a wallet.
struct WalletOptions {
  std::string wallet = "default";  // HOME/wallet/NAME.wallet
  std::string passphrase_file;     // empty: $KITH_WALLET_PASSPHRASE, else the terminal
};
/// Of every verb that makes a transaction.
struct PaymentOptions {
  std::string fee_rate;       // coins for 1000 bytes; empty: the chain's minimum
  std::string max_fee;        // coins; empty: 0.01
  std::string unsigned_file;  // writes the transaction there instead of sending it
  bool is_dry_run = false;
  bool wait = false;
};

struct WalletCreateArgs {
  WalletOptions options;
  std::uint64_t words = 24;
  std::string label;
  std::string word_passphrase_file;
  bool no_passphrase = false;
};
struct WalletRestoreArgs {
  WalletOptions options;
  std::string words_file;  // empty: standard input
  std::string label;
  std::string word_passphrase_file;
  bool no_passphrase = false;
};
struct WalletAddressArgs {
  WalletOptions options;
  bool is_new = false;
  bool list = false;
  std::string label;
};
struct WalletWordsArgs {
  WalletOptions options;
};
struct WalletBalanceArgs {
  WalletOptions options;
};
struct WalletUtxosArgs {
  WalletOptions options;
};
struct WalletHistoryArgs {
  WalletOptions options;
  std::uint64_t limit = 50;
};
struct WalletSendArgs {
  WalletOptions options;
  PaymentOptions payment;
  std::string to;
  std::string amount;
  bool all = false;
  bool subtract_fee = false;
};
struct WalletMergeArgs {
  WalletOptions options;
  PaymentOptions payment;
};
struct WalletSignArgs {
  WalletOptions options;
  std::string file;
  std::string out;      // empty: the file itself
  std::string max_fee;  // as above
  bool yes = false;     // without asking
};
struct WalletBroadcastArgs {
  std::string file;
  bool wait = false;
};

struct ValidatorBondArgs {
  WalletOptions options;
  PaymentOptions payment;
  std::string amount;
  std::string owner;  // an address; empty: a new one of the wallet
};
struct ValidatorUnbondArgs {
  WalletOptions options;
  PaymentOptions payment;
  std::string amount;
  bool all = false;
};
struct ValidatorUnjailArgs {
  WalletOptions options;
  PaymentOptions payment;
};
struct ValidatorStatusArgs {
  std::string key;  // hex; empty: the home's
};
struct ValidatorListArgs {
  std::uint64_t limit = 100;
  std::string after;
};

}  // namespace kith::cli
