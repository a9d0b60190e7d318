// Whether a certificate (codec/chain_certificate.h) holds, once a light client has verified the
// proof in it: the account's key signed, and the chain says the same of its work or of its find.
// docs/protocol/light.md, "Certificates".
#pragma once

#include <string>

#include "codec/chain_certificate.h"
#include "codec/chain_dispute.h"
#include "light/client.h"

namespace kith::light {

struct CertificateFact {
  codec::AccountId account{};
  std::string name;  // at that height; empty: none
  codec::ChainKey key{};
  std::optional<codec::CertifiedWork> work;
  std::optional<codec::CertifiedFind> find;
  std::optional<codec::FindEntry> found;  // with find: whose key, in which task and block
};

/// `verdict` is of the proof in the certificate, by a client of `genesis`. `refused` when the proof
/// does not prove what is certified, `bad_signature` when the account did not sign it.
Result<CertificateFact> verify_certificate(const codec::AccountCertificate& certificate,
                                           const Hash& genesis, const Verdict& verdict);

}  // namespace kith::light
