#include "ledger/registry.h"

#include "codec/chain_proof_check.h"

namespace kith::ledger {

codec::Hash registry_key_of(const ChainKey& validator) { return codec::registry_key(validator); }

codec::Hash registry_key_of_supply() { return codec::tagged_hash("kith/supply-key/1", {}); }

const ValidatorEntry* Registry::find(const ChainKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second.get();
}

void Registry::put(ValidatorEntry entry) {
  changed_.insert(entry.key);
  unhashed_.insert(entry.key);
  auto& place = entries_[entry.key];
  place = std::make_shared<const ValidatorEntry>(std::move(entry));
}

void Registry::erase(const ChainKey& key) {
  if (entries_.erase(key) == 0) return;
  changed_.insert(key);
  unhashed_.insert(key);
}

const codec::Hash& Registry::settle(const Supply& supply) {
  for (const ChainKey& key : unhashed_) {
    if (const ValidatorEntry* entry = find(key)) {
      tree_.insert(registry_key_of(key), codec::validator_hash(*entry));
    } else {
      tree_.erase(registry_key_of(key));
    }
  }
  unhashed_.clear();
  rehash(tree_, hashed_, by_kind_);
  hashed_ = by_kind_;
  tree_.insert(registry_key_of_supply(), supply_hash(supply));
  root_ = tree_.root();
  return root_;
}

}  // namespace kith::ledger
