// A certificate that an account signs of itself, of what it contributed to a job, or of a
// discovery, with the proof (chain_proof.h) that the chain says the same: that of the account's
// entry, whose key signed, and of its entry as a member of the job, or of the find, which
// validators confirmed. Whoever has the genesis verifies it without a node (light/certificate.h).
// Grammar: docs/protocol/light.md, "Certificates".
//
// It is of one height: what an account contributed can only grow, and a find stays. Limits: those
// of a proof.
#pragma once

#include "codec/chain_account.h"
#include "codec/chain_job.h"
#include "codec/chain_proof.h"

namespace kith::codec {

/// As the member's entry has it.
struct CertifiedWork {
  JobId job;
  std::uint64_t tasks = 0;   // accepted
  std::uint64_t units = 0;   // in them
  std::uint64_t checks = 0;  // units checked for others
  friend bool operator==(const CertifiedWork&, const CertifiedWork&) = default;
};

/// As the find's entry has it (chain_dispute.h), which also names the worker's key, task and unit.
struct CertifiedFind {
  JobId job;
  Hash name{};                            // find_digest
  std::array<std::uint8_t, 16> number{};  // big-endian
  std::uint8_t what = 0;                  // 1 a counterexample, 2 a record
  friend bool operator==(const CertifiedFind&, const CertifiedFind&) = default;
};

/// Of the account alone, of its work or of its find: not of both.
struct AccountCertificate {
  Hash genesis{};
  AccountId account{};
  Height height;  // of the final block that the proof ends in
  std::optional<CertifiedWork> work;
  std::optional<CertifiedFind> find;
  crypto::Signature signature{};  // by the account's key
  Bytes proof;                    // a ChainProof
  friend bool operator==(const AccountCertificate&, const AccountCertificate&) = default;
};
inline constexpr std::size_t account_certificate_bytes_max = 256 + chain_proof_bytes_max;

Bytes encode_account_certificate(const AccountCertificate& certificate);
/// The proof's bytes are not read.
Result<AccountCertificate> decode_account_certificate(ByteView bytes);
/// Whether it begins as one: a proof does not.
bool is_account_certificate(ByteView bytes);
/// What the account's key signs: all but the signature and the proof.
Hash account_certificate_message(const AccountCertificate& certificate);

}  // namespace kith::codec
