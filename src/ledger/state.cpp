#include "ledger/state.h"

#include <algorithm>
#include <bit>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::ledger {
namespace {

constexpr std::uint8_t tip_format = 1;

Bytes key_of(std::uint64_t number) {
  Bytes key;
  codec::Writer(key).u64(number);
  return key;
}

template <class Array>
Bytes bytes_of(const Array& array) {
  return Bytes(array.begin(), array.end());
}

}  // namespace

BlockState::BlockState(FinalBase& base, Height height, Registry registry, const Supply& supply)
    : base_(&base),
      height_(height),
      changes_(0, OutPointHash{base.seed}),
      txos_(std::make_shared<TxoView>(base.txos)),
      registry_(std::move(registry)),
      supply_(supply) {
  registry_.settle(supply_);
  registry_.begin();
}

BlockState::BlockState(std::shared_ptr<const BlockState> parent, std::size_t expected)
    : base_(parent->base_),
      parent_(std::move(parent)),
      height_(codec::next(parent_->height_)),
      changes_(expected, OutPointHash{base_->seed}),
      txos_(parent_->parent_ ? std::make_shared<TxoView>(parent_->txos_)
                             : std::make_shared<TxoView>(base_->txos)),
      registry_(parent_->registry_),
      supply_(parent_->supply_) {
  touched_.reserve(expected);
  registry_.begin();
}

Result<std::optional<Utxo>> BlockState::find(const OutPoint& outpoint) const {
  for (const BlockState* state = this; state != nullptr; state = state->parent_.get()) {
    if (state->changes_.empty()) continue;
    const auto change = state->changes_.find(outpoint);
    if (change == state->changes_.end()) continue;
    if (change->second.is_spent) return std::nullopt;
    return change->second.utxo;
  }
  return base_->hot.find(*base_->store, outpoint);
}

std::optional<Hash> BlockState::pending_spender(const OutPoint& outpoint) const {
  for (const BlockState* state = this; state != nullptr; state = state->parent_.get()) {
    const auto change = state->changes_.find(outpoint);
    if (change != state->changes_.end() && change->second.is_spent) return change->second.spender;
  }
  return std::nullopt;
}

bool BlockState::is_pending(const OutPoint& outpoint) const {
  for (const BlockState* state = this; state != nullptr; state = state->parent_.get()) {
    const auto change = state->changes_.find(outpoint);
    if (change != state->changes_.end() && change->second.is_created) return true;
  }
  return false;
}

void BlockState::spend(const OutPoint& outpoint, const Utxo& utxo, const Hash& spender) {
  const auto [change, is_new] = changes_.try_emplace(outpoint);
  if (is_new) touched_.push_back(outpoint);
  ASSERT(!change->second.is_spent);
  change->second.utxo = utxo;
  change->second.is_spent = true;
  change->second.spender = spender;
  ASSERT(txos_->spend(utxo.position));
  supply_.outputs -= utxo.output.value;
}

void BlockState::create(const OutPoint& outpoint, const codec::TxOutput& output) {
  Utxo utxo{txos_->size(), output, height_};
  txos_->append(codec::txo_leaf(outpoint, utxo));
  const auto [change, is_new] = changes_.try_emplace(outpoint);
  // A txid covers inputs that are spent once, so that none comes twice.
  ASSERT(is_new);
  touched_.push_back(outpoint);
  change->second.utxo = utxo;
  change->second.is_created = true;
  supply_.outputs += output.value;
}

BlockState::Roots BlockState::settle() {
  ASSERT(supply_.is_conserved());
  return {txos_->root(), registry_.settle(supply_)};
}

void BlockState::visit_changes(const VisitChange& visit) const {
  for (const OutPoint& outpoint : touched_) {
    const Change& change = changes_.find(outpoint)->second;
    visit(outpoint, change.utxo, change.is_created, change.is_spent ? &change.spender : nullptr);
  }
}

WriteBatch BlockState::batch() const {
  WriteBatch batch;
  batch.height = height_;
  const auto add = [&](Table table, Bytes key, std::optional<Bytes> value) {
    batch.records.push_back({table, std::move(key), std::move(value)});
  };
  for (const OutPoint& outpoint : touched_) {
    const Change& change = changes_.find(outpoint)->second;
    const Bytes key = bytes_of(codec::encode(outpoint));
    if (change.is_spent) {
      if (!change.is_created) add(Table::utxo, key, std::nullopt);
      add(Table::spent, key, encode(Spend{change.spender, height_, change.utxo.output}));
    } else {
      add(Table::utxo, key, bytes_of(codec::encode(change.utxo)));
    }
  }
  for (const ChainKey& key : registry_.changed()) {
    const ValidatorEntry* entry = registry_.find(key);
    add(Table::validator, bytes_of(key),
        entry ? std::optional(codec::encode_validator(*entry)) : std::nullopt);
  }
  for (const EntryKey& key : registry_.changed_by_kind()) {
    const auto entry = registry_.by_kind().find(key.kind, key.id);
    add(Table::entry, record_key(key), entry ? std::optional(*entry) : std::nullopt);
  }
  const TxoDelta& delta = txos_->delta();
  for (const auto& [index, chunk] : delta.chunks) {
    Bytes value = bytes_of(chunk.leaf_root);
    base::append(value, chunk.bitmap);
    add(Table::txo_chunk, key_of(index), std::move(value));
  }
  batch.first_leaf = delta.first_index;
  batch.leaves = delta.leaves;
  add(Table::meta, base::to_bytes(tip_key),
      encode(TipRecord{height_, supply_, delta.size(), delta.frontier.peaks(), delta.root_after}));
  return batch;
}

void BlockState::rebase(std::shared_ptr<const BlockState> tip) {
  parent_ = std::move(tip);
  txos_->rebase();
}

void BlockState::apply_to_base() const {
  for (const OutPoint& outpoint : touched_) {
    const Change& change = changes_.find(outpoint)->second;
    if (change.is_spent) {
      base_->hot.erase(outpoint);
    } else {
      base_->hot.put(outpoint, change.utxo);
    }
  }
  base_->txos.apply(txos_->delta());
}

std::size_t BlockState::memory_bytes() const {
  const std::size_t entry = sizeof(Changes::value_type) + 2 * sizeof(void*);
  return sizeof(*this) + changes_.size() * entry + touched_.capacity() * sizeof(OutPoint) +
         txos_->memory_bytes() +
         registry_.changed().size() * (sizeof(ValidatorEntry) + sizeof(ChainKey));
}

Bytes encode(const TipRecord& tip) {
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(tip_format);
  writer.u64(tip.height.value);
  writer.bytes(encode(tip.supply));
  writer.u64(tip.txo_count);
  for (const Hash& peak : tip.frontier) writer.bytes(peak);
  writer.bytes(tip.txo_root);
  return bytes;
}

Result<TipRecord> decode_tip(ByteView bytes) {
  codec::Reader reader(bytes);
  const std::uint8_t format = TRY(reader.u8());
  if (format != tip_format) {
    return fail(Code::unsupported, base::format("tip in format {}", format));
  }
  TipRecord tip;
  tip.height = {TRY(reader.u64())};
  tip.supply = TRY(read_supply(reader));
  tip.txo_count = TRY(reader.u64());
  tip.frontier.resize(
      static_cast<std::size_t>(std::popcount(tip.txo_count % codec::txo_chunk_leaves)));
  for (Hash& peak : tip.frontier) std::ranges::copy(TRY(reader.bytes(32)), peak.begin());
  std::ranges::copy(TRY(reader.bytes(32)), tip.txo_root.begin());
  TRY_VOID(reader.finish());
  return tip;
}

}  // namespace kith::ledger
