// The rules of stake: who may validate, what they are paid, and what they lose. Pure functions over
// a registry and the supply, called by execute.h in the order of docs/protocol/ledger.md,
// "Validators". Weights change at the end of an epoch only: the validators of epoch e + 1 are a
// function of the state after the last block of e.
//
// Limits: 200 validators in an epoch, those with the highest stake; as many registered as pay for
// it. Sums never pass the supply; shares are multiplied in 128 bits.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "codec/chain_params.h"
#include "ledger/registry.h"

namespace kith::ledger {

using codec::Amount;
using codec::ChainParams;
using codec::Epoch;
using codec::Hash;
using codec::Height;
using codec::Weight;

struct WeightedKey {
  ChainKey key{};
  Weight weight = 0;
  friend bool operator==(const WeightedKey&, const WeightedKey&) = default;
};

/// What a stake weighs; 0 below the minimum.
Weight weight_of(const ChainParams& params, Amount stake);
/// A validator's key for which anybody can sign is refused at genesis as in a bond: `bad_key`.
Result<void> check_genesis_keys(const codec::Genesis& genesis);
/// Of the next epoch, by key. Never empty while anybody validates: if nobody qualifies, the present
/// ones stay, since a chain without validators has ended.
std::vector<WeightedKey> next_validators(const ChainParams& params, const Registry& registry);
/// Of the epoch of the state's next block, by key.
std::vector<WeightedKey> current_validators(const Registry& registry);

/// The entries that one transaction changes; they count when commit() is called.
class RegistryDraft {
 public:
  explicit RegistryDraft(const Registry& registry) : registry_(&registry) {}
  const ValidatorEntry* find(const ChainKey& key) const;
  void put(ValidatorEntry entry);
  void commit(Registry& registry);

 private:
  const Registry* registry_;
  std::vector<ValidatorEntry> entries_;
};

/// Obeys an order; what it bonds has to come out of the transaction's inputs. `signer` is the key
/// of the action's witness, if it has one. Whether a bond's proof verifies is the caller's to know.
Result<Amount> apply_order(const ChainParams& params, Epoch epoch, RegistryDraft& draft,
                           const codec::ValidatorOrder& order, const ChainKey* signer);

/// Who has signed what contradicts itself, and when.
struct Offence {
  ChainKey key{};
  Epoch epoch;
  friend bool operator==(const Offence&, const Offence&) = default;
};
/// Burns a part of what was bonded in the epoch of the offence, and bars the key for ever.
Result<void> punish(const ChainParams& params, Epoch now, Registry& registry, Supply& supply,
                    const Offence& offence);

/// Whose vote the parent's certificate has, and who proposed this block.
struct Participants {
  ChainKey proposer{};
  std::span<const ChainKey> signers;  // ascending; none for block 1, whose parent is genesis
};
/// Counts votes, and shares the block's reward and `fees` among signers and proposer.
Result<void> account_block(const ChainParams& params, Height height, Registry& registry,
                           Supply& supply, const Participants& who, Amount fees);

/// At the end of a jail window: jails whoever voted too rarely, and starts the count anew.
void end_window(const ChainParams& params, Epoch epoch, Registry& registry, Supply& supply);

struct Payout {
  Hash lock{};
  Amount value = 0;
  friend bool operator==(const Payout&, const Payout&) = default;
};
/// At the end of an epoch: stake whose time has come and rewards are paid, those that have left are
/// forgotten, and the weights of the next epoch take effect. The supply's `outputs` are the
/// caller's, who creates them.
std::vector<Payout> end_epoch(const ChainParams& params, Epoch epoch, Registry& registry,
                              Supply& supply);

}  // namespace kith::ledger
