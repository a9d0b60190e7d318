// Jobs as the state holds them: entries of kinds 4 to 8 and 10 to 13 (chain_entry.h). A job has
// cursors and sums, no entry a task: a task stands in the slot that has it, until its record is one
// hash in its region's list. Grammar: docs/protocol/compute.md, "State". What the fields do is
// ledger/jobs.h.
//
// Limits: 264 jobs, 4,096 cohorts of 512 slots; a slot has 2 tasks queued, 10 pending, 8 duties and
// 255 maturing.
#pragma once

#include "codec/chain_dispute.h"
#include "codec/chain_entry.h"
#include "codec/chain_mmr.h"

namespace kith::codec {

inline constexpr std::size_t jobs_at_work_max = 8;
inline constexpr std::size_t jobs_max = jobs_at_work_max + 256;
inline constexpr std::uint16_t cohort_slots_max = 512;
inline constexpr std::size_t slot_queue_max = 2;
inline constexpr std::size_t slot_pending_max = 10;
inline constexpr std::size_t slot_maturing_max = 255;
inline constexpr std::size_t redo_page_tasks = 64;
inline constexpr std::size_t enrolment_slots_max = 256;

enum class JobState : std::uint8_t { waiting = 0, working = 1, ending = 2 };

struct Cohort {
  std::uint16_t used = 0;       // slot numbers that there have ever been
  std::uint16_t live = 0;       // of them, somebody's
  std::uint32_t free_next = 0;  // the number after that of the first free one; 0: none
  friend bool operator==(const Cohort&, const Cohort&) = default;
};

struct JobEntry {
  JobSpec spec;
  AccountId account{};  // whose job it is; gets what is left
  JobState state = JobState::waiting;
  Height start;                    // cohort c's round r begins after block start + c + R r
  std::uint32_t mature = 0;        // M
  Amount escrow = 0;               // all that is left
  Amount reserved = 0;             // of it, for what is leased, pending and maturing
  std::uint64_t next = 0;          // task of the first pass
  std::uint64_t next_second = 0;   // tasks of the second pass that have been leased
  std::uint32_t second_first = 0;  // regions to compute again: the number after the first one's
  std::uint32_t second_last = 0;   // and after the last one's; 0: there is none
  std::uint32_t second_at = 0;     // tasks of the first one that have been leased
  std::uint64_t redo = 0;          // tasks in the redo list
  std::uint64_t accepted = 0;      // of the first pass
  std::uint64_t accepted_second = 0;
  std::uint64_t leases = 0;
  std::uint32_t slots = 0;     // that are somebody's
  std::uint32_t drawable = 0;  // above all slot numbers that draws look at
  std::uint64_t fresh_round = 0;
  std::uint32_t fresh = 0;      // slots enrolled in that round
  std::vector<Cohort> cohorts;  // R
  friend bool operator==(const JobEntry&, const JobEntry&) = default;
};

/// All jobs that are not over, and where numbers go on.
struct JobsEntry {
  std::uint64_t next_job = 1;
  std::uint64_t next_dispute = 1;
  std::uint64_t first_dispute = 0;  // of the open ones, by deadline; 0: there is none
  std::uint64_t last_dispute = 0;
  std::vector<JobId> jobs;  // ascending; the first eight are at work
  friend bool operator==(const JobsEntry&, const JobsEntry&) = default;
};

struct QueuedTask {
  TaskIndex task;
  std::uint8_t pass = 1;
  std::uint64_t until = 0;  // the round at whose beginning the lease has ended
  friend bool operator==(const QueuedTask&, const QueuedTask&) = default;
};

/// What a checker said, and the key that it said it with: its slot may end before the reveal.
struct SaidCheck {
  Hash check{};  // V
  ChainKey worker{};
  friend bool operator==(const SaidCheck&, const SaidCheck&) = default;
};
struct TaskPart {
  std::optional<SlotId> checker;
  std::optional<SaidCheck> said;  // with a checker
  friend bool operator==(const TaskPart&, const TaskPart&) = default;
};

enum class Outcome : std::uint8_t {
  hidden = 0,         // not revealed
  fits = 1,           // all checkers got the same
  part_differs = 2,   // `differing` is the first part of which the checker got something else
  first_differs = 3,  // the first pass' root is another
};

struct PendingTask {
  TaskIndex task;
  std::uint8_t pass = 1;
  Hash commit{};
  std::uint64_t round = 0;    // in which it was committed
  std::uint64_t due = 0;      // checks are said before this round, the reveal in it; 0: to draw
  std::uint16_t checked = 0;  // s
  Hash seed{};                // which units these are
  std::uint8_t silent = 0;    // draws with a checker that said nothing
  std::uint64_t overdue = 0;  // the job's round in which it became so, from 1 on; 0: it is not
  bool is_again = false;      // one that matures, checked once more: there is nothing else to do
  std::vector<TaskPart> parts;
  Outcome outcome = Outcome::hidden;
  Hash root{};            // U, from the reveal on
  std::vector<Hash> got;  // and D of each part
  std::uint8_t differing = 0;
  SlotSide first{};  // of the first pass, when it differs
  Hash first_root{};
  friend bool operator==(const PendingTask&, const PendingTask&) = default;
};

/// A part of another slot's task that this one is to compute.
struct Duty {
  SlotId target;
  std::uint8_t part = 0;
  Height due;  // the last block that may have it; kept until then, said or not
  friend bool operator==(const Duty&, const Duty&) = default;
};

/// A part that a checker has not been shown may be asked for on the ledger, once.
struct CheckedPart {
  SlotId checker;
  Hash got{};  // D
  bool is_asked = false;
  friend bool operator==(const CheckedPart&, const CheckedPart&) = default;
};

struct MaturingTask {
  TaskIndex task;
  std::uint8_t pass = 1;
  Hash record{};              // record_hash
  std::uint32_t mark = 0;     // what its owner had passed with it
  std::uint8_t disputes = 0;  // about it; not accepted before they end
  // Until the round after the one in which it was revealed: what its checkers may ask for.
  std::vector<CheckedPart> parts;
  std::uint16_t checked = 0;  // with parts
  Hash seed{};
  friend bool operator==(const MaturingTask&, const MaturingTask&) = default;
};

/// What is read of a slot when a draw looks at it.
struct SlotHead {
  bool is_free = false;
  std::uint32_t free_next = 0;  // of a free one: as in Cohort; then the rest is nothing
  ChainKey worker{};
  AccountId owner{};
  std::uint8_t device_class = 0;
  Height since;
  bool is_leaving = false;
  std::uint32_t passed = 0;
  std::uint32_t faults = 0;      // its owner's, as far as the slot has heard
  std::uint64_t idle_until = 0;  // no leases before this round
  bool has_lapsed = false;       // a queue of one until it commits
  std::uint8_t disputes = 0;     // open ones; it does not close
  std::uint8_t owed_moves = 0;   // of them, those that wait for it; no leases, no duties
  std::vector<Duty> duties;
  friend bool operator==(const SlotHead&, const SlotHead&) = default;
};

struct SlotEntry {
  SlotHead head;
  std::vector<QueuedTask> queue;
  std::vector<PendingTask> pending;
  std::vector<MaturingTask> maturing;
  friend bool operator==(const SlotEntry&, const SlotEntry&) = default;
};

struct RedoTask {
  TaskIndex task;
  std::uint8_t pass = 1;
  friend bool operator==(const RedoTask&, const RedoTask&) = default;
};
struct RedoPage {
  std::vector<RedoTask> tasks;
  friend bool operator==(const RedoPage&, const RedoPage&) = default;
};

struct RegionEntry {
  Mmr first;  // records, in the order in which they were accepted
  Mmr second;
  Height first_height;  // of the block that completed it; 0: it is not
  Height second_height;
  std::uint32_t next = 0;  // of those to compute again: the number after it; 0: the last
  friend bool operator==(const RegionEntry&, const RegionEntry&) = default;
};

/// Tasks of an owner that became overdue in one round of the job, and are so still.
struct OverdueRound {
  std::uint64_t round = 0;   // from 1 on
  std::uint32_t count = 0;   // tasks and disputes
  std::uint32_t passed = 0;  // what the owner had passed when the first of them became so
  friend bool operator==(const OverdueRound&, const OverdueRound&) = default;
};
/// More join the last one.
inline constexpr std::size_t overdue_rounds_max = 32;

/// An owner in a job.
struct MemberEntry {
  std::uint32_t passed = 0;  // tasks without a fault since the last one
  std::uint32_t faults = 0;
  std::vector<OverdueRound> overdue;  // ascending
  std::uint32_t slots = 0;
  std::uint64_t tasks = 0;  // accepted
  std::uint64_t units = 0;
  std::uint64_t checks = 0;  // units checked for others
  friend bool operator==(const MemberEntry&, const MemberEntry&) = default;
};

/// A worker key in a job.
struct EnrolmentEntry {
  std::uint16_t cohort = 0;
  std::uint64_t seen = 0;     // the last round with a statement of its
  std::uint8_t before = 0;    // bit i: so has round seen - 1 - i
  std::vector<SlotId> slots;  // ascending
  friend bool operator==(const EnrolmentEntry&, const EnrolmentEntry&) = default;
};

Bytes encode_entry(const JobEntry& entry);
Bytes encode_entry(const JobsEntry& entry);
Bytes encode_entry(const SlotEntry& entry);
Bytes encode_entry(const RedoPage& entry);
Bytes encode_entry(const DisputeEntry& entry);
Bytes encode_entry(const RegionEntry& entry);
Bytes encode_entry(const MemberEntry& entry);
Bytes encode_entry(const EnrolmentEntry& entry);
Bytes encode_entry(const FindEntry& entry);

/// Of one of the types above.
template <class Entry>
Result<Entry> decode_entry(ByteView bytes);
/// Without the tasks, which take most of the time.
Result<SlotHead> decode_slot_head(ByteView bytes);

}  // namespace kith::codec
