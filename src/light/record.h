// Whether a record (codec/chain_record.h) is what the chain says, once a light client has verified
// a proof of entries: that its worker's key is its account's, that its job has such a task, what it
// covers, and whether the ledger settled this root. docs/protocol/compute.md, "Records".
//
// The proof has the entries of the worker's key, of the job and of the account; and that of the
// region, under whose list a place shows that the record was accepted, or that of the slot, where
// the record's hash stands while it matures. Entries are of one block: a key that its account has
// dropped since, or a job that is over, is not there any more.
#pragma once

#include <optional>
#include <string>

#include "codec/chain_job_state.h"
#include "codec/chain_record.h"
#include "light/client.h"

namespace kith::light {

struct RecordFact {
  std::string account_name;  // at that height; empty: none
  std::uint8_t workload = 0;
  Bytes params;  // of the job
  // What the record covers: a task of its region, all of its units.
  std::uint32_t region = 0;
  std::uint32_t task_in_region = 0;
  std::uint32_t region_tasks = 0;
  std::uint64_t first_unit = 0;  // of the job's
  std::uint16_t units = 0;
  std::uint16_t slices = 0;  // of each
  enum class Settled : std::uint8_t {
    unknown,   // the proof shows neither
    maturing,  // its root was revealed and fits what its checkers got
    accepted,  // it is in its region's list
  };
  Settled settled = Settled::unknown;
  // Of accepted ones.
  std::uint64_t place = 0;  // in the list
  std::uint64_t count = 0;  // of the list
  Hash region_root{};
  Height region_done;  // the block that completed the region; 0: it is not complete
};

/// `verdict`: of the proof, by a client of the chain `genesis`. `place`: in the region's list.
/// `refused` when the chain says something else than the record or does not say it, `bad_signature`
/// when the worker has not signed it.
Result<RecordFact> verify_record(const codec::Record& record,
                                 const std::optional<codec::MerkleProof>& place,
                                 const Hash& genesis, const Verdict& verdict);

/// What chain.proof is asked for, as KIND:ID with commas: with the region, or with the slot.
std::string record_entries(const codec::Record& record, std::uint32_t region_tasks,
                           bool with_region);

}  // namespace kith::light
