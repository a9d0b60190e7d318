// What `kith light verify` prints: what a proof proves, as JSON (one line, the keys of docs/cli.md)
// and as text for a person; and how it reads a node's answer to chain.proof.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "light/certificate.h"

namespace kith::cli {

/// `certificate`: what was certified, when the proof came in a certificate.
std::string to_json(const light::Verdict& verdict, const light::LightClient& client,
                    const light::CertificateFact* certificate = nullptr);
std::string to_text(const light::Verdict& verdict, const light::LightClient& client,
                    const light::CertificateFact* certificate = nullptr);

struct ProofAnswer {
  Bytes proof;
  std::uint64_t height = 0;
  std::uint64_t epoch = 0;
  bool is_part = false;
};
Result<ProofAnswer> read_proof_answer(std::string_view result);
/// The same without the bytes, which went to a file.
std::string to_json(const ProofAnswer& answer, std::string_view file);

}  // namespace kith::cli
