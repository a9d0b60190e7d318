#include "codec/chain_snapshot.h"

#include <algorithm>
#include <tuple>

#include "base/format.h"
#include "base/machine.h"
#include "codec/chain_sparse.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t format_version = 1;
enum class ChunkForm : std::uint8_t { spent = 0, outputs = 1 };

Result<void> check_format(Reader& reader, const char* what) {
  const std::uint8_t format = TRY(reader.u8());
  if (format == format_version) return {};
  return fail(Code::unsupported, base::format("{} in format {}", what, format));
}

Result<Hash> read_hash(Reader& reader) {
  Hash hash;
  std::ranges::copy(TRY(reader.bytes(hash.size())), hash.begin());
  return hash;
}

/// How many chunks a part has, and how many outputs the chunk of a number.
std::size_t chunks_of(std::uint64_t index, std::uint64_t outputs) {
  const std::uint64_t first = index * snapshot_part_chunks;
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(txo_chunk_count(outputs) - first, snapshot_part_chunks));
}
std::size_t outputs_of(std::uint64_t chunk, std::uint64_t outputs) {
  const std::uint64_t first = chunk * txo_chunk_leaves;
  if (first >= outputs) return 0;
  return static_cast<std::size_t>(std::min<std::uint64_t>(outputs - first, txo_chunk_leaves));
}
std::size_t siblings_of(std::uint64_t outputs) {
  const std::size_t levels = txo_upper_levels(outputs);
  return levels > snapshot_part_levels ? levels - snapshot_part_levels : 0;
}

void encode(Writer& writer, const SnapshotChunk& chunk) {
  if (const auto* const root = std::get_if<Hash>(&chunk)) {
    writer.u8(static_cast<std::uint8_t>(ChunkForm::spent));
    writer.bytes(*root);
    return;
  }
  const auto& leaves = std::get<std::vector<SnapshotLeaf>>(chunk);
  writer.u8(static_cast<std::uint8_t>(ChunkForm::outputs));
  TxoBitmap bitmap{};
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    set_bit(bitmap, i, std::holds_alternative<SnapshotOutput>(leaves[i]));
  }
  writer.bytes(bitmap);
  for (const SnapshotLeaf& leaf : leaves) {
    if (const auto* const output = std::get_if<SnapshotOutput>(&leaf)) {
      writer.bytes(encode(output->outpoint));
      writer.bytes(encode(output->utxo));
    } else {
      writer.bytes(std::get<Hash>(leaf));
    }
  }
}

Result<SnapshotChunk> decode_chunk(Reader& reader, std::uint64_t number, std::uint64_t outputs) {
  const std::uint8_t form = TRY(reader.u8());
  const std::size_t count = outputs_of(number, outputs);
  if (form == static_cast<std::uint8_t>(ChunkForm::spent) && count == txo_chunk_leaves) {
    return SnapshotChunk(TRY(read_hash(reader)));
  }
  if (form != static_cast<std::uint8_t>(ChunkForm::outputs)) {
    return fail(Code::malformed, base::format("chunk {} of form {}", number, form));
  }
  TxoBitmap bitmap;
  std::ranges::copy(TRY(reader.bytes(bitmap.size())), bitmap.begin());
  const bool is_spent = bitmap == TxoBitmap{};
  if (is_spent && count == txo_chunk_leaves) {
    return fail(Code::malformed, base::format("chunk {} is spent, and written out", number));
  }
  std::vector<SnapshotLeaf> leaves;
  leaves.reserve(count);
  for (std::size_t i = 0; i < txo_chunk_leaves; ++i) {
    if (i >= count && is_set(bitmap, i)) {
      return fail(Code::malformed, base::format("chunk {} has an output beyond the last", number));
    }
    if (i >= count) continue;
    if (!is_set(bitmap, i)) {
      leaves.push_back(TRY(read_hash(reader)));
      continue;
    }
    SnapshotOutput output;
    const ByteView outpoint = TRY(reader.bytes(outpoint_bytes));
    Reader names(outpoint);
    output.outpoint.txid = TRY(read_hash(names));
    output.outpoint.index = TRY(names.u32());
    const ByteView record = TRY(reader.bytes(utxo_bytes));
    output.utxo = TRY(decode_utxo(record));
    if (output.utxo.position != number * txo_chunk_leaves + i) {
      return fail(Code::malformed,
                  base::format("output {} at the place of {}", output.utxo.position,
                               number * txo_chunk_leaves + i));
    }
    leaves.push_back(output);
  }
  return SnapshotChunk(std::move(leaves));
}

}  // namespace

// --- requests ------------------------------------------------------------------------------------

Bytes encode(const SnapshotRequest& request) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(static_cast<std::uint8_t>(request.index() + 1));
  std::visit(Overload{[&](const EpochsRequest& epochs) { writer.u64(epochs.from.value); },
                      [](const SnapshotsRequest&) {},
                      [&](const ManifestRequest& manifest) { writer.u64(manifest.height.value); },
                      [&](const PartRequest& part) {
                        writer.u64(part.height.value);
                        writer.u64(part.index);
                      }},
             request);
  return bytes;
}

Result<SnapshotRequest> decode_snapshot_request(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t kind = TRY(reader.u8());
  SnapshotRequest request;
  switch (kind) {
    case 1: request = EpochsRequest{{TRY(reader.u64())}}; break;
    case 2: request = SnapshotsRequest{}; break;
    case 3: request = ManifestRequest{{TRY(reader.u64())}}; break;
    case 4: {
      PartRequest part;
      part.height = {TRY(reader.u64())};
      part.index = TRY(reader.u64());
      request = part;
      break;
    }
    default: return fail(Code::malformed, base::format("a request for snapshots of kind {}", kind));
  }
  TRY_VOID(reader.finish());
  return request;
}

Bytes encode_snapshots(const std::vector<Height>& heights) {
  const std::size_t count = std::min(heights.size(), snapshots_told_max);
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(static_cast<std::uint8_t>(count));
  for (std::size_t i = heights.size() - count; i < heights.size(); ++i) {
    writer.u64(heights[i].value);
  }
  return bytes;
}

Result<std::vector<Height>> decode_snapshots(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t count = TRY(reader.u8());
  if (count > snapshots_told_max) {
    return fail(Code::too_large, base::format("{} snapshots at once", count));
  }
  std::vector<Height> heights;
  for (std::uint8_t i = 0; i < count; ++i) {
    heights.push_back({TRY(reader.u64())});
    if (i > 0 && heights[i] <= heights[i - 1U]) {
      return fail(Code::malformed, "snapshots out of order");
    }
  }
  TRY_VOID(reader.finish());
  return heights;
}

// --- epochs --------------------------------------------------------------------------------------

Bytes encode(const EpochEnd& end) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(format_version);
  writer.bytes(encode(end.header));
  writer.sized(encode(end.certificate));
  writer.sized(end.next.encode());
  return bytes;
}

Result<EpochEnd> decode_epoch_end(ByteView bytes) {
  Reader reader(bytes);
  TRY_VOID(check_format(reader, "the end of an epoch"));
  const ByteView header = TRY(reader.bytes(header_bytes));
  BlockHeader decoded = TRY(decode_header(header));
  const ByteView certificate = TRY(reader.sized(certificate_bytes_max));
  Certificate by = TRY(decode_certificate(certificate));
  const ByteView set = TRY(reader.sized(validator_set_bytes_max));
  ValidatorSet next = TRY(ValidatorSet::decode(set));
  TRY_VOID(reader.finish());
  return EpochEnd{std::move(decoded), std::move(by), std::move(next)};
}

Result<void> verify(const EpochEnd& end, const Hash& genesis, std::uint64_t epoch_blocks,
                    Epoch epoch, const ValidatorSet& validators) {
  const BlockHeader& header = end.header;
  const Statement& statement = end.certificate.statement;
  const auto wrong = [&](const char* what) {
    return fail(Code::malformed, base::format("the end of epoch {}: {}", epoch.value, what));
  };
  if (epoch.value >= UINT64_MAX / epoch_blocks) return wrong("no chain is so long");
  if (header.epoch != epoch || header.height.value != (epoch.value + 1) * epoch_blocks) {
    return wrong("it is another block");
  }
  if (header.validators_root != validators.root()) return wrong("it has other validators");
  if (header.next_validators_root != end.next.root()) return wrong("others come next");
  if (statement.kind != VoteKind::finalize || statement.epoch != epoch ||
      statement.subject.digest != digest_of(header)) {
    return wrong("its certificate finalizes something else");
  }
  return verify(end.certificate, genesis, validators);
}

// --- the manifest --------------------------------------------------------------------------------

namespace {

/// With entries by kind, or a supply that has an escrow; without them, in the first format.
constexpr std::uint8_t manifest_version_entries = 2;

bool is_plain(const SnapshotManifest& manifest) {
  return manifest.by_kind.empty() && manifest.supply.size() == supply_record_bytes;
}

void write_by_kind(Writer& writer, const std::vector<SnapshotEntry>& entries) {
  writer.u32(static_cast<std::uint32_t>(entries.size()));
  for (const SnapshotEntry& entry : entries) {
    writer.u8(static_cast<std::uint8_t>(entry.kind));
    writer.bytes(entry.id);
    writer.sized(entry.entry);
  }
}

Result<std::vector<SnapshotEntry>> read_by_kind(Reader& reader) {
  std::vector<SnapshotEntry> entries;
  const std::uint32_t count = TRY(reader.u32());
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint8_t kind = TRY(reader.u8());
    if (kind == 0 || kind > entry_kind_max) {
      return fail(Code::malformed, base::format("an entry of kind {} in a snapshot", kind));
    }
    SnapshotEntry entry;
    entry.kind = static_cast<EntryKind>(kind);
    entry.id = base::to_bytes(TRY(reader.bytes(entry_id_bytes(entry.kind))));
    entry.entry = base::to_bytes(TRY(reader.sized(entry_bytes_max)));
    if (entry.entry.empty() ||
        (!entries.empty() &&
         std::tie(entry.kind, entry.id) <= std::tie(entries.back().kind, entries.back().id))) {
      return fail(Code::malformed, "entries of a snapshot empty or out of order");
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<std::vector<ValidatorEntry>> read_validators(Reader& reader) {
  constexpr std::size_t validator_bytes_max = 4096;
  std::vector<ValidatorEntry> entries;
  const std::uint32_t count = TRY(reader.u32());
  for (std::uint32_t i = 0; i < count; ++i) {
    const ByteView entry = TRY(reader.sized(validator_bytes_max));
    entries.push_back(TRY(decode_validator(entry)));
    if (i > 0 && entries[i].key <= entries[i - 1].key) {
      return fail(Code::malformed, "validators of a snapshot out of order");
    }
  }
  return entries;
}

}  // namespace

Bytes encode(const SnapshotManifest& manifest) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(is_plain(manifest) ? format_version : manifest_version_entries);
  writer.bytes(encode(manifest.header));
  writer.u64(manifest.outputs);
  if (!is_plain(manifest)) writer.u8(static_cast<std::uint8_t>(manifest.supply.size()));
  writer.bytes(manifest.supply);
  writer.sized(manifest.history.encode());
  writer.u32(static_cast<std::uint32_t>(manifest.entries.size()));
  for (const ValidatorEntry& entry : manifest.entries) writer.sized(encode_validator(entry));
  if (!is_plain(manifest)) write_by_kind(writer, manifest.by_kind);
  return bytes;
}

Result<SnapshotManifest> decode_manifest(ByteView bytes) {
  constexpr std::size_t history_bytes_max = 8 + 64 * 32;
  Reader reader(bytes);
  const std::uint8_t format = TRY(reader.u8());
  if (format != format_version && format != manifest_version_entries) {
    return fail(Code::unsupported, base::format("a snapshot's manifest in format {}", format));
  }
  const bool has_entries = format == manifest_version_entries;
  SnapshotManifest manifest;
  const ByteView header = TRY(reader.bytes(header_bytes));
  manifest.header = TRY(decode_header(header));
  manifest.outputs = TRY(reader.u64());
  if (manifest.outputs > txo_size_max) {
    return fail(Code::too_large, base::format("a snapshot of {} outputs", manifest.outputs));
  }
  const std::size_t supply = has_entries ? TRY(reader.u8()) : supply_record_bytes;
  if (supply < supply_record_bytes || supply > supply_record_bytes_max) {
    return fail(Code::malformed, base::format("a supply of {} bytes in a snapshot", supply));
  }
  manifest.supply = base::to_bytes(TRY(reader.bytes(supply)));
  const ByteView history = TRY(reader.sized(history_bytes_max));
  manifest.history = TRY(Mmr::decode(history));
  manifest.entries = TRY(read_validators(reader));
  if (has_entries) manifest.by_kind = TRY(read_by_kind(reader));
  TRY_VOID(reader.finish());
  if (has_entries && is_plain(manifest)) {
    return fail(Code::malformed, "a snapshot that writes out that it has no entries");
  }
  return manifest;
}

Result<void> check(const SnapshotManifest& manifest) {
  // As ledger/registry.h and ledger/supply.h put them into the tree.
  SparseTree tree;
  for (const ValidatorEntry& entry : manifest.entries) {
    tree.insert(tagged_hash("kith/registry-key/1", {ByteView(entry.key)}),
                tagged_hash("kith/validator/1", {encode_validator(entry)}));
  }
  for (const SnapshotEntry& entry : manifest.by_kind) {
    tree.insert(entry_key(entry.kind, entry.id), entry_hash(entry.kind, entry.entry));
  }
  tree.insert(tagged_hash("kith/supply-key/1", {}),
              tagged_hash("kith/supply/1", {ByteView(manifest.supply)}));
  const auto wrong = [&](const char* what) {
    return fail(Code::malformed,
                base::format("the snapshot of height {}: {}", manifest.header.height.value, what));
  };
  if (tree.root() != manifest.header.registry_root) return wrong("another registry");
  if (manifest.history.count() != manifest.header.height.value ||
      manifest.history.root() != manifest.header.history_root) {
    return wrong("another history");
  }
  return {};
}

// --- parts ---------------------------------------------------------------------------------------

std::uint64_t snapshot_parts(std::uint64_t outputs) {
  return (txo_chunk_count(outputs) + snapshot_part_chunks - 1) / snapshot_part_chunks;
}

Bytes encode(const SnapshotPart& part) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(format_version);
  writer.u64(part.index);
  for (const SnapshotChunk& chunk : part.chunks) encode(writer, chunk);
  for (const Hash& sibling : part.siblings) writer.bytes(sibling);
  return bytes;
}

Result<SnapshotPart> decode_part(ByteView bytes, std::uint64_t outputs) {
  Reader reader(bytes);
  TRY_VOID(check_format(reader, "a snapshot's part"));
  SnapshotPart part;
  part.index = TRY(reader.u64());
  if (outputs > txo_size_max || part.index >= snapshot_parts(outputs)) {
    return fail(Code::malformed,
                base::format("part {} of a snapshot of {} outputs", part.index, outputs));
  }
  const std::size_t chunks = chunks_of(part.index, outputs);
  for (std::size_t i = 0; i < chunks; ++i) {
    part.chunks.push_back(
        TRY(decode_chunk(reader, part.index * snapshot_part_chunks + i, outputs)));
  }
  for (std::size_t i = siblings_of(outputs); i > 0; --i) {
    part.siblings.push_back(TRY(read_hash(reader)));
  }
  TRY_VOID(reader.finish());
  return part;
}

Result<PartRecords> check(const SnapshotPart& part, std::uint64_t outputs, const Hash& utxo_root) {
  ASSERT(part.chunks.size() == chunks_of(part.index, outputs) &&
         part.siblings.size() == siblings_of(outputs));
  PartRecords records;
  std::vector<Hash> level;
  for (const SnapshotChunk& chunk : part.chunks) {
    PartRecords::Chunk record;
    if (const auto* const spent = std::get_if<Hash>(&chunk)) {
      record.leaf_root = *spent;
      records.leaves.resize(records.leaves.size() + txo_chunk_leaves);
    } else {
      std::vector<Hash> leaves;
      for (const SnapshotLeaf& leaf : std::get<std::vector<SnapshotLeaf>>(chunk)) {
        if (const auto* const output = std::get_if<SnapshotOutput>(&leaf)) {
          set_bit(record.bitmap, leaves.size(), true);
          leaves.push_back(txo_leaf(output->outpoint, output->utxo));
        } else {
          leaves.push_back(std::get<Hash>(leaf));
        }
      }
      record.leaf_root = txo_leaf_root(leaves);
      records.leaves.insert(records.leaves.end(), leaves.begin(), leaves.end());
    }
    level.push_back(txo_chunk_node(record.leaf_root, record.bitmap));
    records.chunks.push_back(record);
  }
  const std::size_t levels = std::min(txo_upper_levels(outputs), snapshot_part_levels);
  for (std::size_t height = 0; height < levels; ++height) {
    if (level.size() % 2 != 0) level.push_back(txo_empty_chunks(height));
    for (std::size_t i = 0; i < level.size() / 2; ++i) {
      level[i] = txo_upper_node(level[2 * i], level[2 * i + 1]);
    }
    level.resize(level.size() / 2);
  }
  Hash node = level.front();
  std::uint64_t place = part.index;
  for (const Hash& sibling : part.siblings) {
    node = place % 2 == 0 ? txo_upper_node(node, sibling) : txo_upper_node(sibling, node);
    place /= 2;
  }
  if (txo_root(outputs, node) != utxo_root) {
    return fail(Code::malformed,
                base::format("part {} is not what the header commits to", part.index));
  }
  return records;
}

}  // namespace kith::codec
