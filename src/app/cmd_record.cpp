// kith compute record: what a signed record of a result says, and whether it holds. Its signature
// and name need nothing else; that the ledger accepted it is shown by a proof of its place in its
// region's list, whose root a node tells, or a light client that believes a proof alone. The latter
// also says whose key the worker's is, and what the job has to do with it.
#include "app/account_home.h"
#include "app/cmd_account.h"
#include "app/light_begin.h"
#include "base/format.h"
#include "cli/light_report.h"
#include "cli/reports_job.h"
#include "codec/chain_record.h"
#include "compute/job_work.h"
#include "light/record.h"
#include "rt/files.h"

namespace kith::app {
namespace {

constexpr std::size_t record_bytes_max = 4096;
/// Of 3 MiB each: more than any chain has, so that a node cannot keep us for ever.
constexpr std::size_t proof_parts_max = 1'000;

/// A file, or HOME/records/CID.
Result<Bytes> read_record(const cli::Globals& globals, const std::string& record) {
  if (rt::file_exists(record)) return rt::read_file(record, record_bytes_max);
  const auto cid = codec::Cid::parse(record);
  if (!cid) {
    return fail(Code::not_found,
                base::format("\"{}\" is neither a file nor a CID", record.substr(0, 100)));
  }
  const std::string path = base::format("{}/records/{}", TRY(home_of(globals)), cid->to_string());
  if (!rt::file_exists(path)) {
    return fail(Code::not_found, base::format("there is no record {}", path));
  }
  return rt::read_file(path, record_bytes_max);
}

cli::RecordReport report_of_record(const codec::Record& record) {
  cli::RecordReport report;
  report.cid = codec::cid_of(record).to_string();
  report.hash = base::to_hex(codec::record_hash(record));
  report.genesis = base::to_hex(record.genesis);
  report.account = base::to_hex(record.account);
  report.worker = base::to_hex(record.worker);
  report.root = base::to_hex(record.root);
  report.job = record.job.value;
  report.task = record.task.value;
  report.pass = record.pass;
  report.slot = record.slot.value;
  report.round = record.round;
  report.device_class = record.device_class;
  for (const codec::SlotId checker : record.checkers) report.checkers.push_back(checker.value);
  report.time_ms = record.time;
  report.statistics = base::to_hex(record.statistics);
  return report;
}

/// "named so" by the caller, and by the file's own name when that is a CID.
Result<void> check_cid(const codec::Record& record, const cli::RecordVerifyArgs& args) {
  const codec::Cid cid = codec::cid_of(record);
  const auto is_it = [&](const std::string& text) -> Result<void> {
    const codec::Cid wanted = TRY(codec::Cid::parse(text));
    if (wanted == cid) return {};
    return fail(Code::refused, base::format("the record is {}, not {}", cid.to_string(), text));
  };
  if (!args.cid.empty()) TRY_VOID(is_it(args.cid));
  const std::string name = args.record.substr(args.record.find_last_of('/') + 1);
  if (codec::Cid::parse(name)) TRY_VOID(is_it(name));
  return {};
}

struct Region {
  std::uint64_t number = 0;
  codec::Hash root{};
};

cli::RecordReport::Covers covers_of(const codec::Record& record, std::uint64_t region_tasks,
                                    std::uint64_t units, std::uint64_t workload, ByteView params) {
  cli::RecordReport::Covers covers;
  covers.region = record.task.value / region_tasks;
  covers.task_in_region = record.task.value % region_tasks;
  covers.region_tasks = region_tasks;
  covers.first_unit = record.task.value * units;
  covers.units = units;
  covers.words = compute::describe_task(workload, params, {record.task.value}).value_or("");
  return covers;
}

/// As the running node has it.
Result<Region> region_of_node(WalletChain& chain, const codec::Record& record,
                              const cli::NodeJob& job) {
  Region region;
  region.number = record.task.value / job.region_tasks;
  cli::Params params = {{"job", record.job.value}, {"limit", std::uint64_t{1}}};
  if (region.number > 0) params.emplace_back("after", region.number - 1);
  const auto answer = TRY(chain.call("job.regions", params));
  const auto regions = TRY(cli::read_regions(answer));
  if (regions.empty() || regions.front().region != region.number) {
    return fail(Code::refused, base::format("nothing of region {} is accepted", region.number));
  }
  const std::string& root = record.pass == 2 ? regions.front().root_second : regions.front().root;
  if (root.empty()) {
    return fail(Code::refused, base::format("nothing of pass {} in region {} is accepted",
                                            record.pass, region.number));
  }
  region.root = TRY(parse_hash_text(root, "region's root"));
  return region;
}

Result<cli::NodeJob> job_of_node(WalletChain& chain, const codec::Record& record) {
  const auto answer = TRY(chain.call("job.get", {{"job", record.job.value}}));
  cli::NodeJob job = TRY(cli::read_job(answer));
  if (job.region_tasks == 0) return fail(Code::protocol, "a job whose regions have no tasks");
  return job;
}

Result<std::optional<codec::MerkleProof>> read_place(const cli::RecordVerifyArgs& args) {
  if (args.place.empty()) return std::optional<codec::MerkleProof>();
  const Bytes bytes = TRY(rt::read_file(args.place, codec::merkle_proof_bytes_max));
  return std::optional(TRY(codec::decode_merkle_proof(bytes)));
}

/// That the ledger accepted it, as the running node says.
Result<void> check_by_node(const cli::Globals& globals, const codec::MerkleProof& place,
                           const codec::Record& record, cli::RecordReport& report) {
  auto chain = TRY(WalletChain::reach(globals));
  TRY_VOID(chain.check(record.genesis));
  const cli::NodeJob job = TRY(job_of_node(chain, record));
  const Region region = TRY(region_of_node(chain, record, job));
  TRY_VOID(codec::verify_record(record, region.root, place));
  report.region = region.number;
  report.region_root = base::to_hex(region.root);
  report.settled = "accepted";
  report.place = place.index;
  report.place_of = place.count;
  const Bytes params = TRY(base::from_hex(job.params));
  report.covers = covers_of(record, job.region_tasks, job.units, job.workload, params);
  return {};
}

/// What a light client has found proven, and who it is.
struct Proven {
  light::LightClient client;
  light::Verdict verdict;
};

Result<Proven> prove_by_file(const cli::RecordVerifyArgs& args, const cli::LightVerifyArgs& trust) {
  const Bytes bytes = TRY(rt::read_file(args.proof, codec::chain_proof_bytes_max));
  const codec::ChainProof proof = TRY(codec::decode_chain_proof(bytes));
  light::LightClient client = TRY(begin_light(trust, proof));
  auto verdict = TRY(client.verify(proof, light_time()));
  return Proven{std::move(client), std::move(verdict)};
}

/// In as many parts as the node gives it: it is asked, and not believed.
Result<Proven> prove_by_node(const cli::Globals& globals, const cli::RecordVerifyArgs& args,
                             const cli::LightVerifyArgs& trust, const codec::Record& record) {
  auto chain = TRY(WalletChain::reach(globals));
  const cli::NodeJob job = TRY(job_of_node(chain, record));
  const std::string what =
      light::record_entries(record, static_cast<std::uint32_t>(job.region_tasks),
                            /*with_region=*/!args.place.empty());
  std::optional<light::LightClient> client;
  cli::Params params{{"kind", std::string("entry")}, {"what", what}};
  for (std::size_t parts = 0; parts < proof_parts_max; ++parts) {
    const auto answer = TRY(chain.call("chain.proof", params));
    const cli::ProofAnswer told = TRY(cli::read_proof_answer(answer));
    const codec::ChainProof proof = TRY(codec::decode_chain_proof(told.proof));
    if (!client) client = TRY(begin_light(trust, proof));
    auto verdict = TRY(client->verify(proof, light_time()));
    if (!told.is_part) return Proven{*std::move(client), std::move(verdict)};
    params = {{"kind", std::string("entry")}, {"what", what}, {"from_epoch", told.epoch}};
  }
  return fail(Code::protocol, base::format("a proof in more than {} parts", proof_parts_max));
}

Result<void> check_by_light(const cli::Globals& globals, const cli::RecordVerifyArgs& args,
                            const std::optional<codec::MerkleProof>& place,
                            const codec::Record& record, cli::RecordReport& report) {
  cli::LightVerifyArgs trust;
  trust.genesis = args.genesis;
  trust.trusts_old_keys = args.trusts_old_keys;
  const Proven proven = TRY(args.proof.empty() ? prove_by_node(globals, args, trust, record)
                                               : prove_by_file(args, trust));
  const auto fact =
      TRY(light::verify_record(record, place, proven.client.genesis(), proven.verdict));
  report.proven_at = proven.verdict.block.header.height.value;
  report.account_name = fact.account_name;
  report.covers = covers_of(record, fact.region_tasks, fact.units, fact.workload, fact.params);
  report.covers->slices = fact.slices;
  switch (fact.settled) {
    case light::RecordFact::Settled::unknown: break;
    case light::RecordFact::Settled::maturing: report.settled = "maturing"; break;
    case light::RecordFact::Settled::accepted:
      report.settled = "accepted";
      report.region = fact.region;
      report.region_root = base::to_hex(fact.region_root);
      report.place = fact.place;
      report.place_of = fact.count;
  }
  return {};
}

/// What is wrong with the record is false; what is wrong with files and nodes is not.
int fail_record(const cli::Globals& globals, const Error& error) {
  const bool is_ours = error.code == Code::usage || error.code == Code::io ||
                       error.code == Code::not_found || error.code == Code::permission ||
                       error.code == Code::unreachable || error.code == Code::protocol;
  return is_ours ? fail_wallet(globals, error) : fail_with(globals, error, cli::exit_found_false);
}

}  // namespace

int run_record_show(const cli::Globals& globals, const cli::RecordShowArgs& args) {
  const auto report = [&]() -> Result<cli::RecordReport> {
    const Bytes bytes = TRY(read_record(globals, args.record));
    return report_of_record(TRY(codec::decode_record(bytes)));
  }();
  if (!report) return fail_wallet(globals, report.error());
  print(globals.json ? cli::to_json(*report) : cli::to_text(*report));
  return cli::exit_done;
}

int run_record_verify(const cli::Globals& globals, const cli::RecordVerifyArgs& args) {
  const auto report = [&]() -> Result<cli::RecordReport> {
    const Bytes bytes = TRY(read_record(globals, args.record));
    const codec::Record record = TRY(codec::decode_record(bytes));
    TRY_VOID(codec::verify_record(record));
    TRY_VOID(check_cid(record, args));
    cli::RecordReport checked = report_of_record(record);
    checked.is_signed = true;
    const bool has_root = args.asks_node || args.is_light || !args.proof.empty();
    if (!args.place.empty() && !has_root) {
      return fail(Code::usage, "--place: under which root? --node, or --light or --proof");
    }
    const auto place = TRY(read_place(args));
    if (args.is_light || !args.proof.empty()) {
      TRY_VOID(check_by_light(globals, args, place, record, checked));
    } else if (place) {
      TRY_VOID(check_by_node(globals, *place, record, checked));
    }
    return checked;
  }();
  if (!report) return fail_record(globals, report.error());
  print(globals.json ? cli::to_json(*report) : cli::to_text(*report));
  return cli::exit_done;
}

}  // namespace kith::app
