// The rules of accounts: who may have which name, key and workers, and what becomes of bonds and of
// what is earned. Pure functions over entries, called by execute.h; ledger/jobs.h holds, pays and
// burns by the functions below, and changes nothing of an account otherwise. What they do, byte by
// byte: docs/protocol/accounts.md.
//
// All coins of accounts are in escrow: bond, what of it is on its way out, and what is earned. What
// is held for slots and disputes comes on top of account_bond, so that an account that has lost all
// of it still is one. Limits: 64 workers, 32 unbondings an account; as many accounts as are bonded.
#pragma once

#include "codec/chain_account.h"
#include "codec/chain_compute.h"
#include "ledger/entries.h"
#include "ledger/validators.h"

namespace kith::ledger {

using codec::AccountEntry;
using codec::AccountId;
using codec::ComputeParams;
using codec::WorkerEntry;

/// Where and when an order is obeyed.
struct AccountRules {
  ComputeParams params;
  Hash genesis{};
  Epoch epoch;
  Height height;
};

/// Obeys an order, and says what it takes from the transaction's inputs into escrow. `signer` is
/// the key of the action's witness, if it has one. Whether a proof verifies is the caller's to
/// know. After an error `entries` are void: they are a copy, or the whole transaction is void.
Result<Amount> apply_account(const AccountRules& rules, Entries& entries,
                             const codec::AccountOrder& order, const ChainKey* signer);

/// At the end of `epoch`: bonds whose time has come and what is earned are paid to the accounts'
/// locks when they are `dust` or more together, by id; closed accounts that have nothing more to
/// get are forgotten, and what no output can hold is burnt. All of it leaves the escrow. Looks at
/// every account.
struct AccountPayouts {
  std::vector<Payout> payouts;
  Amount burnt = 0;
};
AccountPayouts end_epoch_accounts(Amount dust, Epoch epoch, Entries& entries);

// What others see and do.

std::optional<AccountEntry> find_account(const Entries& entries, const AccountId& id);
std::optional<WorkerEntry> find_worker(const Entries& entries, const ChainKey& key);
std::optional<codec::NameEntry> find_name(const Entries& entries, std::string_view name);

/// What of the bond nobody needs.
Amount free_bond(const ComputeParams& params, const AccountEntry& entry);
/// Holds `amount` of the bond; `refused` when so much is not free, `not_found` without an account.
Result<void> hold_bond(const ComputeParams& params, Entries& entries, const AccountId& id,
                       Amount amount);
/// Gives back what is held: at least `amount`, ASSERTed.
void release_bond(Entries& entries, const AccountId& id, Amount amount);
/// Takes `amount` of what is held away for ever: the caller says to whom it goes in the escrow, or
/// that it is burnt.
void forfeit_bond(Entries& entries, const AccountId& id, Amount amount);
/// Puts what is in escrow already under the account's name. False when there is no such account any
/// more: then it is the caller's to burn.
bool add_earned(Entries& entries, const AccountId& id, Amount amount);

/// What of the escrow an entry out of a store owns, of whatever kind: an account's coins, a job's
/// that are left; an error when the rules of accounts and jobs write no such entry.
Result<Amount> escrow_of(const EntryKey& key, ByteView entry);

}  // namespace kith::ledger
