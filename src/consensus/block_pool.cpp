#include "consensus/block_pool.h"

#include <set>

namespace kith::consensus {

BlockPool::Entry* BlockPool::find(const Hash& digest) {
  const auto at = entries_.find(digest);
  return at == entries_.end() ? nullptr : &at->second;
}

const BlockPool::Entry* BlockPool::find(const Hash& digest) const {
  const auto at = entries_.find(digest);
  return at == entries_.end() ? nullptr : &at->second;
}

bool BlockPool::is_good(const Hash& digest) const {
  const Entry* const entry = find(digest);
  return entry != nullptr && entry->state == State::good;
}

BlockPool::Entry& BlockPool::add(const BlockPtr& block) {
  const auto [at, is_new] = entries_.try_emplace(block->digest());
  if (is_new) {
    at->second.block = block;
    bytes_ += block->body().size();
  }
  return at->second;
}

std::vector<BlockPtr> BlockPool::waiting_for(const Hash& parent) const {
  std::vector<BlockPtr> found;
  for (const auto& [digest, entry] : entries_) {
    if (entry.state == State::unchecked && entry.block->header().parent == parent) {
      found.push_back(entry.block);
    }
  }
  return found;
}

void BlockPool::prune(Height height, const Hash& kept) {
  std::erase_if(entries_, [&](const auto& each) {
    const auto& [digest, entry] = each;
    if (entry.block->header().height > height || digest == kept) return false;
    bytes_ -= entry.block->body().size();
    return true;
  });
}

void BlockPool::drop_branches_beside(const Hash& final, Height height) {
  std::set<Hash> dead;
  const auto is_dead = [&](const Entry& entry) {
    const Hash& parent = entry.block->header().parent;
    if (parent == final) return false;
    const Entry* const known = find(parent);
    if (known == nullptr) return entry.block->header().height <= codec::next(height);
    return known->block->header().height <= height || dead.contains(parent);
  };
  for (bool has_changed = true; has_changed;) {
    has_changed = false;
    for (const auto& [digest, entry] : entries_) {
      if (entry.block->header().height <= height || dead.contains(digest)) continue;
      if (is_dead(entry)) has_changed = dead.insert(digest).second;
    }
  }
  for (const Hash& digest : dead) {
    bytes_ -= entries_.at(digest).block->body().size();
    entries_.erase(digest);
  }
}

}  // namespace kith::consensus
