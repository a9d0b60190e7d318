// One job's entries while rules work on them: decoded once, changed in place, written by flush().
// For the sources of jobs.h alone. What is in the state was encoded by us, so that it decodes.
#pragma once

#include <map>

#include "ledger/accounts.h"
#include "ledger/jobs.h"

namespace kith::ledger {

using codec::JobEntry;
using codec::MemberEntry;
using codec::PendingTask;
using codec::SlotEntry;
using codec::SlotHead;

inline constexpr std::uint8_t draws_silent_max = 3;
inline constexpr std::uint64_t gone_rounds = 64;

class JobWork {
 public:
  /// `entries` and `log` outlive it.
  JobWork(const JobRules& given, Height now, Entries& state, JobId number, JobEntry entry,
          JobLog* log)
      : rules(given), height(now), entries(state), id(number), job(std::move(entry)), log_(log) {}

  const JobRules& rules;
  const Height height;
  Entries& entries;
  const JobId id;
  JobEntry job;
  Amount burnt = 0;

  /// Whether there is a slot of this number, somebody's.
  bool has_slot(SlotId slot);
  /// Somebody's; good until flush().
  SlotEntry& slot(SlotId slot);
  /// Of a slot that draws may look at; none: free, or there never was one.
  std::optional<SlotHead> head_of(SlotId slot);
  MemberEntry& member(const AccountId& account);
  /// Null: the key has no slots in this job.
  codec::EnrolmentEntry* enrolment(const ChainKey& worker);
  codec::EnrolmentEntry& add_enrolment(const ChainKey& worker);
  codec::RegionEntry& region(std::uint32_t region);

  /// A slot number of the cohort, as somebody's. There is room.
  SlotId open_slot(std::uint16_t cohort, SlotHead head);
  /// Everything that the slot has goes back to the job; `burnt` of its bond is gone. It is free.
  void close_slot(SlotId slot, Amount burnt);
  /// Of a job that is over: forgets the cohort's numbers. Whether there were any.
  bool forget_numbers(std::uint16_t cohort);
  /// The slot has lost: a part of its bond, what its owner had passed, and what matured.
  void fault(SlotId slot, std::uint64_t dispute);
  /// All slots of the key are closed, their bonds lost: half is burnt, half goes to the winner, if
  /// there is one.
  void lose_all(const codec::SlotSide& loser, const AccountId* winner, std::uint64_t dispute);
  /// What is lost already and counted as burnt: half of it is the winner's instead.
  void award_half(Amount lost, const AccountId& winner);
  /// Something of the owner's is overdue from this block on: the round to end it by.
  std::uint64_t begin_overdue(const AccountId& account);
  void end_overdue(const AccountId& account, std::uint64_t round);
  /// A fault of the owner that the slot has not heard of withdraws what matures.
  void hear_of_faults(SlotId slot, SlotEntry& entry);

  void give_back(SlotId slot, TaskIndex task, std::uint8_t pass);
  /// The task that was given back last.
  codec::RedoTask take_back();
  const codec::RedoTask& last_given_back();

  Amount price_of(std::uint8_t pass) const { return pass == 1 ? job.spec.price : job.spec.price2; }
  /// Of a part that has so many units.
  Amount duty_price(std::uint16_t units) const;
  /// What stays reserved for a task that is leased, and for one that is pending.
  Amount lease_reserve(std::uint8_t pass) const { return price_of(pass) + job.spec.price; }
  Amount reserve_of(const PendingTask& task) const;
  /// Out of what is reserved; into what the account has earned.
  void pay(const AccountId& account, Amount amount);

  std::uint16_t cohort_of(SlotId slot) const {
    return static_cast<std::uint16_t>(slot.value % job.spec.round_blocks);
  }
  void note(JobEvent event);
  /// Rounds of the job, as those of cohort 0.
  std::uint64_t round() const { return (height.value - job.start.value) / job.spec.round_blocks; }

  void flush();

 private:
  template <class Entry>
  std::optional<Entry> load(codec::EntryKind kind, ByteView key) const;
  codec::RedoPage& page(std::uint32_t number);
  SlotEntry* cached(SlotId slot);

  JobLog* log_;
  std::map<SlotId, SlotEntry> slots_;
  std::map<AccountId, MemberEntry> members_;
  std::map<ChainKey, codec::EnrolmentEntry> enrolments_;
  std::map<std::uint32_t, codec::RegionEntry> regions_;
  std::map<std::uint32_t, codec::RedoPage> pages_;
  std::map<AccountId, Amount> earned_;
};

/// The id under which an entry of the job stands.
Bytes job_key(JobId job);
Bytes job_key(JobId job, std::uint32_t number);
Bytes job_key(JobId job, const Hash& name);
std::optional<JobWork> open_job(const JobRules& rules, Height height, Entries& entries, JobId id,
                                JobLog* log);
/// The last region of a job may be smaller than the others.
std::uint32_t region_size(const codec::JobSpec& spec, std::uint32_t region);
void put_jobs(Entries& entries, const codec::JobsEntry& jobs);

/// Whether the key has said a statement in this round of its cohort.
bool has_said(const codec::EnrolmentEntry& enrolment, std::uint64_t round);
/// Whether a task of the slot that is not settled has this commitment.
bool has_committed(const SlotEntry& slot, const Hash& commitment);
/// The round of the cohort that block `height` is in; none before its first.
std::optional<std::uint64_t> round_at(const JobEntry& job, std::uint16_t cohort, Height height);
/// Whether the slot is still the one that it was.
bool is_there(JobWork& work, const codec::SlotSide& side);
/// What a fault does to an owner.
void forget_passed(MemberEntry& member);
/// What an owner has passed, as far as it counts: what it passed after a task had become overdue
/// does not before that task is settled, else the good news would come first.
std::uint32_t passed_in_order(const MemberEntry& member);
/// A statement in one of the last two rounds that were over at `at`. What is said later changes
/// nothing about it.
bool is_present(JobWork& work, const ChainKey& worker, Height at);

// What happens at S(round) of a cohort, and at the draw after it, to the slots of the cohort.
void settle_cohort(JobWork& work, std::uint16_t cohort, std::uint64_t round);
void draw_cohort(JobWork& work, std::uint16_t cohort, std::uint64_t round, const Hash& beacon);
void lease_cohort(JobWork& work, std::uint16_t cohort, std::uint64_t round, const Hash& beacon);
std::vector<SlotId> slots_of_cohort(JobWork& work, std::uint16_t cohort);

void apply_statement(JobWork& work, const codec::JobStatement& statement);

}  // namespace kith::ledger
