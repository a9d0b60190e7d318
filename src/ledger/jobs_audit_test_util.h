// For tests of jobs: adds up anew, from all entries, what the rules keep as sums and links, and
// where every task is. What the rules do in steps has to come to the same after every block.
#pragma once

#include "codec/reader.h"
#include "ledger/jobs_contest_test_util.h"
#include "ledger/jobs_dispute.h"
#include "ledger/jobs_test_util.h"

namespace kith::ledger::test {

/// What is found by looking at every entry of a job.
struct Audit {
  struct Owner {
    std::uint32_t slots = 0;
    std::uint32_t overdue = 0;
  };
  std::map<AccountId, Owner> owners;
  std::map<std::pair<std::uint64_t, int>, int> places;  // task and pass: how often it is there
  std::map<ChainKey, std::vector<SlotId>> slots;
  std::vector<std::uint32_t> live;
  Amount reserved = 0;
  std::map<AccountId, Amount> held;
  std::map<SlotId, int> suspended;  // by disputes
  std::map<Hash, int> held_back;    // by record: likewise
  std::map<SlotId, std::uint8_t> disputes;
};

inline void add_slot(Audit& audit, const codec::JobEntry& job, SlotId number,
                     const codec::SlotEntry& slot) {
  const Amount price = job.spec.price;
  const auto price_of = [&](std::uint8_t pass) { return pass == 1 ? price : job.spec.price2; };
  Audit::Owner& owner = audit.owners[slot.head.owner];
  ++owner.slots;
  ++audit.live[number.value % job.spec.round_blocks];
  audit.held[slot.head.owner] += job.spec.bond;
  audit.slots[slot.head.worker].push_back(number);
  audit.disputes[number] = slot.head.disputes;
  for (const auto& task : slot.maturing) audit.held_back[task.record] -= task.disputes;
  for (const auto& task : slot.queue) {
    ++audit.places[{task.task.value, task.pass}];
    audit.reserved += price_of(task.pass) + price;
  }
  for (const auto& task : slot.pending) {
    if (!task.is_again) ++audit.places[{task.task.value, task.pass}];
    owner.overdue += task.overdue != 0 ? 1 : 0;
    const Amount check = task.checked == 0 ? price : 0;
    audit.reserved += (task.is_again ? 0 : price_of(task.pass)) + check;
    for (std::size_t i = 0; i < task.parts.size(); ++i) {
      audit.reserved += price * (task.checked / task.parts.size()) / job.spec.units;
    }
  }
  for (const auto& task : slot.maturing) {
    ++audit.places[{task.task.value, task.pass}];
    audit.reserved += price_of(task.pass);
  }
}

inline void add_dispute(Audit& audit, const codec::DisputeEntry& dispute) {
  if (binds(dispute.kind, Side::worker)) ++audit.suspended[dispute.worker.slot];
  if (binds(dispute.kind, Side::other)) ++audit.suspended[dispute.other.slot];
  if (dispute.record != Hash{}) ++audit.held_back[dispute.record];
}

/// The list of open disputes has them all, by deadline.
inline void audit_disputes(const Entries& entries) {
  const codec::JobsEntry jobs = jobs_of(entries);
  std::size_t count = 0;
  Height until{0};
  std::uint64_t before = 0;
  for (std::uint64_t number = jobs.first_dispute; number != 0;) {
    const auto dispute = find_dispute(entries, number);
    ASSERT_TRUE(dispute.has_value());
    ASSERT_EQ(dispute->before, before);
    ASSERT_GE(dispute->until, until);
    before = number;
    until = dispute->until;
    number = dispute->after;
    ++count;
  }
  ASSERT_EQ(jobs.last_dispute, before);
  entries.visit(EntryKind::dispute, {}, [&](ByteView, const auto&) {
    --count;
    return true;
  });
  ASSERT_EQ(count, 0u);
}

inline void audit_suspended(Audit& audit) {
  for (const auto& [slot, disputes] : audit.disputes) {
    // What a dispute names may be somebody else's by now.
    ASSERT_LE(int{disputes}, audit.suspended[slot]);
  }
  for (const auto& [record, left] : audit.held_back) ASSERT_GE(left, 0);
}

inline void JobWorld::audit() {
  audit_disputes(entries);
  const auto job_entry = find_job(entries, job);
  Audit audit;
  Amount have = 0;
  if (job_entry) {
    audit.live.resize(job_entry->cohorts.size());
    have += job_entry->escrow;
  }
  Bytes prefix;
  codec::Writer(prefix).u64(job.value);
  entries.visit(EntryKind::slot, prefix, [&](ByteView id, const auto& bytes) {
    const auto slot = codec::decode_entry<codec::SlotEntry>(*bytes);
    EXPECT_TRUE(slot.has_value());
    if (slot->head.is_free) return true;
    codec::Reader reader(id.subspan(8));
    add_slot(audit, *job_entry, {reader.u32().value()}, *slot);
    return true;
  });
  std::uint64_t redo = 0;
  entries.visit(EntryKind::redo_page, prefix, [&](ByteView, const auto& bytes) {
    const auto page = codec::decode_entry<codec::RedoPage>(*bytes);
    for (const auto& task : page->tasks) ++audit.places[{task.task.value, task.pass}];
    redo += page->tasks.size();
    return true;
  });
  entries.visit(EntryKind::dispute, {}, [&](ByteView, const auto& bytes) {
    const auto dispute = codec::decode_entry<codec::DisputeEntry>(*bytes);
    audit.owners[dispute->worker.owner].overdue += dispute->overdue != 0 ? 1 : 0;
    if (dispute->overdue_other != 0) ++audit.owners[dispute->other.owner].overdue;
    if (dispute->held > 0) audit.held[dispute->other.owner] += dispute->held;
    add_dispute(audit, *dispute);
    return true;
  });
  for (const JobEvent& event : log) {
    if (event.kind == JobEvent::Kind::accepted) ++audit.places[{event.task.value, event.pass}];
  }
  for (const auto& [place, times] : audit.places) {
    ASSERT_EQ(times, 1) << "task " << place.first << " of pass " << place.second << " is in "
                        << times << " places at " << height.value;
  }
  audit_suspended(audit);
  for (const AccountId& account : accounts_) {
    const auto entry = codec::decode_account(*entries.find(EntryKind::account, account)).value();
    have += entry.owned();
    ASSERT_EQ(entry.held, audit.held[account]);
  }
  ASSERT_EQ(have, expected_) << "money at " << height.value;
  if (!job_entry) return;
  ASSERT_EQ(job_entry->reserved, audit.reserved);
  ASSERT_EQ(job_entry->redo, redo);
  // Of a job that is over the list of what is to be done again is forgotten in parts.
  const bool is_over = job_entry->state == codec::JobState::ending && job_entry->slots == 0;
  if (!is_over) ASSERT_EQ(audit.places.size(), job_entry->next + job_entry->next_second);
  for (std::size_t c = 0; c < audit.live.size(); ++c) {
    ASSERT_EQ(job_entry->cohorts[c].live, audit.live[c]);
  }
  for (const auto& [owner, found] : audit.owners) {
    const auto member_entry = find_member(entries, job, owner);
    ASSERT_TRUE(member_entry.has_value());
    ASSERT_EQ(member_entry->slots, found.slots);
    std::uint32_t overdue = 0;
    for (const auto& round : member_entry->overdue) overdue += round.count;
    ASSERT_EQ(overdue, found.overdue);
  }
  for (const auto& [worker, slots] : audit.slots) {
    ASSERT_EQ(find_enrolment(entries, job, worker)->slots, slots);
  }
}

}  // namespace kith::ledger::test
