#include "ledger/jobs_work.h"

#include <algorithm>

#include "codec/writer.h"

namespace kith::ledger {
namespace {

using codec::Cohort;
using codec::EnrolmentEntry;
using codec::RedoPage;
using codec::RedoTask;
using codec::RegionEntry;

/// A sixteenth of a bond is lost with a fault that its slot concedes.
constexpr Amount fault_share = 16;

template <class Entry>
std::optional<Entry> load_entry(const Entries& entries, EntryKind kind, ByteView key) {
  const auto bytes = entries.find(kind, key);
  if (bytes == nullptr) return std::nullopt;
  auto entry = codec::decode_entry<Entry>(*bytes);
  ASSERT(entry.has_value());
  return *std::move(entry);
}

}  // namespace

Bytes job_key(JobId job) {
  Bytes key;
  codec::Writer(key).u64(job.value);
  return key;
}
Bytes job_key(JobId job, std::uint32_t number) {
  Bytes key = job_key(job);
  codec::Writer(key).u32(number);
  return key;
}
Bytes job_key(JobId job, const Hash& name) {
  Bytes key = job_key(job);
  codec::Writer(key).bytes(name);
  return key;
}

template <class Entry>
std::optional<Entry> JobWork::load(EntryKind kind, ByteView key) const {
  return load_entry<Entry>(entries, kind, key);
}

SlotEntry* JobWork::cached(SlotId slot) {
  const auto at = slots_.find(slot);
  if (at != slots_.end()) return &at->second;
  auto entry = load<SlotEntry>(EntryKind::slot, job_key(id, slot.value));
  return entry ? &slots_.emplace(slot, *std::move(entry)).first->second : nullptr;
}

bool JobWork::has_slot(SlotId slot) {
  const SlotEntry* entry = cached(slot);
  return entry != nullptr && !entry->head.is_free;
}

SlotEntry& JobWork::slot(SlotId slot) {
  SlotEntry* entry = cached(slot);
  ASSERT(entry != nullptr && !entry->head.is_free);
  return *entry;
}

std::optional<SlotHead> JobWork::head_of(SlotId slot) {
  const auto at = slots_.find(slot);
  if (at != slots_.end()) {
    if (at->second.head.is_free) return std::nullopt;
    return at->second.head;
  }
  const auto bytes = entries.find(EntryKind::slot, job_key(id, slot.value));
  if (bytes == nullptr) return std::nullopt;
  auto head = codec::decode_slot_head(*bytes);
  ASSERT(head.has_value());
  if (head->is_free) return std::nullopt;
  return *std::move(head);
}

MemberEntry& JobWork::member(const AccountId& account) {
  const auto at = members_.find(account);
  if (at != members_.end()) return at->second;
  return members_[account] =
             load<MemberEntry>(EntryKind::member, job_key(id, account)).value_or(MemberEntry());
}

EnrolmentEntry* JobWork::enrolment(const ChainKey& worker) {
  auto at = enrolments_.find(worker);
  if (at == enrolments_.end()) {
    auto entry = load<EnrolmentEntry>(EntryKind::enrolment, job_key(id, worker));
    if (!entry) return nullptr;
    at = enrolments_.emplace(worker, *std::move(entry)).first;
  }
  return at->second.slots.empty() ? nullptr : &at->second;
}

EnrolmentEntry& JobWork::add_enrolment(const ChainKey& worker) {
  return enrolments_[worker] = EnrolmentEntry();
}

RegionEntry& JobWork::region(std::uint32_t region) {
  const auto at = regions_.find(region);
  if (at != regions_.end()) return at->second;
  return regions_[region] =
             load<RegionEntry>(EntryKind::region, job_key(id, region)).value_or(RegionEntry());
}

SlotId JobWork::open_slot(std::uint16_t cohort, SlotHead head) {
  Cohort& place = job.cohorts[cohort];
  SlotId opened;
  if (place.free_next != 0) {
    opened = {place.free_next - 1};
    SlotEntry* entry = cached(opened);
    ASSERT(entry != nullptr && entry->head.is_free);
    place.free_next = entry->head.free_next;
  } else {
    ASSERT(place.used < codec::cohort_slots_max);
    opened = {cohort + std::uint32_t{job.spec.round_blocks} * place.used};
    ++place.used;
  }
  ++place.live;
  ++job.slots;
  ++member(head.owner).slots;
  slots_[opened] = SlotEntry{std::move(head), {}, {}, {}};
  return opened;
}

void JobWork::close_slot(SlotId number, Amount lost) {
  SlotEntry entry = std::move(slot(number));
  MemberEntry& owner = member(entry.head.owner);
  for (const codec::QueuedTask& task : entry.queue) {
    job.reserved -= lease_reserve(task.pass);
    give_back(number, task.task, task.pass);
  }
  for (const PendingTask& task : entry.pending) {
    job.reserved -= reserve_of(task);
    if (task.overdue != 0) end_overdue(entry.head.owner, task.overdue);
    if (!task.is_again) give_back(number, task.task, task.pass);
  }
  for (const codec::MaturingTask& task : entry.maturing) {
    job.reserved -= price_of(task.pass);
    note({JobEvent::Kind::withdrawn, id, number, task.task, task.pass});
    give_back(number, task.task, task.pass);
  }
  if (lost > 0) forfeit_bond(entries, entry.head.owner, lost);
  release_bond(entries, entry.head.owner, job.spec.bond - lost);
  burnt += lost;
  EnrolmentEntry* key = enrolment(entry.head.worker);
  ASSERT(key != nullptr);
  std::erase(key->slots, number);
  Cohort& place = job.cohorts[cohort_of(number)];
  SlotEntry& closed = slots_[number];
  closed = SlotEntry();
  closed.head.is_free = true;
  closed.head.free_next = place.free_next;
  place.free_next = number.value + 1;
  --place.live;
  --job.slots;
  --owner.slots;
  note({JobEvent::Kind::closed, id, number, {}, 0});
}

bool JobWork::forget_numbers(std::uint16_t cohort) {
  Cohort& place = job.cohorts[cohort];
  ASSERT(place.live == 0);
  if (place.used == 0) return false;
  for (std::uint32_t i = 0; i < place.used; ++i) {
    const SlotId number{cohort + i * job.spec.round_blocks};
    slots_.erase(number);
    entries.erase(EntryKind::slot, job_key(id, number.value));
  }
  place = Cohort();
  return true;
}

void JobWork::fault(SlotId number, std::uint64_t dispute) {
  MemberEntry& owner = member(slot(number).head.owner);
  forget_passed(owner);
  note({JobEvent::Kind::fault, id, number, {}, 0, dispute});
  close_slot(number, job.spec.bond / fault_share);
}

void JobWork::lose_all(const codec::SlotSide& loser, const AccountId* winner,
                       std::uint64_t dispute) {
  forget_passed(member(loser.owner));
  note({JobEvent::Kind::fault, id, loser.slot, {}, 0, dispute});
  const EnrolmentEntry* key = enrolment(loser.worker);
  if (key == nullptr) return;
  Amount lost = 0;
  for (const SlotId number : std::vector<SlotId>(key->slots)) {
    if (slot(number).head.owner != loser.owner) continue;
    close_slot(number, job.spec.bond);
    lost += job.spec.bond;
  }
  if (winner != nullptr) award_half(lost, *winner);
}

void JobWork::award_half(Amount lost, const AccountId& winner) {
  if (add_earned(entries, winner, lost / 2)) burnt -= lost / 2;
}

std::uint64_t JobWork::begin_overdue(const AccountId& account) {
  MemberEntry& owner = member(account);
  const std::uint64_t now = round() + 1;
  auto& rounds = owner.overdue;
  const bool is_new = rounds.empty() || rounds.back().round != now;
  if (is_new && rounds.size() < codec::overdue_rounds_max) rounds.push_back({now, 0, owner.passed});
  ++rounds.back().count;
  return rounds.back().round;
}

void JobWork::end_overdue(const AccountId& account, std::uint64_t since) {
  auto& rounds = member(account).overdue;
  const auto at = std::ranges::find(rounds, since, &codec::OverdueRound::round);
  ASSERT(at != rounds.end());
  if (--at->count == 0) rounds.erase(at);
}

void JobWork::hear_of_faults(SlotId number, SlotEntry& entry) {
  const std::uint32_t faults = member(entry.head.owner).faults;
  if (entry.head.faults == faults) return;
  for (const codec::MaturingTask& task : entry.maturing) {
    job.reserved -= price_of(task.pass);
    note({JobEvent::Kind::withdrawn, id, number, task.task, task.pass});
    give_back(number, task.task, task.pass);
  }
  entry.maturing.clear();
  entry.head.passed = 0;
  entry.head.faults = faults;
}

RedoPage& JobWork::page(std::uint32_t number) {
  const auto at = pages_.find(number);
  if (at != pages_.end()) return at->second;
  return pages_[number] =
             load<RedoPage>(EntryKind::redo_page, job_key(id, number)).value_or(RedoPage());
}

void JobWork::give_back(SlotId slot, TaskIndex task, std::uint8_t pass) {
  page(static_cast<std::uint32_t>(job.redo / codec::redo_page_tasks)).tasks.push_back({task, pass});
  ++job.redo;
  note({JobEvent::Kind::given_back, id, slot, task, pass});
}

const RedoTask& JobWork::last_given_back() {
  ASSERT(job.redo > 0);
  return page(static_cast<std::uint32_t>((job.redo - 1) / codec::redo_page_tasks)).tasks.back();
}

RedoTask JobWork::take_back() {
  const RedoTask task = last_given_back();
  --job.redo;
  page(static_cast<std::uint32_t>(job.redo / codec::redo_page_tasks)).tasks.pop_back();
  return task;
}

Amount JobWork::duty_price(std::uint16_t units) const {
  // A price is below 2^60, and units are below 2^10.
  return job.spec.price / job.spec.units * units +
         job.spec.price % job.spec.units * units / job.spec.units;
}

Amount JobWork::reserve_of(const PendingTask& task) const {
  // What is checked again is reserved for where it matures.
  const Amount own = task.is_again ? 0 : price_of(task.pass);
  if (task.checked == 0) return own + job.spec.price;
  const auto parts = static_cast<std::uint16_t>(task.parts.size());
  return own + parts * duty_price(static_cast<std::uint16_t>(task.checked / parts));
}

void JobWork::pay(const AccountId& account, Amount amount) {
  job.reserved -= amount;
  if (amount == 0) return;
  job.escrow -= amount;
  earned_[account] += amount;
}

void JobWork::note(JobEvent event) {
  if (log_ != nullptr && log_->size() < rules.events_max) log_->push_back(std::move(event));
}

void JobWork::flush() {
  // Much was only looked at: what has not changed is not written (Entries::put).
  for (const auto& [number, entry] : slots_) {
    entries.put(EntryKind::slot, job_key(id, number.value), codec::encode_entry(entry));
  }
  for (const auto& [account, entry] : members_) {
    entries.put(EntryKind::member, job_key(id, account), codec::encode_entry(entry));
  }
  for (const auto& [worker, entry] : enrolments_) {
    if (entry.slots.empty()) {
      entries.erase(EntryKind::enrolment, job_key(id, worker));
    } else {
      entries.put(EntryKind::enrolment, job_key(id, worker), codec::encode_entry(entry));
    }
  }
  for (const auto& [number, entry] : regions_) {
    entries.put(EntryKind::region, job_key(id, number), codec::encode_entry(entry));
  }
  for (const auto& [number, entry] : pages_) {
    if (entry.tasks.empty()) {
      entries.erase(EntryKind::redo_page, job_key(id, number));
    } else {
      entries.put(EntryKind::redo_page, job_key(id, number), codec::encode_entry(entry));
    }
  }
  for (const auto& [account, amount] : earned_) {
    // Whoever is owed holds a bond, and so has an account.
    const bool paid = add_earned(entries, account, amount);
    ASSERT(paid);
  }
  entries.put(EntryKind::job, job_key(id), codec::encode_entry(job));
  slots_.clear();
  members_.clear();
  enrolments_.clear();
  regions_.clear();
  pages_.clear();
  earned_.clear();
}

std::optional<JobWork> open_job(const JobRules& rules, Height height, Entries& entries, JobId id,
                                JobLog* log) {
  auto job = find_job(entries, id);
  if (!job) return std::nullopt;
  return std::optional<JobWork>(std::in_place, rules, height, entries, id, *std::move(job), log);
}

codec::JobsEntry jobs_of(const Entries& entries) {
  return load_entry<codec::JobsEntry>(entries, EntryKind::jobs, {}).value_or(codec::JobsEntry());
}
void put_jobs(Entries& entries, const codec::JobsEntry& jobs) {
  entries.put(EntryKind::jobs, {}, codec::encode_entry(jobs));
}

std::optional<JobEntry> find_job(const Entries& entries, JobId job) {
  return load_entry<JobEntry>(entries, EntryKind::job, job_key(job));
}
std::optional<SlotEntry> find_slot(const Entries& entries, JobId job, SlotId slot) {
  auto entry = load_entry<SlotEntry>(entries, EntryKind::slot, job_key(job, slot.value));
  if (entry && entry->head.is_free) return std::nullopt;
  return entry;
}
std::optional<MemberEntry> find_member(const Entries& entries, JobId job,
                                       const AccountId& account) {
  return load_entry<MemberEntry>(entries, EntryKind::member, job_key(job, account));
}
std::optional<RegionEntry> find_region(const Entries& entries, JobId job, std::uint32_t region) {
  return load_entry<RegionEntry>(entries, EntryKind::region, job_key(job, region));
}
std::optional<EnrolmentEntry> find_enrolment(const Entries& entries, JobId job,
                                             const ChainKey& worker) {
  return load_entry<EnrolmentEntry>(entries, EntryKind::enrolment, job_key(job, worker));
}
std::optional<codec::DisputeEntry> find_dispute(const Entries& entries, std::uint64_t dispute) {
  return load_entry<codec::DisputeEntry>(entries, EntryKind::dispute, job_key(JobId{dispute}));
}

std::uint32_t region_size(const codec::JobSpec& spec, std::uint32_t region) {
  const std::uint64_t begin = std::uint64_t{region} * spec.region_tasks;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(spec.region_tasks, spec.tasks - begin));
}

bool is_there(JobWork& work, const codec::SlotSide& side) {
  if (!work.has_slot(side.slot)) return false;
  const SlotHead& head = work.slot(side.slot).head;
  return head.worker == side.worker && head.since == side.since;
}

void forget_passed(MemberEntry& member) {
  member.passed = 0;
  ++member.faults;
  for (codec::OverdueRound& round : member.overdue) round.passed = 0;
}

std::uint32_t passed_in_order(const MemberEntry& member) {
  std::uint32_t passed = member.passed;
  for (const codec::OverdueRound& round : member.overdue) passed = std::min(passed, round.passed);
  return passed;
}

bool has_said(const EnrolmentEntry& enrolment, std::uint64_t round) {
  if (enrolment.seen == round) return true;
  if (enrolment.seen < round || enrolment.seen - round > 8) return false;
  return (enrolment.before >> (enrolment.seen - round - 1) & 1) != 0;
}

std::optional<std::uint64_t> round_at(const JobEntry& job, std::uint16_t cohort, Height height) {
  const std::uint64_t begins = job.start.value + cohort;
  if (height.value <= begins) return std::nullopt;
  return (height.value - 1 - begins) / job.spec.round_blocks;
}

std::optional<std::uint64_t> statement_round(const JobEntry& job, std::uint16_t cohort,
                                             Height height) {
  return round_at(job, cohort, height);
}

Height round_begins(const JobEntry& job, std::uint16_t cohort, std::uint64_t round) {
  return {job.start.value + cohort + round * job.spec.round_blocks};
}

bool is_present(JobWork& work, const ChainKey& worker, Height at) {
  const EnrolmentEntry* enrolment = work.enrolment(worker);
  if (enrolment == nullptr) return false;
  const auto round = round_at(work.job, enrolment->cohort, at);
  if (!round) return false;
  return (*round >= 1 && has_said(*enrolment, *round - 1)) ||
         (*round >= 2 && has_said(*enrolment, *round - 2));
}

std::vector<SlotId> slots_of_cohort(JobWork& work, std::uint16_t cohort) {
  std::vector<SlotId> slots;
  for (std::uint32_t i = 0; i < work.job.cohorts[cohort].used; ++i) {
    const SlotId slot{cohort + i * work.job.spec.round_blocks};
    if (work.has_slot(slot)) slots.push_back(slot);
  }
  return slots;
}

}  // namespace kith::ledger
