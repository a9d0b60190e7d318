// Wallets as files of a home: HOME/wallet/NAME.wallet, mode 0600, written whole or not at all. Who
// changes one holds HOME/wallet/lock, so that two payments at once cannot give away one address
// twice or choose the same coins.
#pragma once

#include <optional>
#include <string>

#include "app/session.h"
#include "cli/args.h"
#include "rt/home.h"
#include "wallet/wallet.h"

namespace kith::app {

/// `usage` for a name that is none: 1 to 64 letters, digits, '-', '_' and '.'.
Result<std::string> wallet_path(const std::string& home, const std::string& name);

/// --passphrase-file, else $KITH_WALLET_PASSPHRASE, else the terminal, twice when it `is_new`.
Result<crypto::SecretBytes> wallet_passphrase(const cli::WalletOptions& options, bool is_new);

class WalletStore {
 public:
  /// `not_found` says how to make one. `may_change` takes the lock: `locked` when another has it.
  static Result<WalletStore> open(const std::string& home, const cli::WalletOptions& options,
                                  bool may_change);
  /// `exists` when there is one of that name.
  static Result<void> create(const std::string& home, const std::string& name,
                             const wallet::Wallet& wallet);

  wallet::Wallet& wallet() { return wallet_; }
  const std::string& path() const { return path_; }
  /// Asks for the passphrase when there is one.
  Result<wallet::HdKey> unlock();
  Result<wallet::WordSecret> open_words() const;
  /// REQUIRES: opened with `may_change`.
  Result<void> save();
  /// Saves what was learned, unless another process holds the lock: it will be learned again.
  void save_if_free();
  /// Others may change it from here on; no more save().
  void release() { lock_.reset(); }

 private:
  WalletStore(std::string folder, std::string path, cli::WalletOptions options,
              std::optional<rt::HomeLock> lock, wallet::Wallet wallet)
      : folder_(std::move(folder)),
        path_(std::move(path)),
        options_(std::move(options)),
        lock_(std::move(lock)),
        wallet_(std::move(wallet)) {}

  std::string folder_;
  std::string path_;
  cli::WalletOptions options_;
  std::optional<rt::HomeLock> lock_;
  wallet::Wallet wallet_;
};

/// Which chain a new wallet of this home is for: that of its genesis file, else of its node.
Result<wallet::WalletTerms> terms_of_home(const cli::Globals& globals);

}  // namespace kith::app
