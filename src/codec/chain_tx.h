// Transactions of the ledger: unspent outputs go in, new ones come out, and actions speak to the
// ledger's modules (validators, accounts; later jobs). Grammar: docs/protocol/ledger.md,
// "Transactions". Big-endian, one encoding a value; the signatures come last, so that what is
// signed and named is a prefix of the encoding.
//
// A key signs once a transaction, however many inputs it unlocks: inputs and actions name their
// witness. Three hashes: txid names it and covers all but the signatures, so that nobody can change
// it by signing anew; it leaves out the chain, so that bytes alone name a transaction (outpoints
// descend from the genesis hash, hence no two chains share one). What is signed covers the genesis
// hash, so that a signature is worth nothing on another chain. wtxid covers the signatures too.
// Versions, lock kinds and key types other than 0 and 1 as stated are refused: room for contracts.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "codec/chain.h"
#include "codec/reader.h"
#include "crypto/key.h"

namespace kith::codec {

inline constexpr std::uint8_t tx_version = 1;
inline constexpr std::uint8_t output_version = 0;
/// The lock is SHA-256 of a raw Ed25519 public key: the NodeId of that key.
inline constexpr std::uint8_t lock_key_hash = 0;
inline constexpr std::uint8_t witness_ed25519 = 0;

inline constexpr std::size_t tx_bytes_max = 100 * 1024;
inline constexpr std::size_t tx_inputs_max = 1024;
inline constexpr std::size_t tx_outputs_max = 1024;
inline constexpr std::size_t tx_actions_max = 16;
inline constexpr std::size_t tx_action_bytes_max = 16 * 1024;
inline constexpr std::size_t tx_witnesses_max = 256;

/// A raw Ed25519 public key, as the ledger writes it.
using ChainKey = std::array<std::uint8_t, crypto::ed25519_public_key_bytes>;
/// The lock of an output that this key opens.
Hash lock_of(const ChainKey& key);

struct OutPoint {
  Hash txid{};
  std::uint32_t index = 0;
  friend auto operator<=>(const OutPoint&, const OutPoint&) = default;
};
inline constexpr std::size_t outpoint_bytes = 36;
std::array<std::uint8_t, outpoint_bytes> encode(const OutPoint& outpoint);
/// "0123…ef:2"
std::string to_text(const OutPoint& outpoint);

struct TxInput {
  OutPoint from;
  std::uint16_t witness = 0;  // its place in `witnesses`
  friend bool operator==(const TxInput&, const TxInput&) = default;
};

struct TxOutput {
  std::uint8_t version = output_version;
  std::uint8_t lock_kind = lock_key_hash;
  Amount value = 0;
  Hash lock{};
  friend bool operator==(const TxOutput&, const TxOutput&) = default;
};
inline constexpr std::size_t output_bytes = 42;
std::array<std::uint8_t, output_bytes> encode(const TxOutput& output);
/// Reads one; `unsupported` for another version or kind of lock, `malformed` for no value.
Result<TxOutput> read_output(Reader& reader);

/// An order to one of the ledger's modules, which knows the body's grammar.
struct TxAction {
  static constexpr std::uint16_t no_witness = 0xffff;
  std::uint8_t module = 0;
  std::uint16_t witness = no_witness;  // who gives the order, where the order needs somebody
  Bytes body;
  friend bool operator==(const TxAction&, const TxAction&) = default;
};

struct TxWitness {
  std::uint8_t key_type = witness_ed25519;
  ChainKey key{};
  crypto::Signature signature{};
  friend bool operator==(const TxWitness&, const TxWitness&) = default;
};

struct Transaction {
  std::uint8_t version = tx_version;
  std::uint64_t expiry = 0;  // the last height whose block may hold it; 0: any
  Amount fee = 0;
  std::vector<TxInput> inputs;
  std::vector<TxOutput> outputs;
  std::vector<TxAction> actions;
  std::vector<TxWitness> witnesses;  // by key, ascending; each used
  friend bool operator==(const Transaction&, const Transaction&) = default;
};

/// What can be said of a transaction by itself; names what is wrong.
Result<void> check_form(const Transaction& tx);

/// All but the signatures: what txid and signatures cover.
Bytes encode_signed_part(const Transaction& tx);
Bytes encode_transaction(const Transaction& tx);
std::size_t encoded_size(const Transaction& tx);
/// Reads one transaction; what is read has passed check_form.
Result<Transaction> read_transaction(Reader& reader);
Result<Transaction> decode_transaction(ByteView bytes);

Hash txid_of(const Transaction& tx);
Hash wtxid_of(const Transaction& tx);
/// What each witness signs.
Hash sighash_of(const Transaction& tx, const Hash& genesis);

struct SignatureJob {
  ChainKey key;
  Hash message;
  crypto::Signature signature;
};
/// One job a witness, and one for each proof in an order and each statement that it carries; to be
/// verified by crypto/ed25519_zip215.h, on whatever thread.
std::vector<SignatureJob> signature_jobs(const Transaction& tx, const Hash& genesis);
/// At least as many as there are of these, told by a look at the sizes: what verifying will cost.
std::size_t signatures_of(const Transaction& tx);
/// The same here and now; `bad_signature` names the key.
Result<void> verify_signatures(const Transaction& tx, const Hash& genesis);

/// Fills in the signature of the witness that is there with this key, last of all. For wallets and
/// tests.
void sign(Transaction& tx, const crypto::KeyPair& key, const Hash& genesis);

/// A transaction with its names and size, computed once and shared from then on.
struct SealedTx {
  Transaction tx;
  Hash txid{};
  Hash wtxid{};
  std::size_t bytes = 0;
};
using TxPtr = std::shared_ptr<const SealedTx>;
/// `tx` has passed check_form.
TxPtr seal(Transaction tx);

}  // namespace kith::codec
