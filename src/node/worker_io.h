// What a worker (node/worker.h) asks for and tells; a part of that header.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "codec/chain_job_state.h"
#include "codec/chain_record.h"
#include "compute/workload.h"

namespace kith::node {

using base::Token;
using codec::ChainKey;
using codec::Hash;
using codec::Height;
using codec::JobId;
using codec::SlotId;

/// One slice, to be computed on a thread of idle priority. Answered by on_computed(). What was
/// computed before a kill may come out of a journal, unless it is to be computed afresh.
struct ComputeSlice {
  Token token;
  JobId job;
  std::uint8_t workload = 0;
  std::shared_ptr<const Bytes> params;
  codec::TaskIndex task;
  std::uint32_t unit = 0;
  std::uint32_t slice = 0;
  bool is_fresh = false;
  /// The workload's results_version(): a journal of others is begun anew.
  std::uint16_t results = 1;
};
/// Slices of this task are not needed any more, in no journal.
struct ForgetTask {
  JobId job;
  codec::TaskIndex task;
};
/// What the unit has found (compute/workload.h) is to be named, on a thread of idle priority:
/// slices may have to be computed again. Answered by on_named().
struct NameFinds {
  Token token;
  JobId job;
  std::uint8_t workload = 0;
  std::shared_ptr<const Bytes> params;
  codec::TaskIndex task;
  std::uint32_t unit = 0;
  std::vector<compute::SliceResult> results;
};
/// To be durable, in this order behind all earlier ones; answered by on_kept(). `begins_anew`: and
/// all earlier ones may go.
struct KeepRecords {
  Token token;
  std::vector<Bytes> records;
  bool begins_anew = false;
};
/// To be put into a transaction, by whoever pays for it.
struct SayStatement {
  codec::JobStatement statement;
};
/// To be signed with the worker's key in a transaction.
struct GiveOrder {
  codec::JobOrder order;
};
/// What one of our checks fitted: the worker of the task is to show that the part's unit roots are
/// under U. Answered by on_shown().
struct AskShow {
  JobId job;
  codec::TaskIndex task;
  std::uint8_t pass = 1;
  std::uint8_t part = 0;
  ChainKey worker{};
};

/// The first pass' record of a task that a slot of ours has of the second one, and the proof that
/// it is in its region's list. Answered by on_first().
struct AskFirst {
  JobId job;
  codec::TaskIndex task;
};

// For those who watch.

/// A slot's task has been settled, and its record signed.
struct RecordMade {
  codec::Record record;
};
/// A task of ours has a find; it is claimed on the ledger once its record is signed.
struct FindMade {
  JobId job;
  codec::TaskIndex task;
  std::uint16_t unit = 0;
  compute::Find find;
};
/// The worker did not show what it revealed, until the height by which that could be disputed.
struct NotShown {
  JobId job;
  codec::TaskIndex task;
  std::uint8_t pass = 1;
  std::uint8_t part = 0;
  SlotId target;
  ChainKey worker{};
  bool is_filed = false;  // it is asked on the ledger
};
/// In a dispute of ours, once: what it is about was computed once more. Who was wrong concedes, who
/// was not goes on.
struct DisputeLooked {
  std::uint64_t dispute = 0;
  bool was_wrong = false;
};

struct WorkerOutput
    : std::variant<ComputeSlice, ForgetTask, KeepRecords, SayStatement, GiveOrder, AskShow,
                   RecordMade, NotShown, DisputeLooked, NameFinds, FindMade, AskFirst> {
  using variant::variant;
  WorkerOutput(const WorkerOutput&);
  WorkerOutput& operator=(const WorkerOutput&);
  WorkerOutput(WorkerOutput&&) noexcept;
  WorkerOutput& operator=(WorkerOutput&&) noexcept;
  ~WorkerOutput();
};

/// Of these, what a shell does.
using WorkAsk = std::variant<ComputeSlice, ForgetTask, KeepRecords, NameFinds>;

/// And what peers are asked; nothing: nobody waits for the answer.
using WorkAsked = std::variant<std::monostate, AskShow, AskFirst>;

/// Since the start.
struct WorkerStats {
  std::uint64_t slices = 0;         // computed
  std::uint64_t slices_failed = 0;  // the device's fault, or the program's
  std::uint64_t units = 0;
  std::uint64_t tasks = 0;       // computed in whole
  std::uint64_t statements = 0;  // said for the first time
  std::uint64_t repeats = 0;     // and again
  std::uint64_t commits = 0;
  std::uint64_t reveals = 0;
  std::uint64_t checks = 0;
  std::uint64_t settled = 0;  // tasks whose record was signed
  std::uint64_t orders = 0;   // to enrol, leave, move, concede or file
  std::uint64_t disputes = 0;
  std::uint64_t moves = 0;  // in disputes, but for conceding
  std::uint64_t conceded = 0;
  std::uint64_t finds = 0;      // in tasks of ours
  std::uint64_t claims = 0;     // orders that claim one
  std::uint64_t shows = 0;      // of others, that hold
  std::uint64_t not_shown = 0;  // of others, that did not come in time
  std::uint64_t filed = 0;      // of these, asked for on the ledger
  std::uint64_t firsts = 0;     // of first passes, found
};

}  // namespace kith::node
