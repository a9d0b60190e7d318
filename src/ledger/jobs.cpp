#include "ledger/jobs.h"

#include <algorithm>

#include "base/format.h"
#include "ledger/jobs_dispute.h"

namespace kith::ledger {
namespace {

using codec::Cohort;
using codec::JobsEntry;
using codec::JobState;

/// Entries of the redo list that one block erases of a job that is over.
constexpr std::uint64_t redo_erased_a_block = 1'024;

void begin_work(JobEntry& job, Height height) {
  job.state = JobState::working;
  job.start = height;
}

/// The first of those that wait, when there is room.
void begin_next(Entries& entries, const JobsEntry& jobs, Height height) {
  const std::size_t count = std::min(jobs.jobs.size(), codec::jobs_at_work_max);
  for (std::size_t i = 0; i < count; ++i) {
    auto job = find_job(entries, jobs.jobs[i]);
    ASSERT(job.has_value());
    if (job->state != JobState::waiting) continue;
    begin_work(*job, height);
    entries.put(EntryKind::job, job_key(jobs.jobs[i]), codec::encode_entry(*job));
  }
}

/// What is left goes to whose job it was; regions and members stay.
Amount end_job(Entries& entries, JobId id, const JobEntry& job, Height height) {
  Amount burnt = 0;
  if (job.escrow > 0 && !add_earned(entries, job.account, job.escrow)) burnt = job.escrow;
  entries.erase(EntryKind::job, job_key(id));
  JobsEntry jobs = jobs_of(entries);
  std::erase(jobs.jobs, id);
  put_jobs(entries, jobs);
  begin_next(entries, jobs, height);
  return burnt;
}

Result<JobEntry> job_of(const Entries& entries, JobId id) {
  auto job = find_job(entries, id);
  if (job) return *std::move(job);
  return fail(Code::not_found, base::format("no job {}", id.value));
}

Result<void> check_signer(const ChainKey* signer, const ChainKey& worker) {
  if (signer != nullptr && *signer == worker) return {};
  return fail(Code::permission,
              base::format("order of the worker {} not signed by it", base::to_hex(worker)));
}

bool is_key_of(const Entries& entries, const AccountId& account, const ChainKey& key) {
  const auto entry = find_account(entries, account);
  return entry && !entry->is_closed() && entry->key == key;
}

/// Of a cohort with the fewest slots, so that a block's work is spread evenly.
std::uint16_t emptiest_cohort(const JobEntry& job) {
  const auto least = std::ranges::min_element(job.cohorts, {}, &Cohort::live);
  return static_cast<std::uint16_t>(least - job.cohorts.begin());
}

/// How many numbers are still to be had in it.
std::size_t room_of(const Cohort& cohort) { return codec::cohort_slots_max - cohort.live; }

std::uint64_t round_of(const JobEntry& job, Height height) {
  return (height.value - job.start.value) / job.spec.round_blocks;
}

/// One kind of order each.
struct Obey {
  const JobRules& rules;
  Height height;
  Entries& entries;
  const ChainKey* signer;
  JobLog* log;

  Result<JobEffect> operator()(const codec::SubmitJob& order) const {
    if (signer == nullptr || !is_key_of(entries, order.account, *signer)) {
      return fail(Code::permission, "job not signed by the account that submits it");
    }
    if (order.spec.round_blocks < 2 * rules.params.draw_gap) {
      return fail(Code::refused, base::format("job with rounds of {} blocks, at least {}",
                                              order.spec.round_blocks, 2 * rules.params.draw_gap));
    }
    if (order.spec.bond < rules.params.min_bond) {
      return fail(Code::refused, base::format("job with a bond of {}, at least {}", order.spec.bond,
                                              rules.params.min_bond));
    }
    const auto mature = codec::passes_to_mature(order.spec, rules.params.cheats);
    if (!mature) {
      return fail(Code::refused, "job that would need more than 255 passes to trust a result");
    }
    JobsEntry jobs = jobs_of(entries);
    if (jobs.jobs.size() >= codec::jobs_max) {
      return fail(Code::limit, base::format("{} jobs wait already", codec::jobs_max));
    }
    const JobId id{jobs.next_job++};
    jobs.jobs.push_back(id);
    put_jobs(entries, jobs);
    JobEntry job;
    job.spec = order.spec;
    job.account = order.account;
    job.mature = *mature;
    job.escrow = order.amount;
    job.cohorts.resize(order.spec.round_blocks);
    if (jobs.jobs.size() <= codec::jobs_at_work_max) begin_work(job, height);
    entries.put(EntryKind::job, job_key(id), codec::encode_entry(job));
    return JobEffect{order.amount, 0};
  }

  Result<JobEffect> operator()(const codec::FundJob& order) const {
    JobEntry job = TRY(job_of(entries, order.job));
    const auto escrow = codec::add(job.escrow, order.amount);
    if (!escrow) return fail(Code::malformed, base::format("escrow of {} more", order.amount));
    job.escrow = *escrow;
    entries.put(EntryKind::job, job_key(order.job), codec::encode_entry(job));
    return JobEffect{order.amount, 0};
  }

  Result<JobEffect> operator()(const codec::EndJob& order) const {
    JobEntry job = TRY(job_of(entries, order.job));
    if (signer == nullptr || !is_key_of(entries, job.account, *signer)) {
      return fail(Code::permission,
                  base::format("end of job {} not signed by its account", order.job.value));
    }
    if (job.state == JobState::waiting) {
      return JobEffect{0, end_job(entries, order.job, job, height)};
    }
    job.state = JobState::ending;
    entries.put(EntryKind::job, job_key(order.job), codec::encode_entry(job));
    return JobEffect{};
  }

  Result<JobEffect> operator()(const codec::EnrolSlots& order) const {
    TRY_VOID(check_signer(signer, order.worker));
    auto work = open_job(rules, height, entries, order.job, log);
    if (!work) return fail(Code::not_found, base::format("no job {}", order.job.value));
    const auto worker = find_worker(entries, order.worker);
    if (!worker) return fail(Code::not_found, "the key is no account's worker");
    TRY_VOID(check_enrolment(*work, order, *worker));
    codec::EnrolmentEntry* enrolment = work->enrolment(order.worker);
    if (enrolment == nullptr) {
      enrolment = &work->add_enrolment(order.worker);
      enrolment->cohort = emptiest_cohort(work->job);
      enrolment->seen = round_at(work->job, enrolment->cohort, height).value_or(0);
    }
    const std::uint64_t round = round_of(work->job, height);
    if (work->job.fresh_round != round) work->job.fresh = 0;
    work->job.fresh_round = round;
    work->job.fresh += order.slots;
    TRY_VOID(hold_bond(rules.params, entries, worker->account, order.slots * work->job.spec.bond));
    for (std::uint16_t i = 0; i < order.slots; ++i) {
      SlotHead head;
      head.worker = order.worker;
      head.owner = worker->account;
      head.device_class = worker->device_class;
      head.since = height;
      head.faults = work->member(worker->account).faults;
      enrolment->slots.push_back(work->open_slot(enrolment->cohort, std::move(head)));
    }
    std::ranges::sort(enrolment->slots);
    work->flush();
    return JobEffect{};
  }

  Result<JobEffect> operator()(const codec::LeaveJob& order) const {
    TRY_VOID(check_signer(signer, order.worker));
    auto work = open_job(rules, height, entries, order.job, log);
    if (!work) return fail(Code::not_found, base::format("no job {}", order.job.value));
    const codec::EnrolmentEntry* enrolment = work->enrolment(order.worker);
    if (enrolment == nullptr) return fail(Code::not_found, "the key has no slots in the job");
    std::uint16_t left = order.slots;
    for (auto slot = enrolment->slots.rbegin(); slot != enrolment->slots.rend(); ++slot) {
      SlotHead& head = work->slot(*slot).head;
      if (left == 0 || head.is_leaving) continue;
      head.is_leaving = true;
      --left;
    }
    work->flush();
    return JobEffect{};
  }

  Result<JobEffect> operator()(const codec::CarryStatements& order) const {
    std::optional<JobWork> work;
    for (const codec::JobStatement& statement : order.statements) {
      if (!work || work->id != statement.job) {
        if (work) work->flush();
        work.reset();
        auto job = find_job(entries, statement.job);
        if (!job) continue;
        work.emplace(rules, height, entries, statement.job, *std::move(job), log);
      }
      apply_statement(*work, statement);
    }
    if (work) work->flush();
    return JobEffect{};
  }

  Result<JobEffect> operator()(const codec::ConcedeDispute& order) const {
    return JobEffect{0, TRY(disputes().concede(order))};
  }
  Result<JobEffect> operator()(const codec::DisputeMove& order) const {
    return JobEffect{0, TRY(disputes().move(order))};
  }
  Result<JobEffect> operator()(const codec::FileDispute& order) const {
    return JobEffect{0, TRY(disputes().file(order))};
  }
  Result<JobEffect> operator()(const codec::GiveVerdict& order) const {
    return JobEffect{0, TRY(disputes().judge(order))};
  }
  Result<JobEffect> operator()(const codec::ClaimFind& order) const {
    return JobEffect{0, TRY(disputes().claim(order))};
  }

 private:
  DisputeOrders disputes() const { return {rules, height, entries, signer, log}; }

  Result<void> check_enrolment(JobWork& work, const codec::EnrolSlots& order,
                               const WorkerEntry& worker) const {
    const JobEntry& job = work.job;
    if (job.state != JobState::working) {
      return fail(Code::refused, base::format("job {} is not at work", order.job.value));
    }
    if (worker.account == job.account) {
      return fail(Code::refused, "an account does not work for its own job");
    }
    const codec::EnrolmentEntry* there = work.enrolment(order.worker);
    const std::size_t slots = there == nullptr ? 0 : there->slots.size();
    if (slots + order.slots > codec::enrolment_slots_max) {
      return fail(Code::limit, base::format("{} slots of one worker, at most {}",
                                            slots + order.slots, codec::enrolment_slots_max));
    }
    const std::uint16_t cohort = there == nullptr ? emptiest_cohort(job) : there->cohort;
    if (order.slots > room_of(job.cohorts[cohort])) {
      return fail(Code::limit,
                  base::format("job {} has no room for {} slots", order.job.value, order.slots));
    }
    const std::uint32_t fresh = job.fresh_round == round_of(job, height) ? job.fresh : 0;
    const std::uint32_t fresh_max = job.slots / 64 + rules.fresh_slots;
    if (fresh + order.slots > fresh_max) {
      return fail(Code::limit, base::format("{} new slots in this round, at most {}",
                                            fresh + order.slots, fresh_max));
    }
    return {};
  }
};

/// Above all numbers that there are; once a round, so that no draw sees who has just come.
void renew_drawable(JobEntry& job) {
  job.drawable = 0;
  for (std::uint32_t c = 0; c < job.cohorts.size(); ++c) {
    const Cohort& cohort = job.cohorts[c];
    if (cohort.used == 0) continue;
    job.drawable =
        std::max(job.drawable, c + std::uint32_t{job.spec.round_blocks} * (cohort.used - 1u) + 1);
  }
}

bool is_done(const JobEntry& job) {
  return job.accepted == job.spec.tasks &&
         (job.spec.passes == 1 || job.accepted_second == job.spec.tasks);
}

/// Forgets what is left of it, a part each block; whether that was all.
bool wind_up(JobWork& work) {
  if (work.job.reserved > 0 || work.job.slots > 0) return false;
  for (std::uint64_t i = 0; i < redo_erased_a_block && work.job.redo > 0; ++i) {
    (void)work.take_back();
  }
  if (work.job.redo > 0) return false;
  for (std::uint16_t cohort = 0; cohort < work.job.spec.round_blocks; ++cohort) {
    if (work.forget_numbers(cohort)) return false;
  }
  return true;
}

Amount end_block_of(const JobRules& rules, Height height, const Hash& beacon, Entries& entries,
                    JobId id, JobLog* log) {
  auto work = open_job(rules, height, entries, id, log);
  ASSERT(work.has_value());
  JobEntry& job = work->job;
  if (job.state == JobState::waiting) return 0;
  const std::uint64_t since = height.value - job.start.value;
  const std::uint16_t round_blocks = job.spec.round_blocks;
  if (since >= rules.params.draw_gap) {
    const std::uint64_t begun = since - rules.params.draw_gap;
    draw_cohort(*work, static_cast<std::uint16_t>(begun % round_blocks), begun / round_blocks,
                beacon);
  }
  const auto cohort = static_cast<std::uint16_t>(since % round_blocks);
  if (cohort == 0) renew_drawable(job);
  settle_cohort(*work, cohort, since / round_blocks);
  if (is_done(job)) job.state = JobState::ending;
  lease_cohort(*work, cohort, since / round_blocks, beacon);
  const bool is_over = job.state == JobState::ending && wind_up(*work);
  work->flush();
  return work->burnt + (is_over ? end_job(entries, id, work->job, height) : 0);
}

}  // namespace

Result<JobEffect> apply_job(const JobRules& rules, Height height, Entries& entries,
                            const codec::JobOrder& order, const ChainKey* signer, JobLog* log) {
  return std::visit(Obey{rules, height, entries, signer, log}, order);
}

Amount end_block_jobs(const JobRules& rules, Height height, const Hash& beacon, Entries& entries,
                      JobLog* log) {
  Amount burnt = 0;
  const JobsEntry jobs = jobs_of(entries);
  const std::size_t count = std::min(jobs.jobs.size(), codec::jobs_at_work_max);
  for (std::size_t i = 0; i < count; ++i) {
    burnt += end_block_of(rules, height, beacon, entries, jobs.jobs[i], log);
  }
  return burnt + end_disputes(rules, height, entries, log);
}

}  // namespace kith::ledger
