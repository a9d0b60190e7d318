#include "host/link_shaper.h"

#include <algorithm>

namespace kith::host {
namespace {

/// Room enough to go on: one large write is better than many small ones.
constexpr std::uint64_t quantum_max = 16 * 1024;

/// A quarter of a second may be saved up.
base::TokenRate rate_of(std::uint64_t bytes_per_second) {
  return {bytes_per_second, std::max<std::uint64_t>(1, bytes_per_second / 4)};
}

}  // namespace

ShapedLane::ShapedLane(std::uint64_t bytes_per_second) {
  if (bytes_per_second == 0) return;
  shaper_.emplace(rate_of(bytes_per_second), Instant{});
  quantum_ = std::max(quantum_max, rate_of(bytes_per_second).burst);
}

bool ShapedLane::may_move(LinkId link) const {
  if (!opens_at_ && waiting_.empty()) return true;
  const auto place = places_.find(link);
  if (!opens_at_ && place != places_.end()) {  // its turn
    waiting_.erase(place->second);
    places_.erase(place);
    return true;
  }
  if (place == places_.end()) {
    waiting_.emplace(next_place_, link);
    places_.emplace(link, next_place_++);
    ++waits_;
  }
  if (!opens_at_) is_round_over_ = true;
  return false;
}

void ShapedLane::on_moved(Instant now, std::uint64_t bytes) {
  if (!shaper_ || bytes == 0) return;
  moved_at_ = now;
  shaper_->moved(now, bytes);
  if (shaper_->room(now) > 0) {
    opens_at_.reset();
  } else {
    opens_at_ = shaper_->ready_at(now, quantum_max);
  }
}

void ShapedLane::forget(LinkId link) {
  const auto place = places_.find(link);
  if (place == places_.end()) return;
  waiting_.erase(place->second);
  places_.erase(place);
}

std::optional<Instant> ShapedLane::next_deadline() const {
  return opens_at_ || !is_round_over_ ? opens_at_ : std::optional(moved_at_);
}

std::vector<LinkId> ShapedLane::on_deadline(Instant now) {
  std::vector<LinkId> woken;
  const auto at = next_deadline();
  if (!at || *at > now) return woken;
  if (opens_at_ && shaper_->room(now) == 0) {  // more is owed than one burst pays
    opens_at_ = shaper_->ready_at(now, quantum_max);
    return woken;
  }
  opens_at_.reset();
  is_round_over_ = false;
  for (const auto& [place, link] : waiting_) woken.push_back(link);
  return woken;
}

}  // namespace kith::host
