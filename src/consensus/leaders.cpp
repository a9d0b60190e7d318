#include "consensus/leaders.h"

#include <algorithm>
#include <numeric>

#include "base/assert.h"
#include "codec/writer.h"

namespace kith::consensus {

LeaderSchedule::LeaderSchedule(const codec::ValidatorSet& validators, const codec::Hash& seed,
                               codec::Epoch epoch) {
  Bytes prefix;
  codec::Writer writer(prefix);
  writer.bytes(seed);
  writer.u64(epoch.value);
  std::vector<codec::Hash> places;
  for (const codec::Validator& validator : validators.all()) {
    places.push_back(codec::tagged_hash("kith/leader-order/1", {prefix, validator.key}));
  }
  order_.resize(validators.size());
  std::iota(order_.begin(), order_.end(), ValidatorIndex{0});
  std::ranges::sort(order_, {}, [&](ValidatorIndex index) { return places[index]; });
  for (const ValidatorIndex index : order_) weights_.push_back(validators.at(index).weight);
  total_ = static_cast<std::int64_t>(validators.total());
  begin_again();
}

void LeaderSchedule::begin_again() {
  credit_.assign(order_.size(), 0);
  leaders_.clear();
  first_ = 1;
}

void LeaderSchedule::step() {
  std::size_t best = 0;
  for (std::size_t i = 0; i < credit_.size(); ++i) {
    credit_[i] += static_cast<std::int64_t>(weights_[i]);
    if (credit_[i] > credit_[best]) best = i;
  }
  credit_[best] -= total_;
  leaders_.push_back(order_[best]);
  if (leaders_.size() > remembered_max) {
    leaders_.pop_front();
    ++first_;
  }
}

ValidatorIndex LeaderSchedule::leader(codec::View view) {
  ASSERT(view.value > 0);
  if (view.value < first_) begin_again();
  while (view.value >= first_ + leaders_.size()) step();
  return leaders_[view.value - first_];
}

}  // namespace kith::consensus
