// Methods for programs that work: in which jobs a key has slots, and what it has to do there.
#include <algorithm>
#include <set>

#include "api/call.h"
#include "api/job_views.h"
#include "api/query.h"
#include "base/format.h"
#include "ledger/accounts.h"
#include "ledger/jobs_view.h"

namespace kith::api {
namespace {

using codec::ChainKey;
using codec::Height;
using codec::JobId;
using ledger::Entries;

/// Slots whose work stands in one answer: a thousand units each, at worst.
constexpr std::size_t work_slots_usual = 32;
constexpr std::size_t work_slots_max = 256;

Json round_view(const codec::JobEntry& job, std::uint16_t cohort, Height height) {
  if (job.state == codec::JobState::waiting) return nullptr;
  const auto round = ledger::statement_round(job, cohort, codec::next(height));
  return round ? to_json(*round) : Json(nullptr);
}

Json numbers(const std::vector<codec::SlotId>& slots) {
  Json list = Json::array();
  for (const codec::SlotId slot : slots) list.push_back(slot.value);
  return list;
}

/// The slots of one page, and what to ask on with.
struct WorkPage {
  std::set<codec::SlotId> slots;
  Json next = nullptr;
};
WorkPage page_of(const codec::EnrolmentEntry& enrolment, std::size_t limit,
                 const std::optional<std::uint64_t>& after) {
  WorkPage page;
  for (const codec::SlotId slot : enrolment.slots) {
    if (after && slot.value <= *after) continue;
    if (page.slots.size() == limit) {
      page.next = page.slots.rbegin()->value;
      break;
    }
    page.slots.insert(slot);
  }
  return page;
}

Json leases_view(const Entries& entries, JobId job, const ChainKey& worker,
                 const std::set<codec::SlotId>& slots) {
  Json list = Json::array();
  for (const ledger::LeasedTask& task : ledger::leases_of(entries, job, worker)) {
    if (!slots.contains(task.slot)) continue;
    list.push_back(Json{{"slot", task.slot.value},
                        {"task", to_json(task.task.value)},
                        {"pass", task.pass},
                        {"until", to_json(task.until)}});
  }
  return list;
}

Json checks_view(const Entries& entries, JobId job, const ChainKey& worker, Height next,
                 const std::set<codec::SlotId>& slots) {
  Json list = Json::array();
  for (const ledger::AskedCheck& asked : ledger::checks_of(entries, job, worker, next)) {
    if (!slots.contains(asked.slot)) continue;
    list.push_back(Json{{"slot", asked.slot.value},
                        {"target", asked.target.value},
                        {"part", asked.part},
                        {"task", to_json(asked.task.value)},
                        {"pass", asked.pass},
                        {"units", asked.units},
                        {"due", to_json(asked.due.value)}});
  }
  return list;
}

Json reveals_view(const Entries& entries, JobId job, const ChainKey& worker,
                  const std::set<codec::SlotId>& slots) {
  Json list = Json::array();
  for (const ledger::DueReveal& due : ledger::reveals_of(entries, job, worker)) {
    if (!slots.contains(due.slot)) continue;
    list.push_back(Json{{"slot", due.slot.value},
                        {"task", to_json(due.task.value)},
                        {"pass", due.pass},
                        {"is_again", due.is_again},
                        {"from", to_json(due.from)},
                        {"parts", due.parts}});
  }
  return list;
}

}  // namespace

void Api::job_enrolments(Instant now, Call call) {
  const auto worker = parse_hex<ChainKey>("worker", call.text("worker"));
  if (!worker) return call.fail(worker.error());
  ask_entries(now, std::move(call),
              Look{[worker = *worker](const Entries& entries, Height height) -> Result<Json> {
                const auto entry = ledger::find_worker(entries, worker);
                if (!entry) {
                  return base::fail(Code::not_found,
                                    base::format("no account has the worker {} at height {}",
                                                 base::to_hex(worker), height.value));
                }
                Json list = Json::array();
                for (const JobId id : ledger::jobs_of(entries).jobs) {
                  const auto enrolment = ledger::find_enrolment(entries, id, worker);
                  if (!enrolment) continue;
                  const auto job = ledger::find_job(entries, id);
                  list.push_back(Json{{"job", to_json(id.value)},
                                      {"cohort", enrolment->cohort},
                                      {"slots", numbers(enrolment->slots)},
                                      {"seen", to_json(enrolment->seen)},
                                      {"round", round_view(*job, enrolment->cohort, height)}});
                }
                return Json{{"height", to_json(height.value)},
                            {"worker", base::to_hex(worker)},
                            {"account", base::to_hex(entry->account)},
                            {"device_class", entry->device_class},
                            {"enrolments", std::move(list)}};
              }});
}

void Api::job_work(Instant now, Call call) {
  const auto worker = parse_hex<ChainKey>("worker", call.text("worker"));
  if (!worker) return call.fail(worker.error());
  const std::uint64_t limit =
      call.params.contains("limit") ? call.count("limit") : work_slots_usual;
  if (limit < 1 || limit > work_slots_max) {
    return call.fail(
        {Code::usage, base::format("\"limit\" is 1 to {}, not {}", work_slots_max, limit)});
  }
  std::optional<std::uint64_t> after;
  if (call.params.contains("after")) after = call.count("after");
  const JobId id{call.count("job")};
  ask_entries(now, std::move(call),
              Look{[id, worker = *worker, limit, after](const Entries& entries,
                                                        Height height) -> Result<Json> {
                const auto enrolment = ledger::find_enrolment(entries, id, worker);
                if (!enrolment) {
                  return base::fail(Code::not_found,
                                    base::format("worker {} has no slots in job {} at height {}",
                                                 base::to_hex(worker), id.value, height.value));
                }
                const auto job = ledger::find_job(entries, id);
                const Height next = codec::next(height);
                const auto round = ledger::statement_round(*job, enrolment->cohort, next);
                const Json ends =
                    round ? to_json(ledger::round_begins(*job, enrolment->cohort, *round + 1).value)
                          : Json(nullptr);
                WorkPage page = page_of(*enrolment, static_cast<std::size_t>(limit), after);
                const auto entry = ledger::find_worker(entries, worker);
                return Json{{"height", to_json(height.value)},
                            {"job", to_json(id.value)},
                            {"worker", base::to_hex(worker)},
                            {"account", entry ? Json(base::to_hex(entry->account)) : Json(nullptr)},
                            {"cohort", enrolment->cohort},
                            {"seen", to_json(enrolment->seen)},
                            {"round", round ? to_json(*round) : Json(nullptr)},
                            {"round_ends", ends},
                            {"leases", leases_view(entries, id, worker, page.slots)},
                            {"checks", checks_view(entries, id, worker, next, page.slots)},
                            {"reveals", reveals_view(entries, id, worker, page.slots)},
                            {"next", std::move(page.next)}};
              }});
}

}  // namespace kith::api
