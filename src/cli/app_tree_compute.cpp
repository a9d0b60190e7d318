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
}

}  // namespace kith::cli
