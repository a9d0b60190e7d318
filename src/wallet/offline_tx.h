// A transaction on its way between a machine that knows the chain and one that has the keys: what
// is to be signed, the values of its inputs, and where in the wallet the keys of its witnesses and
// outputs are. The same file is unsigned, signed in part, or ready to be sent. Grammar:
// docs/protocol/wallet.md, "Transactions between machines".
//
// Whoever made the file may lie, so the signer looks at what it says by itself: who is paid, and
// the fee, which stands in what is signed (inputs that are worth more than was told make the
// transaction worth nothing, they do not burn the difference). "Back to the wallet" counts only
// when the lock is that of a key which the signer derives at the place named. Limits: those of a
// transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wallet/orders.h"

namespace kith::wallet {

inline constexpr std::size_t offline_tx_bytes_max = codec::tx_bytes_max + 32 * 1024;

struct OfflineTx {
  codec::Hash genesis{};
  std::string hrp;  // of addresses
  codec::Transaction tx;
  std::vector<codec::Amount> values;                // of its inputs, in their order
  std::vector<std::optional<KeyPath>> signers;      // of its witnesses; none: another's key
  std::vector<std::optional<KeyPath>> own_outputs;  // of its outputs; none: another's address
  friend bool operator==(const OfflineTx&, const OfflineTx&) = default;
};

Bytes encode_offline_tx(const OfflineTx& file);
/// What is read adds up: the inputs' values are the outputs, the fee and what is bonded.
Result<OfflineTx> decode_offline_tx(ByteView bytes);

/// What its orders take out of the inputs. `malformed` for an order that is none.
Result<codec::Amount> bonded_by(const codec::Transaction& tx);

/// Signs for all witnesses whose key the account has, those at places named and the first of those
/// that accounts on the ledger are signed by; how many those are. `bad_key` when the key at a place
/// named is another one; nothing is signed then.
Result<std::size_t> sign_offline(OfflineTx& file, const HdKey& account);
/// Whose signature is missing or wrong; empty: it can be sent.
std::vector<codec::ChainKey> unsigned_by(const OfflineTx& file);

/// What it does, for whoever is to sign it.
struct TxSummary {
  struct Payment {
    codec::Hash lock{};
    codec::Amount value = 0;
  };
  std::vector<Payment> paid;  // to others
  codec::Amount back = 0;     // to the wallet itself
  codec::Amount fee = 0;
  codec::Amount bonded = 0;
  std::vector<WalletOrder> orders;
  std::size_t bytes = 0;
};
/// `account` proves which outputs come back; without it none counts as the wallet's.
Result<TxSummary> summarize(const OfflineTx& file, const HdKey* account);

/// A fee over it is a mistake until somebody says that it is not.
inline constexpr codec::Amount fee_max_default = codec::units_per_coin / 100;
/// `refused` names the fee and the limit.
Result<void> check_fee(codec::Amount fee, codec::Amount fee_max);

}  // namespace kith::wallet
