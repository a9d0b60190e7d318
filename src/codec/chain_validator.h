// Validators as the state holds them (the registry's entries, whose hashes stand in the sparse tree
// of the header), and the orders to them that transactions carry as actions of module 1. Grammar:
// docs/protocol/ledger.md, "Validators". What they mean is ledger/validators.h.
//
// Limit: 32 parts of a stake on their way out at once.
#pragma once

#include <variant>
#include <vector>

#include "codec/chain_tx.h"

namespace kith::codec {

enum class ValidatorStatus : std::uint8_t {
  active = 0,
  jailed = 1,      // absent too often; its owner may unjail it
  leaving = 2,     // all of its stake is on its way out
  tombstoned = 3,  // has signed what contradicts itself; never again
};
std::string_view name_of(ValidatorStatus status);

/// Stake that is paid back at the end of `epoch`, and may be slashed until then.
struct Unbonding {
  std::uint64_t epoch = 0;
  Amount amount = 0;
  friend bool operator==(const Unbonding&, const Unbonding&) = default;
};
inline constexpr std::size_t unbondings_max = 32;

struct ValidatorEntry {
  ChainKey key{};
  Hash owner{};  // the lock that stake and rewards are paid to, and whose key gives orders
  ValidatorStatus status = ValidatorStatus::active;
  Amount stake = 0;
  Weight weight = 0;         // in the current epoch; 0: not of its validators
  Weight weight_before = 0;  // in the epoch before: its certificate comes in the next one's block
  std::uint64_t joined = 0;  // epoch
  std::uint64_t jailed_until = 0;  // the first epoch in which it may be unjailed
  std::uint32_t voted = 0;         // blocks of this window whose certificate has its vote
  std::uint32_t missed = 0;
  std::uint16_t uptime = 10'000;  // share of votes in the last full window, in 1/10000
  std::uint64_t voted_ever = 0;
  std::uint64_t missed_ever = 0;
  Amount rewards = 0;                 // earned and not yet paid
  std::vector<Unbonding> unbondings;  // by epoch, ascending
  friend bool operator==(const ValidatorEntry&, const ValidatorEntry&) = default;

  Amount bonded() const;  // stake, and what is on its way out
};

Bytes encode_validator(const ValidatorEntry& entry);
Result<ValidatorEntry> decode_validator(ByteView bytes);
/// The value under the entry's key in the registry's tree.
Hash validator_hash(const ValidatorEntry& entry);

inline constexpr std::uint8_t module_validators = 1;

/// Registers `key` with `amount` out of the transaction's inputs.
struct Bond {
  ChainKey key{};
  Hash owner{};
  Amount amount = 0;
  crypto::Signature proof{};  // by `key`, over bond_message(): it is the registrant's
  friend bool operator==(const Bond&, const Bond&) = default;
};
/// Adds to the stake, whoever pays.
struct AddStake {
  ChainKey key{};
  Amount amount = 0;
  friend bool operator==(const AddStake&, const AddStake&) = default;
};
/// Takes from the stake; the action's witness is the owner's key.
struct Unbond {
  ChainKey key{};
  Amount amount = 0;
  friend bool operator==(const Unbond&, const Unbond&) = default;
};
/// Ends the jail; the action's witness is the owner's key or the validator's.
struct Unjail {
  ChainKey key{};
  friend bool operator==(const Unjail&, const Unjail&) = default;
};
struct ValidatorOrder : std::variant<Bond, AddStake, Unbond, Unjail> {
  using variant::variant;
  ValidatorOrder(const ValidatorOrder&);
  ValidatorOrder& operator=(const ValidatorOrder&);
  ValidatorOrder(ValidatorOrder&&) noexcept;
  ValidatorOrder& operator=(ValidatorOrder&&) noexcept;
  ~ValidatorOrder();
};

Bytes encode_order(const ValidatorOrder& order);
Result<ValidatorOrder> decode_order(ByteView body);
/// What a bond's key signs: of this chain, for this owner, in the transaction that spends `first`,
/// so that nobody can use the proof again.
Hash bond_message(const Hash& genesis, const Bond& bond, const OutPoint& first);

}  // namespace kith::codec
