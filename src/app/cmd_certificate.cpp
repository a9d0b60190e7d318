// kith account certificate: what the chain says of an account, proven by a node and signed by the
// account's key, in one file that `kith light verify` takes.
#include "app/account_home.h"
#include "app/cmd_account.h"
#include "base/format.h"
#include "cli/light_report.h"
#include "cli/reports_account.h"
#include "codec/chain_certificate.h"
#include "codec/chain_entry_text.h"
#include "codec/chain_find_text.h"
#include "codec/chain_job_state.h"
#include "rt/files.h"

namespace kith::app {
namespace {

Result<codec::ChainProof> ask_proof(WalletChain& chain, const std::string& what, Bytes& bytes) {
  const auto answer =
      TRY(chain.call("chain.proof", {{"kind", std::string("entry")}, {"what", what}}));
  cli::ProofAnswer told = TRY(cli::read_proof_answer(answer));
  auto proof = TRY(codec::decode_chain_proof(told.proof));
  bytes = std::move(told.proof);
  return proof;
}

/// The last block of a proof, which its claims are about.
Result<codec::Height> height_of(const codec::ChainProof& proof) {
  if (proof.last) return proof.last->header.height;
  if (!proof.steps.empty()) return proof.steps.back().finality.header.height;
  return fail(Code::protocol, "the node answered with a proof of no block");
}

const codec::EntryClaim* claim_of(const codec::ChainProof& proof, codec::EntryKind kind) {
  for (const codec::Claim& claim : proof.claims) {
    const auto* entry = std::get_if<codec::EntryClaim>(&claim);
    if (entry != nullptr && entry->kind == kind && entry->entry) return entry;
  }
  return nullptr;
}

Result<codec::CertifiedWork> work_of(const codec::ChainProof& proof, std::uint64_t job) {
  const auto* claim = claim_of(proof, codec::EntryKind::member);
  if (claim == nullptr) {
    return fail(Code::not_found, base::format("the account has no part in job {}", job));
  }
  const auto member = TRY(codec::decode_entry<codec::MemberEntry>(*claim->entry));
  return codec::CertifiedWork{codec::JobId{job}, member.tasks, member.units, member.checks};
}

Result<codec::CertifiedFind> find_of(const codec::ChainProof& proof,
                                     const cli::AccountCertificateArgs& args,
                                     const codec::Hash& name, const codec::AccountId& account) {
  const auto* claim = claim_of(proof, codec::EntryKind::find);
  if (claim == nullptr) {
    return fail(Code::not_found, base::format("job {} has no find {}", args.job, args.find));
  }
  const auto found = TRY(codec::decode_entry<codec::FindEntry>(*claim->entry));
  if (found.account != account) {
    return fail(Code::permission,
                base::format("find {} is account {}'s", args.find, base::to_hex(found.account)));
  }
  return codec::CertifiedFind{codec::JobId{args.job}, name, found.number, found.what};
}

/// Signs by the imported key, else by the wallet's.
Result<void> sign(const cli::Globals& globals, const cli::AccountOptions& options,
                  const codec::ChainKey& key, codec::AccountCertificate& certificate) {
  const std::string home = TRY(home_of(globals));
  auto signer = TRY(imported_key(home, certificate.account));
  if (!signer) {
    auto store = TRY(WalletStore::open(home, options.wallet, /*may_change=*/false));
    const wallet::HdKey account = TRY(store.unlock());
    signer = wallet::find_signer(account, key);
  }
  if (!signer || wallet::chain_key_of(*signer) != key) {
    return fail(Code::permission, base::format("the account's key {} is neither the wallet's nor "
                                               "imported",
                                               base::to_hex(key)));
  }
  certificate.signature = signer->sign(codec::account_certificate_message(certificate));
  return {};
}

Result<cli::CertificateReport> certify(const cli::Globals& globals,
                                       const cli::AccountCertificateArgs& args) {
  const std::string home = TRY(home_of(globals));
  const std::string asked = TRY(account_asked(home, args.options.account));
  auto chain = TRY(WalletChain::reach(globals));
  const KnownAccount account = TRY(find_account(chain, asked));
  std::string what = "account:" + account.told.id;
  codec::Hash find{};
  if (!args.find.empty()) {
    find = TRY(parse_hash_text(args.find, "find's name"));
    what += ",find:" + base::to_hex(codec::find_id(args.job, find));
  } else if (args.job != 0) {
    what += ",member:" + base::to_hex(codec::member_id(args.job, account.id));
  }
  codec::AccountCertificate certificate;
  const codec::ChainProof proof = TRY(ask_proof(chain, what, certificate.proof));
  certificate.genesis = TRY(parse_hash_text(chain.terms().genesis, "genesis hash"));
  certificate.account = account.id;
  certificate.height = TRY(height_of(proof));
  if (!args.find.empty()) {
    certificate.find = TRY(find_of(proof, args, find, account.id));
  } else if (args.job != 0) {
    certificate.work = TRY(work_of(proof, args.job));
  }
  const auto* shown = claim_of(proof, codec::EntryKind::account);
  if (shown == nullptr) return fail(Code::protocol, "the node does not prove the account");
  const codec::AccountEntry entry = TRY(codec::decode_account(*shown->entry));
  TRY_VOID(sign(globals, args.options, entry.key, certificate));
  const Bytes bytes = codec::encode_account_certificate(certificate);
  TRY_VOID(rt::write_file_atomic(args.file, bytes, rt::public_file_mode));
  cli::CertificateReport report{account.told.id,
                                entry.name,
                                args.file,
                                certificate.height.value,
                                bytes.size(),
                                std::nullopt,
                                0,
                                0,
                                0,
                                {},
                                {},
                                {}};
  if (certificate.find) {
    report.job = args.job;
    report.find = base::to_hex(find);
    report.number = codec::find_number_text(certificate.find->number);
    report.what = codec::find_name(certificate.find->what);
  }
  if (certificate.work) {
    report.job = args.job;
    report.tasks = certificate.work->tasks;
    report.units = certificate.work->units;
    report.checks = certificate.work->checks;
  }
  return report;
}

}  // namespace

int run_account_certificate(const cli::Globals& globals, const cli::AccountCertificateArgs& args) {
  const auto report = certify(globals, args);
  if (!report) return fail_wallet(globals, report.error());
  print(globals.json ? cli::to_json(*report) : cli::to_text(*report));
  return cli::exit_done;
}

}  // namespace kith::app
