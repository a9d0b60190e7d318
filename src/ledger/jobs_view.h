// What a worker's key has to do in a job, read from a state: tasks to compute, parts of others'
// tasks to check, roots to reveal. Duties come before tasks, first what is due first; all of it is
// said in statements (codec/chain_job.h).
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

/// "given_back"
std::string_view name_of(JobEvent::Kind kind);

}  // namespace kith::ledger
