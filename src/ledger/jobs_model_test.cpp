// The second writing of the rules; jobs_twins_test.cpp compares it with the first.
#include "ledger/jobs_model_test_util.h"

namespace kith::ledger::test {

using codec::Outcome;

void JobModel::hear_of_faults(ModelSlot& slot) {
  if (slot.faults_heard == faults[slot.owner]) return;
  for (const auto& task : slot.maturing) redo.emplace_back(task.task, task.pass);
  slot.maturing.clear();
  slot.passed = 0;
  slot.faults_heard = faults[slot.owner];
}

void JobModel::close(std::uint32_t number, bool is_fault) {
  const ModelSlot slot = slots.at(number);
  if (is_fault) forget_passed(slot.owner);
  for (const auto* list : {&slot.queue, &slot.pending, &slot.maturing}) {
    for (const auto& task : *list) {
      // What is checked again is in the list of what matures too.
      if (!task.is_again) redo.emplace_back(task.task, task.pass);
    }
  }
  slots.erase(number);
  free[static_cast<std::uint16_t>(number % spec.round_blocks)].push_back(number);
}

void JobModel::open_dispute(std::uint32_t number, const ModelTask& task,
                            const codec::SlotSide& other, std::uint64_t height) {
  if (other.slot.value == number || !is_side(other, other.slot.value)) return;
  const ModelSlot& slot = slots.at(number);
  note_overdue(slot.owner, height);
  note_overdue(other.owner, height);
  ModelDispute dispute;
  dispute.kind =
      *task.told == Outcome::part_differs ? codec::DisputeKind::check : codec::DisputeKind::passes;
  dispute.worker = {{number}, slot.worker, slot.owner, {slot.since}};
  dispute.other = other;
  dispute.overdue = (height - start) / spec.round_blocks;
  begin_turn(dispute, height);
  disputes[next_dispute++] = dispute;
}

std::optional<codec::Record> JobModel::proven(std::uint64_t task, const codec::FirstPass& first) {
  const std::uint64_t region = task / spec.region_tasks;
  const auto record = codec::decode_record(first.record);
  if (!record || !complete.contains(region) || record->task.value != task || record->pass != 1) {
    return std::nullopt;
  }
  const auto& list = lists[{region, 1}];
  const auto at = std::ranges::find(list, codec::record_hash(*record));
  if (at == list.end()) return std::nullopt;
  return *record;
}

void JobModel::reveal(ModelSlot& slot, const codec::StatementLine& line, std::uint64_t round) {
  for (ModelTask& task : slot.pending) {
    if (!task.due || round < *task.due || task.told) continue;
    if (line.reveal->parts.size() != task.checkers.size()) continue;
    if (task.is_again) {
      const auto record = line.first ? codec::decode_record(line.first->record)
                                     : Result<codec::Record>(fail(Code::not_found, "no record"));
      const bool is_it = record && record->root == line.reveal->root &&
                         std::ranges::any_of(slot.maturing, [&](const ModelTask& one) {
                           return one.task == task.task && one.pass == task.pass &&
                                  one.record == codec::record_hash(*record);
                         });
      if (!is_it) continue;
    } else if (codec::task_commitment(name_of(task), line.slot, slot.worker, line.reveal->root) !=
               task.commit) {
      continue;
    }
    Outcome outcome = Outcome::fits;
    if (task.pass == 2 && !task.is_again) {
      const auto record = line.first ? proven(task.task, *line.first) : std::nullopt;
      if (!record || record->account == slot.owner) return;
      const auto there = slots.find(record->slot.value);
      if (record->root != line.reveal->root && there != slots.end() &&
          there->second.worker == record->worker) {
        outcome = Outcome::first_differs;
        task.first = {record->slot, record->worker, there->second.owner, {there->second.since}};
      }
    }
    for (std::size_t i = task.checkers.size(); i-- > 0;) {
      const auto& [check, key] = task.said.at(i);
      if (codec::check_commitment(name_of(task), static_cast<std::uint8_t>(i), key,
                                  line.reveal->parts[i]) == check) {
        continue;
      }
      outcome = Outcome::part_differs;
      task.differing = i;
    }
    task.told = outcome;
    task.root = line.reveal->root;
    task.got = line.reveal->parts;
    return;
  }
}

void JobModel::ask_for_another(ModelSlot& slot, const codec::FirstPass& first,
                               std::uint64_t round) {
  for (std::size_t i = 0; i < slot.queue.size(); ++i) {
    const ModelTask task = slot.queue[i];
    const auto record = proven(task.task, first);
    if (task.pass != 2 || !record || record->account != slot.owner) continue;
    redo.emplace_back(task.task, task.pass);
    slot.queue.erase(slot.queue.begin() + static_cast<long>(i));
    if (i == 0 && !slot.queue.empty()) slot.queue.front().until = round + 1 + spec.lease_rounds;
    return;
  }
}

void JobModel::hear(std::uint64_t height, const codec::JobStatement& said) {
  if (count_of(said.worker) == 0) return;
  const std::uint16_t cohort = cohort_of_key[said.worker];
  if (height <= start + cohort || round_at(cohort, height) != said.round) return;
  said_rounds[said.worker].insert(said.round);
  for (const codec::StatementLine& line : said.lines) {
    const auto mine = slots.find(line.slot.value);
    if (mine == slots.end() || mine->second.worker != said.worker) continue;
    ModelSlot& slot = mine->second;
    const bool has_committed =
        std::ranges::count(slot.pending, said.round, &ModelTask::round) > 1 ||
        (line.commit && std::ranges::count(slot.pending, *line.commit, &ModelTask::commit) > 0);
    if (line.commit && !slot.queue.empty() && !has_committed && slot.pending.size() < 10) {
      ModelTask task = slot.queue.front();
      slot.queue.erase(slot.queue.begin());
      task.commit = *line.commit;
      task.round = said.round;
      slot.pending.push_back(task);
      slot.has_lapsed = false;
      if (!slot.queue.empty()) slot.queue.front().until = said.round + 1 + spec.lease_rounds;
    }
    if (line.reveal) {
      reveal(slot, line, said.round);
    } else if (line.first) {
      ask_for_another(slot, *line.first, said.round);
    }
    for (const codec::CheckLine& check : line.checks) {
      for (const ModelDuty& duty : slot.duties) {
        const auto target = slots.find(check.target.value);
        if (duty.target != check.target || duty.part != check.part || duty.due < height ||
            target == slots.end()) {
          continue;
        }
        for (ModelTask& task : target->second.pending) {
          if (!task.due || check.part >= task.checkers.size() ||
              begins(check.target.value % spec.round_blocks, *task.due) != duty.due ||
              task.checkers[check.part] != line.slot || task.said.contains(check.part)) {
            continue;
          }
          task.said[check.part] = {check.check, said.worker};
        }
        break;
      }
    }
  }
}

std::optional<SlotId> JobModel::checker_for(std::uint32_t number, const ModelTask& task,
                                            std::uint8_t part, std::uint64_t due,
                                            std::uint64_t height, const Hash& beacon) {
  const ModelSlot& worker = slots.at(number);
  const std::uint64_t begun = height - rules.params.draw_gap;
  for (std::uint8_t tried = 0; tried < 32; ++tried) {
    const auto drawn = static_cast<std::uint32_t>(
        codec::draw_of(beacon, {1}, {number}, {task.task}, part, tried) % drawable);
    const auto found = slots.find(drawn);
    if (found == slots.end()) continue;
    const ModelSlot& slot = found->second;
    if (slot.owner == worker.owner || owed_moves(drawn) > 0) continue;
    if (slot.since + spec.round_blocks > begun || !is_present(slot.worker, begun)) continue;
    int open = 0;
    bool is_double = false;
    for (const ModelDuty& duty : slot.duties) {
      open += duty.due >= height ? 1 : 0;
      is_double =
          is_double || (duty.target.value == number && duty.part == part && duty.due == due);
    }
    if (open >= 8 || is_double) continue;
    bool is_same_owner = false;
    for (const auto& other : task.checkers) {
      if (other && slots.contains(other->value) && slots.at(other->value).owner == slot.owner) {
        is_same_owner = true;
      }
    }
    if (tried < 8 && (slot.device_class == worker.device_class || is_same_owner)) continue;
    return SlotId{drawn};
  }
  return std::nullopt;
}

void JobModel::draw(std::uint16_t cohort, std::uint64_t round, std::uint64_t height,
                    const Hash& beacon) {
  if (drawable == 0) return;
  for (auto& [number, slot] : slots) {
    if (number % spec.round_blocks != cohort) continue;
    for (ModelTask& task : slot.pending) {
      if (task.due || task.round >= round) continue;
      if (task.checked == 0) {
        const std::uint32_t trust =
            slot.faults_heard == faults[slot.owner] ? std::min(slot.passed, passed[slot.owner]) : 0;
        task.checked = codec::units_checked(spec, trust);
        task.checkers.resize(codec::parts_of(task.checked));
        task.seed = codec::units_seed(beacon, name_of(task), {number});
      }
      const std::uint64_t due = begins(cohort, round + 2);
      for (std::uint8_t part = 0; part < task.checkers.size(); ++part) {
        if (task.checkers[part]) continue;
        task.checkers[part] = checker_for(number, task, part, due, height, beacon);
        if (!task.checkers[part]) continue;
        slots.at(task.checkers[part]->value).duties.push_back({{number}, part, due});
        task.due = round + 2;
      }
    }
  }
}

void JobModel::settle_task(std::uint32_t number, ModelTask task, std::uint64_t round,
                           std::uint64_t height) {
  ModelSlot& slot = slots.at(number);
  if (*task.told != Outcome::fits) {
    codec::SlotSide other = task.first;
    bool is_there = true;
    if (*task.told == Outcome::part_differs) {
      const auto found = slots.find(task.checkers[task.differing]->value);
      is_there = found != slots.end() && found->second.worker == task.said[task.differing].second;
      if (is_there) {
        other = {{found->first}, found->second.worker, found->second.owner, {found->second.since}};
      }
    }
    if (is_there) open_dispute(number, task, other, height);
    std::erase_if(slot.maturing, [&](const ModelTask& one) {
      return one.task == task.task && one.pass == task.pass;
    });
    redo.emplace_back(task.task, task.pass);
    return;
  }
  ++slot.passed;
  task.mark = ++passed[slot.owner];
  task.settled = round;
  codec::Record record;
  record.genesis = rules.genesis;
  record.job = {1};
  record.task = {task.task};
  record.pass = task.pass;
  record.account = slot.owner;
  record.worker = slot.worker;
  record.device_class = slot.device_class;
  record.slot = {number};
  record.round = task.round;
  record.root = task.root;
  record.checked = task.checked;
  record.seed = task.seed;
  for (std::size_t i = 0; i < task.checkers.size(); ++i) {
    record.checkers.push_back(*task.checkers[i]);
    const auto checker = slots.find(task.checkers[i]->value);
    if (checker == slots.end() || checker->second.worker != task.said[i].second) continue;
    earned[checker->second.owner] += part_price(task);
    escrow -= part_price(task);
  }
  if (task.is_again) {
    for (ModelTask& one : slot.maturing) {
      if (one.task != task.task || one.pass != task.pass) continue;
      one.seed = task.seed;
      one.checked = task.checked;
      one.checkers = task.checkers;
      one.got = task.got;
    }
    slot.passed_again = round;
    ++slot.count_again;
    return;
  }
  task.record = codec::record_hash(record);
  slot.maturing.push_back(task);
}

void JobModel::mark_overdue(const ModelSlot& slot, ModelTask& task, std::uint64_t height) {
  if (task.overdue) return;
  note_overdue(slot.owner, height);
  task.overdue = (height - start) / spec.round_blocks;
}

/// Whether the task goes back.
bool JobModel::end_checks(std::uint32_t number, ModelTask& task, std::uint64_t height) {
  bool is_silent = false;
  for (std::size_t part = 0; part < task.checkers.size(); ++part) {
    if (task.said.contains(part)) continue;
    task.due.reset();
    if (!task.checkers[part]) continue;
    is_silent = true;
    const std::uint32_t checker = task.checkers[part]->value;
    task.checkers[part].reset();
    if (!slots.contains(checker)) continue;
    const auto asked = [&](const ModelDuty& duty) {
      return duty.target.value == number && duty.part == part && duty.due == height;
    };
    if (std::ranges::none_of(slots.at(checker).duties, asked)) continue;
    const auto cohort = static_cast<std::uint16_t>(checker % spec.round_blocks);
    slots.at(checker).idle_until = round_at(cohort, height) + 4;
  }
  if (!is_silent) return false;
  if (++task.silent == 3) return true;
  mark_overdue(slots.at(number), task, height);
  return false;
}

void JobModel::settle(std::uint32_t number, std::uint64_t round, std::uint64_t height) {
  ModelSlot& slot = slots.at(number);
  const auto cohort = static_cast<std::uint16_t>(number % spec.round_blocks);
  hear_of_faults(slot);
  slot.count_again = 0;
  while (!slot.queue.empty() && slot.queue.front().until <= round) {
    redo.emplace_back(slot.queue.front().task, slot.queue.front().pass);
    slot.queue.erase(slot.queue.begin());
    slot.has_lapsed = true;
    if (!slot.queue.empty()) slot.queue.front().until = round + spec.lease_rounds;
  }
  for (std::size_t i = 0; i < slot.pending.size();) {
    ModelTask& task = slot.pending[i];
    bool is_over = task.is_again && !matures(slot, task);
    if (!is_over && task.due && *task.due == round) {
      is_over = end_checks(number, task, height);
    } else if (!is_over && task.due && *task.due < round && task.told) {
      const ModelTask done = task;
      slot.pending.erase(slot.pending.begin() + static_cast<long>(i));
      settle_task(number, done, round, height);
      continue;
    } else if (!is_over && task.due && *task.due < round) {
      mark_overdue(slot, task, height);
      if (height >= begins(cohort, *task.due + 1) + rules.params.answer_blocks) {
        fine({{number}, slot.worker, slot.owner, {slot.since}});
        return;
      }
    }
    if (!is_over) {
      ++i;
      continue;
    }
    if (!task.is_again) redo.emplace_back(task.task, task.pass);
    slot.pending.erase(slot.pending.begin() + static_cast<long>(i));
  }
  if (disputes_of(number) > 0) return;
  const bool is_idle = slot.queue.empty() && slot.pending.empty() && slot.maturing.empty();
  const std::uint64_t seen = *said_rounds[slot.worker].rbegin();
  if (round > seen + 64 || (is_idle && slot.is_leaving)) close(number, false);
}

void JobModel::accept(std::uint32_t number, std::uint64_t round) {
  ModelSlot& slot = slots.at(number);
  hear_of_faults(slot);
  const std::uint32_t counted = passed_in_order(slot.owner);
  const std::uint32_t again = slot.passed_again == round ? slot.count_again : 0;
  std::vector<ModelTask> kept;
  for (const ModelTask& task : slot.maturing) {
    if (task.settled >= round || counted < task.mark + mature + again || has_dispute(task.record)) {
      kept.push_back(task);
      continue;
    }
    earned[slot.owner] += price(task.pass);
    escrow -= price(task.pass);
    const std::uint64_t region = task.task / spec.region_tasks;
    auto& list = lists[{region, task.pass}];
    list.push_back(task.record);
    const std::uint64_t begin = region * spec.region_tasks;
    const std::uint64_t end = std::min(begin + spec.region_tasks, spec.tasks);
    if (list.size() < end - begin || task.pass != 1) continue;
    complete.insert(region);
    if (spec.passes < 2) continue;
    for (std::uint64_t one = begin; one < end; ++one) seconds.push_back(one);
  }
  slot.maturing = kept;
}

void JobModel::lease(std::uint16_t cohort, std::uint64_t round, std::uint64_t height,
                     const Hash& beacon) {
  std::map<Hash, std::uint32_t> order;
  for (const auto& [number, slot] : slots) {
    if (number % spec.round_blocks != cohort) continue;
    order[codec::lease_order_of(beacon, {number})] = number;
  }
  for (const auto& [hash, number] : order) {
    ModelSlot& slot = slots.at(number);
    if (owed_moves(number) > 0 || !is_present(slot.worker, height)) continue;
    while (!slot.is_leaving && round >= slot.idle_until) {
      const std::size_t held = slot.queue.size() + slot.pending.size();
      if (held >= 10 || held + slot.maturing.size() >= 255) break;
      if (slot.passed < 2 ? held > 0 : slot.queue.size() >= (slot.has_lapsed ? 1u : 2u)) break;
      const auto task = next_task();
      if (!task) break;
      ++leases;
      ModelTask leased;
      leased.task = task->first;
      leased.pass = task->second;
      leased.until = round + spec.lease_rounds;
      slot.queue.push_back(leased);
    }
    check_again(slot, round);
  }
}

std::optional<std::pair<std::uint64_t, std::uint8_t>> JobModel::next_task() {
  const bool wants_second =
      spec.second_every != 0 && (leases + 1) % spec.second_every == 0 && !seconds.empty();
  if (!wants_second && !redo.empty()) {
    const auto task = redo.back();
    redo.pop_back();
    return task;
  }
  if (!wants_second && next < spec.tasks) return std::pair{next++, std::uint8_t{1}};
  if (seconds.empty()) return std::nullopt;
  const std::uint64_t task = seconds.front();
  seconds.pop_front();
  return std::pair{task, std::uint8_t{2}};
}

void JobModel::check_again(ModelSlot& slot, std::uint64_t round) {
  if (!slot.queue.empty() || round == 0) return;
  const bool has_tasks = !redo.empty() || next < spec.tasks || !seconds.empty();
  if (has_tasks && !slot.is_leaving) return;
  for (std::size_t i = 0; i < std::min<std::size_t>(4, slot.maturing.size()); ++i) {
    if (slot.pending.size() >= 10) return;
    ModelTask again;
    again.task = slot.maturing[i].task;
    again.pass = slot.maturing[i].pass;
    again.round = round - 1;
    again.is_again = true;
    slot.pending.push_back(again);
  }
}

void JobModel::end_block(std::uint64_t height, const Hash& beacon) {
  const std::uint64_t blocks = height - start;
  const std::uint64_t gap = rules.params.draw_gap;
  if (blocks >= gap) {
    draw(static_cast<std::uint16_t>((blocks - gap) % spec.round_blocks),
         (blocks - gap) / spec.round_blocks, height, beacon);
  }
  const auto cohort = static_cast<std::uint16_t>(blocks % spec.round_blocks);
  const std::uint64_t round = blocks / spec.round_blocks;
  if (cohort == 0) {
    drawable = 0;
    for (const auto& [of, count] : used) {
      if (count > 0) drawable = std::max(drawable, of + spec.round_blocks * (count - 1) + 1);
    }
  }
  std::vector<std::uint32_t> numbers;
  for (const auto& [number, slot] : slots) {
    if (number % spec.round_blocks == cohort) numbers.push_back(number);
  }
  for (const std::uint32_t number : numbers) settle(number, round, height);
  for (const std::uint32_t number : numbers) {
    if (slots.contains(number)) accept(number, round);
  }
  lease(cohort, round, height, beacon);
  for (int ended = 0; ended < 64; ++ended) {
    const auto first = std::ranges::min_element(
        disputes, {}, [](const auto& entry) { return entry.second.turned; });
    if (first == disputes.end() || first->second.until > height) break;
    end_silent(first->first);
  }
}

}  // namespace kith::ledger::test
