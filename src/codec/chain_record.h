// The record of a result: whose it is, of what, its root, and who checked it. The worker signs it;
// its name is a CIDv1 (raw, SHA-256) of all of it. What the ledger counts is record_hash(), which
// leaves out time and statistics: these are the worker's word alone. Whether the ledger has
// accepted it is shown by a proof that the hash is in its region's list, whose root the region's
// entry has. Grammar: docs/protocol/compute.md, "Records".
//
// Limits: 16 checkers, 512 bytes of statistics.
#pragma once

#include "codec/chain_job.h"
#include "codec/chain_merkle.h"
#include "codec/cid.h"

namespace kith::codec {

inline constexpr std::size_t record_statistics_bytes_max = 512;

struct Record {
  Hash genesis{};
  JobId job;
  TaskIndex task;
  std::uint8_t pass = 1;
  Hash account{};
  ChainKey worker{};
  std::uint8_t device_class = 0;
  SlotId slot;
  std::uint64_t round = 0;       // of the slot's cohort, in which it was committed
  Hash root{};                   // U
  std::vector<SlotId> checkers;  // by part, 1 to 16
  std::uint16_t checked = 0;     // s: with the seed, which units they checked
  Hash seed{};
  std::uint64_t time = 0;  // Unix ms
  Bytes statistics;        // the workload's
  crypto::Signature signature{};
  friend bool operator==(const Record&, const Record&) = default;
};
Bytes encode_record(const Record& record);
Result<Record> decode_record(ByteView bytes);

/// Of what all nodes agree on.
Hash record_hash(const Record& record);
/// What the worker's key signs.
Hash record_message(const Record& record);
Cid cid_of(const Record& record);
/// That the worker's key has signed it.
Result<void> verify_record(const Record& record);
/// And that it is one of those of a region whose list of records has `root`.
Result<void> verify_record(const Record& record, const Hash& root, const MerkleProof& proof);

}  // namespace kith::codec
