#include "cli/rule_options.h"
#include "cli/verbs.h"

namespace kith::cli {
namespace {

constexpr std::uint64_t threads_max = 4096;

}  // namespace

void add_compute_verbs(CLI::App& app, Draft& draft) {
  CLI::App* collatz = add_group(app, "collatz", "Verify the Collatz conjecture",
                                "kith collatz verify --from 1 --to 1e9");
  const auto verify = add_verb<CollatzVerifyArgs>(
      *collatz, draft, "verify", "Verify a range of numbers, without a node",
      "kith collatz verify --from 2^71 --to 2^71+1000000 --json");
  CollatzVerifyArgs& args = *verify.args;
  CLI::App& to = *verify.app;
  to.add_option("--from", args.from, "The first number: 1000000, 1e6, 2^71 or 2^71+5")
      ->type_name("NUMBER")
      ->required();
  to.add_option("--to", args.to, "The last number")->type_name("NUMBER")->required();
  to.add_flag("--fast", args.is_fast,
              "Prove that all converge if those below do, by sieves and vectors: no records");
  to.add_option("--device", args.device,
                "auto, cpu, cuda, opencl, hybrid, or a kernel's name (docs/compute.md)")
      ->type_name("NAME");
  add_count(to, "--threads", args.threads, "How many (one a processor)", 1, threads_max);
  to.add_option("--checkpoint", args.checkpoint,
                "Keep here what is done, and go on from it when it is there")
      ->type_name("FILE");
  add_rule_options(to, args.rules, "End when more is used; the checkpoint keeps what is done");

  const auto records = add_verb<CollatzRecordsArgs>(
      *collatz, draft, "records", "Find all records from 1 on, by trying every number",
      "kith collatz records --to 1e9 --kind glide");
  records.app->add_option("--to", records.args->to, "The last number, below 2^44")
      ->type_name("NUMBER")
      ->required();
  records.app
      ->add_option(
          "--kind", records.args->kind,
          "path (highest number visited), delay (most steps to 1), glide (most until it is "
          "below itself) or all (all)")
      ->check(CLI::IsMember({"all", "path", "delay", "glide"}))
      ->type_name("KIND");
  add_rule_options(*records.app, records.args->rules, "End when more is used");

  const auto barina = add_verb<CollatzBarinaArgs>(
      *collatz, draft, "barina", "Compute a unit of David Barina's project, to compare checksums",
      "kith collatz barina 1");
  add_count(*barina.app, "UNIT", barina.args->unit, "2^40 numbers from UNIT * 2^40 on", 1,
            (std::uint64_t{1} << 47) - 1)
      ->required();
  add_count(*barina.app, "--threads", barina.args->threads, "How many (one a processor)", 1,
            threads_max);
  add_rule_options(*barina.app, barina.args->rules, "End when more is used");
}

}  // namespace kith::cli
