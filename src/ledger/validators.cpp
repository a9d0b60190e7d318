#include "ledger/validators.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_proof_check.h"
#include "crypto/ed25519_zip215.h"

namespace kith::ledger {
namespace {

using codec::Unbonding;

std::string hex(const ChainKey& key) { return base::to_hex(key); }

/// Takes `fraction` of `from` out of the world.
void burn(std::uint32_t fraction, Amount& from, Supply& supply) {
  const Amount burnt = codec::fraction_of(from, fraction);
  from -= burnt;
  supply.bonded -= burnt;
  supply.burnt += burnt;
}

Result<ValidatorEntry> entry_of(const RegistryDraft& draft, const ChainKey& key) {
  if (const ValidatorEntry* entry = draft.find(key)) return *entry;
  return fail(Code::not_found, base::format("no validator {}", hex(key)));
}

Result<void> check_signer(const ValidatorEntry& entry, const ChainKey* signer, bool may_be_itself) {
  if (signer != nullptr && codec::lock_of(*signer) == entry.owner) return {};
  if (signer != nullptr && may_be_itself && *signer == entry.key) return {};
  return fail(Code::permission,
              base::format("order to validator {} not signed by its owner", hex(entry.key)));
}

/// Obeys one kind of order each.
struct Obey {
  const ChainParams& params;
  Epoch epoch;
  RegistryDraft& draft;
  const ChainKey* signer;

  Result<Amount> operator()(const codec::Bond& bond) const {
    if (draft.find(bond.key) != nullptr) {
      return fail(Code::exists, base::format("validator {} is registered", hex(bond.key)));
    }
    if (!crypto::has_prime_order(bond.key)) {
      return fail(Code::bad_key, base::format("anybody can sign for the key {}", hex(bond.key)));
    }
    if (bond.amount < params.min_stake) {
      return fail(Code::refused,
                  base::format("bond of {}, at least {}", bond.amount, params.min_stake));
    }
    ValidatorEntry entry;
    entry.key = bond.key;
    entry.owner = bond.owner;
    entry.stake = bond.amount;
    entry.joined = epoch.value;
    draft.put(std::move(entry));
    return bond.amount;
  }

  Result<Amount> operator()(const codec::AddStake& order) const {
    ValidatorEntry entry = TRY(entry_of(draft, order.key));
    if (entry.status == ValidatorStatus::tombstoned) {
      return fail(Code::refused, base::format("validator {} is tombstoned", hex(order.key)));
    }
    const std::optional<Amount> stake = codec::add(entry.stake, order.amount);
    if (!stake) return fail(Code::malformed, base::format("stake of {} more", order.amount));
    if (*stake < params.min_stake) {
      return fail(Code::refused,
                  base::format("stake of {}, at least {}", *stake, params.min_stake));
    }
    entry.stake = *stake;
    if (entry.status == ValidatorStatus::leaving) {
      // Leaving is no way out of the jail.
      entry.status =
          epoch.value < entry.jailed_until ? ValidatorStatus::jailed : ValidatorStatus::active;
    }
    draft.put(std::move(entry));
    return order.amount;
  }

  Result<Amount> operator()(const codec::Unbond& order) const {
    ValidatorEntry entry = TRY(entry_of(draft, order.key));
    TRY_VOID(check_signer(entry, signer, false));
    if (order.amount > entry.stake) {
      return fail(Code::refused,
                  base::format("unbonds {} of a stake of {}", order.amount, entry.stake));
    }
    const Amount rest = entry.stake - order.amount;
    if (rest > 0 && rest < params.min_stake) {
      return fail(Code::refused, base::format("unbonding leaves {}: all, or at least {} stays",
                                              rest, params.min_stake));
    }
    const std::uint64_t release = epoch.value + params.unbonding_epochs;
    if (!entry.unbondings.empty() && entry.unbondings.back().epoch == release) {
      entry.unbondings.back().amount += order.amount;
    } else if (entry.unbondings.size() == codec::unbondings_max) {
      return fail(Code::limit, base::format("validator {} has {} parts of its stake on their way",
                                            hex(order.key), codec::unbondings_max));
    } else {
      entry.unbondings.push_back({release, order.amount});
    }
    entry.stake = rest;
    if (rest == 0 && entry.status != ValidatorStatus::tombstoned) {
      entry.status = ValidatorStatus::leaving;
    }
    draft.put(std::move(entry));
    return Amount{0};
  }

  Result<Amount> operator()(const codec::Unjail& order) const {
    ValidatorEntry entry = TRY(entry_of(draft, order.key));
    TRY_VOID(check_signer(entry, signer, true));
    if (entry.status != ValidatorStatus::jailed) {
      return fail(Code::refused, base::format("validator {} is {}, not jailed", hex(order.key),
                                              codec::name_of(entry.status)));
    }
    if (epoch.value < entry.jailed_until) {
      return fail(Code::refused, base::format("validator {} is jailed until epoch {}",
                                              hex(order.key), entry.jailed_until));
    }
    entry.status = ValidatorStatus::active;
    draft.put(std::move(entry));
    return Amount{0};
  }
};

/// The reward, less what would pass the most that there can be.
Amount reward_of(const ChainParams& params, Height height, const Supply& supply) {
  return std::min(codec::block_reward(params, height), codec::amount_max - supply.minted);
}

/// Moves stake whose time has come to what is owed.
void release(Epoch epoch, ValidatorEntry& entry, Supply& supply) {
  auto& list = entry.unbondings;
  const auto later = std::ranges::find_if(
      list, [&](const Unbonding& unbonding) { return unbonding.epoch > epoch.value; });
  for (auto due = list.begin(); due != later; ++due) {
    entry.rewards += due->amount;
    supply.bonded -= due->amount;
    supply.owed += due->amount;
  }
  list.erase(list.begin(), later);
}

void pay(const ChainParams& params, const Hash& lock, Amount& owed, Amount& owed_by_all,
         std::vector<Payout>& payouts) {
  if (owed < params.dust) return;
  payouts.push_back({lock, owed});
  owed_by_all -= owed;
  owed = 0;
}

bool has_left(const ValidatorEntry& entry) {
  return entry.status == ValidatorStatus::leaving && entry.unbondings.empty() &&
         entry.weight == 0 && entry.weight_before == 0;
}

}  // namespace

Result<void> check_genesis_keys(const codec::Genesis& genesis) {
  for (const codec::GenesisValidator& validator : genesis.validators) {
    if (crypto::has_prime_order(validator.key)) continue;
    return fail(Code::bad_key, base::format("genesis: anybody can sign for the validator key {}",
                                            hex(validator.key)));
  }
  return {};
}

Weight weight_of(const ChainParams& params, Amount stake) {
  return codec::stake_weight(params, stake);
}

std::vector<WeightedKey> next_validators(const ChainParams& params, const Registry& registry) {
  std::vector<const ValidatorEntry*> fit;
  for (const auto& [key, entry] : registry.entries()) {
    if (entry->status == ValidatorStatus::active && weight_of(params, entry->stake) > 0) {
      fit.push_back(entry.get());
    }
  }
  if (fit.empty()) return current_validators(registry);
  std::ranges::sort(fit, [](const ValidatorEntry* a, const ValidatorEntry* b) {
    return a->stake != b->stake ? a->stake > b->stake : a->key < b->key;
  });
  if (fit.size() > params.validators_max) fit.resize(params.validators_max);
  std::vector<WeightedKey> chosen;
  chosen.reserve(fit.size());
  for (const ValidatorEntry* entry : fit) {
    chosen.push_back({entry->key, weight_of(params, entry->stake)});
  }
  std::ranges::sort(chosen, {}, &WeightedKey::key);
  return chosen;
}

std::vector<WeightedKey> current_validators(const Registry& registry) {
  std::vector<WeightedKey> current;
  for (const auto& [key, entry] : registry.entries()) {
    if (entry->weight > 0) current.push_back({key, entry->weight});
  }
  return current;
}

const ValidatorEntry* RegistryDraft::find(const ChainKey& key) const {
  const auto own = std::ranges::find(entries_, key, &ValidatorEntry::key);
  return own != entries_.end() ? &*own : registry_->find(key);
}

void RegistryDraft::put(ValidatorEntry entry) {
  const auto own = std::ranges::find(entries_, entry.key, &ValidatorEntry::key);
  if (own != entries_.end()) {
    *own = std::move(entry);
  } else {
    entries_.push_back(std::move(entry));
  }
}

void RegistryDraft::commit(Registry& registry) {
  for (ValidatorEntry& entry : entries_) registry.put(std::move(entry));
  entries_.clear();
}

Result<Amount> apply_order(const ChainParams& params, Epoch epoch, RegistryDraft& draft,
                           const codec::ValidatorOrder& order, const ChainKey* signer) {
  return std::visit(Obey{params, epoch, draft, signer}, order);
}

Result<void> punish(const ChainParams& params, Epoch now, Registry& registry, Supply& supply,
                    const Offence& offence) {
  const ValidatorEntry* found = registry.find(offence.key);
  if (found == nullptr) {
    return fail(Code::not_found,
                base::format("evidence against {}, which is no validator", hex(offence.key)));
  }
  if (found->status == ValidatorStatus::tombstoned) {
    return fail(Code::exists,
                base::format("evidence against {}, which is tombstoned already", hex(offence.key)));
  }
  if (offence.epoch > now || now.value - offence.epoch.value > params.unbonding_epochs) {
    return fail(Code::refused,
                base::format("evidence of epoch {} in epoch {}, good for {}", offence.epoch.value,
                             now.value, params.unbonding_epochs));
  }
  ValidatorEntry entry = *found;
  burn(params.slash_equivocation, entry.stake, supply);
  for (Unbonding& unbonding : entry.unbondings) {
    // What was on its way before the offence did not stand for it.
    if (unbonding.epoch < offence.epoch.value + params.unbonding_epochs) continue;
    burn(params.slash_equivocation, unbonding.amount, supply);
  }
  std::erase_if(entry.unbondings, [](const Unbonding& part) { return part.amount == 0; });
  entry.status = ValidatorStatus::tombstoned;
  registry.put(std::move(entry));
  return {};
}

Result<void> account_block(const ChainParams& params, Height height, Registry& registry,
                           Supply& supply, const Participants& who, Amount fees) {
  const ValidatorEntry* proposer = registry.find(who.proposer);
  if (proposer == nullptr || proposer->weight == 0) {
    return fail(Code::refused, base::format("proposer {} does not validate", hex(who.proposer)));
  }
  // The first block of an epoch carries a certificate of the validators before.
  const bool is_first = height.value > 1 && (height.value - 1) % params.epoch_blocks == 0;
  const auto weight = [&](const ValidatorEntry& entry) {
    return is_first ? entry.weight_before : entry.weight;
  };
  if (std::ranges::adjacent_find(who.signers, std::greater_equal<>()) != who.signers.end()) {
    return fail(Code::malformed, "signers out of order or twice");
  }
  Weight sum = 0;
  for (const ChainKey& key : who.signers) {
    const ValidatorEntry* entry = registry.find(key);
    if (entry == nullptr || weight(*entry) == 0) {
      return fail(Code::refused, base::format("signer {} did not validate", hex(key)));
    }
    sum += weight(*entry);
  }
  const Amount reward = reward_of(params, height, supply);
  const Amount treasury = codec::fraction_of(reward, params.treasury_share);
  const Amount all = reward - treasury + fees;
  const Amount shared =
      who.signers.empty() ? 0 : all - codec::fraction_of(all, params.proposer_share);
  supply.minted += reward;
  supply.treasury += treasury;
  supply.owed += all;

  Amount left = all;
  std::vector<ValidatorEntry> changed;
  auto signer = who.signers.begin();
  for (const auto& [key, entry] : registry.entries()) {
    if (weight(*entry) == 0 || who.signers.empty()) continue;
    ValidatorEntry& now = changed.emplace_back(*entry);
    if (signer == who.signers.end() || *signer != key) {
      ++now.missed;
      ++now.missed_ever;
      continue;
    }
    ++signer;
    ++now.voted;
    ++now.voted_ever;
    const Amount share = static_cast<Amount>(codec::Uint128{shared} * weight(*entry) / sum);
    now.rewards += share;
    left -= share;
  }
  ASSERT(signer == who.signers.end());
  for (ValidatorEntry& entry : changed) registry.put(std::move(entry));
  ValidatorEntry paid = *registry.find(who.proposer);
  paid.rewards += left;
  registry.put(std::move(paid));
  return {};
}

void end_window(const ChainParams& params, Epoch epoch, Registry& registry, Supply& supply) {
  std::vector<ValidatorEntry> changed;
  for (const auto& [key, entry] : registry.entries()) {
    const std::uint64_t counted = std::uint64_t{entry->voted} + entry->missed;
    if (counted == 0) continue;
    ValidatorEntry& now = changed.emplace_back(*entry);
    now.uptime = static_cast<std::uint16_t>(std::uint64_t{now.voted} * 10'000 / counted);
    now.voted = now.missed = 0;
    if (now.status != ValidatorStatus::active || now.uptime >= params.jail_threshold) continue;
    now.status = ValidatorStatus::jailed;
    now.jailed_until = epoch.value + 1 + params.jail_epochs;
    burn(params.slash_absence, now.stake, supply);
  }
  for (ValidatorEntry& entry : changed) registry.put(std::move(entry));
}

std::vector<Payout> end_epoch(const ChainParams& params, Epoch epoch, Registry& registry,
                              Supply& supply) {
  std::vector<Payout> payouts;
  pay(params, params.treasury_lock, supply.treasury, supply.treasury, payouts);
  const std::vector<WeightedKey> chosen = next_validators(params, registry);
  auto next = chosen.begin();
  std::vector<ValidatorEntry> changed;
  std::vector<ChainKey> gone;
  for (const auto& [key, entry] : registry.entries()) {
    ValidatorEntry now = *entry;
    release(epoch, now, supply);
    pay(params, now.owner, now.rewards, supply.owed, payouts);
    now.weight_before = now.weight;
    const bool is_chosen = next != chosen.end() && next->key == key;
    now.weight = is_chosen ? (next++)->weight : 0;
    if (has_left(now)) {
      supply.owed -= now.rewards;  // less than an output may hold
      supply.burnt += now.rewards;
      gone.push_back(key);
    } else if (now != *entry) {
      changed.push_back(std::move(now));
    }
  }
  for (ValidatorEntry& entry : changed) registry.put(std::move(entry));
  for (const ChainKey& key : gone) registry.erase(key);
  return payouts;
}

}  // namespace kith::ledger
