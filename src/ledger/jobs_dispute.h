// One dispute while rules work on it: how it is opened, whose turn it is, how it ends. For the
// sources of jobs.h alone. What the moves are for: jobs_dispute.cpp; what an end costs:
// jobs_verdict.cpp.
//
// Open disputes are a list by deadline: each stage may take answer_blocks, so that whichever has
// just begun one is the last, and a block looks at those alone whose time is over.
#pragma once

#include "ledger/jobs_work.h"

namespace kith::ledger {

using codec::DisputeEntry;
using codec::DisputeKind;
using codec::DisputeStage;
using codec::SlotSide;

enum class Side : std::uint8_t { worker = 1, other = 2 };

class Dispute {
 public:
  Dispute(JobWork& work, std::uint64_t number, DisputeEntry given)
      : entry(std::move(given)),
        work_(work),
        number_(number),
        worker_owes_(owes(Side::worker)),
        other_owes_(owes(Side::other)) {}

  /// At the stage that the entry has.
  static void open(JobWork& work, DisputeEntry entry);

  DisputeEntry entry;

  /// What comes next, and by when.
  void begin(DisputeStage stage);
  /// The entry as it is now.
  void put();

  void end_conceded(Side loser);
  void end_silent();
  void end_void();
  void end_shown();
  /// The other side said what the worker did.
  void end_equal();
  void end_judged(const Hash& digest);
  void end_find(bool is_one);

 private:
  void resume();
  /// Whether the side's slot gets neither leases nor duties before it has moved.
  bool owes(Side side) const;
  void count_owed(bool worker, bool other);
  void lose(Side loser, const AccountId* winner);
  void end_shown_after_resume();
  void release_held(Amount lost);
  void withdraw_task();
  codec::MaturingTask* task();

  JobWork& work_;
  std::uint64_t number_;
  bool worker_owes_;  // as its slot has it
  bool other_owes_;
};

/// Whether the slot of this side is bound to stay, and has something overdue, until it ends. Who is
/// only asked to show works on as it did.
bool binds(DisputeKind kind, Side side);
/// Whose turn it is; at verdict nobody's.
bool is_turn(DisputeStage stage, std::uint8_t opened, Side side);

/// Between the slot whose task it is and another: its checker, or the first pass' worker.
void open_dispute(JobWork& work, DisputeKind kind, SlotId slot, const PendingTask& task,
                  const SlotSide& other);
/// Takes it out of the list; the entry is still there.
void unlink_dispute(Entries& entries, const DisputeEntry& entry);

/// What orders do; each says what is burnt.
struct DisputeOrders {
  const JobRules& rules;
  Height height;
  Entries& entries;
  const ChainKey* signer;
  JobLog* log;

  Result<Amount> concede(const codec::ConcedeDispute& order) const;
  Result<Amount> move(const codec::DisputeMove& order) const;
  Result<Amount> file(const codec::FileDispute& order) const;
  Result<Amount> claim(const codec::ClaimFind& order) const;
  Result<Amount> judge(const codec::GiveVerdict& order) const;
};
/// Those whose time is over, 64 a block.
Amount end_disputes(const JobRules& rules, Height height, Entries& entries, JobLog* log);

}  // namespace kith::ledger
