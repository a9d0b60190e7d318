// kith compute record: what a signed record of a result says, and whether it holds. Its signature
// and name need nothing else; that the ledger accepted it is shown by a proof of its place in its
// region's list, whose root a node or a light proof tells.
#include "app/account_home.h"
#include "app/cmd_account.h"
#include "base/format.h"
#include "cli/reports_job.h"
#include "codec/chain_record.h"
#include "rt/files.h"

namespace kith::app {
namespace {

constexpr std::size_t record_bytes_max = 4096;

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

/// As the running node has it.
Result<Region> region_of_node(const cli::Globals& globals, const codec::Record& record) {
  auto chain = TRY(WalletChain::reach(globals));
  TRY_VOID(chain.check(record.genesis));
  const auto job_answer = TRY(chain.call("job.get", {{"job", record.job.value}}));
  const cli::NodeJob job = TRY(cli::read_job(job_answer));
  if (job.region_tasks == 0) return fail(Code::protocol, "a job whose regions have no tasks");
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

/// That the ledger accepted it.
Result<Region> check_place(const cli::Globals& globals, const cli::RecordVerifyArgs& args,
                           const codec::Record& record) {
  const Bytes bytes = TRY(rt::read_file(args.place, codec::merkle_proof_bytes_max));
  const codec::MerkleProof proof = TRY(codec::decode_merkle_proof(bytes));
  Region region = TRY(region_of_node(globals, record));
  TRY_VOID(codec::verify_record(record, region.root, proof));
  return region;
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
    if (!args.place.empty()) {
      const Region region = TRY(check_place(globals, args, record));
      checked.region = region.number;
      checked.region_root = base::to_hex(region.root);
    }
    return checked;
  }();
  if (!report) return fail_record(globals, report.error());
  print(globals.json ? cli::to_json(*report) : cli::to_text(*report));
  return cli::exit_done;
}

}  // namespace kith::app
