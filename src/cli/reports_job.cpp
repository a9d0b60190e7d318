#include "cli/reports_job.h"

#include <algorithm>

#include "cli/members.h"
#include "cli/render.h"
#include "wallet/amount_text.h"

namespace kith::cli {
namespace {

using wallet::format_coins;

constexpr std::size_t regions_shown = 8;

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// JavaScript's numbers end at 2^53.
Json number(std::uint64_t value) {
  constexpr std::uint64_t exact_max = std::uint64_t{1} << 53;
  return value <= exact_max ? Json(value) : Json(std::to_string(value));
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

/// Of all that the job wants done, both passes.
double share_of(const NodeJob& job) {
  const double all = static_cast<double>(job.tasks) * static_cast<double>(job.passes);
  if (all <= 0) return 0;
  return static_cast<double>(job.accepted + job.accepted_second) / all;
}

std::string who(const std::string& name, const std::string& account) {
  return name.empty() ? account : name;
}

/// "[#####.....]  52.1 %"
std::string bar_of(double share) {
  constexpr std::size_t cells = 30;
  const double within = std::clamp(share, 0.0, 1.0);
  const auto full = static_cast<std::size_t>(within * static_cast<double>(cells));
  return "[" + std::string(full, '#') + std::string(cells - full, '.') +
         base::format("]  {:.1f} %", 100 * within);
}

std::string time_to_go(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::min(seconds, 1e12));
  if (whole < 600) return base::format("{} s to go", whole);
  constexpr std::uint64_t day = 86'400;
  if (whole < 3 * day) return base::format("{}:{:02} h to go", whole / 3600, whole / 60 % 60);
  return base::format("{} days to go", whole / day);
}

Json region_view(const NodeRegion& region) {
  return Json{{"region", number(region.region)},
              {"accepted", number(region.accepted)},
              {"root", text_or_null(region.root)},
              {"height", region.height ? number(*region.height) : Json(nullptr)},
              {"accepted_second", number(region.accepted_second)}};
}

}  // namespace

std::string to_json(const JobPlan& plan) {
  return to_line(Json{{"workload", plan.workload},
                      {"from", plan.from},
                      {"to", plan.to},
                      {"tasks", number(plan.tasks)},
                      {"units", plan.units},
                      {"slices", plan.slices},
                      {"region_tasks", number(plan.region_tasks)},
                      {"passes", plan.passes},
                      {"eps_ppm", plan.eps_ppm},
                      {"checked_min", plan.checked_min},
                      {"round_blocks", plan.round_blocks},
                      {"mature", plan.mature},
                      {"price", number(plan.price)},
                      {"bond", number(plan.bond)},
                      {"cost_least", number(plan.cost_least)},
                      {"cost_most", number(plan.cost_most)},
                      {"amount", number(plan.amount)}});
}

std::string to_text(const JobPlan& plan) {
  return base::format(
      "work         {}, {} to {}\n"
      "tasks        {} of {} units of {} slices, {} count together\n"
      "checks       {} units of a task at least, {} passes; at most {} wrong units in a million\n"
      "accepted     when its owner has passed {} tasks more\n"
      "rounds       {} blocks\n"
      "price        {} coins a task, slots are bonded with {}\n"
      "costs        {} to {} coins; {} go into escrow, the rest of it comes back",
      plan.workload, plan.from, plan.to, plan.tasks, plan.units, plan.slices, plan.region_tasks,
      plan.checked_min, plan.passes, plan.eps_ppm, plan.mature, plan.round_blocks,
      format_coins(plan.price), format_coins(plan.bond), format_coins(plan.cost_least),
      format_coins(plan.cost_most), format_coins(plan.amount));
}

std::string to_text(const std::vector<NodeJob>& jobs) {
  if (jobs.empty()) return "no jobs";
  std::string text = base::format("{:>5}  {:<8}  {:<20}  {:>12}  {:>7}  {:>6}  {:>18}\n", "JOB",
                                  "STATE", "OF", "TASKS", "DONE", "SLOTS", "ESCROW");
  for (const NodeJob& job : jobs) {
    text += base::format("{:>5}  {:<8}  {:<20}  {:>12}  {:>6.2f}%  {:>6}  {:>18}\n", job.job,
                         job.state, who(job.name, job.account.substr(0, 20)), job.tasks,
                         100 * share_of(job), job.slots, format_coins(job.escrow));
  }
  return text;
}

void fill_rates(JobReport& report, std::uint64_t block_interval_ms) {
  const NodeJob& job = report.job;
  const std::uint64_t done = job.accepted + job.accepted_second;
  if (!job.start || job.height <= *job.start || done == 0 || job.round_blocks == 0) return;
  const auto blocks = static_cast<double>(job.height - *job.start);
  const double rate = static_cast<double>(done) / blocks;  // a block
  report.tasks_per_round = rate * static_cast<double>(job.round_blocks);
  if (block_interval_ms == 0) return;
  const double left =
      static_cast<double>(job.tasks) * static_cast<double>(job.passes) - static_cast<double>(done);
  report.left_s = left / rate * static_cast<double>(block_interval_ms) / 1000;
}

std::string to_json(const JobReport& report) {
  const NodeJob& job = report.job;
  Json regions = Json::array();
  for (const NodeRegion& region : report.regions) regions.push_back(region_view(region));
  return to_line(Json{{"height", number(job.height)},
                      {"job", number(job.job)},
                      {"state", job.state},
                      {"account", job.account},
                      {"name", text_or_null(job.name)},
                      {"workload", report.workload},
                      {"from", text_or_null(report.from)},
                      {"to", text_or_null(report.to)},
                      {"tasks", number(job.tasks)},
                      {"units", number(job.units)},
                      {"passes", job.passes},
                      {"accepted", number(job.accepted)},
                      {"accepted_second", number(job.accepted_second)},
                      {"done", share_of(job)},
                      {"mature", number(job.mature)},
                      {"slots", number(job.slots)},
                      {"escrow", number(job.escrow)},
                      {"reserved", number(job.reserved)},
                      {"price", number(job.price)},
                      {"bond", number(job.bond)},
                      {"start", job.start ? number(*job.start) : Json(nullptr)},
                      {"round", job.round ? number(*job.round) : Json(nullptr)},
                      {"tasks_per_round", or_null(report.tasks_per_round)},
                      {"left_s", or_null(report.left_s)},
                      {"disputes", number(report.disputes)},
                      {"regions", number(job.regions)},
                      {"regions_begun", std::move(regions)}});
}

std::string to_text(const JobReport& report) {
  const NodeJob& job = report.job;
  std::string text = bar_of(share_of(job)) + base::format("  {}", job.state);
  if (report.tasks_per_round) {
    text += base::format("  {:.3g} tasks a round", *report.tasks_per_round);
  }
  if (report.left_s) text += "  " + time_to_go(*report.left_s);
  text += base::format("\njob        {} of {}\nwork       {}", job.job, who(job.name, job.account),
                       report.workload);
  if (!report.from.empty()) text += base::format(", {} to {}", report.from, report.to);
  text += base::format("\ntasks      {} of {} accepted", job.accepted, job.tasks);
  if (job.passes > 1) text += base::format(", {} a second time", job.accepted_second);
  text += base::format(
      "\nslots      {}\nrounds     of {} blocks{}\nmoney      {} in escrow, {} of it reserved; {} "
      "a "
      "task\ndisputes   {}\n",
      job.slots, job.round_blocks, job.round ? base::format(", now {}", *job.round) : "",
      format_coins(job.escrow), format_coins(job.reserved), format_coins(job.price),
      report.disputes);
  for (std::size_t i = 0; i < report.regions.size() && i < regions_shown; ++i) {
    const NodeRegion& region = report.regions[i];
    text += base::format(
        "region     {}: {} of {} accepted{}\n", region.region, region.accepted, job.region_tasks,
        region.height ? base::format(", complete in block {}", *region.height) : std::string());
  }
  if (report.regions.size() > regions_shown) {
    text += base::format("           and {} more\n", report.regions.size() - regions_shown);
  }
  return text;
}

std::string to_text(const std::vector<NodeStanding>& standings) {
  if (standings.empty()) return "nobody yet";
  std::string text = base::format("{:>4}  {:<20}  {:>14}  {:>12}  {:>12}  {:>6}  {:>5}\n", "RANK",
                                  "ACCOUNT", "UNITS", "TASKS", "CHECKS", "FAULTS", "JOBS");
  std::size_t rank = 0;
  for (const NodeStanding& each : standings) {
    text += base::format("{:>4}  {:<20}  {:>14}  {:>12}  {:>12}  {:>6}  {:>5}\n", ++rank,
                         who(each.name, each.account.substr(0, 20)), each.units, each.tasks,
                         each.checks, each.faults, each.jobs);
  }
  return text;
}

std::string render_work(std::string_view result) {
  const Json told = Json::parse(result, nullptr, false);
  if (!told.is_object()) return render_object(result);
  Members work(told);
  if (told.contains("is_enabled") && !work.flag("is_enabled")) return "this node works for no jobs";
  const char* const state = work.flag("is_paused") ? "paused" : "working";
  if (!told.contains("jobs")) return state;
  std::string text = base::format("{} as {}\n", state, work.text("worker"));
  for (const Json& one : work.list("jobs")) {
    Members job(one);
    text += base::format("job {}: {} slots, {} tasks leased, {} committed, {} maturing",
                         job.number("job"), job.number("slots"), job.number("queued"),
                         job.number("pending"), job.number("maturing"));
    const std::string trouble = job.optional_text("trouble");
    text += (trouble.empty() ? "" : "; " + trouble) + "\n";
    if (!job.fault()) return render_object(result);
  }
  text += base::format("{} of {} slices that are leased or to be checked are computed\n",
                       work.number("slices_done"), work.number("slices_wanted"));
  Members counts(work.object("counts"));
  text += base::format("{} slices computed, {} tasks done, {} checked by others, {} checks made",
                       counts.number("slices"), counts.number("tasks"), counts.number("settled"),
                       counts.number("checks"));
  return work.fault() && counts.fault() ? text : render_object(result);
}

std::string render_leaderboard(std::string_view result) {
  const auto standings = read_leaderboard(result);
  return standings ? to_text(*standings) : render_object(result);
}

std::string render_jobs(std::string_view result) {
  const auto page = read_jobs(result);
  return page ? to_text(page->jobs) : render_object(result);
}

std::string render_finds(std::string_view result) {
  const auto finds = read_finds(result);
  if (!finds) return render_object(result);
  if (finds->empty()) return "nothing yet";
  std::string text;
  for (const NodeFind& find : *finds) {
    text += base::format("{} {}\n  by     {}, in unit {} of task {}, block {}\n  name   {}\n",
                         find.what, find.number, who(find.name, find.account), find.unit, find.task,
                         find.height, find.find);
  }
  return text;
}

std::string to_json(const RecordReport& report) {
  Json json{{"cid", report.cid},
            {"hash", report.hash},
            {"genesis", report.genesis},
            {"job", number(report.job)},
            {"task", number(report.task)},
            {"pass", report.pass},
            {"account", report.account},
            {"worker", report.worker},
            {"device_class", report.device_class},
            {"slot", report.slot},
            {"round", number(report.round)},
            {"root", report.root},
            {"checkers", report.checkers},
            {"time_ms", number(report.time_ms)},
            {"statistics", report.statistics}};
  if (report.is_signed) json["signed"] = *report.is_signed;
  json["region"] = report.region ? number(*report.region) : Json(nullptr);
  json["region_root"] = or_null(report.region_root);
  json["settled"] = report.settled.empty() ? Json(nullptr) : Json(report.settled);
  json["place"] = report.place ? number(*report.place) : Json(nullptr);
  json["place_of"] = report.place_of ? number(*report.place_of) : Json(nullptr);
  json["covers"] = nullptr;
  if (const auto& covers = report.covers) {
    json["covers"] = Json{{"region", number(covers->region)},
                          {"task_in_region", number(covers->task_in_region)},
                          {"region_tasks", number(covers->region_tasks)},
                          {"first_unit", number(covers->first_unit)},
                          {"units", number(covers->units)},
                          {"slices", covers->slices ? number(*covers->slices) : Json(nullptr)},
                          {"words", covers->words.empty() ? Json(nullptr) : Json(covers->words)}};
  }
  json["proven_at"] = report.proven_at ? number(*report.proven_at) : Json(nullptr);
  json["name"] = report.account_name.empty() ? Json(nullptr) : Json(report.account_name);
  return to_line(json);
}

std::string to_text(const RecordReport& report) {
  std::string text = base::format(
      "record     {}\nof         job {}, task {}, pass {}\nby         account {}\nworker     {} "
      "(slot {}, round {})\nroot       {}\nchecked    by {} slots\n",
      report.cid, report.job, report.task, report.pass, report.account, report.worker, report.slot,
      report.round, report.root, report.checkers.size());
  if (report.is_signed) text += "signature  is the worker's\n";
  if (const auto& covers = report.covers) {
    text += base::format("covers     task {} of {} in region {}: units {} to {} of the job\n",
                         covers->task_in_region, covers->region_tasks, covers->region,
                         covers->first_unit, covers->first_unit + covers->units - 1);
    if (!covers->words.empty()) text += base::format("           {}\n", covers->words);
  }
  if (report.proven_at) {
    text += base::format("proven     worker, account{} and job, as of block {}\n",
                         report.account_name.empty() ? "" : " (" + report.account_name + ")",
                         *report.proven_at);
  }
  if (report.region_root) {
    text += base::format("accepted   in region {}, under {}\n", report.region.value_or(0),
                         *report.region_root);
    if (report.place) {
      text += base::format("place      {} of {}\n", *report.place, report.place_of.value_or(0));
    }
  } else if (report.settled == "maturing") {
    text += "settled    with this root; it matures\n";
  } else if (report.is_signed) {
    text += "accepted   not looked at: --place with --node or --light\n";
  }
  return text;
}

}  // namespace kith::cli
