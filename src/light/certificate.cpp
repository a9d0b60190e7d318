#include "light/certificate.h"

#include "base/format.h"
#include "codec/chain_entry_text.h"
#include "codec/chain_job_state.h"
#include "crypto/ed25519_zip215.h"

namespace kith::light {
namespace {

/// The bytes of an entry that the verdict says is there.
Result<ByteView> entry_of(const Verdict& verdict, const codec::EntryName& name) {
  for (const Fact& fact : verdict.facts) {
    const auto* entry = std::get_if<EntryFact>(&fact);
    if (entry == nullptr || entry->kind != name.kind || entry->id != name.id) continue;
    if (entry->entry) return ByteView(*entry->entry);
  }
  return fail(Code::refused,
              base::format("the certificate's proof does not show {}", codec::to_text(name)));
}

/// What validators have confirmed, and that it is this account's.
Result<codec::FindEntry> found_of(const codec::AccountCertificate& certificate,
                                  const Verdict& verdict) {
  const codec::CertifiedFind& find = *certificate.find;
  const ByteView bytes =
      TRY(entry_of(verdict, {codec::EntryKind::find, codec::find_id(find.job.value, find.name)}));
  auto found = TRY(codec::decode_entry<codec::FindEntry>(bytes));
  if (found.account == certificate.account && found.number == find.number &&
      found.what == find.what) {
    return found;
  }
  return fail(Code::refused,
              base::format("the certificate says {} of account {}, the chain {} of {}",
                           base::to_hex(find.number), base::to_hex(certificate.account),
                           base::to_hex(found.number), base::to_hex(found.account)));
}

}  // namespace

Result<CertificateFact> verify_certificate(const codec::AccountCertificate& certificate,
                                           const Hash& genesis, const Verdict& verdict) {
  if (certificate.genesis != genesis) {
    return fail(Code::refused,
                base::format("a certificate of the chain {}, not of {}",
                             base::to_hex(certificate.genesis), base::to_hex(genesis)));
  }
  if (certificate.height != verdict.block.header.height) {
    return fail(Code::refused,
                base::format("a certificate of block {} with a proof of block {}",
                             certificate.height.value, verdict.block.header.height.value));
  }
  const codec::EntryName owner{codec::EntryKind::account, base::to_bytes(certificate.account)};
  const ByteView account_bytes = TRY(entry_of(verdict, owner));
  const codec::AccountEntry account = TRY(codec::decode_account(account_bytes));
  TRY_VOID(crypto::verify_zip215(account.key, codec::account_certificate_message(certificate),
                                 certificate.signature));
  CertificateFact fact{certificate.account, account.name,     account.key,
                       certificate.work,    certificate.find, std::nullopt};
  if (certificate.find) fact.found = TRY(found_of(certificate, verdict));
  if (!certificate.work) return fact;
  const codec::EntryName there{codec::EntryKind::member,
                               codec::member_id(certificate.work->job.value, certificate.account)};
  const ByteView member_bytes = TRY(entry_of(verdict, there));
  const auto member = TRY(codec::decode_entry<codec::MemberEntry>(member_bytes));
  const codec::CertifiedWork& work = *certificate.work;
  if (member.tasks != work.tasks || member.units != work.units || member.checks != work.checks) {
    return fail(Code::refused,
                base::format("the certificate says {} tasks, {} units and {} checks, the chain {}, "
                             "{} and {}",
                             work.tasks, work.units, work.checks, member.tasks, member.units,
                             member.checks));
  }
  return fact;
}

}  // namespace kith::light
