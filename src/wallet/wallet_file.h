// A wallet's file: which chain it is for, the entropy of its words, sealed with a passphrase or
// not, and beside it what may be read without: public keys of the addresses, and names of people.
// Hardened keys cannot be derived from public ones, so a window of them is kept, and a locked
// wallet still knows its addresses, coins and history. Grammar: docs/protocol/wallet.md.
//
// A checksum tells damage from a wrong passphrase; the seal covers chain and account. That the
// public keys are the secret's is checked when it is unlocked (wallet.h). Limits: 16,384 keys a
// chain, 4,096 labels of 64 bytes.
#pragma once

#include <array>
#include <string>
#include <variant>
#include <vector>

#include "crypto/passphrase_seal.h"
#include "wallet/hd_key.h"

namespace kith::wallet {

inline constexpr std::size_t wallet_keys_max = 16'384;
inline constexpr std::size_t wallet_labels_max = 4'096;
inline constexpr std::size_t label_bytes_max = 64;
inline constexpr std::size_t wallet_file_bytes_max = 2 * 1024 * 1024;

/// The secret under a passphrase.
struct SealedSecret {
  crypto::KdfCost cost;
  crypto::KdfSalt salt{};
  crypto::SealNonce nonce{};
  Bytes sealed;
  friend bool operator==(const SealedSecret&, const SealedSecret&) = default;
};

/// One chain of an account: its first public keys.
struct KeyWindow {
  std::uint32_t next = 0;  // the first that was not handed out yet
  std::uint32_t used = 0;  // one behind the last that the chain has seen
  std::vector<codec::ChainKey> keys;
  friend bool operator==(const KeyWindow&, const KeyWindow&) = default;
};

struct KeyLabel {
  KeyPath path;
  std::string text;  // UTF-8 without control characters
  friend bool operator==(const KeyLabel&, const KeyLabel&) = default;
};

struct WalletFile {
  codec::Hash genesis{};
  std::string network;
  std::string hrp;  // of addresses
  std::uint32_t account = 0;
  /// encode_secret()'s bytes, or those under a passphrase.
  std::variant<crypto::SecretBytes, SealedSecret> secret;
  std::string name;  // may be empty
  std::array<KeyWindow, key_chains> chains;
  std::vector<KeyLabel> labels;  // by path, none twice

  bool is_sealed() const { return std::holds_alternative<SealedSecret>(secret); }
};

/// `usage` for a text that is no name or label.
Result<void> check_label(std::string_view text);

/// Holds the secret when it is not sealed: wipe() it once written.
Bytes encode_wallet(const WalletFile& file);
/// `bad_key` for damage and other versions; else what read_* below and codec/ say.
Result<WalletFile> decode_wallet(ByteView bytes);
/// What the seal covers beside the secret: chain, account, cost, salt and nonce.
Bytes sealed_header(const WalletFile& file);

/// The words' entropy and the passphrase that goes with them.
struct WordSecret {
  crypto::SecretBytes entropy;
  crypto::SecretBytes passphrase;  // of the words, BIP-39's; mostly empty
};
crypto::SecretBytes encode_secret(const WordSecret& secret);
Result<WordSecret> decode_secret(ByteView bytes);

}  // namespace kith::wallet
