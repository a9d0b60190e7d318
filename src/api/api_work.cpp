// This node's work for computing jobs: compute.status, compute.pause, compute.resume.
#include "api/call.h"
#include "api/views.h"

namespace kith::api {
namespace {

Json counts_view(const node::WorkerStats& stats) {
  return {{"slices", to_json(stats.slices)},     {"slices_failed", to_json(stats.slices_failed)},
          {"units", to_json(stats.units)},       {"tasks", to_json(stats.tasks)},
          {"settled", to_json(stats.settled)},   {"statements", to_json(stats.statements)},
          {"repeats", to_json(stats.repeats)},   {"commits", to_json(stats.commits)},
          {"reveals", to_json(stats.reveals)},   {"checks", to_json(stats.checks)},
          {"finds", to_json(stats.finds)},       {"claims", to_json(stats.claims)},
          {"shows", to_json(stats.shows)},       {"not_shown", to_json(stats.not_shown)},
          {"filed", to_json(stats.filed)},       {"firsts", to_json(stats.firsts)},
          {"disputes", to_json(stats.disputes)}, {"moves", to_json(stats.moves)},
          {"conceded", to_json(stats.conceded)}};
}

Json carrier_view(const node::Carrier& carrier) {
  const node::CarrierStats& stats = carrier.stats();
  return {{"lock", base::to_hex(carrier.lock())},
          {"funds", to_json(carrier.funds())},
          {"is_poor", carrier.is_poor()},
          {"serves_others", carrier.serves_others()},
          {"waiting", carrier.waiting()},
          {"pending", carrier.pending()},
          {"statements", to_json(stats.statements)},
          {"orders", to_json(stats.orders)},
          {"transactions", to_json(stats.transactions)},
          {"refused", to_json(stats.refused)},
          {"expired", to_json(stats.expired)},
          {"too_late", to_json(stats.too_late)},
          {"fees", to_json(stats.fees)}};
}

Json job_view(const node::Worker::JobStatus& job) {
  return {{"job", to_json(job.job.value)},
          {"slots", job.slots},
          {"queued", job.queued},
          {"pending", job.pending},
          {"maturing", job.maturing},
          {"duties", job.duties},
          {"trouble", job.trouble.empty() ? Json(nullptr) : Json(job.trouble)}};
}

const Error no_worker{Code::unsupported, "this node does not work: compute.enabled is off"};

}  // namespace

void Api::compute_status(Instant, Call call) {
  const node::Worker* const worker = node_.worker();
  if (worker == nullptr) return call.done(Json{{"is_enabled", false}});
  Json jobs = Json::array();
  for (const auto& job : worker->jobs()) jobs.push_back(job_view(job));
  Json wanted = Json::array();
  for (const auto job : worker->jobs_wanted()) wanted.push_back(to_json(job.value));
  const auto load = worker->load();
  Json view{{"is_enabled", true},
            {"worker", base::to_hex(worker->key())},
            {"is_paused", worker->is_paused()},
            {"slots_wanted", worker->slots_wanted()},
            {"jobs_wanted", std::move(wanted)},
            {"in_flight", worker->in_flight()},
            {"slices_wanted", load.slices},
            {"slices_done", load.done},
            {"jobs", std::move(jobs)},
            {"counts", counts_view(worker->stats())}};
  view["carrier"] = node_.carrier() == nullptr ? Json(nullptr) : carrier_view(*node_.carrier());
  call.done(std::move(view));
}

void Api::compute_pause(Instant now, Call call) {
  if (node_.worker() == nullptr) return call.fail(no_worker);
  node_.pause_work(now, true);
  call.done(Json{{"is_paused", true}});
}

void Api::compute_resume(Instant now, Call call) {
  if (node_.worker() == nullptr) return call.fail(no_worker);
  node_.pause_work(now, false);
  call.done(Json{{"is_paused", false}});
}

}  // namespace kith::api
