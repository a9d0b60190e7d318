#include "host/world.h"

namespace kith::host {

SignaturesVerified verify_signatures(const VerifySignatures& work) {
  SignaturesVerified verified{work.token, {}};
  verified.valid.reserve(work.jobs.size());
  Bytes signed_bytes;
  for (const SignatureJob& job : work.jobs) {
    signed_bytes.assign(work.domain.begin(), work.domain.end());
    base::append(signed_bytes, job.message.view());
    verified.valid.push_back(
        crypto::verify(job.key, signed_bytes, job.signature.view()).has_value());
  }
  return verified;
}

WorldInput::WorldInput(const WorldInput&) = default;
WorldInput& WorldInput::operator=(const WorldInput&) = default;
WorldInput::WorldInput(WorldInput&&) noexcept = default;
WorldInput& WorldInput::operator=(WorldInput&&) noexcept = default;
WorldInput::~WorldInput() = default;

WorldOutput::WorldOutput(const WorldOutput&) = default;
WorldOutput& WorldOutput::operator=(const WorldOutput&) = default;
WorldOutput::WorldOutput(WorldOutput&&) noexcept = default;
WorldOutput& WorldOutput::operator=(WorldOutput&&) noexcept = default;
WorldOutput::~WorldOutput() = default;

}  // namespace kith::host
