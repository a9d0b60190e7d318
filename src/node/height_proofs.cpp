#include "node/height_proofs.h"

#include "codec/chain_beacon.h"

namespace kith::node {

void ProveHeightJob::run() {
  proof_ = crypto::vrf_prove(key_, codec::beacon_input(genesis_, height_));
}

std::optional<crypto::VrfProof> HeightProofs::find(codec::Height height) const {
  const auto at = held_.find(height);
  return at == held_.end() ? std::nullopt : at->second;
}

bool HeightProofs::asks(codec::Height height) {
  if (held_.size() >= held_max) return false;
  return held_.try_emplace(height).second;
}

void HeightProofs::take(const HeightProven& proven) {
  const auto at = held_.find(proven.height);
  if (at == held_.end() || at->second) return;  // final meanwhile, or nobody asked again
  if (!proven.proof) {
    held_.erase(at);  // asked for again when it is needed
  } else {
    at->second = *proven.proof;
  }
}

}  // namespace kith::node
