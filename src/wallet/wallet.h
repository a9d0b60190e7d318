// A wallet as its owner uses it: addresses one after the other, which of them the chain has seen,
// and the secret when it is unlocked. What it knows is a WalletFile, which the shell reads and
// writes.
//
// An address is handed out only while it is less than `gap_limit` behind the last used one, since
// whoever restores a wallet from its words looks no further (BIP-44). Unlocking derives
// `window_keys` keys behind it, so that a locked wallet does not run out of them soon.
#pragma once

#include <map>
#include <optional>

#include "codec/chain_address.h"
#include "wallet/wallet_file.h"

namespace kith::wallet {

inline constexpr std::uint32_t gap_limit = 20;
inline constexpr std::uint32_t window_keys = 100;

/// What a wallet is for.
struct WalletTerms {
  codec::Hash genesis{};
  std::string network;
  std::string hrp;
  std::uint32_t account = 0;
  std::string name;
};

class Wallet {
 public:
  /// A new one, with its first address handed out. Sealed when there is a passphrase. `internal`
  /// when there is no memory for the cost.
  static Result<Wallet> create(WalletTerms terms, const WordSecret& secret,
                               std::optional<std::string_view> passphrase, Rng& rng,
                               crypto::KdfCost cost = {});
  explicit Wallet(WalletFile file);

  const WalletFile& file() const { return file_; }
  bool needs_passphrase() const { return file_.is_sealed(); }
  /// `passphrase` when it is missing or wrong. Takes as long as the seal's cost says.
  Result<WordSecret> open_words(std::optional<std::string_view> passphrase) const;
  /// The key of the account, and more public keys for when the wallet is locked. `bad_key` when a
  /// public key of the file is not the secret's: somebody has changed the file.
  Result<HdKey> unlock(std::optional<std::string_view> passphrase);

  std::string address(const KeyPath& path) const;
  /// REQUIRES: the key is in the window.
  codec::Hash lock(const KeyPath& path) const;
  const codec::ChainKey& key(const KeyPath& path) const;
  /// Where the key of a lock is, as far as the window goes.
  std::optional<KeyPath> find(const codec::Hash& lock) const;
  /// "" for none.
  std::string_view label(const KeyPath& path) const;

  /// The next address to give away. `limit` when as many as the gap limit wait to be used already,
  /// `passphrase` when the window has no key left.
  Result<KeyPath> new_address(std::string_view label);
  /// The next for change. `passphrase` as above; it is handed out by take_change().
  Result<KeyPath> next_change() const;
  void take_change(const KeyPath& path);
  /// The chain has seen this address.
  void mark_used(const KeyPath& path);
  /// How many addresses of a chain are to be looked at: all that may have been used.
  std::uint32_t scan_end(KeyChain chain) const;
  /// Public keys up to `window_keys` behind the last in use; unlock() does it too.
  void extend(const HdKey& account);

 private:
  const KeyWindow& window(KeyChain chain) const {
    return file_.chains[static_cast<std::size_t>(chain)];
  }
  KeyWindow& window(KeyChain chain) { return file_.chains[static_cast<std::size_t>(chain)]; }
  void index_keys(KeyChain chain, std::size_t from);

  WalletFile file_;
  std::map<codec::Hash, KeyPath> paths_;  // by lock
};

}  // namespace kith::wallet
