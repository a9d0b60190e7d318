// kith compute submit, fund, end: orders about jobs on the ledger; jobs, job and leaderboard: what
// the chain knows of them.
#include <algorithm>

#include "app/account_home.h"
#include "app/cmd_account.h"
#include "base/format.h"
#include "cli/render.h"
#include "cli/reports_job.h"
#include "codec/chain_job_check.h"
#include "compute/job_work.h"
#include "rt/compute_external.h"
#include "wallet/amount_text.h"

namespace kith::app {
namespace {

using compute::collatz::U128;

constexpr Duration answer_timeout = 10s;
constexpr std::string_view external_prefix = "external:";

// Where a job's submitter says nothing (docs/design/compute-ledger.md).
constexpr std::uint64_t eps_ppm_default = 250;
constexpr std::uint64_t checked_min_default = 48;
constexpr std::uint64_t round_blocks_default = 64;
/// Up to so many tasks the escrow is for the dearest case: each checked in whole.
constexpr std::uint64_t small_job_tasks = 4'096;

Result<std::uint64_t> small_number(const std::string& text) {
  const U128 number = TRY(compute::collatz::parse_number(text));
  if (number <= UINT64_MAX) return static_cast<std::uint64_t>(number);
  return fail(Code::usage, base::format("{} is too large for this workload", text));
}

Result<compute::JobWork> program_work(const cli::JobSubmitArgs& args) {
  if (args.step.empty()) return fail(Code::usage, "--step is missing: numbers a task");
  const auto file = TRY(rt::load_external(args.workload.substr(external_prefix.size())));
  compute::ProgramCut cut;
  cut.from = TRY(small_number(args.from));
  cut.to = TRY(small_number(args.to));
  cut.step = TRY(small_number(args.step));
  cut.units = static_cast<std::uint32_t>(args.units);
  cut.slices = static_cast<std::uint32_t>(args.slices);
  return compute::program_job_work(file->hash, cut);
}

Result<compute::JobWork> work_of(const cli::JobSubmitArgs& args) {
  if (args.workload.starts_with(external_prefix)) return program_work(args);
  if (!args.step.empty()) {
    return fail(Code::usage, "--step is for external programs: others cut the range themselves");
  }
  if (args.workload == "collatz") {
    const U128 from = TRY(compute::collatz::parse_number(args.from));
    const U128 to = TRY(compute::collatz::parse_number(args.to));
    return compute::collatz_job_work(from, to);
  }
  const std::uint64_t from = TRY(small_number(args.from));
  const std::uint64_t to = TRY(small_number(args.to));
  return compute::goldbach_job_work(from, to);
}

Result<codec::JobSpec> spec_of(const cli::JobSubmitArgs& args, const compute::JobWork& work,
                               const cli::ComputeTerms& terms) {
  codec::JobSpec spec;
  spec.workload = static_cast<std::uint8_t>(work.workload);
  spec.params = work.params;
  spec.tasks = work.shape.tasks;
  spec.units = static_cast<std::uint16_t>(work.shape.units);
  spec.slices = static_cast<std::uint16_t>(work.shape.slices);
  const std::uint64_t region = args.region_tasks == 0 ? work.region_tasks : args.region_tasks;
  spec.region_tasks = static_cast<std::uint32_t>(std::min<std::uint64_t>(region, spec.tasks));
  const std::uint64_t rounds = std::max(round_blocks_default, 2 * terms.draw_gap);
  spec.round_blocks =
      static_cast<std::uint16_t>(args.round_blocks == 0 ? rounds : args.round_blocks);
  if (spec.round_blocks < 2 * terms.draw_gap) {
    return fail(Code::usage, base::format("rounds of {} blocks; this chain wants {} at least",
                                          spec.round_blocks, 2 * terms.draw_gap));
  }
  spec.lease_rounds = static_cast<std::uint8_t>(args.lease_rounds);
  const std::uint64_t checked = args.checked_min == 0 ? checked_min_default : args.checked_min;
  spec.checked_min = static_cast<std::uint16_t>(std::min<std::uint64_t>(checked, spec.units));
  spec.eps_ppm = static_cast<std::uint32_t>(args.eps_ppm == 0 ? eps_ppm_default : args.eps_ppm);
  spec.passes = static_cast<std::uint8_t>(args.passes);
  spec.second_every = static_cast<std::uint8_t>(args.second_every);
  spec.price = TRY(wallet::parse_coins(args.price));
  spec.price2 = TRY(coins_or(args.price2, spec.price));
  spec.bond = TRY(coins_or(args.bond, terms.min_bond));
  if (spec.bond < terms.min_bond) {
    return fail(Code::usage, base::format("slots bonded with {} coins; this chain wants {} at "
                                          "least",
                                          wallet::format_coins(spec.bond),
                                          wallet::format_coins(terms.min_bond)));
  }
  return spec;
}

/// a * b / c, or the largest amount.
wallet::Amount scaled(wallet::Amount a, std::uint64_t b, std::uint64_t c) {
  const U128 product = U128{a} * b / c;
  return product > codec::amount_max ? codec::amount_max : static_cast<wallet::Amount>(product);
}

Result<cli::JobPlan> plan_of(const cli::JobSubmitArgs& args, const codec::JobSpec& spec,
                             const cli::ComputeTerms& terms) {
  const auto mature = codec::passes_to_mature(spec, static_cast<std::uint16_t>(terms.cheats));
  if (!mature) {
    return fail(Code::usage,
                base::format("an owner would have to pass more than 255 tasks until one counts: "
                             "at most {} wrong units in a million with {} units checked are too "
                             "much to ask; more --eps-ppm or more --checked-min",
                             spec.eps_ppm, spec.checked_min));
  }
  const compute::JobRange range = TRY(compute::job_range(spec.workload, spec.params));
  cli::JobPlan plan{range.name,
                    range.from,
                    range.to,
                    spec.tasks,
                    spec.units,
                    spec.slices,
                    spec.region_tasks,
                    spec.passes,
                    spec.eps_ppm,
                    spec.checked_min,
                    *mature,
                    spec.price,
                    spec.bond,
                    0,
                    0,
                    0,
                    spec.round_blocks};
  const wallet::Amount prices = spec.price + (spec.passes == 2 ? spec.price2 : 0);
  plan.cost_least = scaled(prices, spec.tasks, 1);
  const wallet::Amount checks = scaled(prices, spec.tasks * spec.checked_min, spec.units);
  plan.cost_least = std::min(plan.cost_least + checks, codec::amount_max);
  plan.cost_most = scaled(prices, 2 * spec.tasks, 1);
  // A quarter more than the least, for beginners, who are checked in whole, and what is done anew.
  const wallet::Amount wanted =
      spec.tasks <= small_job_tasks ? plan.cost_most : scaled(plan.cost_least, 5, 4);
  plan.amount = TRY(coins_or(args.amount, wanted));
  return plan;
}

int submit(const cli::Globals& globals, const cli::JobSubmitArgs& args) {
  cli::JobPlan plan;
  const auto work = work_of(args);
  if (!work) return fail_wallet(globals, work.error());
  const auto order = [&](PayDraft&, wallet::Wallet&, WalletChain& chain,
                         const KnownAccount& account) -> Result<wallet::OrderRequest> {
    const cli::ComputeTerms terms = TRY(compute_terms(chain));
    const codec::JobSpec spec = TRY(spec_of(args, *work, terms));
    plan = TRY(plan_of(args, spec, terms));
    say(globals, cli::to_text(plan));
    const codec::SubmitJob submit{account.id, spec, plan.amount};
    // What the ledger would refuse for its form is refused here, with a sentence about the job.
    TRY(codec::decode_job_order(codec::encode_job_order(submit)));
    return wallet::OrderRequest{codec::JobOrder(submit), std::nullopt, nullptr};
  };
  const auto report = pay_as_account(globals, args.options, order);
  if (!report) return fail_wallet(globals, report.error());
  if (globals.json && args.options.payment.is_dry_run) {
    print(cli::to_json(plan));
    return cli::exit_done;
  }
  return finish_tx(globals, report);
}

int fund(const cli::Globals& globals, const cli::JobFundArgs& args) {
  const auto amount = wallet::parse_coins(args.amount);
  if (!amount) return fail_wallet(globals, amount.error());
  if (*amount == 0) return fail_wallet(globals, {Code::usage, "an amount of 0 coins"});
  const auto fill = [&](PayDraft& draft, wallet::Wallet&, WalletChain& chain) -> Result<void> {
    TRY(chain.call("job.get", {{"job", args.job}}));
    draft.request.orders = {
        {codec::JobOrder(codec::FundJob{codec::JobId{args.job}, *amount}), std::nullopt, nullptr}};
    return {};
  };
  return finish_tx(globals, pay(globals, args.options.wallet, args.options.payment, fill));
}

int end(const cli::Globals& globals, const cli::JobEndArgs& args) {
  const auto order = [&](PayDraft&, wallet::Wallet&, WalletChain& chain,
                         const KnownAccount& account) -> Result<wallet::OrderRequest> {
    const auto answer = TRY(chain.call("job.get", {{"job", args.job}}));
    const cli::NodeJob job = TRY(cli::read_job(answer));
    if (job.account != account.told.id) {
      return fail(Code::permission, base::format("job {} is of the account {}, not of {}", args.job,
                                                 job.account, account.told.id));
    }
    return wallet::OrderRequest{codec::JobOrder(codec::EndJob{codec::JobId{args.job}}),
                                std::nullopt, nullptr};
  };
  return finish_tx(globals, pay_as_account(globals, args.options, order));
}

Result<cli::JobReport> look_at(const cli::Globals& globals, std::uint64_t number) {
  auto chain = TRY(WalletChain::reach(globals));
  const cli::Params which = {{"job", number}};
  cli::JobReport report;
  const auto job = TRY(chain.call("job.get", which));
  report.job = TRY(cli::read_job(job));
  const auto regions = TRY(chain.call("job.regions", which));
  report.regions = TRY(cli::read_regions(regions));
  const auto disputes = TRY(chain.call("job.disputes", which));
  report.disputes = TRY(cli::count_items(disputes, "disputes"));
  const auto params = base::from_hex(report.job.params);
  report.workload = base::format("workload {}", report.job.workload);
  if (params) {
    if (auto range = compute::job_range(report.job.workload, *params)) {
      report.workload = range->name;
      report.from = range->from;
      report.to = range->to;
    }
  }
  cli::fill_rates(report, chain.terms().block_interval_ms);
  return report;
}

int show(const cli::Globals& globals, const cli::JobShowArgs& args) {
  const auto report = look_at(globals, args.job);
  if (!report) return fail_wallet(globals, report.error());
  print(globals.json ? cli::to_json(*report) : cli::to_text(*report));
  return cli::exit_done;
}

int list(const cli::Globals& globals, const cli::JobListArgs& args) {
  cli::Params params = {{"limit", args.limit}};
  if (args.after != 0) params.emplace_back("after", args.after);
  return ask_running(globals, "job.list", params, answer_timeout, cli::render_jobs);
}

/// `what`: the last word of the method.
int ask_work(const cli::Globals& globals, std::string_view what) {
  return ask_running(globals, base::format("compute.{}", what), {}, answer_timeout,
                     cli::render_work);
}

}  // namespace

int run_job(const cli::Globals& globals, const cli::JobArgs& args) {
  const cli::Globals& g = globals;
  return std::visit(
      Overload{[&](const cli::JobSubmitArgs& a) { return submit(g, a); },
               [&](const cli::JobFundArgs& a) { return fund(g, a); },
               [&](const cli::JobEndArgs& a) { return end(g, a); },
               [&](const cli::JobListArgs& a) { return list(g, a); },
               [&](const cli::JobShowArgs& a) { return show(g, a); },
               [&](const cli::JobFindsArgs& a) {
                 cli::Params params{{"job", a.job}, {"limit", a.limit}};
                 if (!a.after.empty()) params.emplace_back("after", a.after);
                 return ask_running(g, "job.finds", params, answer_timeout, cli::render_finds);
               },
               [&](const cli::LeaderboardArgs& a) {
                 return ask_running(g, "compute.leaderboard", {{"limit", a.limit}}, answer_timeout,
                                    cli::render_leaderboard);
               },
               [&](const cli::WorkStatusArgs&) { return ask_work(g, "status"); },
               [&](const cli::WorkPauseArgs&) { return ask_work(g, "pause"); },
               [&](const cli::WorkResumeArgs&) { return ask_work(g, "resume"); },
               [&](const cli::RecordShowArgs& a) { return run_record_show(g, a); },
               [&](const cli::RecordVerifyArgs& a) { return run_record_verify(g, a); }},
      args);
}

}  // namespace kith::app
