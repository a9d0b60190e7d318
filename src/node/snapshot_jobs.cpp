#include "node/snapshot_jobs.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "ledger/state.h"
#include "node/answer_streams.h"
#include "node/chain_index.h"

namespace kith::node {
namespace {

Bytes key_of(std::uint64_t number) {
  Bytes key;
  codec::Writer(key).u64(number);
  return key;
}

void put(WriteBatch& batch, Table table, Bytes key, Bytes value) {
  batch.records.push_back({table, std::move(key), std::move(value)});
}

void put_next(WriteBatch& batch, std::uint64_t next) {
  put(batch, Table::meta, base::to_bytes(import_next_key), key_of(next));
}

}  // namespace

void ReadSnapshotJob::run() {
  const ledger::SnapshotShelf* const shelf = store_.shelf();
  const auto give = [&](Result<Bytes> bytes) {
    if (bytes) frames_.push_back(answer_frame(*bytes));
  };
  std::visit(Overload{[&](const codec::EpochsRequest& epochs) { read_epochs(epochs.from); },
                      [&](const codec::SnapshotsRequest&) {
                        give(codec::encode_snapshots(shelf == nullptr ? std::vector<Height>()
                                                                      : shelf->list()));
                      },
                      [&](const codec::ManifestRequest& manifest) {
                        if (shelf != nullptr) give(shelf->manifest(manifest.height));
                      },
                      [&](const codec::PartRequest& part) {
                        if (shelf != nullptr) give(shelf->part(part.height, part.index));
                      }},
             request_);
}

void ReadSnapshotJob::read_epochs(codec::Epoch from) {
  std::size_t bytes = 0;
  for (std::uint64_t i = 0; i < epochs_an_answer && bytes < epochs_bytes_max; ++i) {
    if (from.value >= UINT64_MAX - i - 1) return;
    const codec::Epoch epoch{from.value + i};
    const auto last = read_epoch_end(store_, epoch);
    const auto next = read_validators(store_, codec::next(epoch));
    if (!last || !*last || !next || !*next) return;
    frames_.push_back(answer_frame(
        codec::encode(codec::EpochEnd{(*last)->header, *(*last)->certificate, **next})));
    bytes += frames_.back().size();
  }
}

void VerifyEpochsJob::run() {
  const codec::ValidatorSet* validators = &validators_;
  codec::Epoch epoch = first_;
  for (const codec::EpochEnd& end : ends_) {
    verdict_ = codec::verify(end, genesis_, epoch_blocks_, epoch, *validators);
    if (!verdict_) return;
    validators = &end.next;
    epoch = codec::next(epoch);
  }
}

void BeginImportJob::run() { manifest_ = begin(); }

Result<codec::SnapshotManifest> BeginImportJob::begin() {
  codec::SnapshotManifest manifest = TRY(codec::decode_manifest(bytes_));
  const auto end = std::ranges::find_if(
      *ends_, [&](const codec::EpochEnd& each) { return each.header == manifest.header; });
  if (end == ends_->end()) {
    return fail(Code::malformed, base::format("the snapshot of height {} has a header of its own",
                                              manifest.header.height.value));
  }
  TRY_VOID(codec::check(manifest));
  TRY(ledger::decode_supply(manifest.supply));
  batch_ = std::make_shared<WriteBatch>();
  batch_->target = ledger::BatchTarget::import_anew;
  put(*batch_, Table::meta, base::to_bytes(import_key), bytes_);
  put_next(*batch_, 0);
  if (is_indexed_) begin_index(*batch_, codec::next(manifest.header.height));
  const codec::Epoch first = ends_->front().header.epoch;
  for (codec::Epoch epoch{0}; epoch <= first; epoch = codec::next(epoch)) {
    if (const auto set = TRY(read_validators(store_, epoch))) add_validators(*batch_, epoch, *set);
    if (epoch == first) break;
    if (const auto last = TRY(read_epoch_end(store_, epoch))) add_epoch_end(*batch_, *last);
  }
  for (auto at = ends_->begin(); at <= end; ++at) {
    add_epoch_end(*batch_,
                  {at->header, std::make_shared<const codec::Certificate>(at->certificate)});
    add_validators(*batch_, codec::next(at->header.epoch), at->next);
  }
  return manifest;
}

void ResumeImportJob::run() {
  const auto import = store_.import();
  if (import == nullptr) return;
  const auto bytes = import->get(Table::meta, base::as_bytes(import_key));
  const auto next = import->get(Table::meta, base::as_bytes(import_next_key));
  const auto history_from = read_history_from(*import);
  if (!bytes || !*bytes || !next || !*next || !history_from) return;
  if (history_from->has_value() != is_indexed_) return;
  auto manifest = codec::decode_manifest(**bytes);
  codec::Reader reader(**next);
  const auto part = reader.u64();
  if (manifest && part) found_ = Found{*std::move(manifest), *part};
}

void CheckPartJob::run() {
  verdict_ = check();
  bytes_ = {};
}

Result<void> CheckPartJob::check() {
  const codec::SnapshotPart part = TRY(codec::decode_part(bytes_, manifest_->outputs));
  if (part.index != index_) {
    return fail(Code::protocol, base::format("part {} in place of {}", part.index, index_));
  }
  codec::PartRecords records =
      TRY(codec::check(part, manifest_->outputs, manifest_->header.utxo_root));
  batch_ = std::make_shared<WriteBatch>();
  WriteBatch& batch = *batch_;
  batch.target = ledger::BatchTarget::import;
  for (const codec::SnapshotChunk& chunk : part.chunks) {
    const auto* const leaves = std::get_if<std::vector<codec::SnapshotLeaf>>(&chunk);
    if (leaves == nullptr) continue;
    for (const codec::SnapshotLeaf& leaf : *leaves) {
      const auto* const output = std::get_if<codec::SnapshotOutput>(&leaf);
      if (output == nullptr) continue;
      const auto key = codec::encode(output->outpoint);
      const auto value = codec::encode(output->utxo);
      put(batch, Table::utxo, Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end()));
      if (is_indexed_) add_owned(batch, output->utxo.output.lock, output->outpoint);
    }
  }
  std::uint64_t number = index_ * codec::snapshot_part_chunks;
  for (const auto& chunk : records.chunks) {
    Bytes value(chunk.leaf_root.begin(), chunk.leaf_root.end());
    base::append(value, chunk.bitmap);
    put(batch, Table::txo_chunk, key_of(number++), std::move(value));
  }
  put_next(batch, index_ + 1);
  if (index_ + 1 == codec::snapshot_parts(manifest_->outputs)) {
    const std::size_t open = manifest_->outputs % codec::txo_chunk_leaves;
    ledger::TxoFrontier frontier;
    for (std::size_t i = records.leaves.size() - open; i < records.leaves.size(); ++i) {
      frontier.push(records.leaves[i]);
    }
    put(batch, Table::meta, base::to_bytes(ledger::tip_key),
        ledger::encode(ledger::TipRecord{
            manifest_->header.height, TRY(ledger::decode_supply(manifest_->supply)),
            manifest_->outputs, frontier.peaks(), manifest_->header.utxo_root}));
  }
  batch.first_leaf = index_ * codec::snapshot_part_outputs;
  batch.leaves = std::move(records.leaves);
  return {};
}

WriteBatch end_import(const codec::SnapshotManifest& manifest, const Hash& genesis) {
  WriteBatch batch;
  batch.target = ledger::BatchTarget::import;
  batch.height = manifest.header.height;
  for (const codec::ValidatorEntry& entry : manifest.entries) {
    put(batch, Table::validator, Bytes(entry.key.begin(), entry.key.end()),
        codec::encode_validator(entry));
  }
  for (const codec::SnapshotEntry& entry : manifest.by_kind) {
    put(batch, Table::entry, ledger::record_key({entry.kind, entry.id}), entry.entry);
  }
  add_snapshot_base(batch, genesis, manifest.header, manifest.history);
  batch.records.push_back({Table::meta, base::to_bytes(import_key), std::nullopt});
  batch.records.push_back({Table::meta, base::to_bytes(import_next_key), std::nullopt});
  batch.first_leaf = manifest.outputs;
  return batch;
}

}  // namespace kith::node
