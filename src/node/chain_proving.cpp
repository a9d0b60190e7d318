// Of the chain: its proposer's proofs, where it computes (node/height_proofs.h). A block whose
// proof is not here yet is not built: it waits, as long as its view lasts.
#include <algorithm>

#include "base/format.h"
#include "ledger/beacon.h"
#include "node/chain.h"

namespace kith::node {

/// What leaders of the epoch that begins on this block are ordered by; the state is of it, or of
/// one behind it in the same epoch.
Hash Chain::seed_on(const Hash& floor) const {
  if (!rules_->params.compute) return floor;
  return ledger::leaders_seed_of(states_->tip()->registry().by_kind(), rules_->genesis);
}

/// Once a view, for those that this validator leads soon, if all goes well from here.
void Chain::ask_proofs() {
  const consensus::Engine* const engine = consensus_.engine();
  if (!rules_->params.compute || engine == nullptr || !engine->me() || engine->is_held() ||
      engine->view() == proofs_asked_in_) {
    return;
  }
  proofs_asked_in_ = engine->view();
  std::uint64_t built = tip_.height.value;
  for (const auto& [digest, pending] : pending_) {
    built = std::max(built, pending.history.count() - 1);
  }
  const std::uint64_t last = (epoch_.value + 1) * rules_->params.epoch_blocks;
  for (std::uint64_t ahead = 0; ahead <= HeightProofs::views_ahead; ++ahead) {
    const Height height{built + 1 + ahead};
    const codec::View view{proofs_asked_in_.value + ahead};
    // Who leads first in the next epoch shows when it begins: each has its proof then.
    const bool is_next_epochs = height.value == last + 1;
    if (height.value > last + 1) break;
    if (is_next_epochs || leaders_->leader(view) == *engine->me()) ask_proof(height);
  }
}

void Chain::ask_proof(Height height) {
  if (proofs_.asks(height)) say(codec::ProveHeight{height});
}

void Chain::wait_for_proof(consensus::Build work) {
  const Height height = work.header.height;
  ++builds_unproven_;
  log_.info("chain", "block {} waits to be built: its proof by the validator's key is not here yet",
            height.value);
  unproven_ = std::move(work);  // of a later view than one that waited before
  ask_proof(height);
}

void Chain::on_proven(Instant now, const HeightProven& proven) {
  proofs_.take(proven);
  if (!proven.proof) {
    log_.warn("chain", "no proof of height {}: {}", proven.height.value,
              proven.proof.error().message);
  }
  if (!unproven_ || unproven_->header.height != proven.height) return;
  consensus::Build work = *std::exchange(unproven_, std::nullopt);
  if (proven.proof) {
    tasks_.push_front(std::move(work));
  } else {
    consensus_.on_input(now, consensus::Built{work.token, fail(proven.proof.error())});
  }
}

/// What is proven of heights that are final is of no more use.
void Chain::drop_proofs() {
  proofs_.advance(tip_.height);
  if (unproven_ && unproven_->header.height <= tip_.height) unproven_.reset();
}

}  // namespace kith::node
