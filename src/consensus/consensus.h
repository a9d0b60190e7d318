// Consensus over epochs: one engine (consensus/engine.h) after the other, and what falls between
// them. Messages of the next epoch that come early wait for it; whoever is still in the last one is
// told how that ended. A machine with the engine's inputs and outputs; begin() starts an epoch, the
// first one too, once the last block of the epoch before is stored.
//
// Limits: `early_max` early messages of `early_bytes_max` bytes, of one peer an eighth of them.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "consensus/engine.h"

namespace kith::consensus {

class Consensus {
 public:
  using Input = EngineInput;
  using Output = EngineOutput;

  static constexpr std::size_t early_max = 4096;
  static constexpr std::size_t early_bytes_max = 64 * 1024 * 1024;

  /// `key`: the validator's; empty for a node that only follows. `is_remote`: a signer elsewhere
  /// holds it, and says when this node is the one that votes (SignerReady). `rng` and `log` outlive
  /// it.
  Consensus(const EngineConfig& config, std::optional<codec::ValidatorKey> key, Rng& rng, Log& log,
            bool is_remote = false)
      : config_(config), key_(key), rng_(rng), log_(log), is_remote_(is_remote) {}

  /// `records`: what the log of this epoch holds. `may_vote`: false when that log was lost, so that
  /// nobody knows what was said; the node follows then. Errors: as of Engine::recover, and it
  /// follows. `context.floor.finalization`, where the store has it, is what those who are still in
  /// the epoch before are told. REQUIRES: a WallClockRead came before; the epoch is a later one.
  Result<void> begin(Instant now, EpochContext context, const FinalBlock& last_final,
                     const std::vector<Bytes>& records, bool may_vote = true);

  void on_input(Instant now, EngineInput input);
  void on_deadline(Instant now);
  std::optional<EngineOutput> poll_output(Instant now);
  std::optional<Instant> next_deadline() const;

  /// Null before begin().
  Engine* engine() { return engine_ ? &*engine_ : nullptr; }
  const Engine* engine() const { return engine_ ? &*engine_ : nullptr; }
  /// Of all epochs since the start.
  EngineStats stats() const;

 private:
  struct Early {
    Heard heard;
    std::size_t bytes = 0;
  };
  void hear_early(Heard heard);
  void answer_late(Instant now, const PeerId& from);

  const EngineConfig config_;
  const std::optional<codec::ValidatorKey> key_;
  Rng& rng_;
  Log& log_;
  const bool is_remote_;
  std::optional<Engine> engine_;
  std::optional<WallClockRead> wall_;
  Instant wall_read_;
  CertificatePtr last_ended_;  // the finalization that ended the epoch before
  std::vector<Early> early_;
  struct Load {
    std::size_t count = 0, bytes = 0;
  };
  std::map<PeerId, Load> early_of_;
  std::size_t early_bytes_ = 0;
  std::map<PeerId, Instant> answered_;
  base::Queue<EngineOutput> outputs_;
  EngineStats past_;
};

}  // namespace kith::consensus
