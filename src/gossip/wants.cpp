#include "gossip/wants.h"

#include <algorithm>

namespace kith::gossip {

bool Wants::announced(Instant now, const MessageKey& key, ByteView id, PeerSlot peer,
                      Duration delay, bool is_promise) {
  if (const auto slot = index_.find(key)) {
    Want& want = wants_[*slot];
    const bool is_known =
        std::find(want.holders.begin(), want.holders.end(), peer) != want.holders.end() ||
        std::any_of(want.asks.begin(), want.asks.end(),
                    [&](const Ask& ask) { return ask.peer == peer; });
    if (!is_known && want.holders.size() + want.asks.size() < config_.holders_max) {
      want.holders.push_back(peer);
      want.announcements.push_back({peer, now});
      arm(*slot);
    }
    return true;
  }
  if (index_.size() >= config_.wants_max) return false;
  std::uint32_t slot = static_cast<std::uint32_t>(wants_.size());
  if (free_.empty()) {
    wants_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  wants_[slot] = {true, key, Buffer(id), {{peer, now}}, {peer}, {}, now + delay, is_promise};
  index_.insert(key, slot);
  arm(slot);
  return true;
}

std::vector<PeerSlot> Wants::arrived(const MessageKey& key) {
  std::vector<PeerSlot> asked;
  const auto slot = index_.find(key);
  if (!slot) return asked;
  for (const Ask& ask : wants_[*slot].asks) asked.push_back(ask.peer);
  erase(*slot);
  return asked;
}

std::vector<Wants::Announcement> Wants::announcements(const MessageKey& key) const {
  const auto slot = index_.find(key);
  if (!slot) return {};
  return wants_[*slot].announcements;
}

std::optional<Instant> Wants::asked_at(const MessageKey& key, PeerSlot peer) const {
  const auto slot = index_.find(key);
  if (!slot) return std::nullopt;
  const auto& asks = wants_[*slot].asks;
  const auto found =
      std::find_if(asks.begin(), asks.end(), [&](const Ask& ask) { return ask.peer == peer; });
  return found == asks.end() ? std::nullopt : std::optional(found->at);
}

void Wants::forget_peer(Instant now, PeerSlot peer) {
  for (std::uint32_t slot = 0; slot < wants_.size(); ++slot) {
    Want& want = wants_[slot];
    if (!want.is_live) continue;
    std::erase(want.holders, peer);
    std::erase_if(want.announcements, [&](const Announcement& each) { return each.peer == peer; });
    // Its connection is gone: it has nothing to answer any more, and others need not wait for it.
    if (std::erase_if(want.asks, [&](const Ask& ask) { return ask.peer == peer; }) > 0) {
      want.ask_again_at = now;
    }
    if (want.holders.empty() && want.asks.empty()) {
      erase(slot);
    } else {
      arm(slot);
    }
  }
}

void Wants::watch(const MessageKey& key, PeerSlot peer) {
  const auto slot = index_.find(key);
  if (!slot) return;
  for (Ask& ask : wants_[*slot].asks) ask.is_watched = ask.is_watched || ask.peer == peer;
}

bool Wants::is_promise(const MessageKey& key) const {
  const auto slot = index_.find(key);
  return slot && wants_[*slot].is_promise;
}

Duration Wants::timeout(std::optional<Duration> rtt) const {
  const auto nanoseconds =
      static_cast<double>(rtt.value_or(config_.rtt_unknown).count()) * config_.rtt_factor;
  const Duration wanted(static_cast<std::int64_t>(std::clamp(nanoseconds, 0.0, 1e18)));
  return std::min(wanted + config_.rtt_slack, config_.timeout_max);
}

// At most one step: a promise that is over, or the next holder's turn. An id that nobody is left
// for is given up; a later announcement begins anew.
std::optional<Wants::Step> Wants::advance(Instant now, std::uint32_t slot) {
  Want& want = wants_[slot];
  for (Ask& ask : want.asks) {
    if (ask.is_over || now < ask.at + config_.promise) continue;
    ask.is_over = true;
    if (ask.is_watched) return Step{Step::Kind::broken, ask.peer, want.key, {}};
  }
  if (!want.holders.empty() && now >= want.ask_again_at) {
    const PeerSlot peer = want.holders.front();
    want.holders.erase(want.holders.begin());
    want.asks.push_back({peer, now});
    return Step{Step::Kind::ask, peer, want.key, want.id};
  }
  const bool is_hopeless =
      want.holders.empty() &&
      std::all_of(want.asks.begin(), want.asks.end(), [](const Ask& ask) { return ask.is_over; });
  if (is_hopeless) {
    erase(slot);
  } else {
    arm(slot);
  }
  return std::nullopt;
}

void Wants::arm(std::uint32_t slot) {
  const Want& want = wants_[slot];
  std::optional<Instant> at;
  if (!want.holders.empty()) at = want.ask_again_at;
  bool is_waiting = false;
  for (const Ask& ask : want.asks) {
    if (ask.is_over) continue;
    is_waiting = true;
    at = base::soonest(at, ask.at + config_.promise);
  }
  // Nothing to wait for: due at once, to be given up.
  if (!at && !is_waiting) at = want.ask_again_at;
  deadlines_.set(slot, at);
}

void Wants::erase(std::uint32_t slot) {
  index_.erase(wants_[slot].key);
  wants_[slot] = {};
  free_.push_back(slot);
  deadlines_.set(slot, std::nullopt);
}

}  // namespace kith::gossip
