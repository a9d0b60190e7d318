// Leases at S(round), in an order that the beacon makes: which task a slot gets is nobody's choice.
#include <algorithm>

#include "ledger/jobs_work.h"

namespace kith::ledger {
namespace {

using codec::RedoTask;

/// A slot with fewer gets a task only when its last is settled.
constexpr std::uint32_t passed_in_probation = 2;
/// Of what matures, checked once more in a round.
constexpr std::size_t again_a_round = 4;

bool has_means(const JobWork& work, std::uint8_t pass) {
  return work.job.escrow - work.job.reserved >= work.lease_reserve(pass);
}

/// A region is computed again when all of it is accepted.
std::optional<RedoTask> second_task(JobWork& work) {
  JobEntry& job = work.job;
  if (job.second_first == 0 || !has_means(work, 2)) return std::nullopt;
  const std::uint32_t index = job.second_first - 1;
  const std::uint64_t begin = std::uint64_t{index} * job.spec.region_tasks;
  const RedoTask task{{begin + job.second_at}, 2};
  ++job.next_second;
  if (++job.second_at == region_size(job.spec, index)) {
    job.second_at = 0;
    job.second_first = work.region(index).next;
    if (job.second_first == 0) job.second_last = 0;
  }
  return task;
}

/// The next task, if there is one and the job can pay for it.
std::optional<RedoTask> next_task(JobWork& work) {
  JobEntry& job = work.job;
  const bool wants_second =
      job.spec.second_every != 0 && (job.leases + 1) % job.spec.second_every == 0;
  if (wants_second) {
    if (const auto task = second_task(work)) return task;
  }
  if (job.redo > 0) {
    if (!has_means(work, work.last_given_back().pass)) return std::nullopt;
    return work.take_back();
  }
  if (job.next < job.spec.tasks) {
    if (!has_means(work, 1)) return std::nullopt;
    return RedoTask{{job.next++}, 1};
  }
  return second_task(work);
}

bool has_room(const SlotEntry& entry) {
  const std::size_t held = entry.queue.size() + entry.pending.size();
  if (held >= codec::slot_pending_max) return false;
  if (held + entry.maturing.size() >= codec::slot_maturing_max) return false;
  if (entry.head.passed < passed_in_probation) return held == 0;
  return entry.queue.size() < (entry.head.has_lapsed ? 1 : codec::slot_queue_max);
}

bool is_here(JobWork& work, const SlotHead& head) {
  return head.owed_moves == 0 && is_present(work, head.worker, codec::next(work.height));
}

void lease(JobWork& work, SlotId number, SlotEntry& entry, std::uint64_t round) {
  if (work.job.state != codec::JobState::working || entry.head.is_leaving) return;
  if (round < entry.head.idle_until) return;
  while (has_room(entry)) {
    const auto task = next_task(work);
    if (!task) return;
    work.job.reserved += work.lease_reserve(task->pass);
    ++work.job.leases;
    entry.queue.push_back({task->task, task->pass, round + work.job.spec.lease_rounds});
    work.note({JobEvent::Kind::leased, work.id, number, task->task, task->pass});
  }
}

bool has_tasks(const JobEntry& job) {
  return job.state == codec::JobState::working &&
         (job.redo > 0 || job.next < job.spec.tasks || job.second_first != 0);
}

/// Who gets nothing more to compute passes with what it has: some of what matures is checked once
/// more, other units of it, until it is accepted. Else the last of a job would never be.
void check_again(JobWork& work, SlotEntry& entry, std::uint64_t round) {
  if (!entry.queue.empty() || round == 0) return;
  if (has_tasks(work.job) && !entry.head.is_leaving) return;
  std::size_t count = 0;
  for (const codec::MaturingTask& task : entry.maturing) {
    if (count == again_a_round || entry.pending.size() >= codec::slot_pending_max) return;
    if (work.job.escrow - work.job.reserved < work.job.spec.price) return;
    PendingTask again;
    again.task = task.task;
    again.pass = task.pass;
    again.round = round - 1;  // as if it had just been committed
    again.is_again = true;
    work.job.reserved += work.reserve_of(again);
    entry.pending.push_back(std::move(again));
    ++count;
  }
}

}  // namespace

void lease_cohort(JobWork& work, std::uint16_t cohort, std::uint64_t round, const Hash& beacon) {
  std::vector<std::pair<Hash, SlotId>> order;
  for (const SlotId number : slots_of_cohort(work, cohort)) {
    order.emplace_back(codec::lease_order_of(beacon, number), number);
  }
  std::ranges::sort(order);
  for (const auto& [hash, number] : order) {
    SlotEntry& entry = work.slot(number);
    if (!is_here(work, entry.head)) continue;
    lease(work, number, entry, round);
    check_again(work, entry, round);
  }
}

}  // namespace kith::ledger
