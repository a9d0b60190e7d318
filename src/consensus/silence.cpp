#include "consensus/silence.h"

#include <algorithm>

namespace kith::consensus {

void Silence::stay() {
  is_on_ = true;
  ask_at_.reset();
  ends_at_.reset();
}

void Silence::hold() {
  stay();
  is_held_ = true;
  nonce_.reset();  // what comes now tells of what another node said
}

void Silence::release(bool needs_others) {
  is_held_ = false;
  is_on_ = needs_others;
  nonce_.reset();
  answered_.clear();
  ask_at_.reset();
  ends_at_.reset();
  wait_ = Duration{0};
}

void Silence::asked(Instant now, Duration first, Duration longest) {
  wait_ = std::min(longest, wait_ == Duration{0} ? first : 2 * wait_);
  ask_at_ = now + wait_;
}

bool Silence::ends(Instant now, codec::ValidatorIndex me, const codec::ValidatorSet& validators,
                   Duration grace) {
  codec::Weight weight = validators.at(me).weight;
  for (const codec::ValidatorIndex by : answered_) weight += validators.at(by).weight;
  if (!is_on_ || is_held_ || weight < validators.quorum()) return false;
  if (!ends_at_) ends_at_ = now + grace;
  if (answered_.size() + 1 < validators.size() && now < *ends_at_) return false;
  is_on_ = false;
  ask_at_.reset();
  ends_at_.reset();
  return true;
}

}  // namespace kith::consensus
