// What a validator of a chain that computes proves of each height at which it may propose
// (crypto/vrf.h; docs/adr/0023). A proof of a height is the same in every view, and follows from
// nothing that the chain decides: so it is asked for some views early, kept, and no proposal waits
// for the way to a remote signer and back.
//
// Limits: `held_max` heights that are proven or asked for.
#pragma once

#include <map>
#include <optional>

#include "codec/signer_message.h"
#include "crypto/key.h"
#include "host/world_chain.h"

namespace kith::node {

/// Answers codec::ProveHeight.
struct HeightProven {
  codec::Height height;
  Result<crypto::VrfProof> proof;
};

/// By a key that is here. It takes as long as a few signatures, so that a worker does it.
class ProveHeightJob final : public host::Job {
 public:
  /// `key` outlives it.
  ProveHeightJob(const crypto::KeyPair& key, const codec::Hash& genesis, codec::Height height)
      : key_(key), genesis_(genesis), height_(height) {}
  void run() override;

  codec::Height height() const { return height_; }
  /// Once it has run.
  const crypto::VrfProof& proof() const { return proof_; }

 private:
  const crypto::KeyPair& key_;
  const codec::Hash genesis_;
  const codec::Height height_;
  crypto::VrfProof proof_{};
};

class HeightProofs {
 public:
  /// So many views before it leads one a validator asks.
  static constexpr std::uint64_t views_ahead = 2;
  static constexpr std::size_t held_max = 64;

  /// None: it is not here yet.
  std::optional<crypto::VrfProof> find(codec::Height height) const;
  /// Whether this height is to be asked for now: it is neither here nor on its way, from now on it
  /// is.
  bool asks(codec::Height height);
  void take(const HeightProven& proven);
  /// It was no good, or is not to come.
  void forget(codec::Height height) { held_.erase(height); }
  /// Heights up to this one are final.
  void advance(codec::Height height) { held_.erase(held_.begin(), held_.upper_bound(height)); }

 private:
  std::map<codec::Height, std::optional<crypto::VrfProof>> held_;  // none: on its way
};

}  // namespace kith::node
