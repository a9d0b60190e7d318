#include "node/snapshot_make.h"

#include <algorithm>

#include "base/format.h"
#include "codec/reader.h"

namespace kith::node {
namespace {

constexpr std::size_t records_a_step = 8192;
constexpr std::uint64_t heap_parts = 16;
constexpr std::uint64_t heap_outputs = heap_parts * codec::snapshot_part_outputs;
constexpr std::size_t waiting_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t heap_waiting_bytes_max = 1024 * 1024;

Result<codec::SnapshotOutput> decode_output(ByteView key, ByteView value) {
  codec::Reader reader(key);
  codec::SnapshotOutput output;
  std::ranges::copy(TRY(reader.bytes(output.outpoint.txid.size())), output.outpoint.txid.begin());
  output.outpoint.index = TRY(reader.u32());
  TRY_VOID(reader.finish());
  output.utxo = TRY(codec::decode_utxo(value));
  return output;
}

}  // namespace

MakeSnapshotJob::MakeSnapshotJob(std::shared_ptr<const Store> state, ledger::SnapshotShelf& shelf,
                                 FinalHeader last, codec::Mmr history)
    : state_(std::move(state)),
      shelf_(shelf),
      last_(std::move(last)),
      history_(std::move(history)) {}

void MakeSnapshotJob::run() {
  if (is_done_) return;
  result_ = step();
  if (!result_) is_done_ = true;
  if (!is_done_) return;
  tree_.reset();
  state_.reset();
}

Result<void> MakeSnapshotJob::step() {
  if (tree_ == nullptr) return begin();
  if (at_) return read_some();
  if (part_ >= codec::snapshot_parts(tree_->txos().size())) return finish();
  const auto heap = static_cast<std::uint32_t>(part_ / heap_parts);
  if (heap_ != heap) return take_heap();
  return make_part();
}

Result<void> MakeSnapshotJob::begin() {
  ledger::StateTree::Config config;
  config.hot_outputs = 0;
  tree_ = TRY(ledger::StateTree::open(*state_, codec::digest_of(last_.header), config));
  if (tree_->tip()->height() != last_.header.height ||
      tree_->txos().root() != last_.header.utxo_root) {
    return fail(Code::internal,
                base::format("the state is not that of block {}", last_.header.height.value));
  }
  return shelf_.begin(last_.header.height);
}

Result<void> MakeSnapshotJob::read_some() {
  std::optional<Error> damage;
  at_ = TRY(state_->scan_from(Table::utxo, *at_, records_a_step, [&](ByteView key, ByteView value) {
    const auto output = decode_output(key, value);
    if (!output || output->utxo.position >= tree_->txos().size()) {
      damage = Error{Code::malformed, "an output in the store is damaged"};
      return;
    }
    Bytes& heap = heaps_[static_cast<std::uint32_t>(output->utxo.position / heap_outputs)];
    base::append(heap, key);
    base::append(heap, value);
    waiting_ += key.size() + value.size();
    ++unspent_;
  }));
  if (damage) return fail(*damage);
  std::vector<std::uint32_t> full;
  for (const auto& [number, heap] : heaps_) {
    if (!at_ || waiting_ > waiting_bytes_max || heap.size() > heap_waiting_bytes_max) {
      full.push_back(number);
    }
  }
  for (const std::uint32_t number : full) TRY_VOID(spill(number));
  return {};
}

Result<void> MakeSnapshotJob::spill(std::uint32_t heap) {
  const auto found = heaps_.extract(heap);
  waiting_ -= found.mapped().size();
  return shelf_.spill(heap, found.mapped());
}

Result<void> MakeSnapshotJob::take_heap() {
  heap_ = static_cast<std::uint32_t>(part_ / heap_parts);
  const Bytes bytes = TRY(shelf_.take_spill(*heap_));
  sorted_.clear();
  sorted_.reserve(bytes.size() / codec::snapshot_output_bytes);
  next_ = 0;
  for (ByteView left = bytes; !left.empty();) {
    if (left.size() < codec::snapshot_output_bytes) {
      return fail(Code::malformed, "a heap of a snapshot is cut off");
    }
    sorted_.push_back(TRY(decode_output(left.first(codec::outpoint_bytes),
                                        left.subspan(codec::outpoint_bytes, codec::utxo_bytes))));
    left = left.subspan(codec::snapshot_output_bytes);
  }
  std::ranges::sort(sorted_, {}, [](const auto& output) { return output.utxo.position; });
  return {};
}

Result<codec::SnapshotChunk> MakeSnapshotJob::make_chunk(std::uint64_t chunk) {
  const ledger::TxoTree& txos = tree_->txos();
  const ledger::TxoChunk& kept = txos.chunk(chunk);
  const std::uint64_t first = chunk * codec::txo_chunk_leaves;
  const auto count = static_cast<std::size_t>(
      std::min<std::uint64_t>(txos.size() - std::min(first, txos.size()), codec::txo_chunk_leaves));
  if (count == codec::txo_chunk_leaves && kept.bitmap == codec::TxoBitmap{}) {
    return codec::SnapshotChunk(kept.leaf_root);
  }
  const std::vector<Hash> hashes = TRY(state_->leaves(first, count));
  std::vector<codec::SnapshotLeaf> leaves;
  leaves.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!codec::is_set(kept.bitmap, i)) {
      leaves.push_back(hashes[i]);
      continue;
    }
    if (next_ >= sorted_.size() || sorted_[next_].utxo.position != first + i) {
      return fail(Code::malformed, base::format("output {} is not in the store", first + i));
    }
    leaves.push_back(sorted_[next_++]);
  }
  return codec::SnapshotChunk(std::move(leaves));
}

Result<void> MakeSnapshotJob::make_part() {
  const ledger::TxoTree& txos = tree_->txos();
  codec::SnapshotPart part;
  part.index = part_;
  const std::uint64_t first = part_ * codec::snapshot_part_chunks;
  const std::uint64_t end = std::min<std::uint64_t>(first + codec::snapshot_part_chunks,
                                                    codec::txo_chunk_count(txos.size()));
  for (std::uint64_t chunk = first; chunk < end; ++chunk) {
    part.chunks.push_back(TRY(make_chunk(chunk)));
  }
  const std::vector<Hash> siblings = txos.upper_siblings(first);
  if (siblings.size() > codec::snapshot_part_levels) {
    part.siblings.assign(siblings.begin() + codec::snapshot_part_levels, siblings.end());
  }
  TRY_VOID(shelf_.put(codec::encode(part)));
  ++part_;
  return {};
}

Result<void> MakeSnapshotJob::finish() {
  codec::SnapshotManifest manifest;
  manifest.header = last_.header;
  manifest.outputs = tree_->txos().size();
  manifest.supply = ledger::encode(tree_->tip()->supply());
  for (const auto& [key, entry] : tree_->tip()->registry().entries()) {
    manifest.entries.push_back(*entry);
  }
  tree_->tip()->registry().by_kind().visit_all(
      [&](const ledger::EntryKey& key, const std::shared_ptr<const Bytes>& entry) {
        manifest.by_kind.push_back({key.kind, key.id, *entry});
      });
  manifest.history = history_;
  TRY_VOID(codec::check(manifest));
  const Bytes bytes = codec::encode(manifest);
  if (bytes.size() > codec::manifest_bytes_max) {
    return fail(Code::too_large,
                base::format("a manifest of {} bytes, which nobody would take", bytes.size()));
  }
  TRY_VOID(shelf_.finish(bytes));
  std::vector<Height> all = shelf_.list();
  for (std::size_t i = 0; i + snapshots_kept < all.size(); ++i) shelf_.drop(all[i]);
  is_done_ = true;
  return {};
}

}  // namespace kith::node
