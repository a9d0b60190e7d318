#include "cli/payment_options.h"
#include "cli/verbs.h"

namespace kith::cli {
namespace {

constexpr std::uint64_t page_max = 1000;

void add_submit_verb(CLI::App& compute, Draft& draft) {
  const auto submit = add_verb<JobSubmitArgs>(
      compute, draft, "submit", "Submit a job for others to compute; --dry-run shows its cost",
      "kith compute submit --workload collatz --from 2^71 --to 2^71+2^65-1 --price 0.01 --dry-run");
  JobSubmitArgs& args = *submit.args;
  CLI::App& to = *submit.app;
  to.add_option("--workload", args.workload, "collatz, goldbach, or external:PROGRAM")
      ->required()
      ->check([](const std::string& name) {
        const bool is_known =
            name == "collatz" || name == "goldbach" || name.starts_with("external:");
        return is_known ? std::string() : "no workload: " + name;
      })
      ->type_name("NAME");
  to.add_option("--from", args.from, "The first number: 1000000, 1e6, 2^71 or 2^71+5")
      ->type_name("NUMBER")
      ->required();
  to.add_option("--to", args.to, "The last number; regions of Collatz are of 2^65 numbers")
      ->type_name("NUMBER")
      ->required();
  to.add_option("--step", args.step, "Of an external program: numbers a task")->type_name("NUMBER");
  add_count(to, "--units", args.units, "Of an external program's task: a power of 4 (16)", 4, 1024);
  add_count(to, "--slices", args.slices, "Of such a unit, each of about a second (4)", 1, 64);
  to.add_option("--price", args.price, "For a task, and for a check of all of it")
      ->type_name("COINS")
      ->required();
  to.add_option("--price2", args.price2, "For a task of the second pass (the same)")
      ->type_name("COINS");
  to.add_option("--amount", args.amount, "Into the job's escrow (what it may cost)")
      ->type_name("COINS");
  to.add_option("--bond", args.bond, "Of each slot that computes (the chain's minimum)")
      ->type_name("COINS");
  add_count(to, "--passes", args.passes, "2: all of it twice, by different accounts (1)", 1, 2);
  add_count(to, "--eps-ppm", args.eps_ppm, "Share of units that may be wrong, in millionths (250)",
            10, 100'000);
  add_count(to, "--checked-min", args.checked_min,
            "Units of a task that others compute too, at least (48, or all there are)", 1, 64);
  add_count(to, "--second-every", args.second_every,
            "Every so-manieth lease is of the second pass (0: when idle)", 0, 255);
  add_count(to, "--round-blocks", args.round_blocks, "Blocks of a round (64)", 2, 4096);
  add_count(to, "--lease-rounds", args.lease_rounds, "Rounds until a lease goes back (4)", 1, 64);
  add_count(to, "--region-tasks", args.region_tasks, "Tasks that count together", 1, 1u << 20);
  add_account_options(to, args.options);
}

void add_job_orders(CLI::App& compute, Draft& draft) {
  const auto fund =
      add_verb<JobFundArgs>(compute, draft, "fund", "Put more coins into a job's escrow",
                            "kith compute fund 1 --amount 50");
  add_count(*fund.app, "JOB", fund.args->job, "Its number", 1, UINT64_MAX)->required();
  fund.app->add_option("--amount", fund.args->amount, "Such as 50")->required()->type_name("COINS");
  add_wallet_options(*fund.app, fund.args->options.wallet);
  add_payment_options(*fund.app, fund.args->options.payment);
  const auto end = add_verb<JobEndArgs>(
      compute, draft, "end", "Let a job of the account's have no more leases; the rest comes back",
      "kith compute end 1 --wait");
  add_count(*end.app, "JOB", end.args->job, "Its number", 1, UINT64_MAX)->required();
  add_account_options(*end.app, end.args->options);
}

void add_job_looks(CLI::App& compute, Draft& draft) {
  const auto jobs = add_verb<JobListArgs>(compute, draft, "jobs",
                                          "The jobs that are not over, and how far they are",
                                          "kith compute jobs --json");
  add_count(*jobs.app, "--limit", jobs.args->limit, "How many (100)", 1, page_max);
  add_count(*jobs.app, "--after", jobs.args->after, "Go on behind this job", 1, UINT64_MAX);
  const auto job = add_verb<JobShowArgs>(compute, draft, "job",
                                         "A job: progress, regions, slots, disputes, money",
                                         "kith compute job 1");
  add_count(*job.app, "JOB", job.args->job, "Its number", 1, UINT64_MAX)->required();
  const auto finds = add_verb<JobFindsArgs>(compute, draft, "finds",
                                            "What was discovered in a job, and whose it is",
                                            "kith compute finds 1");
  add_count(*finds.app, "JOB", finds.args->job, "Its number", 1, UINT64_MAX)->required();
  add_count(*finds.app, "--limit", finds.args->limit, "How many (100)", 1, page_max);
  finds.app->add_option("--after", finds.args->after, "Go on behind this find")->type_name("NAME");
  const auto board = add_verb<LeaderboardArgs>(compute, draft, "leaderboard",
                                               "Who contributed most, over all jobs",
                                               "kith compute leaderboard --limit 10");
  add_count(*board.app, "--limit", board.args->limit, "How many (20)", 1, page_max);
}

void add_worker_verbs(CLI::App& compute, Draft& draft) {
  add_verb<WorkStatusArgs>(compute, draft, "status",
                           "What the running node works for, and what it has done",
                           "kith compute status");
  add_verb<WorkPauseArgs>(compute, draft, "pause",
                          "Have the running node compute nothing; what is done is still said",
                          "kith compute pause");
  add_verb<WorkResumeArgs>(compute, draft, "resume", "Have it compute again",
                           "kith compute resume");
}

void add_record_verbs(CLI::App& compute, Draft& draft) {
  CLI::App* record =
      group_of(compute, "record", "Signed records of results", "kith compute record verify r.bin");
  const auto show = add_verb<RecordShowArgs>(
      *record, draft, "show", "What a record says, unchecked", "kith compute record show r.bin");
  show.app->add_option("RECORD", show.args->record, "A file, or a CID of HOME/records")->required();
  const auto verify = add_verb<RecordVerifyArgs>(
      *record, draft, "verify",
      "Check a record's signature and CID, whose it is, what it covers, and that the ledger "
      "settled "
      "it; exit 4 when false",
      "kith compute record verify r.bin --place r.proof --light --genesis genesis.kith");
  RecordVerifyArgs& args = *verify.args;
  CLI::App& to = *verify.app;
  to.add_option("RECORD", args.record, "A file, or a CID of HOME/records")->required();
  to.add_option("--cid", args.cid, "Expect this CID")->type_name("CID");
  auto* place = to.add_option("--place", args.place,
                              "The proof that it is in its region's list, as workers show it")
                    ->type_name("FILE");
  auto* node = to.add_flag("--node", args.asks_node, "The list's root from the running node");
  node->needs(place);
  auto* light = to.add_flag("--light", args.is_light,
                            "Have the running node prove account, key, job and region, and believe "
                            "the proof alone");
  auto* proof = to.add_option("--proof", args.proof,
                              "Such a proof in a file (kith chain proof --kind entry): no node")
                    ->type_name("FILE");
  auto* genesis =
      to.add_option("--genesis", args.genesis, "The chain's genesis: its hash in hex, or the file")
          ->type_name("HASH|FILE");
  auto* old_keys = to.add_flag("--trust-old-keys", args.trusts_old_keys,
                               "No old validator's key may have been sold or stolen");
  light->needs(genesis)->excludes(node);
  proof->needs(genesis)->excludes(node)->excludes(light);
  old_keys->needs(genesis);
}

}  // namespace

void add_job_verbs(CLI::App& app, Draft& draft) {
  CLI::App* compute = group_of(app, "compute", "Compute for others, or for oneself",
                               "kith compute run --workload goldbach --from 4 --to 1e9");
  add_submit_verb(*compute, draft);
  add_job_orders(*compute, draft);
  add_job_looks(*compute, draft);
  add_worker_verbs(*compute, draft);
  add_record_verbs(*compute, draft);
}

}  // namespace kith::cli
