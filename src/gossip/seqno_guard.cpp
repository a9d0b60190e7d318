#include "gossip/seqno_guard.h"

#include <algorithm>

namespace kith::gossip {

// Moves an author's epochs on to `now`; as a function of the author, so that asking changes
// nothing.
SeqnoGuard::Author SeqnoGuard::advanced(Instant now, Author author) const {
  if (now - author.epoch_began < config_.epoch) return author;
  const bool is_two_or_more = now - author.epoch_began >= 2 * config_.epoch;
  author.floor = is_two_or_more ? author.highest : author.last_epoch;
  author.has_floor = is_two_or_more || author.has_last_epoch;
  author.last_epoch = author.highest;
  author.has_last_epoch = true;
  // Whole epochs, whenever it is that somebody asks: a floor is at most two epochs behind.
  author.epoch_began = is_two_or_more ? now : author.epoch_began + config_.epoch;
  return author;
}

bool SeqnoGuard::is_fresh(Instant now, const PeerId& id, std::uint64_t seqno) const {
  if (config_.rule == SeqnoRule::none) return true;
  const auto found = authors_.find(id);
  if (found == authors_.end()) return true;
  if (config_.rule == SeqnoRule::monotonic) return seqno > found->second.highest;
  const Author author = advanced(now, found->second);
  return !author.has_floor || seqno > author.floor;
}

bool SeqnoGuard::mark(Instant now, const PeerId& id, std::uint64_t seqno) {
  if (config_.rule == SeqnoRule::none) return true;
  auto found = authors_.find(id);
  if (found == authors_.end()) {
    if (authors_.size() >= config_.authors_max && !make_room(now)) return false;
    found = authors_.emplace(id, Author{}).first;
    found->second.epoch_began = now;
  } else {
    by_silence_.erase({found->second.heard_at, id});
    found->second = advanced(now, found->second);
  }
  found->second.highest = std::max(found->second.highest, seqno);
  found->second.heard_at = now;
  changed_.insert(id);
  by_silence_.insert({now, id});
  return true;
}

bool SeqnoGuard::make_room(Instant now) {
  if (by_silence_.empty() || now - by_silence_.begin()->first < config_.idle_min) return false;
  authors_.erase(by_silence_.begin()->second);
  changed_.erase(by_silence_.begin()->second);
  by_silence_.erase(by_silence_.begin());
  return true;
}

std::vector<AuthorSeqno> SeqnoGuard::export_all() const {
  std::vector<AuthorSeqno> all;
  all.reserve(authors_.size());
  for (const auto& [id, author] : authors_) all.push_back({id, author.highest});
  return all;
}

std::vector<AuthorSeqno> SeqnoGuard::take_changed(std::size_t max) {
  std::vector<AuthorSeqno> taken;
  taken.reserve(std::min(max, changed_.size()));
  while (!changed_.empty() && taken.size() < max) {
    const auto first = changed_.begin();
    taken.push_back({*first, authors_.at(*first).highest});
    changed_.erase(first);
  }
  return taken;
}

void SeqnoGuard::import(Instant now, std::span<const AuthorSeqno> authors) {
  if (config_.rule == SeqnoRule::none) return;
  for (const AuthorSeqno& each : authors) {
    if (!mark(now, each.author, each.highest)) return;
    Author& author = authors_.at(each.author);
    author.floor = std::max(author.floor, each.highest);
    author.last_epoch = std::max(author.last_epoch, each.highest);
    author.has_floor = author.has_last_epoch = true;
    changed_.erase(each.author);  // it comes from where changes go
  }
}

}  // namespace kith::gossip
