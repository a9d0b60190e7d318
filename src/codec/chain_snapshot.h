// What a snapshot of a chain's state consists of, and what shows that each piece is right
// (docs/protocol/sync.md, "Snapshots"). Trust comes from outside, as a header that is known to be
// final: from genesis by EpochEnd steps, each the last header of an epoch, its finalization by the
// epoch's validators, and the validators of the next one, which that header commits to.
//
// The manifest carries what is small: header, registry, entries and supply (under registry_root),
// the history's peaks (under history_root). A part carries `snapshot_part_chunks` chunks of 256
// outputs with what lies beside them in the tree of outputs, and stands by itself under utxo_root.
// A chunk in which nothing is unspent is its leaf root alone. Limits: `manifest_bytes_max`, a part
// has no more than part_bytes_max.
#pragma once

#include <variant>

#include "codec/chain_block.h"
#include "codec/chain_entry.h"
#include "codec/chain_mmr.h"
#include "codec/chain_txo_proof.h"
#include "codec/chain_utxo.h"
#include "codec/chain_validator.h"
#include "codec/chain_validators.h"

namespace kith::codec {

// --- requests of /kith/snapshot/1.0.0 ------------------------------------------------------------

/// Answered by EpochEnds from this one on; none when there is none.
struct EpochsRequest {
  Epoch from;
  friend bool operator==(const EpochsRequest&, const EpochsRequest&) = default;
};
/// Answered by one frame: how many heights u8, at most 16, then each, ascending.
struct SnapshotsRequest {
  friend bool operator==(const SnapshotsRequest&, const SnapshotsRequest&) = default;
};
struct ManifestRequest {
  Height height;
  friend bool operator==(const ManifestRequest&, const ManifestRequest&) = default;
};
struct PartRequest {
  Height height;
  std::uint64_t index = 0;
  friend bool operator==(const PartRequest&, const PartRequest&) = default;
};
using SnapshotRequest = std::variant<EpochsRequest, SnapshotsRequest, ManifestRequest, PartRequest>;
inline constexpr std::size_t snapshot_request_bytes_max = 1 + 8 + 8;
inline constexpr std::size_t snapshots_told_max = 16;

Bytes encode(const SnapshotRequest& request);
Result<SnapshotRequest> decode_snapshot_request(ByteView bytes);
/// The last snapshots_told_max of them.
Bytes encode_snapshots(const std::vector<Height>& heights);
Result<std::vector<Height>> decode_snapshots(ByteView bytes);

// --- epochs --------------------------------------------------------------------------------------

struct EpochEnd {
  BlockHeader header;
  Certificate certificate;
  ValidatorSet next;
};
inline constexpr std::size_t validator_set_bytes_max = 3 + validators_in_set_max * 40;
inline constexpr std::size_t epoch_end_bytes_max =
    1 + header_bytes + certificate_bytes_max + validator_set_bytes_max + 20;

Bytes encode(const EpochEnd& end);
Result<EpochEnd> decode_epoch_end(ByteView bytes);
/// Whether it is the end of `epoch`, whose validators are `validators`: everything but whether
/// those are the right ones. Some 50 us a signature.
Result<void> verify(const EpochEnd& end, const Hash& genesis, std::uint64_t epoch_blocks,
                    Epoch epoch, const ValidatorSet& validators);

// --- the manifest --------------------------------------------------------------------------------

inline constexpr std::size_t supply_record_bytes = 49;
inline constexpr std::size_t supply_record_bytes_max = 57;

/// An entry of the state by kind (chain_entry.h).
struct SnapshotEntry {
  EntryKind kind{};
  Bytes id;
  Bytes entry;
  friend bool operator==(const SnapshotEntry&, const SnapshotEntry&) = default;
};

struct SnapshotManifest {
  BlockHeader header;                         // of the last block of an epoch
  std::uint64_t outputs = 0;                  // ever created
  Bytes supply = Bytes(supply_record_bytes);  // as the ledger writes it
  std::vector<ValidatorEntry> entries;        // by key, none twice
  std::vector<SnapshotEntry> by_kind;         // by kind and id, none twice
  Mmr history;                                // of all blocks before the header
};
/// Some 30,000 slots of jobs, beside what accounts and validators take.
inline constexpr std::size_t manifest_bytes_max = 48 * 1024 * 1024;

Bytes encode(const SnapshotManifest& manifest);
Result<SnapshotManifest> decode_manifest(ByteView bytes);
/// Whether all in it is what its header commits to.
Result<void> check(const SnapshotManifest& manifest);

// --- parts ---------------------------------------------------------------------------------------

inline constexpr std::size_t snapshot_part_levels = 6;
inline constexpr std::size_t snapshot_part_chunks = std::size_t{1} << snapshot_part_levels;
inline constexpr std::size_t snapshot_part_outputs = snapshot_part_chunks * txo_chunk_leaves;
std::uint64_t snapshot_parts(std::uint64_t outputs);

struct SnapshotOutput {
  OutPoint outpoint;
  Utxo utxo;
  friend bool operator==(const SnapshotOutput&, const SnapshotOutput&) = default;
};
/// An output by its place in the chunk: what it is while it is unspent, else its leaf.
using SnapshotLeaf = std::variant<Hash, SnapshotOutput>;
/// A full chunk without an unspent output: its leaf root. Any other: its outputs.
using SnapshotChunk = std::variant<Hash, std::vector<SnapshotLeaf>>;

struct SnapshotPart {
  std::uint64_t index = 0;
  std::vector<SnapshotChunk> chunks;
  std::vector<Hash> siblings;  // from the part's top up
  friend bool operator==(const SnapshotPart&, const SnapshotPart&) = default;
};
inline constexpr std::size_t snapshot_output_bytes = 36 + utxo_bytes;
inline constexpr std::size_t part_bytes_max =
    16 + snapshot_part_chunks * (35 + txo_chunk_leaves * snapshot_output_bytes) +
    32 * txo_upper_levels_max;

Bytes encode(const SnapshotPart& part);
/// `outputs` as the manifest says.
Result<SnapshotPart> decode_part(ByteView bytes, std::uint64_t outputs);

/// What a store keeps of a part.
struct PartRecords {
  struct Chunk {
    Hash leaf_root{};
    TxoBitmap bitmap{};
  };
  std::vector<Chunk> chunks;
  std::vector<Hash> leaves;  // zeros where nobody needs them any more
};
/// Whether the part is what `utxo_root` commits to: about 10 ms.
Result<PartRecords> check(const SnapshotPart& part, std::uint64_t outputs, const Hash& utxo_root);

}  // namespace kith::codec
