// What a worker's key has to do in a job, read from a state: tasks to compute, parts of others'
// tasks to check, roots to reveal, which is said in statements (codec/chain_job.h); and moves in
// disputes, which are orders of their own (jobs_move.h makes them). Duties come before tasks, first
// what is due first. What validators are asked: verdicts.
#pragma once

#include <string_view>
#include <vector>

#include "ledger/jobs.h"

namespace kith::ledger {

/// To compute and commit to; the first of a slot is due before its round `until` begins.
struct LeasedTask {
  SlotId slot;
  TaskIndex task;
  std::uint8_t pass = 1;
  std::uint64_t until = 0;
  friend bool operator==(const LeasedTask&, const LeasedTask&) = default;
};
/// To compute and commit to, by the block `due` at last.
struct AskedCheck {
  SlotId slot;
  SlotId target;
  std::uint8_t part = 0;
  TaskIndex task;
  std::uint8_t pass = 1;
  std::vector<std::uint16_t> units;  // of the task, ascending
  Height due;
  friend bool operator==(const AskedCheck&, const AskedCheck&) = default;
};
/// To tell once round `from` of the slot's cohort has begun, and before the next one.
struct DueReveal {
  SlotId slot;
  TaskIndex task;
  std::uint8_t pass = 1;
  bool is_again = false;  // show the record that matures; of a second pass else the first's
  std::uint64_t from = 0;
  std::vector<std::vector<std::uint16_t>> parts;  // units, ascending
  friend bool operator==(const DueReveal&, const DueReveal&) = default;
};

/// None of a key without slots. `height` is that of the next block.
std::vector<LeasedTask> leases_of(const Entries& entries, JobId job, const ChainKey& worker);
std::vector<AskedCheck> checks_of(const Entries& entries, JobId job, const ChainKey& worker,
                                  Height height);
std::vector<DueReveal> reveals_of(const Entries& entries, JobId job, const ChainKey& worker);

/// A move in a dispute that is the key's turn; conceding always is.
struct OwedMove {
  std::uint64_t dispute = 0;
  codec::DisputeKind kind = codec::DisputeKind::check;
  codec::DisputeStage stage = codec::DisputeStage::open_part;
  JobId job;
  bool is_worker = false;  // the one whose task it is; else its checker, or the first pass'
  TaskIndex task;
  std::uint8_t pass = 1;  // of the task as the key has it
  std::uint16_t units = 0;
  std::uint16_t slices = 0;
  Hash root{};                      // U, of the worker
  Hash node{};                      // what is to be opened
  std::vector<std::uint16_t> part;  // units that the entries of a part are of
  std::uint16_t unit = 0;           // of the node; at open_units the first one
  std::vector<Hash> entries;        // to choose among
  Height until;                     // the last block that may have it
  friend bool operator==(const OwedMove&, const OwedMove&) = default;
};
std::optional<OwedMove> move_of(const codec::JobSpec& spec, std::uint64_t dispute,
                                const codec::DisputeEntry& entry, const ChainKey& worker);
/// In all jobs, first what is due first. Looks at every open dispute.
std::vector<OwedMove> moves_of(const Entries& entries, const ChainKey& worker);

/// What validators are to say: what a slice comes to, or whether a find is one.
struct AskedVerdict {
  std::uint64_t dispute = 0;
  codec::DisputeKind kind = codec::DisputeKind::check;
  JobId job;
  std::uint8_t workload = 0;
  Bytes params;
  TaskIndex task;
  std::uint16_t unit = 0;
  std::uint16_t slice = 0;  // but for a find
  Hash find{};              // the digest of "it is one"; zeros say that it is none
  std::array<std::uint8_t, 16> number{};
  std::uint8_t what = 0;
  Height until;
  friend bool operator==(const AskedVerdict&, const AskedVerdict&) = default;
};
/// By dispute.
std::vector<AskedVerdict> verdicts_asked(const Entries& entries);
/// "given_back"
std::string_view name_of(JobEvent::Kind kind);

}  // namespace kith::ledger
