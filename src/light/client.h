// The light client: follows a chain by its certificates alone, from a genesis hash or a checkpoint,
// and says what a proof (codec/chain_proof.h) proves. A value without clock, network or file: the
// time comes with each proof, and encode() is what whoever keeps it writes down. Source:
// docs/protocol/light.md; ADR 0015 has the assumptions.
//
// Trust moves from the validators of one epoch to the next by the last block of the epoch, which a
// quorum of them finalized; or over several epochs, at most `unbonding_epochs`, when some honest
// one of them must be among those who finalized a later block. Both only while what is trusted is
// younger than the trusting period: older keys belong to people who have nothing left to lose. A
// proof counts whole or not at all, and what has been seen is never left for something older.
//
// Limits: those of a proof; the state is one set of validators and one finality proof.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "base/time.h"
#include "codec/chain_proof_check.h"

namespace kith::light {

using codec::Epoch;
using codec::Hash;
using codec::Height;

/// What somebody was told by a person or page that they trust.
struct Trust {
  Hash genesis{};
  struct Block {
    Height height;
    Hash digest{};
  };
  std::optional<Block> checkpoint;  // empty: genesis itself
};

struct LightConfig {
  /// How long after its date a block's validators are trusted. Empty: two thirds of the time that
  /// stake takes to be paid back, by the chain's parameters; a chain without a block interval has
  /// no such time, and needs one here.
  std::optional<Duration> trusting_period;
  /// How far ahead of our clock a block may be dated.
  Duration drift_max = 60s;
  /// Goes on from what is older than the trusting period. Whoever says so takes it that too few of
  /// the old validators' keys have been sold or stolen since.
  bool trusts_old_keys = false;
};

// What a proof proves, of the final block that it is about.
struct BlockFact {
  codec::BlockHeader header;
  Hash digest{};
};
struct TxFact {
  codec::Transaction tx;
  Hash txid{};
  codec::BlockHeader in;
};
struct OutputFact {
  codec::OutPoint outpoint;
  codec::Utxo utxo;
  bool is_unspent = false;
};
struct ValidatorFact {
  codec::ChainKey key{};
  std::optional<codec::ValidatorEntry> entry;
};
struct EntryFact {
  codec::EntryKind kind = codec::EntryKind::account;
  Bytes id;
  std::optional<Bytes> entry;
};
using Fact = std::variant<BlockFact, TxFact, OutputFact, ValidatorFact, EntryFact>;

struct Verdict {
  codec::FinalHeader block;
  codec::Weight signed_by = 0;  // of `weight`, whose quorum is over two thirds
  codec::Weight weight = 0;
  std::size_t steps = 0;
  std::size_t skips = 0;      // of them, those over more than one set
  bool is_old_trust = false;  // rests on keys older than the trusting period
  std::vector<Fact> facts;
};

class LightClient {
 public:
  /// Begins with what the proof's start shows of what is trusted. `refused` when it is not that.
  static Result<LightClient> begin(const Trust& trust, const codec::ProofStart& start,
                                   const LightConfig& config);
  /// `now`: Unix time. Errors change nothing but fork().
  Result<Verdict> verify(const codec::ChainProof& proof, WallTime now);

  const Hash& genesis() const { return genesis_; }
  const codec::ChainParams& params() const { return params_; }
  Epoch epoch() const { return at_.epoch; }
  Height height() const { return at_.height; }
  const Hash& digest() const { return at_.digest; }
  WallTime time() const { return at_.time; }
  const codec::ValidatorSet& validators() const { return at_.validators; }
  /// Empty when what is trusted does not end.
  Result<Duration> trusting_period() const;
  bool has_expired(WallTime now) const;
  /// Two final blocks that cannot both be: this client believes nothing any more.
  const std::optional<codec::ForkProof>& fork() const { return fork_; }

  Bytes encode() const;
  static Result<LightClient> decode(ByteView bytes, const LightConfig& config);

 private:
  /// What is trusted.
  struct At {
    Epoch epoch;
    codec::ValidatorSet validators;  // of the epoch
    Height height;                   // the last final block that was seen; 0: genesis
    Hash digest{};
    WallTime time;
    std::optional<codec::FinalityProof> by;  // of that block, when its epoch is `epoch`
  };

  LightClient(const Hash& genesis, codec::ChainParams params, At at, const LightConfig& config)
      : genesis_(genesis), params_(std::move(params)), config_(config), at_(std::move(at)) {}

  static Result<LightClient> begin_at(const Trust& trust, const codec::CheckpointStart& start,
                                      const LightConfig& config);
  Result<codec::FinalHeader> check_final(At& at, const codec::FinalityProof& proof,
                                         const codec::ValidatorSet& validators, WallTime now,
                                         Verdict& verdict);
  Result<codec::FinalHeader> follow(At& at, const codec::EpochStep& step, WallTime now,
                                    Verdict& verdict);
  Result<Fact> fact_of(const codec::Claim& claim, const codec::FinalHeader& under,
                       const codec::FinalityProof& by);
  void note_fork(const At& at, const codec::FinalityProof& second,
                 std::optional<codec::BlockClaim> beneath);

  Hash genesis_;
  codec::ChainParams params_;
  LightConfig config_;
  At at_;
  std::optional<codec::ForkProof> fork_;
};

}  // namespace kith::light
