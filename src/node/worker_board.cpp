#include "node/worker_board.h"

#include <algorithm>

namespace kith::node {

void WorkBoard::add_job(JobId job, const codec::JobSpec& spec,
                        std::unique_ptr<compute::Workload> workload) {
  jobs_.emplace(job, Job{std::move(workload), std::make_shared<const Bytes>(spec.params),
                         spec.workload, spec.slices});
}

void WorkBoard::want(std::vector<WantedUnits> wanted) {
  wanted_ = std::move(wanted);
  at_ = 0;
  at_unit_ = 0;
  std::set<Name> names;
  std::set<std::pair<JobId, codec::TaskIndex>> tasks;
  for (const WantedUnits& some : wanted_) {
    for (const std::uint16_t unit : some.units) {
      names.insert({some.job, some.task, some.dispute, unit});
    }
    if (some.dispute == 0) tasks.emplace(some.job, some.task);
  }
  std::erase_if(units_, [&](const auto& entry) { return !names.contains(entry.first); });
  for (auto& [name, unit] : units_) {
    std::ranges::replace(unit.slices, Slice::failed, Slice::open);
  }
  std::erase_if(begun_, [&](const auto& task) {
    if (tasks.contains(task)) return false;
    forgotten_.push_back({task.first, task.second});
    return true;
  });
}

WorkBoard::Load WorkBoard::load() const {
  Load load;
  for (const WantedUnits& some : wanted_) {
    const std::uint64_t slices = jobs_.at(some.job).slices;
    load.slices += slices * some.units.size();
    for (const std::uint16_t number : some.units) {
      const auto unit = units_.find({some.job, some.task, some.dispute, number});
      if (unit != units_.end()) load.done += slices - unit->second.left;
    }
  }
  return load;
}

WorkBoard::Unit& WorkBoard::unit_of(const Name& name) {
  const auto [at, is_new] = units_.try_emplace(name);
  if (is_new) {
    const std::size_t slices = jobs_.at(name.job).slices;
    at->second.slices.resize(slices, Slice::open);
    at->second.results.resize(slices);
    at->second.left = slices;
  }
  return at->second;
}

std::optional<ComputeSlice> WorkBoard::next(Token token) {
  for (; at_ < wanted_.size(); ++at_, at_unit_ = 0) {
    const WantedUnits& some = wanted_[at_];
    for (; at_unit_ < some.units.size(); ++at_unit_) {
      const Name name{some.job, some.task, some.dispute, some.units[at_unit_]};
      Unit& unit = unit_of(name);
      const auto open = std::ranges::find(unit.slices, Slice::open);
      if (open == unit.slices.end()) continue;
      *open = Slice::asked;
      const auto slice = static_cast<std::uint32_t>(open - unit.slices.begin());
      asked_.emplace(token, Asked{name, slice});
      if (some.dispute == 0) begun_.emplace(some.job, some.task);
      const Job& job = jobs_.at(some.job);
      return ComputeSlice{token,      some.job,          job.number,
                          job.params, some.task,         name.unit,
                          slice,      some.dispute != 0, job.workload->results_version()};
    }
  }
  return std::nullopt;
}

bool WorkBoard::on_computed(Token token, Result<compute::SliceResult> result) {
  const auto asked = asked_.extract(token);
  if (asked.empty()) return false;
  const Name& name = asked.mapped().name;
  const std::uint32_t slice = asked.mapped().slice;
  const auto at = units_.find(name);
  if (at == units_.end()) return false;
  Unit& unit = at->second;
  // It may have been swept off the board and put there again meanwhile: the same slice twice.
  if (unit.slices[slice] == Slice::done) return false;
  if (result && jobs_.at(name.job).workload->check_result(*result)) {
    unit.slices[slice] = Slice::done;
    unit.results[slice] = *std::move(result);
    if (--unit.left == 0) finish(name, unit);
    return unit.done.has_value();
  }
  unit.slices[slice] = Slice::failed;
  return false;
}

void WorkBoard::finish(const Name& name, Unit& unit) {
  const Job& job = jobs_.at(name.job);
  const auto bytes = job.workload->unit_of(*job.params, {name.task.value}, name.unit);
  ASSERT(bytes.has_value());  // its slices were computed
  std::vector<Hash> digests;
  for (std::uint32_t i = 0; i < unit.results.size(); ++i) {
    digests.push_back(job.workload->digest(*bytes, i, unit.results[i]));
  }
  unit.done = UnitDone{compute::unit_root(digests), job.workload->statistics(unit.results), {}};
  if (name.dispute != 0) {
    unit.done->slices = std::move(digests);
  } else if (job.workload->has_finds(unit.results)) {
    // What a dispute is about was named when it was computed for the first time.
    finds_.push_back(
        {{}, name.job, job.number, job.params, name.task, name.unit, std::move(unit.results)});
  }
  unit.results = {};
}

std::optional<NameFinds> WorkBoard::poll_finds() {
  if (finds_.empty()) return std::nullopt;
  NameFinds finds = std::move(finds_.back());
  finds_.pop_back();
  return finds;
}

std::optional<std::vector<WorkBoard::UnitDone>> WorkBoard::done(const WantedUnits& wanted) const {
  std::vector<UnitDone> all;
  all.reserve(wanted.units.size());
  for (const std::uint16_t unit : wanted.units) {
    const auto at = units_.find({wanted.job, wanted.task, wanted.dispute, unit});
    if (at == units_.end() || !at->second.done) return std::nullopt;
    all.push_back(*at->second.done);
  }
  return all;
}

std::optional<ForgetTask> WorkBoard::poll_forgotten() {
  if (forgotten_.empty()) return std::nullopt;
  const ForgetTask task = forgotten_.back();
  forgotten_.pop_back();
  return task;
}

}  // namespace kith::node
