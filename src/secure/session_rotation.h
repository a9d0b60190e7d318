// The keys of an established session from epoch to epoch: OFFER and ACCEPT of fresh ephemeral keys,
// when, and which keys hold (docs/protocol/session.md, "Rotation"). Internal to secure/.
//
// Who offered sends under the new epoch once it has ACCEPT; the other once a packet of the new
// epoch has opened. Of two offers that cross the initiator's counts.
#pragma once

#include <memory>
#include <optional>

#include "base/queue.h"
#include "secure/session.h"
#include "secure/session_handshake.h"

namespace kith::secure {

class SessionRotation {
 public:
  using Outputs = base::Queue<Session::Output>;
  /// At once, whatever the gap: half of what one key may seal.
  static constexpr std::uint64_t packets_urgent = crypto::PacketCipher::sealed_max / 2;

  /// Says epoch 0's keys, with which both sides may send. `config` and `rng` outlive it.
  SessionRotation(const SessionConfig& config, Direction direction, SessionAgreement& agreement,
                  Rng& rng, Instant now, Outputs& out);

  /// `limit` when a key has sealed all that it may.
  Result<void> on_sealed(Instant now, const Sealed& sealed, Outputs& out);
  void on_rotate_now(Instant now, Outputs& out);
  void on_epoch_used(Instant now, std::uint64_t epoch, Outputs& out);
  /// A fault (`protocol`, `bad_key`) is the peer's own: its session bytes come under its keys.
  Result<void> on_offer(Instant now, std::uint64_t epoch, const crypto::X25519Public& key,
                        Outputs& out);
  Result<void> on_accept(Instant now, std::uint64_t epoch, const crypto::X25519Public& key,
                         Outputs& out);
  Result<void> on_deadline(Instant now, Outputs& out);
  std::optional<Instant> next_deadline() const;

  bool is_rotating() const { return offer_ || held_offer_ || !may_send_; }
  std::uint64_t rotations() const { return epoch_; }

 private:
  void try_offer(Instant now, Outputs& out);
  Result<void> accept(Instant now, const crypto::X25519Public& key, Outputs& out);
  Result<void> advance(Instant now, const crypto::X25519KeyPair& ours,
                       const crypto::X25519Public& theirs);
  void say_keys(Outputs& out) const;
  void start_sending(Instant now, Outputs& out);
  Instant gap_ends() const { return last_ + config_.rotation_gap; }

  const SessionConfig& config_;
  Rng& rng_;
  Direction direction_;
  crypto::CipherId cipher_;
  crypto::Hash256 handshake_;
  SessionSecret receive_, send_;  // of epoch_
  std::uint64_t epoch_ = 0;
  bool may_send_ = true;  // under epoch_; else under the one before, until the peer has used it
  bool wants_ = false;
  std::uint64_t bytes_ = 0, packets_ = 0, messages_ = 0;  // sealed under this side's epoch
  Instant began_;                                         // to send under it
  Instant last_;                                          // a rotation was agreed upon
  std::unique_ptr<crypto::X25519KeyPair> offer_;          // of epoch_ + 1, ours
  std::unique_ptr<crypto::X25519Public> held_offer_;      // the peer's, too early
};

}  // namespace kith::secure
