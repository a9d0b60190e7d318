// The rules of computing jobs: who gets which task, who checks it, what that comes to, what is paid
// and what is lost. Pure functions over a state's entries, called by execute.h in the order of
// docs/protocol/compute.md, which says why each rule is there. The life of a task:
//
//   S(r)       a lease, from the job's cursors        jobs_lease.cpp
//   in r       its commitment, by a statement         jobs_statement.cpp
//   S(r+1)+g   units and checkers are drawn           jobs_draw.cpp
//   to S(r+3)  the checkers' commitments
//   to S(r+4)  the reveal; there it settles           jobs_settle.cpp
//   + M tasks  it is accepted, paid and counted
//
// What differs opens a dispute (jobs_dispute.cpp), which ends when a side concedes, or without a
// loser: bisection and verdicts are not built. What is said late, twice, or of others' slots has no
// effect, and spoils nothing.
//
// Limits: codec/chain_job_state.h. A block looks at the slots of two cohorts a job, 1,024 at most,
// of 8 jobs.
#pragma once

#include <limits>
#include <vector>

#include "codec/chain_compute.h"
#include "codec/chain_job_state.h"
#include "codec/chain_record.h"
#include "ledger/entries.h"

namespace kith::ledger {

using codec::AccountId;
using codec::Amount;
using codec::ChainKey;
using codec::Hash;
using codec::Height;
using codec::JobId;
using codec::SlotId;
using codec::TaskIndex;

struct JobRules {
  Hash genesis{};
  codec::ComputeParams params;
  /// New slots of a job in a round, beside one for each 64 that it has.
  std::uint32_t fresh_slots = 32;
  /// A log takes no more events than these. Nothing in the state depends on it.
  std::size_t events_max = std::numeric_limits<std::size_t>::max();
};

/// What happened, for those who watch: nothing in the state depends on it.
struct JobEvent {
  enum class Kind : std::uint8_t {
    leased,
    lapsed,         // its lease
    given_back,     // three draws had a silent checker, or the slot closed; somebody else gets it
    settled,        // checked, and all fits
    checked_again,  // one that matures
    accepted,
    withdrawn,  // maturing, when its owner had a fault
    silent,     // `slot` has not said what it was to check
    disputed,
    fault,   // `slot` has lost: a dispute, or it never revealed
    closed,  // `slot` is nobody's any more
    region_done,
  };
  Kind kind{};
  JobId job;
  SlotId slot;
  TaskIndex task;
  std::uint8_t pass = 0;
  std::uint64_t number = 0;   // disputed, fault: the dispute, or 0; region_done: the region
  codec::Record record = {};  // settled: without the worker's own word
};
using JobLog = std::vector<JobEvent>;

/// What an order does to money outside of the jobs.
struct JobEffect {
  Amount taken = 0;  // out of the transaction's inputs, into escrow
  Amount burnt = 0;  // out of bonds
  friend bool operator==(const JobEffect&, const JobEffect&) = default;
};

/// Obeys an order of the block of `height`; changes nothing when it fails. `signer` is the key of
/// the action's witness, if it has one. Whether statements' signatures verify is the caller's to
/// know. `log` may be null.
Result<JobEffect> apply_job(const JobRules& rules, Height height, Entries& entries,
                            const codec::JobOrder& order, const ChainKey* signer, JobLog* log);

/// After the block's transactions: draws, deadlines, passes, acceptance, leases, disputes. `beacon`
/// is the one that this block has made. Returns what is burnt of bonds.
Amount end_block_jobs(const JobRules& rules, Height height, const Hash& beacon, Entries& entries,
                      JobLog* log);

// Looking at the state. Null: there is none.
std::optional<codec::JobEntry> find_job(const Entries& entries, JobId job);
std::optional<codec::SlotEntry> find_slot(const Entries& entries, JobId job, SlotId slot);
std::optional<codec::MemberEntry> find_member(const Entries& entries, JobId job,
                                              const AccountId& account);
std::optional<codec::RegionEntry> find_region(const Entries& entries, JobId job,
                                              std::uint32_t region);
std::optional<codec::EnrolmentEntry> find_enrolment(const Entries& entries, JobId job,
                                                    const ChainKey& worker);
std::optional<codec::DisputeEntry> find_dispute(const Entries& entries, std::uint64_t dispute);
codec::JobsEntry jobs_of(const Entries& entries);

/// The round of a cohort that a statement in the block of `height` is of; none before the first.
std::optional<std::uint64_t> statement_round(const codec::JobEntry& job, std::uint16_t cohort,
                                             Height height);
/// S(round): the block after whose transactions the cohort's round begins.
Height round_begins(const codec::JobEntry& job, std::uint16_t cohort, std::uint64_t round);

}  // namespace kith::ledger
