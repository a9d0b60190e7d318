// Proofs for light clients (codec/chain_proof.h), made of what the store has and what the last
// final state says. A proof ends in the last final block; it begins where the asker's trust ends.
//
// Three turns: a job finds the output's place in the store; then, in between, what changes with
// every block is copied out of the state (a proof of the registry, the siblings above an output's
// chunk: a few hundred bytes); then a job reads headers, certificates and leaf hashes, which never
// change, puts the proof together and checks it. No job reads states. Of blocks that were pruned
// there are none but those of the last header of each epoch. Grammar: docs/protocol/light.md.
// Limits: `asked_max` at once, `bytes_max` a proof.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "base/queue.h"
#include "codec/chain_entry_text.h"
#include "codec/chain_proof_check.h"
#include "host/world_chain.h"
#include "node/chain.h"

namespace kith::node {

enum class ProofKind : std::uint8_t { finality, block, tx, output, validator, entries };

/// Of one proof: they are of one block.
inline constexpr std::size_t proof_entries_max = 4;

struct ProofWanted {
  ProofKind kind = ProofKind::finality;
  Height height;                          // of a block
  Hash txid{};                            // of a transaction
  codec::OutPoint outpoint;               // of an output
  codec::ChainKey key{};                  // of a validator
  std::vector<codec::EntryName> entries;  // 1 to proof_entries_max
  /// The epoch whose validators the asker knows; empty: the proof begins with the genesis.
  std::optional<codec::Epoch> from_epoch;
  /// Begins with this block instead.
  std::optional<Height> checkpoint;
};

struct ProofMade {
  Bytes bytes;
  Height height;       // of the block in which it ends
  codec::Epoch epoch;  // whose validators the reader knows then
  /// Too long for one answer: it proves finality up to there; ask again from this epoch.
  bool is_part = false;
};
struct ProofAnswered {
  Token token;
  Result<ProofMade> proof;
};

/// What is copied out of the state of the last final block.
struct ProofGround {
  Height height;
  CertificatePtr finalization;
  std::uint64_t outputs = 0;  // ever made
  codec::TxoBitmap bitmap{};
  std::vector<Hash> upper;
  codec::SparseProof registry;
  std::optional<codec::ValidatorEntry> entry;
  std::vector<codec::EntryClaim> entries;
};

class ChainProofs {
 public:
  static constexpr std::size_t asked_max = 16;
  static constexpr std::size_t bytes_max = 3 * 1024 * 1024;

  explicit ChainProofs(const Chain& chain)
      : chain_(chain), genesis_(std::make_shared<const codec::Genesis>(chain.genesis())) {}

  void ask(Token token, ProofWanted wanted);
  /// Whether it was one of ours.
  bool on_job(const host::Job& job);
  /// Goes on with what waits for a block whose own certificate makes it final.
  void pump();
  /// No job of its own reads the store.
  bool is_quiet() const;
  /// Answers all that wait: the chain goes. REQUIRES: quiet.
  void close();
  std::optional<host::RunJob> poll_job();
  std::optional<ProofAnswered> poll_answer();

 private:
  struct Asked {
    ProofWanted wanted;
    std::optional<codec::Utxo> utxo;  // of an output
    bool is_located = false;
    bool is_running = false;
  };

  void answer(Token token, Result<ProofMade> proof);
  Result<ProofGround> ground_of(const Asked& asked) const;

  const Chain& chain_;
  const std::shared_ptr<const codec::Genesis> genesis_;  // jobs have it too
  std::map<Token, Asked> asked_;
  base::Queue<host::RunJob> jobs_;
  base::Queue<ProofAnswered> answers_;
};

/// The steps and the last block of a proof from `from`'s validators to the block of `ground`, at
/// most `bytes_max`, whole skips where they hold. Reads blocks, certificates and sets.
struct Way {
  std::vector<codec::EpochStep> steps;
  std::optional<codec::FinalityProof> last;
  Height height;
  codec::Epoch epoch;
  bool is_part = false;
};
Result<Way> way_to(const Store& store, const codec::ChainParams& params, codec::Epoch from,
                   const ProofGround& ground, std::size_t bytes_max);

}  // namespace kith::node
