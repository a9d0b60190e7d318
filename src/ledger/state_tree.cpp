#include "ledger/state_tree.h"

#include <algorithm>
#include <set>

#include "base/format.h"
#include "codec/writer.h"
#include "ledger/accounts.h"
#include "ledger/memory_store.h"
#include "ledger/validators.h"

namespace kith::ledger {
namespace {

constexpr std::size_t chunk_record_bytes = 64;
constexpr std::uint8_t txo_tree_encoding = 1;

/// The entries by kind.
Result<void> read_by_kind(const Store& store, const Supply& supply, Entries& entries) {
  std::optional<Error> damage;
  std::optional<Amount> escrow = 0;
  TRY_VOID(store.scan(Table::entry, [&](ByteView record, ByteView value) {
    const std::optional<EntryKey> key = entry_key_of(record);
    const Result<Amount> owned =
        key ? escrow_of(*key, value)
            : Result<Amount>(fail(Code::malformed, "entry " + base::to_hex(record)));
    if (!owned) {
      damage = owned.error();
      return;
    }
    if (escrow) escrow = codec::add(*escrow, *owned);
    entries.put(key->kind, key->id, base::to_bytes(value));
  }));
  if (damage) return fail(*damage);
  if (escrow == supply.escrow) return {};
  return fail(Code::malformed, "entries in the store do not add up to the supply's escrow");
}

Result<Registry> read_registry(const Store& store, const Supply& supply) {
  Registry registry;
  std::optional<Error> damage;
  std::optional<Amount> bonded = 0;
  std::optional<Amount> owed = 0;
  TRY_VOID(store.scan(Table::validator, [&](ByteView key, ByteView value) {
    Result<ValidatorEntry> entry = codec::decode_validator(value);
    if (!entry || !base::equal(entry->key, key)) {
      damage = entry ? Error{Code::malformed, "validator under another's key"} : entry.error();
      return;
    }
    if (bonded) bonded = codec::add(*bonded, entry->bonded());
    if (owed) owed = codec::add(*owed, entry->rewards);
    registry.put(*std::move(entry));
  }));
  if (damage) return fail(*damage);
  if (bonded != supply.bonded || owed != supply.owed) {
    return fail(Code::malformed, "validators in the store do not add up to the supply's stake");
  }
  TRY_VOID(read_by_kind(store, supply, registry.change_by_kind()));
  return registry;
}

/// The records of chunks are what TxoTree::encode() is made of.
Result<TxoTree> read_txos(const Store& store, const TipRecord& tip) {
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(txo_tree_encoding);
  writer.u64(tip.txo_count);
  for (const Hash& peak : tip.frontier) writer.bytes(peak);
  std::uint64_t next = 0;
  bool is_whole = true;
  TRY_VOID(store.scan(Table::txo_chunk, [&](ByteView key, ByteView value) {
    codec::Reader reader(key);
    const Result<std::uint64_t> index = reader.u64();
    is_whole = is_whole && index && *index == next && value.size() == chunk_record_bytes;
    ++next;
    writer.bytes(value);
  }));
  if (!is_whole) return fail(Code::malformed, "chunks of outputs missing in the store");
  TxoTree tree = TRY(TxoTree::decode(bytes));
  if (tree.root() != tip.txo_root) {
    return fail(Code::malformed,
                base::format("outputs in the store have root {}, not {}", base::to_hex(tree.root()),
                             base::to_hex(tip.txo_root)));
  }
  return tree;
}

}  // namespace

GenesisState make_genesis_state(const codec::Genesis& genesis) {
  const Hash hash = codec::genesis_hash(genesis);
  const MemoryStore nothing;
  FinalBase base(nothing, 0, 0);
  // Genesis stands on the state before height 0.
  BlockState state(
      std::make_shared<const BlockState>(base, Height{UINT64_MAX}, Registry(), Supply()),
      genesis.outputs.size());
  Supply& supply = state.change_supply();
  for (std::size_t i = 0; i < genesis.outputs.size(); ++i) {
    state.create({hash, static_cast<std::uint32_t>(i)}, genesis.outputs[i]);
    supply.minted += genesis.outputs[i].value;
  }
  Registry& registry = state.change_registry();
  for (const codec::GenesisValidator& validator : genesis.validators) {
    ValidatorEntry entry;
    entry.key = validator.key;
    entry.owner = validator.owner;
    entry.stake = validator.stake;
    entry.weight = weight_of(genesis.params, validator.stake);
    registry.put(std::move(entry));
    supply.bonded += validator.stake;
    supply.minted += validator.stake;
  }
  const BlockState::Roots roots = state.settle();
  return {state.batch(), roots};
}

StateTree::StateTree(const Store& store, const Hash& tip, const Config& config)
    : base_(store, config.hot_outputs, config.seed), tip_id_(tip) {}

Result<std::unique_ptr<StateTree>> StateTree::open(const Store& store, const Hash& tip,
                                                   const Config& config) {
  const std::optional<Bytes> bytes = TRY(store.get(Table::meta, base::as_bytes(tip_key)));
  if (!bytes) return fail(Code::not_found, "no state in the store");
  const TipRecord record = TRY(decode_tip(*bytes));
  // No make_unique: the constructor is private.
  std::unique_ptr<StateTree> tree(new StateTree(store, tip, config));
  tree->base_.txos = TRY(read_txos(store, record));
  tree->tip_ = std::make_shared<const BlockState>(
      tree->base_, record.height, TRY(read_registry(store, record.supply)), record.supply);
  return tree;
}

std::shared_ptr<const BlockState> StateTree::find(const Hash& block) const {
  if (block == tip_id_) return tip_;
  const auto found = pending_.find(block);
  return found == pending_.end() ? nullptr : found->second;
}

void StateTree::add(const Hash& block, std::shared_ptr<BlockState> state) {
  ASSERT(state->parent() == tip_ || std::ranges::any_of(pending_, [&](const auto& entry) {
           return entry.second == state->parent();
         }));
  pending_.emplace(block, std::move(state));
}

WriteBatch StateTree::batch_of(const Hash& block) const {
  const auto found = pending_.find(block);
  ASSERT(found != pending_.end() && found->second->parent() == tip_);
  return found->second->batch();
}

std::vector<Hash> StateTree::finalize(const Hash& block) {
  const auto found = pending_.find(block);
  ASSERT(found != pending_.end() && found->second->parent() == tip_);
  const std::shared_ptr<BlockState> final_one = std::move(found->second);
  pending_.erase(found);
  final_one->apply_to_base();
  tip_id_ = block;
  tip_ = std::make_shared<const BlockState>(base_, final_one->height(), final_one->registry(),
                                            final_one->supply());

  const auto stands_on_it = [&](const BlockState& state) {
    for (const BlockState* at = &state; at != nullptr; at = at->parent().get()) {
      if (at == final_one.get()) return true;
    }
    return false;
  };
  std::vector<Hash> dropped;
  for (const auto& [id, state] : pending_) {
    if (!stands_on_it(*state)) dropped.push_back(id);
  }
  for (const Hash& id : dropped) pending_.erase(id);
  for (const auto& [id, state] : pending_) {
    if (state->parent() == final_one) state->rebase(tip_);
  }
  return dropped;
}

std::string_view name_of(OutputState state) {
  switch (state) {
    case OutputState::unknown: return "unknown";
    case OutputState::pending: return "pending";
    case OutputState::unspent: return "unspent";
    case OutputState::locked: return "locked";
    case OutputState::finalized: return "finalized";
  }
  UNREACHABLE();
}

Result<OutputStatus> status_of(const StateTree& tree, const BlockState& head,
                               const OutPoint& outpoint, const std::optional<Hash>& locked_by) {
  if (const std::optional<Hash> spender = head.pending_spender(outpoint)) {
    return OutputStatus{OutputState::pending, spender};
  }
  const std::optional<Utxo> utxo = TRY(head.find(outpoint));
  if (utxo && locked_by) return OutputStatus{OutputState::locked, locked_by};
  if (utxo) {
    return OutputStatus{head.is_pending(outpoint) ? OutputState::pending : OutputState::unspent,
                        std::nullopt};
  }
  if (const std::optional<Spend> spend = TRY(find_spend(tree.store(), outpoint))) {
    return OutputStatus{OutputState::finalized, spend->txid};
  }
  return OutputStatus{};
}

}  // namespace kith::ledger
