// One job as its worker sees it in the last final state. For the sources of worker.h alone.
#pragma once

#include <algorithm>
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

/// A dispute in which it is our turn, or was.
struct Worker::Disputed {
  ledger::OwedMove owed;  // as of the last state in which it was
  bool is_turn = false;
  std::optional<std::uint16_t> unit;  // that is computed once more
  std::optional<Height> given;        // our move, last
  bool is_told = false;               // what came of computing it
};

/// A part that we checked, and are to be shown.
struct Worker::Asked {
  AskShow what;
  Hash root{};               // U
  std::optional<Height> at;  // last
  /// The last block in which it may be asked for on the ledger; none: done with.
  std::optional<Height> until;
  std::uint64_t times = 0;
};

/// What is to be computed, the most urgent first.
enum class Worker::Urgency { dispute, duty, task, second_pass };
struct Worker::Due {
  Urgency urgency = Urgency::task;
  Height at;
  std::size_t place = 0;  // among those of one time
  WantedUnits units;
};

/// Blocks between two askings of peers: eight in a round, since there is a round's time for it.
inline std::uint64_t ask_every(const codec::JobSpec& spec) {
  return std::max(1u, spec.round_blocks / 8u);
}
/// D, of a part's unit roots.
inline Hash part_root_of(std::span<const Hash> roots) { return compute::task_root(roots); }
/// All units of a task.
std::vector<std::uint16_t> all_units(const codec::JobSpec& spec);

}  // namespace kith::node
