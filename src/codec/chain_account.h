// Accounts as the state holds them (entries, chain_entry.h), and the orders to them that
// transactions carry as actions of module 2. Grammar: docs/protocol/accounts.md. What they mean is
// ledger/accounts.h. An account is whoever contributions belong to: its id is for ever, its key may
// change, its worker keys compute and can do nothing else in its name.
//
// Limits: 64 worker keys an account, 32 parts of a bond on their way out.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "codec/chain_entry.h"
#include "codec/chain_tx.h"
#include "codec/chain_validator.h"

namespace kith::codec {

/// account_id() of the first key; stays when the key changes.
using AccountId = Hash;
AccountId account_id(const Hash& genesis, const ChainKey& first_key);

inline constexpr std::size_t account_workers_max = 64;
/// Blocks that a seal must wait before its name can be taken, and that it is good for.
inline constexpr std::uint64_t name_seal_blocks_min = 16;
inline constexpr std::uint64_t name_seal_blocks_max = 10'000;
/// Blocks that a name rests when its account is closed.
inline constexpr std::uint64_t name_rest_blocks = 10'000;

struct AccountEntry {
  ChainKey key{};                     // present one; whose signature its orders have
  Hash lock{};                        // what it earns and gets back is paid to
  std::string name;                   // empty: none
  Hash seal{};                        // of a name that it wants; zero: none
  Height sealed;                      // the height of the seal's block; 0 without one
  Amount bond = 0;                    // 0: closed, and kept until all is paid
  Amount held = 0;                    // of the bond: what slots and disputes need
  std::vector<Unbonding> unbondings;  // by epoch, ascending
  Amount earned = 0;                  // and not paid yet
  bool is_team = false;               // others may join it
  AccountId team{};                   // zero: none
  std::vector<ChainKey> workers;      // ascending
  friend bool operator==(const AccountEntry&, const AccountEntry&) = default;

  bool is_closed() const { return bond == 0; }
  /// All of it that is in escrow.
  Amount owned() const;
};
Bytes encode_account(const AccountEntry& entry);
Result<AccountEntry> decode_account(ByteView bytes);

struct NameEntry {
  AccountId account{};  // who has it, or had it
  Height free_from;     // 0: it is held; else anybody may take it from this height on
  friend bool operator==(const NameEntry&, const NameEntry&) = default;
};
Bytes encode_name(const NameEntry& entry);
Result<NameEntry> decode_name(ByteView bytes);

struct WorkerEntry {
  AccountId account{};
  std::uint8_t device_class = 0;  // its own word: 0 other, 1 CPU, 2 NVIDIA's GPU, 3 another GPU
  friend bool operator==(const WorkerEntry&, const WorkerEntry&) = default;
};
Bytes encode_worker(const WorkerEntry& entry);
Result<WorkerEntry> decode_worker(ByteView bytes);

inline constexpr std::uint8_t module_accounts = 2;

/// Opens the account of the key that signs, with `amount` out of the transaction's inputs as bond.
struct OpenAccount {
  Hash lock{};
  Amount amount = 0;
  Hash seal{};  // or zero
  friend bool operator==(const OpenAccount&, const OpenAccount&) = default;
};
/// Adds to the bond, whoever pays.
struct AddBond {
  AccountId account{};
  Amount amount = 0;
  friend bool operator==(const AddBond&, const AddBond&) = default;
};
/// Takes from the bond; all of it closes the account.
struct TakeBond {
  AccountId account{};
  Amount amount = 0;
  friend bool operator==(const TakeBond&, const TakeBond&) = default;
};
struct ChangeKey {
  AccountId account{};
  ChainKey key{};
  crypto::Signature proof{};  // by `key`, over change_key_message()
  friend bool operator==(const ChangeKey&, const ChangeKey&) = default;
};
/// Reserves the name that the seal hides; zero gives the seal up.
struct SealName {
  AccountId account{};
  Hash seal{};
  friend bool operator==(const SealName&, const SealName&) = default;
};
struct TakeName {
  AccountId account{};
  Hash salt{};
  std::string name;
  friend bool operator==(const TakeName&, const TakeName&) = default;
};
struct AddWorker {
  AccountId account{};
  ChainKey worker{};
  std::uint8_t device_class = 0;
  crypto::Signature proof{};  // by `worker`, over add_worker_message()
  friend bool operator==(const AddWorker&, const AddWorker&) = default;
};
/// Signed by the account's key or the worker's.
struct DropWorker {
  AccountId account{};
  ChainKey worker{};
  friend bool operator==(const DropWorker&, const DropWorker&) = default;
};
struct JoinTeam {
  AccountId account{};
  AccountId team{};  // zero: none
  friend bool operator==(const JoinTeam&, const JoinTeam&) = default;
};
/// Lets others join, or no more others.
struct OpenTeam {
  AccountId account{};
  bool is_team = false;
  friend bool operator==(const OpenTeam&, const OpenTeam&) = default;
};
struct AccountOrder : std::variant<OpenAccount, AddBond, TakeBond, ChangeKey, SealName, TakeName,
                                   AddWorker, DropWorker, JoinTeam, OpenTeam> {
  using variant::variant;
  AccountOrder(const AccountOrder&);
  AccountOrder& operator=(const AccountOrder&);
  AccountOrder(AccountOrder&&) noexcept;
  AccountOrder& operator=(AccountOrder&&) noexcept;
  ~AccountOrder();
};

Bytes encode_account_order(const AccountOrder& order);
Result<AccountOrder> decode_account_order(ByteView body);

/// What the seal of a name is.
Hash name_seal(const AccountId& account, const Hash& salt, std::string_view name);
/// What a new key, and a worker's, sign: of this chain, for this account, in the transaction that
/// spends `first`, so that nobody can use the proof again.
Hash change_key_message(const Hash& genesis, const ChangeKey& order, const OutPoint& first);
Hash add_worker_message(const Hash& genesis, const AddWorker& order, const OutPoint& first);
/// The proof that the order has, if it has one.
std::optional<SignatureJob> proof_job(const AccountOrder& order, const Hash& genesis,
                                      const OutPoint& first);

}  // namespace kith::codec
