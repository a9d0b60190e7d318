// What the workers of the scenario "compute" do in a round, and what they say about it.
#include <algorithm>
#include <utility>

#include "codec/writer.h"
#include "sim/scenario_compute_net.h"

namespace kith::sim {
namespace {

using codec::PendingTask;
using codec::SlotEntry;
using codec::StatementLine;
using ledger::Hash;
using ledger::SlotId;

constexpr double away_chance = 0.003;  // a round
constexpr std::uint64_t away_rounds_max = 12;
constexpr double late_chance = 0.015;
constexpr double restart_chance = 0.01;
constexpr double lazy_share = 0.1;
constexpr std::size_t burst_units = 30;
constexpr std::uint64_t burst_tasks = 20;
constexpr std::size_t silent_units = 16;
/// 1.6 false units of 1,024: what a check at its floor finds least of, for what it gains.
constexpr double second_unit_chance = 0.6;

constexpr std::uint64_t nobodys = 0;
constexpr std::uint64_t the_leagues = 1;
constexpr std::uint64_t the_devices = 2;

bool is_in_league(ComputeLie lie) {
  return lie == ComputeLie::colluding || lie == ComputeLie::burst || lie == ComputeLie::silent ||
         lie == ComputeLie::hopping;
}

}  // namespace

bool ComputeNet::is_heard(Key& key, double budget) {
  if (key.lie != ComputeLie::none || key.job != 0) return true;
  const double all = budget * static_cast<double>(key.open.size());
  count_.capacity += all;
  if (!settings_.has_failures) return true;
  const std::uint64_t now = rounds();
  if (now >= key.away_until && rng_.unit() < away_chance) {
    key.away_until = now + 1 + rng_.below(away_rounds_max);
  }
  if (now >= key.away_until && rng_.unit() >= late_chance) return true;
  count_.lost += all;
  return false;
}

std::optional<codec::JobStatement> ComputeNet::statement_of(Key& key) {
  const Job& job = jobs_[key.job];
  const auto round = ledger::statement_round(*job.entry, key.cohort, height_);
  if (!round) return std::nullopt;
  const double budget = key.pace * job.spec.round_blocks;
  if (!is_heard(key, budget)) return std::nullopt;
  codec::JobStatement said{job.id, *round, key.key, {}, {}};
  for (const SlotId slot : key.open) speak(key, slot, budget, said);
  return said;
}

void ComputeNet::speak(Key& key, SlotId number, double budget, codec::JobStatement& said) {
  Job& job = jobs_[key.job];
  Slot& slot = job.slots[number];
  const auto entry = ledger::find_slot(entries_, job.id, number);
  ASSERT(entry.has_value());
  if (key.lie == ComputeLie::none && settings_.has_failures && rng_.unit() < restart_chance) {
    if (key.job == 0) count_.lost += slot.done;
    slot.done = 0;
  }
  reveal(key, slot, *entry, number, said);
  const std::vector<codec::QueuedTask> queue = refuse_own(key, entry->queue, number, said);
  StatementLine line;
  line.slot = number;
  budget -= do_duties(key, *entry, budget, line);
  if (key.lie == ComputeLie::lazy) budget /= 1 - lazy_share;
  if (!line.checks.empty()) said.lines.push_back(std::move(line));
  const double left = do_tasks(key, slot, queue, entry->head.passed, budget, number, said);
  if (key.lie != ComputeLie::none || key.job != 0) return;
  (said.round < entry->head.idle_until ? count_.resting : count_.unleased) += left;
}

std::vector<codec::QueuedTask> ComputeNet::refuse_own(const Key& key,
                                                      const std::vector<codec::QueuedTask>& queue,
                                                      SlotId number, codec::JobStatement& said) {
  const Job& job = jobs_[key.job];
  std::vector<codec::QueuedTask> others;
  for (const codec::QueuedTask& task : queue) {
    const auto first = job.records.find(task.task.value);
    if (task.pass == 1 || first == job.records.end() || first->second.account != key.account) {
      others.push_back(task);
      continue;
    }
    StatementLine another;
    another.slot = number;
    another.first = shown(job, task.task.value);
    said.lines.push_back(std::move(another));
  }
  return others;
}

double ComputeNet::do_duties(const Key& key, const SlotEntry& entry, double budget,
                             StatementLine& line) {
  const Job& job = jobs_[key.job];
  if (key.lie == ComputeLie::front_running) return 0;  // waits for others to tell: always too late
  double spent = 0;
  for (const codec::Duty& duty : entry.head.duties) {
    const auto target = ledger::find_slot(entries_, job.id, duty.target);
    if (duty.due < height_ || !target) continue;
    const auto cohort = static_cast<std::uint16_t>(duty.target.value % job.spec.round_blocks);
    for (const PendingTask& task : target->pending) {
      if (task.due == 0 || duty.part >= task.parts.size() ||
          ledger::round_begins(*job.entry, cohort, task.due) != duty.due ||
          task.parts[duty.part].checker != line.slot || task.parts[duty.part].said) {
        continue;
      }
      const auto parts = static_cast<double>(task.parts.size());
      const double units = static_cast<double>(task.checked) / parts;
      const TaskKey name{task.task.value, task.pass};
      const Lie fault = fault_of_device(task.task.value);
      const Lie* believed = nullptr;
      bool computes = key.lie != ComputeLie::copying;
      if (is_in_league(key.lie) && is_in_league(lie_at(job, duty.target))) {
        believed = lie_of(job, duty.target, name);
        computes = false;
      }
      if (key.lie == ComputeLie::device) believed = &fault;
      if (computes && spent + units > budget) continue;
      if (computes) spent += units;
      Hash got = part_of(job, task, duty.part, believed);
      if (key.lie == ComputeLie::copying) got[0] ^= 1;
      line.checks.push_back({duty.target, duty.part,
                             codec::check_commitment({rules_.genesis, job.id, task.task, task.pass},
                                                     duty.part, key.key, got)});
    }
  }
  if (key.lie == ComputeLie::none && key.job == 0) count_.checked += spent;
  return spent;
}

double ComputeNet::do_tasks(const Key& key, Slot& slot, const std::vector<codec::QueuedTask>& queue,
                            std::uint32_t passed, double budget, SlotId number,
                            codec::JobStatement& said) {
  const Job& job = jobs_[key.job];
  const double units = job.spec.units;
  for (const codec::QueuedTask& task : queue) {
    const TaskKey name{task.task.value, task.pass};
    if (slot.at != name) slot.done = 0;
    slot.at = name;
    const double worked = std::min(budget, units - slot.done);
    slot.done += worked;
    budget -= worked;
    if (slot.done < units) return budget;
    Lie lie = choose_lie(key, slot, name, passed);
    ++slot.tasks;
    const Hash root = key.lie == ComputeLie::front_running
                          ? codec::tagged_hash("sim/nothing", {key.key})
                          : results_.root(name.first, &lie);
    StatementLine line;
    line.slot = number;
    line.commit = codec::task_commitment({rules_.genesis, job.id, task.task, task.pass}, number,
                                         key.key, root);
    said.lines.push_back(std::move(line));
    if (!lie.units.empty()) slot.lies[name] = std::move(lie);
    slot.at = {};
    if (key.lie != ComputeLie::none || key.job != 0) continue;
    count_.computed += units;
    slot.committed.insert(name);
  }
  return budget;
}

void ComputeNet::reveal(const Key& key, Slot& slot, const SlotEntry& entry, SlotId number,
                        codec::JobStatement& said) {
  const Job& job = jobs_[key.job];
  if (key.lie == ComputeLie::front_running) return;  // it has nothing that would open
  for (const PendingTask& task : entry.pending) {
    if (task.due == 0 || said.round < task.due || task.outcome != codec::Outcome::hidden) continue;
    const auto found = slot.lies.find({task.task.value, task.pass});
    const Lie* lie = found == slot.lies.end() ? nullptr : &found->second;
    if (key.lie == ComputeLie::silent && lie != nullptr && !would_show(job, task, *lie)) continue;
    StatementLine line;
    line.slot = number;
    line.reveal = codec::RevealLine{results_.root(task.task.value, lie), {}};
    const Lie* const told = key.lie == ComputeLie::hollow ? nullptr : lie;
    for (std::uint8_t part = 0; part < task.parts.size(); ++part) {
      line.reveal->parts.push_back(part_of(job, task, part, told));
    }
    if (task.pass == 2) line.first = shown(job, task.task.value);
    said.lines.push_back(std::move(line));
  }
}

bool ComputeNet::would_show(const Job& job, const PendingTask& task, const Lie& lie) {
  for (std::uint8_t part = 0; part < task.parts.size(); ++part) {
    if (is_in_league(lie_at(job, *task.parts[part].checker))) continue;
    if (has_false_unit(job, task, part, lie)) return false;
  }
  return true;
}

ComputeNet::Lie ComputeNet::choose_lie(const Key& key, Slot& slot, const TaskKey& task,
                                       std::uint32_t passed) {
  const Job& job = jobs_[key.job];
  if (key.job != 0) return {};  // where a name is earned, nobody lies
  if (key.lie == ComputeLie::lazy) {
    return {nobodys + (std::uint64_t{1} << 32) + rng_.below(1u << 30),
            some_units(static_cast<std::size_t>(lazy_share * job.spec.units))};
  }
  if (key.lie == ComputeLie::device) return fault_of_device(task.first);
  if (key.lie == ComputeLie::hollow) {
    // Half of the units stand for all: what is false where nobody looks costs the scenario most.
    Lie half{nobodys + (std::uint64_t{1} << 32) + rng_.below(1u << 30), {}};
    for (std::uint16_t unit = 0; unit < job.spec.units; unit += 2) half.units.push_back(unit);
    return half;
  }
  if (!is_in_league(key.lie)) return {};
  if (key.lie != ComputeLie::hopping && passed < settings_.lies_after) return {};
  if (task.second == 2) {
    const auto wrong = job.wrong.find(task.first);
    if (wrong != job.wrong.end()) {
      return wrong->second.tag == the_leagues ? wrong->second : Lie();
    }
    const auto first = job.records.find(task.first);
    if (first == job.records.end()) return {};
    const auto there = job.slots.find(first->second.slot);
    const bool is_there = there != job.slots.end() && there->second.is_open &&
                          keys_[there->second.key].key == first->second.worker;
    if (is_there) return {};  // it would be asked who is right
  }
  if (key.lie == ComputeLie::burst) {
    if (slot.tasks % burst_tasks != burst_tasks - 1) return {};
    return {the_leagues, some_units(burst_units)};
  }
  if (key.lie == ComputeLie::silent) return {the_leagues, some_units(silent_units)};
  return {the_leagues, some_units(rng_.unit() < second_unit_chance ? 2 : 1)};
}

std::vector<std::uint16_t> ComputeNet::some_units(std::size_t count) {
  std::vector<std::uint16_t> units;
  while (units.size() < count) {
    const auto unit = static_cast<std::uint16_t>(rng_.below(this->units()));
    if (std::ranges::find(units, unit) == units.end()) units.push_back(unit);
  }
  std::ranges::sort(units);
  return units;
}

ComputeNet::Lie ComputeNet::fault_of_device(std::uint64_t task) const {
  if (task % 8 != 0) return {};
  const auto first = static_cast<std::uint16_t>(task / 8 % (units() - 4u));
  Lie lie{the_devices, {}};
  for (std::uint16_t i = 0; i < 4; ++i) lie.units.push_back(static_cast<std::uint16_t>(first + i));
  return lie;
}

std::optional<codec::FirstPass> ComputeNet::shown(const Job& job, std::uint64_t task) const {
  const auto record = job.records.find(task);
  const auto list = job.lists.find(static_cast<std::uint32_t>(task / job.spec.region_tasks));
  if (record == job.records.end() || list == job.lists.end()) return std::nullopt;
  const auto at = std::ranges::find(list->second, codec::record_hash(record->second));
  ASSERT(at != list->second.end());
  const auto index = static_cast<std::uint64_t>(at - list->second.begin());
  return codec::FirstPass{codec::encode_record(record->second),
                          codec::encode_merkle_proof(codec::prove_merkle(list->second, index))};
}

const ComputeNet::Lie* ComputeNet::lie_of(const Job& job, SlotId slot, const TaskKey& task) const {
  const auto at = job.slots.find(slot);
  if (at == job.slots.end()) return nullptr;
  const auto lie = at->second.lies.find(task);
  return lie == at->second.lies.end() ? nullptr : &lie->second;
}

bool ComputeNet::has_false_unit(const Job& job, const PendingTask& task, std::uint8_t part,
                                const Lie& lie) const {
  const auto units = codec::units_of_part(task.seed, job.spec, part, task.checked);
  return std::ranges::any_of(
      lie.units, [&](std::uint16_t unit) { return std::ranges::binary_search(units, unit); });
}

Hash ComputeNet::part_of(const Job& job, const PendingTask& task, std::uint8_t part,
                         const Lie* lie) {
  // Which units they are matters only where one may be false; to find them out costs the most.
  if (lie == nullptr || lie->units.empty()) {
    return results_.true_part(task.checked / task.parts.size());
  }
  return results_.part(task.task.value,
                       codec::units_of_part(task.seed, job.spec, part, task.checked), *lie);
}

}  // namespace kith::sim
