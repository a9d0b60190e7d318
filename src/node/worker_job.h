// One job as its worker sees it in the last final state. For the sources of worker.h alone.
#pragma once

#include <deque>

#include "node/worker.h"

namespace kith::node {

struct Worker::Job {
  codec::JobEntry entry;
  std::optional<codec::EnrolmentEntry> enrolment;
  std::vector<std::pair<SlotId, codec::SlotEntry>> slots;  // ours, ascending
  std::vector<ledger::AskedCheck> checks;
  std::deque<Said> said;  // of the present round, and those before that nobody has dropped yet
  std::optional<Height> ordered;
  std::string trouble;
};

/// D, of a part's unit roots.
inline Hash part_root_of(std::span<const Hash> roots) { return compute::task_root(roots); }
/// All units of a task.
std::vector<std::uint16_t> all_units(const codec::JobSpec& spec);

}  // namespace kith::node
