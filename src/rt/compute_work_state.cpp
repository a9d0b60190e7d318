#include "rt/compute_work_state.h"

#include "base/format.h"

namespace kith::rt {

using namespace compute;

WorkState::WorkState(const TaskShape& shape, std::uint64_t first_task, std::uint64_t tasks)
    : shape_(shape), first_task_(first_task), is_done_(tasks * shape.units * shape.slices) {}

WorkState::Place WorkState::place_of(std::uint64_t index) const {
  ASSERT(index < slices());
  const std::uint64_t unit = index / shape_.slices;
  return {{first_task_ + unit / shape_.units},
          static_cast<std::uint32_t>(unit % shape_.units),
          static_cast<std::uint32_t>(index % shape_.slices)};
}

Result<std::uint64_t> WorkState::index_of(const Place& place) const {
  const std::uint64_t tasks = slices() / shape_.units / shape_.slices;
  if (place.task.value < first_task_ || place.task.value - first_task_ >= tasks ||
      place.unit >= shape_.units || place.slice >= shape_.slices) {
    return fail(Code::malformed, base::format("slice {} of unit {} of task {} is not of this run",
                                              place.slice, place.unit, place.task.value));
  }
  const std::uint64_t unit = (place.task.value - first_task_) * shape_.units + place.unit;
  const std::uint64_t index = unit * shape_.slices + place.slice;
  if (is_done_[index]) {
    return fail(Code::malformed, base::format("slice {} of unit {} of task {} is there twice",
                                              place.slice, place.unit, place.task.value));
  }
  return index;
}

std::optional<WorkState::WholeUnit> WorkState::add(std::uint64_t index, SliceResult result) {
  ASSERT(!is_done_[index]);
  is_done_[index] = true;
  ++slices_done_;
  const std::uint64_t number = index / shape_.slices;
  PartialUnit& unit = units_[number];
  unit.results.resize(shape_.slices);
  unit.results[index % shape_.slices] = std::move(result);
  if (++unit.done < shape_.slices) return std::nullopt;
  const Place place = place_of(index);
  WholeUnit whole{place.task, place.unit, std::move(unit.results)};
  units_.erase(number);
  return whole;
}

Result<void> WorkState::add_unit(const Workload& workload, const WholeUnit& unit,
                                 UnitOutcome outcome) {
  PartialTask& task = tasks_[unit.task.value];
  task.roots.resize(shape_.units);
  task.roots[unit.unit] = outcome.root;
  task.statistics = task.done == 0 ? std::move(outcome.statistics)
                                   : TRY(workload.join(task.statistics, outcome.statistics));
  for (Find& find : outcome.finds) task.finds.push_back(std::move(find));
  if (++task.done < shape_.units) return {};
  whole_[unit.task.value] = {unit.task, task_root(task.roots), std::move(task.statistics)};
  if (!task.finds.empty()) finds_[unit.task.value] = std::move(task.finds);
  tasks_.erase(unit.task.value);
  return {};
}

Result<WorkOutcome> WorkState::outcome(const Workload& workload) const {
  WorkOutcome all;
  for (const auto& [number, task] : whole_) {
    all.statistics =
        all.tasks.empty() ? task.statistics : TRY(workload.join(all.statistics, task.statistics));
    all.tasks.push_back(task);
  }
  for (const auto& [number, finds] : finds_) {
    all.finds.insert(all.finds.end(), finds.begin(), finds.end());
  }
  all.slices_done = slices_done_;
  all.is_complete = slices_done_ == slices();
  return all;
}

}  // namespace kith::rt
