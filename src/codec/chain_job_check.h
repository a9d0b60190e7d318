// What follows from a job's numbers and from hashes alone: how much of a task is checked, which
// units, by whom, when a result has matured; and the commitments that a worker and its checkers
// make. Nodes must agree on all of it: integers only. docs/protocol/compute.md, "Checks".
#pragma once

#include <vector>

#include "codec/chain_job.h"

namespace kith::codec {

/// s: units of a task that are checked, after `passed` tasks without a fault. From all of them down
/// to the job's least, as 2 n / (passed + 1); a multiple of parts_of() it.
std::uint16_t units_checked(const JobSpec& spec, std::uint32_t passed);
/// How many checkers share s units: one for each 64 begun.
std::uint8_t parts_of(std::uint16_t checked);

/// M: tasks that an owner passes before one of its results counts, so that of slots of which
/// `cheats` in 10,000 cheat (1 to 4,999) at most eps_ppm of the accepted units are wrong. None:
/// it would take more than 255.
std::optional<std::uint32_t> passes_to_mature(const JobSpec& spec, std::uint16_t cheats);

/// A task of one slot, as it is named where it is committed to.
struct TaskName {
  Hash genesis{};
  JobId job;
  TaskIndex task;
  std::uint8_t pass = 1;
  friend bool operator==(const TaskName&, const TaskName&) = default;
};
/// C: hides `root` until it is told, and is good for this slot and key alone.
Hash task_commitment(const TaskName& name, SlotId slot, const ChainKey& worker, const Hash& root);
/// V: hides what the checker got for the part, the root of its unit roots.
Hash check_commitment(const TaskName& name, std::uint8_t part, const ChainKey& checker,
                      const Hash& got);

/// What a draw chooses a task's units by. Of this slot's task: two tasks that are drawn by one
/// beacon have independent units, else who lies in the same units of all would be caught in all of
/// them or in none.
Hash units_seed(const Hash& beacon, const TaskName& name, SlotId slot);
/// The units of a part, ascending: places part * s / parts and on of a permutation of all units.
std::vector<std::uint16_t> units_of_part(const Hash& seed, const JobSpec& spec, std::uint8_t part,
                                         std::uint16_t checked);
/// The place of a unit in that permutation.
std::uint16_t permuted_unit(const Hash& seed, std::uint16_t units, std::uint16_t place);

/// The number that a try draws a checker by, to be taken modulo the number of slots.
std::uint64_t draw_of(const Hash& beacon, JobId job, SlotId slot, TaskIndex task, std::uint8_t part,
                      std::uint8_t tried);
/// In this order a cohort's slots get leases.
Hash lease_order_of(const Hash& beacon, SlotId slot);

}  // namespace kith::codec
