// What a light client is shown: that a block is final, how trust moves from the validators of one
// epoch to those of another, and that blocks, transactions, outputs, validators and entries are
// under a final header. One file (ChainProof) holds what it takes to get from what the reader
// trusts to what it asks about. Source: docs/protocol/light.md. Checked by
// codec/chain_proof_check.h and light/client.h; made by node/chain_proofs.h.
//
// Versioned, big-endian, one encoding a value. Of what the verifier knows anyway nothing is
// written: neither the validators' root of a header, nor what its certificate says. With 200 equal
// validators a FinalityProof is 8,972 bytes.
// Limits: 16 MiB, 4,096 steps, 16 claims, validators_in_set_max, and those of what is in it.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "codec/chain_block.h"
#include "codec/chain_entry.h"
#include "codec/chain_merkle.h"
#include "codec/chain_params.h"
#include "codec/chain_sparse.h"
#include "codec/chain_txo_proof.h"
#include "codec/chain_utxo.h"
#include "codec/chain_validator.h"

namespace kith::codec {

inline constexpr std::size_t chain_proof_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t proof_steps_max = 4096;
inline constexpr std::size_t proof_claims_max = 16;

/// A header and the finalization of it. `header.validators_root` is zero: it is that of the set by
/// which the proof is verified.
struct FinalityProof {
  BlockHeader header;
  View view;    // that was finalized; above header.view when the block was proposed anew
  View parent;  // below it
  std::vector<bool> signers;
  std::vector<crypto::Signature> signatures;
  friend bool operator==(const FinalityProof&, const FinalityProof&) = default;
};
/// REQUIRES: `finalization` is one of this header's digest.
FinalityProof finality_proof_of(const BlockHeader& header, const Certificate& finalization);

/// A set of validators, whole or as what differs from a set that the reader has.
struct SetChange {
  bool is_whole = true;
  std::vector<Validator> put;           // by key; whole: all of them
  std::vector<ValidatorIndex> removed;  // ascending places in the old set; none when whole
  friend bool operator==(const SetChange&, const SetChange&) = default;
};
/// The shorter of the two.
SetChange set_change_of(const ValidatorSet& before, const ValidatorSet& after);
/// `malformed` when it says what is so already, or speaks of who is not there.
Result<ValidatorSet> apply(const SetChange& change, const ValidatorSet& before);

/// Moves trust on. By the last block of the reader's epoch: `validators` are those of the next one.
/// By any block of a later epoch: they are those of its own.
struct EpochStep {
  FinalityProof finality;
  SetChange validators;
  friend bool operator==(const EpochStep&, const EpochStep&) = default;
};

/// That a block is the one of its height, under the history root of a later one.
struct BlockClaim {
  BlockHeader header;
  MerkleProof history;
  friend bool operator==(const BlockClaim&, const BlockClaim&) = default;
};
/// That the final block, or an earlier one, has a transaction.
struct TxClaim {
  std::optional<BlockClaim> block;  // empty: the final block itself
  Transaction tx;
  MerkleProof place;
  friend bool operator==(const TxClaim&, const TxClaim&) = default;
};
/// That an output was made, and whether it is unspent after the final block.
struct OutputClaim {
  OutPoint outpoint;
  Utxo utxo;
  TxoProof proof;
  friend bool operator==(const OutputClaim&, const OutputClaim&) = default;
};
/// A validator's entry after the final block, or that it has none.
struct ValidatorClaim {
  ChainKey key{};
  std::optional<ValidatorEntry> entry;
  SparseProof proof;
  friend bool operator==(const ValidatorClaim&, const ValidatorClaim&) = default;
};
/// An entry (chain_entry.h) after the final block, or that there is none of this kind and id.
struct EntryClaim {
  EntryKind kind = EntryKind::account;
  Bytes id;                    // entry_id_bytes(kind) of them
  std::optional<Bytes> entry;  // of any bytes: whoever asked knows how to read it
  SparseProof proof;
  friend bool operator==(const EntryClaim&, const EntryClaim&) = default;
};
using Claim = std::variant<BlockClaim, TxClaim, OutputClaim, ValidatorClaim, EntryClaim>;

/// What a reader begins with that trusts a genesis hash, or the digest of one block, and nothing
/// else yet.
struct CheckpointStart {
  BlockHeader header;
  ChainParams params;
  std::vector<Validator> validators;  // of its epoch
  friend bool operator==(const CheckpointStart&, const CheckpointStart&) = default;
};
using ProofStart = std::variant<std::monostate, Genesis, CheckpointStart>;

struct ChainProof {
  ProofStart start;
  std::vector<EpochStep> steps;
  /// The final block that claims are about; empty: the last step's.
  std::optional<FinalityProof> last;
  std::vector<Claim> claims;
  friend bool operator==(const ChainProof&, const ChainProof&) = default;
};

Bytes encode_chain_proof(const ChainProof& proof);
Result<ChainProof> decode_chain_proof(ByteView bytes);

/// Two final blocks of one epoch that cannot both be: at one height, or the second on another block
/// of the first one's height than the first. Signed by a third of the epoch's weight at least.
struct ForkProof {
  Hash genesis{};
  std::vector<Validator> validators;
  FinalityProof first, second;
  std::optional<BlockClaim> beneath;  // of the second's chain, at the first one's height
  friend bool operator==(const ForkProof&, const ForkProof&) = default;
};
Bytes encode_fork_proof(const ForkProof& proof);
Result<ForkProof> decode_fork_proof(ByteView bytes);

// Parts, for the state that a light client keeps.
void encode(Writer& writer, const FinalityProof& proof);
Result<FinalityProof> read_finality(Reader& reader);
void encode_set(Writer& writer, const std::vector<Validator>& validators);
Result<std::vector<Validator>> read_set(Reader& reader);
inline constexpr std::size_t params_bytes_max = 1024;

}  // namespace kith::codec
