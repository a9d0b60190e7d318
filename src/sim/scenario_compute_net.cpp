#include "sim/scenario_compute_net.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "codec/chain_account.h"
#include "codec/writer.h"

namespace kith::sim {
namespace {

using codec::JobSpec;
using ledger::AccountId;
using ledger::Amount;
using ledger::Hash;
using ledger::JobEvent;
using ledger::SlotId;

constexpr Amount bond = codec::units_per_coin;
constexpr Amount price = 1'024'000;
/// Enough for a bond anew as often as anybody is caught.
constexpr Amount rich = 10'000 * codec::units_per_coin;
/// Blocks before its round ends that a worker speaks.
constexpr std::uint64_t lead = 8;
/// A core does a task in 61 blocks; the slowest here in 64.
constexpr double pace_min = 1'024.0 / 64;
constexpr double pace_max = 1'024.0 / 57;

Hash numbered(std::string_view tag, std::uint64_t number) {
  Bytes bytes;
  codec::Writer(bytes).u64(number);
  return codec::tagged_hash(tag, {bytes});
}

JobSpec spec_of(const ComputeSettings& settings, std::uint64_t tasks, Amount task_price) {
  JobSpec spec;
  spec.workload = 1;
  spec.tasks = tasks;
  spec.units = 1'024;
  spec.slices = 16;
  spec.region_tasks = 32;
  spec.round_blocks = 64;
  spec.lease_rounds = 8;
  spec.checked_min = 48;
  spec.eps_ppm = settings.eps_ppm;
  spec.passes = 2;
  spec.second_every = 3;
  spec.price = task_price;
  spec.price2 = task_price / 2;
  spec.bond = bond;
  return spec;
}

/// Of the processor: what else runs beside does not count.
double seconds_since(std::clock_t start) {
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace

std::string_view name_of(ComputeLie lie) {
  switch (lie) {
    case ComputeLie::none: return "honest";
    case ComputeLie::lazy: return "lazy";
    case ComputeLie::colluding: return "colluding";
    case ComputeLie::front_running: return "front-running";
    case ComputeLie::burst: return "burst";
    case ComputeLie::device: return "device";
    case ComputeLie::copying: return "copying";
    case ComputeLie::silent: return "silent";
    case ComputeLie::hopping: return "hopping";
    case ComputeLie::hollow: return "hollow";
  }
  UNREACHABLE();
}

std::string_view name_of(ComputeContest contest) {
  switch (contest) {
    case ComputeContest::concede: return "concede";
    case ComputeContest::fight: return "fight";
    case ComputeContest::silence: return "silence";
    case ComputeContest::opening: return "opening";
    case ComputeContest::path: return "path";
  }
  UNREACHABLE();
}

ComputeNet::ComputeNet(const ComputeSettings& settings, std::uint64_t seed)
    : settings_(settings), rng_(seed) {
  rules_.genesis = numbered("sim/compute-genesis", seed);
  rules_.params.account_bond = 1;
  rules_.jury = &jury_;
  found_job(0, std::uint64_t{1} << 32, price);
  const bool has_hoppers =
      settings_.cheats > 0 && (!settings_.only || *settings_.only == ComputeLie::hopping);
  if (has_hoppers) found_job(1, std::uint64_t{1} << 32, 0);
  populate();
}

void ComputeNet::add_account(const AccountId& account, Amount amount) {
  codec::AccountEntry entry;
  entry.key = account;
  entry.lock = account;
  entry.bond = amount;
  entries_.put(ledger::EntryKind::account, account, codec::encode_account(entry));
  accounts_.push_back(account);
  money_ += amount;
}

void ComputeNet::found_job(std::uint32_t number, std::uint64_t tasks, Amount task_price) {
  const AccountId account = numbered("sim/submitter", number);
  add_account(account, 1'000);
  Job job;
  job.id = {ledger::jobs_of(entries_).next_job};
  job.spec = spec_of(settings_, tasks, task_price);
  job.cohorts.resize(job.spec.round_blocks);
  jobs_.push_back(std::move(job));
  obey(codec::SubmitJob{account, jobs_.back().spec, codec::amount_max / 8}, &account);
}

void ComputeNet::add_key(ComputeLie lie, std::uint16_t slots, std::size_t job, AccountId account) {
  Key key;
  key.key = numbered("sim/worker", keys_.size());
  key.account = account;
  key.lie = lie;
  key.contest =
      settings_.contest.value_or(static_cast<ComputeContest>(keys_.size() % compute_contests));
  key.job = job;
  key.device_class = static_cast<std::uint8_t>(1 + rng_.below(3));
  key.slots = slots;
  key.pace = pace_min + (pace_max - pace_min) * rng_.unit();
  codec::WorkerEntry entry;
  entry.account = account;
  entry.device_class = key.device_class;
  entries_.put(ledger::EntryKind::worker, key.key, codec::encode_worker(entry));
  by_key_[key.key] = static_cast<std::uint32_t>(keys_.size());
  keys_.push_back(std::move(key));
  enrol(static_cast<std::uint32_t>(keys_.size() - 1), slots);
}

void ComputeNet::populate() {
  // The first ones all come at once; the cap is for those who follow.
  rules_.fresh_slots = settings_.slots * 2;
  std::array<std::uint64_t, compute_lies> by_lie{};
  std::uint64_t cheating = 0;
  for (std::uint64_t slots = 0; slots < settings_.slots;) {
    // Six slots of ten are alone, three are of owners of ten, one of owners of a hundred.
    const double kind = rng_.unit() * (0.6 + 0.03 + 0.001);
    std::uint64_t size = kind < 0.6 ? 1 : kind < 0.63 ? 10 : 100;
    if (settings_.slots < 1'000) size = std::min<std::uint64_t>(size, 10);
    size = std::min<std::uint64_t>(size, settings_.slots - slots);
    ComputeLie lie = ComputeLie::none;
    if (static_cast<double>(cheating + size) <=
        settings_.cheats * static_cast<double>(slots + size)) {
      const auto least = std::min_element(by_lie.begin() + 1, by_lie.end());
      lie = settings_.only.value_or(static_cast<ComputeLie>(least - by_lie.begin()));
      cheating += size;
      by_lie[static_cast<std::size_t>(lie)] += size;
    }
    if (lie == ComputeLie::none) honest_slots_ += size;
    const AccountId account = numbered("sim/account", accounts_.size());
    add_account(account, rich);
    add_key(lie, static_cast<std::uint16_t>(size), 0, account);
    if (lie == ComputeLie::hopping) {
      add_key(lie, static_cast<std::uint16_t>(size), 1, account);
    }
    slots += size;
  }
  rules_.fresh_slots = ledger::JobRules().fresh_slots;
}

void ComputeNet::enrol(std::uint32_t number, std::uint16_t slots) {
  Key& key = keys_[number];
  Job& job = jobs_[key.job];
  obey(codec::EnrolSlots{job.id, key.key, slots}, &key.key, false);
  const auto enrolment = ledger::find_enrolment(entries_, job.id, key.key);
  const bool was_closed = key.open.empty();
  if (!enrolment) return;
  for (const SlotId slot : enrolment->slots) {
    Slot& mine = job.slots[slot];
    if (mine.is_open) continue;
    mine = Slot();
    mine.key = number;
    mine.is_open = true;
  }
  key.open = enrolment->slots;
  key.cohort = enrolment->cohort;
  if (was_closed) job.cohorts[key.cohort].push_back(number);
}

void ComputeNet::enrol_again() {
  // Once a block, in the order in which they were caught, until the cap refuses.
  while (!waiting_.empty()) {
    Key& key = keys_[waiting_.front()];
    const std::size_t before = key.open.size();
    enrol(waiting_.front(), 1);
    if (key.open.size() == before) return;
    if (--key.missing == 0) waiting_.erase(waiting_.begin());
  }
}

ledger::JobEffect ComputeNet::obey(const codec::JobOrder& order, const ledger::ChainKey* signer,
                                   bool must) {
  const auto effect = ledger::apply_job(rules_, height_, entries_, order, signer, &log_);
  ASSERT(effect.has_value() || !must);
  if (!effect) return {};
  money_ += effect->taken - effect->burnt;
  return *effect;
}

void ComputeNet::block() {
  codec::CarryStatements carry;
  for (Job& job : jobs_) {
    job.entry = ledger::find_job(entries_, job.id);
    ASSERT(job.entry.has_value());
    if (height_ <= job.entry->start) continue;
    const std::uint64_t cohort =
        (height_.value + lead - job.entry->start.value) % job.spec.round_blocks;
    for (const std::uint32_t number : job.cohorts[cohort]) {
      auto said = statement_of(keys_[number]);
      if (!said) continue;
      ++count_.statements;
      count_.statement_bytes += codec::encode_statement(*said).size();
      carry.statements.push_back(*std::move(said));
    }
  }
  const std::clock_t start = std::clock();
  if (!carry.statements.empty()) obey(carry, nullptr);
  count_.block_s += seconds_since(start);
  play_disputes();
  take_all();  // a number that has become free may be somebody else's at once
  enrol_again();
  const std::clock_t end = std::clock();
  const Hash beacon = numbered("sim/beacon", rng_.next());
  money_ -= ledger::end_block_jobs(rules_, height_, beacon, entries_, &log_);
  count_.block_s += seconds_since(end);
  ++count_.blocks;
  take_all();
  height_ = codec::next(height_);
}

ComputeNet::Job& ComputeNet::job_of(ledger::JobId id) {
  const auto job = std::ranges::find(jobs_, id, &Job::id);
  ASSERT(job != jobs_.end());
  return *job;
}

ComputeLie ComputeNet::lie_at(const Job& job, SlotId slot) const {
  const auto at = job.slots.find(slot);
  return at == job.slots.end() ? ComputeLie::none : keys_[at->second.key].lie;
}

void ComputeNet::take_all() {
  for (const JobEvent& event : std::exchange(log_, {})) take(event);
}

void ComputeNet::take(const JobEvent& event) {
  trace_ = (trace_ ^ (static_cast<std::uint64_t>(event.kind) << 56 ^ event.slot.value << 8 ^
                      event.task.value)) *
           0x9e3779b97f4a7c15u;
  Job& job = job_of(event.job);
  switch (event.kind) {
    case JobEvent::Kind::settled:
      if (event.pass == 1) job.records[event.task.value] = event.record;
      ask_for_parts(job, event);
      break;
    case JobEvent::Kind::accepted: take_accepted(job, event); break;
    case JobEvent::Kind::withdrawn:
      if (lie_at(job, event.slot) == ComputeLie::none) ++count_.withdrawn;
      break;
    case JobEvent::Kind::given_back: take_given_back(job, event); break;
    case JobEvent::Kind::disputed: note_dispute(job, event); break;
    case JobEvent::Kind::verdict: ++count_.verdicts; break;
    case JobEvent::Kind::fault: {
      const auto lie = static_cast<std::size_t>(lie_at(job, event.slot));
      ++count_.faults_by[lie];
      ++ever_.faults_by[lie];
      break;
    }
    case JobEvent::Kind::closed: take_closed(job, event); break;
    case JobEvent::Kind::region_done:
      if (event.pass == 2) job.lists.erase(static_cast<std::uint32_t>(event.number));
      break;
    case JobEvent::Kind::leased:
    case JobEvent::Kind::lapsed:
    case JobEvent::Kind::checked_again:
    case JobEvent::Kind::shown:
    case JobEvent::Kind::found:
    case JobEvent::Kind::silent: break;
  }
}

void ComputeNet::take_accepted(Job& job, const JobEvent& event) {
  Slot& slot = job.slots[event.slot];
  const TaskKey task{event.task.value, event.pass};
  slot.committed.erase(task);
  const auto lie = slot.lies.find(task);
  const std::uint64_t wrong = lie == slot.lies.end() ? 0 : lie->second.units.size();
  if (event.pass == 1) {
    const auto region = static_cast<std::uint32_t>(event.task.value / job.spec.region_tasks);
    job.lists[region].push_back(codec::record_hash(job.records.at(event.task.value)));
    if (wrong > 0) job.wrong[event.task.value] = lie->second;
  } else {
    job.records.erase(event.task.value);
    job.wrong.erase(event.task.value);
  }
  if (lie != slot.lies.end()) slot.lies.erase(lie);
  if (&job != &jobs_.front()) return;  // the other job is only there to earn a name in
  const ComputeLie who = keys_[slot.key].lie;
  for (ComputeCount* count : {&count_, &ever_}) {
    PassCount& pass = count->passes[event.pass - 1u];
    ++pass.tasks;
    pass.wrong_units += wrong;
    pass.wrong_tasks += wrong > 0 ? 1 : 0;
    pass.most_wrong = std::max(pass.most_wrong, wrong);
    if (event.pass == 1) count->wrong_by[static_cast<std::size_t>(who)] += wrong;
    if (who == ComputeLie::none) ++count->honest_tasks;
  }
}

void ComputeNet::take_given_back(Job& job, const JobEvent& event) {
  Slot& slot = job.slots[event.slot];
  const TaskKey task{event.task.value, event.pass};
  slot.lies.erase(task);
  if (slot.committed.erase(task) > 0) count_.redone += job.spec.units;
}

void ComputeNet::take_closed(Job& job, const JobEvent& event) {
  Slot& slot = job.slots[event.slot];
  slot.is_open = false;
  slot.lies.clear();
  slot.committed.clear();
  Key& key = keys_[slot.key];
  std::erase(key.open, event.slot);
  if (key.open.empty()) std::erase(job.cohorts[key.cohort], slot.key);
  if (key.missing++ == 0) waiting_.push_back(slot.key);
}

bool ComputeNet::is_conserved() const {
  Amount have = 0;
  for (const AccountId& account : accounts_) {
    const auto entry = codec::decode_account(*entries_.find(ledger::EntryKind::account, account));
    ASSERT(entry.has_value());
    have += entry->owned();
  }
  for (const Job& job : jobs_) have += ledger::find_job(entries_, job.id)->escrow;
  return have == money_;
}

std::uint64_t ComputeNet::state_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto kind :
       {ledger::EntryKind::job, ledger::EntryKind::slot, ledger::EntryKind::redo_page,
        ledger::EntryKind::dispute, ledger::EntryKind::region, ledger::EntryKind::member,
        ledger::EntryKind::enrolment, ledger::EntryKind::jobs}) {
    entries_.visit(kind, {}, [&](ByteView id, const auto& entry) {
      bytes += id.size() + entry->size();
      return true;
    });
  }
  return bytes;
}

std::uint64_t ComputeNet::rounds() const {
  return (height_.value - 1) / jobs_.front().spec.round_blocks;
}
std::uint32_t ComputeNet::mature() const {
  return ledger::find_job(entries_, jobs_.front().id)->mature;
}
std::uint32_t ComputeNet::units() const { return jobs_.front().spec.units; }

}  // namespace kith::sim
