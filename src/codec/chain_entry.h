// Entries: what the state holds beside outputs, validators and supply. Each has a kind and an id of
// that kind's size, and is a leaf of the registry's sparse tree, so that a light client can be
// shown any of them, or that there is none. What is in an entry: chain_account.h, chain_job.h.
// Grammar: docs/protocol/accounts.md, "Entries".
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "codec/chain.h"

namespace kith::codec {

/// In hashes and files: never renumber.
enum class EntryKind : std::uint8_t {
  account = 1,     // its id, 32 bytes
  name = 2,        // hash of the skeleton, 32
  worker = 3,      // raw public key, 32
  job = 4,         // u64
  slot = 5,        // job, u32
  redo_page = 6,   // job, u32
  dispute = 7,     // u64
  region = 8,      // job, u32
  beacon = 9,      // none
  member = 10,     // job, account's id
  enrolment = 11,  // job, worker's raw public key
  jobs = 12,       // none
  find = 13,       // job, the find's name
};
inline constexpr std::uint8_t entry_kind_max = 13;

/// How many bytes an id of this kind has.
std::size_t entry_id_bytes(EntryKind kind);
inline constexpr std::size_t entry_id_bytes_max = 40;
/// A slot at its fullest takes 17 KiB, a job 4.
inline constexpr std::size_t entry_bytes_max = 64 * 1024;

/// Where the entry stands in the registry's tree.
Hash entry_key(EntryKind kind, ByteView id);
/// What stands there.
Hash entry_hash(EntryKind kind, ByteView entry);

}  // namespace kith::codec
