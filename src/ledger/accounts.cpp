#include "ledger/accounts.h"

#include <algorithm>

#include "base/format.h"
#include "codec/account_name.h"
#include "codec/chain_job_state.h"
#include "crypto/ed25519_zip215.h"
#include "ledger/beacon.h"

namespace kith::ledger {
namespace {

using codec::NameEntry;
using codec::Unbonding;

/// Entries are made here: one that does not decode is our own damage.
template <class T>
std::optional<T> decoded(const std::shared_ptr<const Bytes>& bytes, Result<T> (*decode)(ByteView)) {
  if (!bytes) return std::nullopt;
  Result<T> entry = decode(*bytes);
  ASSERT(entry);
  return *std::move(entry);
}

Result<AccountEntry> account_of(const Entries& entries, const AccountId& id) {
  if (std::optional<AccountEntry> entry = find_account(entries, id)) return *std::move(entry);
  return fail(Code::not_found, base::format("no account {}", base::to_hex(id)));
}

Result<AccountEntry> open_account_of(const Entries& entries, const AccountId& id) {
  AccountEntry entry = TRY(account_of(entries, id));
  if (entry.is_closed()) {
    return fail(Code::refused, base::format("account {} is closed", base::to_hex(id)));
  }
  return entry;
}

Result<void> check_key(const ChainKey& key) {
  if (crypto::has_prime_order(key)) return {};
  return fail(Code::bad_key, base::format("anybody can sign for the key {}", base::to_hex(key)));
}

void put_account(Entries& entries, const AccountId& id, const AccountEntry& entry) {
  entries.put(EntryKind::account, id, codec::encode_account(entry));
}

/// An account that holds so much.
AccountEntry holder(const Entries& entries, const AccountId& id, Amount amount) {
  std::optional<AccountEntry> entry = find_account(entries, id);
  ASSERT(entry && entry->held >= amount);
  return *std::move(entry);
}

template <class Entry>
Result<Amount> owns_nothing(ByteView entry) {
  TRY(codec::decode_entry<Entry>(entry));
  return Amount{0};
}

/// Obeys one kind of order each.
struct Obey {
  const AccountRules& rules;
  Entries& entries;
  const ChainKey* signer;

  /// The open account that `signer` has the key of.
  Result<AccountEntry> signed_by(const AccountId& id) const {
    AccountEntry entry = TRY(open_account_of(entries, id));
    if (signer == nullptr || *signer != entry.key) {
      return fail(Code::permission,
                  base::format("order to account {} not signed by its key", base::to_hex(id)));
    }
    return entry;
  }

  Result<Amount> operator()(const codec::OpenAccount& order) const {
    if (signer == nullptr) return fail(Code::permission, "account opened without a key");
    TRY_VOID(check_key(*signer));
    const AccountId id = codec::account_id(rules.genesis, *signer);
    if (entries.contains(EntryKind::account, id)) {
      return fail(Code::exists, base::format("account {} is there", base::to_hex(id)));
    }
    if (order.amount < rules.params.account_bond) {
      return fail(Code::refused, base::format("bond of {}, an account has {} at least",
                                              order.amount, rules.params.account_bond));
    }
    AccountEntry entry;
    entry.key = *signer;
    entry.lock = order.lock;
    entry.bond = order.amount;
    set_seal(entry, order.seal);
    put_account(entries, id, entry);
    return order.amount;
  }

  Result<Amount> operator()(const codec::AddBond& order) const {
    AccountEntry entry = TRY(open_account_of(entries, order.account));
    if (!codec::add(entry.owned(), order.amount)) {
      return fail(Code::malformed, base::format("bond of {} more", order.amount));
    }
    entry.bond += order.amount;
    put_account(entries, order.account, entry);
    return order.amount;
  }

  Result<Amount> operator()(const codec::TakeBond& order) const {
    AccountEntry entry = TRY(signed_by(order.account));
    const bool closes = order.amount == entry.bond && entry.held == 0;
    if (const Amount free = free_bond(rules.params, entry); order.amount > free && !closes) {
      return fail(Code::refused, base::format("takes {} of a bond of {}, of which {} are free",
                                              order.amount, entry.bond, free));
    }
    TRY_VOID(begin_unbonding(entry, order));
    entry.bond -= order.amount;
    if (closes) close(entry);
    put_account(entries, order.account, entry);
    return Amount{0};
  }

  Result<Amount> operator()(const codec::ChangeKey& order) const {
    AccountEntry entry = TRY(signed_by(order.account));
    if (order.key == entry.key) {
      return fail(Code::exists, base::format("account {} has the key {}",
                                             base::to_hex(order.account), base::to_hex(order.key)));
    }
    TRY_VOID(check_key(order.key));
    entry.key = order.key;
    put_account(entries, order.account, entry);
    return Amount{0};
  }

  Result<Amount> operator()(const codec::SealName& order) const {
    AccountEntry entry = TRY(signed_by(order.account));
    TRY_VOID(check_unnamed(order.account, entry));
    set_seal(entry, order.seal);
    put_account(entries, order.account, entry);
    return Amount{0};
  }

  Result<Amount> operator()(const codec::TakeName& order) const {
    TRY_VOID(codec::check_name(order.name));
    AccountEntry entry = TRY(signed_by(order.account));
    TRY_VOID(check_unnamed(order.account, entry));
    if (entry.sealed.value == 0 ||
        entry.seal != codec::name_seal(order.account, order.salt, order.name)) {
      return fail(Code::refused, base::format("name {} is not the one that account {} has sealed",
                                              order.name, base::to_hex(order.account)));
    }
    const std::uint64_t age = rules.height.value - entry.sealed.value;
    if (age < codec::name_seal_blocks_min || age > codec::name_seal_blocks_max) {
      return fail(Code::refused,
                  base::format("seal of {} blocks, good from {} to {}", age,
                               codec::name_seal_blocks_min, codec::name_seal_blocks_max));
    }
    TRY_VOID(check_name_free(order.name));
    entry.name = order.name;
    set_seal(entry, {});
    put_account(entries, order.account, entry);
    entries.put(EntryKind::name, codec::name_id(order.name),
                codec::encode_name({order.account, {0}}));
    return Amount{0};
  }

  Result<Amount> operator()(const codec::AddWorker& order) const {
    AccountEntry entry = TRY(signed_by(order.account));
    if (const auto there = find_worker(entries, order.worker)) {
      return fail(Code::exists,
                  base::format("worker {} is account {}'s", base::to_hex(order.worker),
                               base::to_hex(there->account)));
    }
    if (entry.workers.size() == codec::account_workers_max) {
      return fail(Code::limit, base::format("account {} has {} workers",
                                            base::to_hex(order.account), entry.workers.size()));
    }
    TRY_VOID(check_key(order.worker));
    entry.workers.insert(std::ranges::lower_bound(entry.workers, order.worker), order.worker);
    put_account(entries, order.account, entry);
    entries.put(EntryKind::worker, order.worker,
                codec::encode_worker({order.account, order.device_class}));
    return Amount{0};
  }

  Result<Amount> operator()(const codec::DropWorker& order) const {
    AccountEntry entry = TRY(open_account_of(entries, order.account));
    const auto place = std::ranges::find(entry.workers, order.worker);
    if (place == entry.workers.end()) {
      return fail(Code::not_found,
                  base::format("account {} has no worker {}", base::to_hex(order.account),
                               base::to_hex(order.worker)));
    }
    if (signer == nullptr || (*signer != entry.key && *signer != order.worker)) {
      return fail(Code::permission,
                  base::format("worker {} withdrawn by neither its account's key nor its own",
                               base::to_hex(order.worker)));
    }
    entry.workers.erase(place);
    put_account(entries, order.account, entry);
    entries.erase(EntryKind::worker, order.worker);
    return Amount{0};
  }

  Result<Amount> operator()(const codec::JoinTeam& order) const {
    AccountEntry entry = TRY(signed_by(order.account));
    if (order.team == order.account) {
      return fail(Code::refused,
                  base::format("account {} as its own team", base::to_hex(order.account)));
    }
    if (order.team != AccountId{}) {
      const AccountEntry team = TRY(open_account_of(entries, order.team));
      if (!team.is_team) {
        return fail(Code::refused,
                    base::format("account {} lets nobody join", base::to_hex(order.team)));
      }
    }
    entry.team = order.team;
    put_account(entries, order.account, entry);
    return Amount{0};
  }

  Result<Amount> operator()(const codec::OpenTeam& order) const {
    AccountEntry entry = TRY(signed_by(order.account));
    entry.is_team = order.is_team;
    put_account(entries, order.account, entry);
    return Amount{0};
  }

 private:
  void set_seal(AccountEntry& entry, const Hash& seal) const {
    entry.seal = seal;
    entry.sealed = seal == Hash{} ? Height{0} : rules.height;
  }

  Result<void> check_unnamed(const AccountId& id, const AccountEntry& entry) const {
    if (entry.name.empty()) return {};
    return fail(Code::exists,
                base::format("account {} has the name {} already", base::to_hex(id), entry.name));
  }

  Result<void> check_name_free(std::string_view name) const {
    const std::optional<NameEntry> there = find_name(entries, name);
    if (!there) return {};
    if (there->free_from.value == 0) {
      return fail(Code::exists, base::format("name {} is, or looks like, that of account {}", name,
                                             base::to_hex(there->account)));
    }
    if (there->free_from <= rules.height) return {};
    return fail(Code::exists,
                base::format("name {} was account {}'s, and rests until height {}", name,
                             base::to_hex(there->account), there->free_from.value));
  }

  Result<void> begin_unbonding(AccountEntry& entry, const codec::TakeBond& order) const {
    const std::uint64_t due = rules.epoch.value + rules.params.bond_epochs;
    if (!entry.unbondings.empty() && entry.unbondings.back().epoch == due) {
      entry.unbondings.back().amount += order.amount;
    } else if (entry.unbondings.size() == codec::unbondings_max) {
      return fail(Code::limit, base::format("account {} has {} parts of its bond on their way",
                                            base::to_hex(order.account), codec::unbondings_max));
    } else {
      entry.unbondings.push_back({due, order.amount});
    }
    return {};
  }

  /// Nothing but money stays, until it is paid. It has no slots: these would hold some of the bond.
  void close(AccountEntry& entry) const {
    for (const ChainKey& key : entry.workers) entries.erase(EntryKind::worker, key);
    entry.workers.clear();
    if (!entry.name.empty()) {
      std::optional<NameEntry> name = find_name(entries, entry.name);
      ASSERT(name);
      name->free_from = {rules.height.value + codec::name_rest_blocks};
      entries.put(EntryKind::name, codec::name_id(entry.name), codec::encode_name(*name));
      entry.name.clear();
    }
    set_seal(entry, {});
    entry.is_team = false;
    entry.team = {};
  }
};

/// Moves a bond whose time has come to what is earned.
void release(Epoch epoch, AccountEntry& entry) {
  auto& list = entry.unbondings;
  const auto later = std::ranges::find_if(
      list, [&](const Unbonding& unbonding) { return unbonding.epoch > epoch.value; });
  for (auto due = list.begin(); due != later; ++due) entry.earned += due->amount;
  list.erase(list.begin(), later);
}

}  // namespace

Result<Amount> apply_account(const AccountRules& rules, Entries& entries,
                             const codec::AccountOrder& order, const ChainKey* signer) {
  return std::visit(Obey{rules, entries, signer}, order);
}

AccountPayouts end_epoch_accounts(Amount dust, Epoch epoch, Entries& entries) {
  AccountPayouts end;
  const auto pay = [&](ByteView id, const std::shared_ptr<const Bytes>& bytes) {
    const AccountEntry before = *decoded(bytes, codec::decode_account);
    AccountEntry now = before;
    release(epoch, now);
    if (now.earned >= dust) {
      end.payouts.push_back({now.lock, now.earned});
      now.earned = 0;
    }
    if (now.is_closed() && now.unbondings.empty()) {
      end.burnt += now.earned;
      entries.erase(EntryKind::account, id);
    } else if (now != before) {
      entries.put(EntryKind::account, id, codec::encode_account(now));
    }
    return true;
  };
  entries.visit(EntryKind::account, {}, pay);
  return end;
}

std::optional<AccountEntry> find_account(const Entries& entries, const AccountId& id) {
  return decoded(entries.find(EntryKind::account, id), codec::decode_account);
}

std::optional<WorkerEntry> find_worker(const Entries& entries, const ChainKey& key) {
  return decoded(entries.find(EntryKind::worker, key), codec::decode_worker);
}

std::optional<NameEntry> find_name(const Entries& entries, std::string_view name) {
  return decoded(entries.find(EntryKind::name, codec::name_id(name)), codec::decode_name);
}

Amount free_bond(const ComputeParams& params, const AccountEntry& entry) {
  const Amount needed = entry.held + params.account_bond;
  return entry.bond > needed ? entry.bond - needed : 0;
}

Result<void> hold_bond(const ComputeParams& params, Entries& entries, const AccountId& id,
                       Amount amount) {
  AccountEntry entry = TRY(open_account_of(entries, id));
  if (const Amount free = free_bond(params, entry); amount > free) {
    return fail(Code::refused, base::format("account {} has {} of its bond free, not {}",
                                            base::to_hex(id), free, amount));
  }
  entry.held += amount;
  put_account(entries, id, entry);
  return {};
}

void release_bond(Entries& entries, const AccountId& id, Amount amount) {
  AccountEntry entry = holder(entries, id, amount);
  entry.held -= amount;
  put_account(entries, id, entry);
}

void forfeit_bond(Entries& entries, const AccountId& id, Amount amount) {
  AccountEntry entry = holder(entries, id, amount);
  entry.held -= amount;
  entry.bond -= amount;
  put_account(entries, id, entry);
}

bool add_earned(Entries& entries, const AccountId& id, Amount amount) {
  std::optional<AccountEntry> entry = find_account(entries, id);
  if (!entry) return false;
  ASSERT(codec::add(entry->owned(), amount));
  entry->earned += amount;
  put_account(entries, id, *entry);
  return true;
}

Result<Amount> escrow_of(const EntryKey& key, ByteView entry) {
  switch (key.kind) {
    case EntryKind::account: return TRY(codec::decode_account(entry)).owned();
    case EntryKind::name: TRY(codec::decode_name(entry)); return Amount{0};
    case EntryKind::worker: TRY(codec::decode_worker(entry)); return Amount{0};
    case EntryKind::job: return TRY(codec::decode_entry<codec::JobEntry>(entry)).escrow;
    case EntryKind::slot: return owns_nothing<codec::SlotEntry>(entry);
    case EntryKind::redo_page: return owns_nothing<codec::RedoPage>(entry);
    case EntryKind::dispute: return owns_nothing<codec::DisputeEntry>(entry);
    case EntryKind::region: return owns_nothing<codec::RegionEntry>(entry);
    case EntryKind::member: return owns_nothing<codec::MemberEntry>(entry);
    case EntryKind::enrolment: return owns_nothing<codec::EnrolmentEntry>(entry);
    case EntryKind::jobs: return owns_nothing<codec::JobsEntry>(entry);
    case EntryKind::beacon: break;
  }
  if (entry.size() == 1 + sizeof(Hash) && entry[0] == beacon_version) return Amount{0};
  return fail(Code::malformed, base::format("beacon of {} bytes", entry.size()));
}

}  // namespace kith::ledger
