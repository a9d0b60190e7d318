#include "codec/chain_evidence.h"

#include <algorithm>

#include "base/format.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t encoding_version = 1;

}  // namespace

std::string_view name_of(Offence offence) {
  switch (offence) {
    case Offence::double_notarize: return "double_notarize";
    case Offence::double_finalize: return "double_finalize";
    case Offence::nullify_and_finalize: return "nullify_and_finalize";
    case Offence::notarize_and_finalize: return "notarize_and_finalize";
  }
  return "unknown";
}

std::optional<Offence> offence_of(const Statement& a, const Statement& b) {
  if (a.epoch != b.epoch || a.view() != b.view()) return std::nullopt;
  const auto either = [&](VoteKind kind) { return a.kind == kind || b.kind == kind; };
  if (a.kind == b.kind) {
    if (a.kind == VoteKind::nullify || a.subject == b.subject) return std::nullopt;
    return a.kind == VoteKind::notarize ? Offence::double_notarize : Offence::double_finalize;
  }
  if (!either(VoteKind::finalize)) return std::nullopt;
  if (either(VoteKind::nullify)) return Offence::nullify_and_finalize;
  if (a.subject == b.subject) return std::nullopt;
  return Offence::notarize_and_finalize;
}

Evidence make_evidence(const ValidatorKey& key, const Vote& a, const Vote& b) {
  ASSERT(offence_of(a.statement, b.statement).has_value());
  const bool is_ordered = a.statement < b.statement;
  return {key, is_ordered ? a : b, is_ordered ? b : a};
}

Bytes encode(const Evidence& evidence) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(encoding_version);
  writer.bytes(evidence.key);
  encode(writer, evidence.first);
  encode(writer, evidence.second);
  return bytes;
}

Result<Evidence> decode_evidence(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != encoding_version) {
    return fail(Code::unsupported, base::format("evidence of version {}", version));
  }
  Evidence evidence;
  std::ranges::copy(TRY(reader.bytes(evidence.key.size())), evidence.key.begin());
  evidence.first = TRY(decode_vote(reader));
  evidence.second = TRY(decode_vote(reader));
  TRY_VOID(reader.finish());
  if (!(evidence.first.statement < evidence.second.statement)) {
    return fail(Code::malformed, "evidence whose votes are equal or out of order");
  }
  if (evidence.first.signer != evidence.second.signer ||
      !offence_of(evidence.first.statement, evidence.second.statement)) {
    return fail(Code::malformed, "evidence of two votes that may both be honest");
  }
  return evidence;
}

Result<void> verify(const Evidence& evidence, const Hash& genesis, const ValidatorSet& validators) {
  const auto index = validators.index_of(evidence.key);
  if (!index || *index != evidence.first.signer) {
    return fail(Code::refused,
                base::format("{} was no validator {} of epoch {}", base::to_hex(evidence.key),
                             evidence.first.signer, evidence.first.statement.epoch.value));
  }
  TRY_VOID(verify(evidence.first, genesis, validators));
  return verify(evidence.second, genesis, validators);
}

Hash id_of(const Evidence& evidence) {
  Bytes bytes;
  Writer writer(bytes);
  writer.bytes(evidence.key);
  writer.u64(evidence.first.statement.epoch.value);
  writer.u64(evidence.first.statement.view().value);
  writer.u8(static_cast<std::uint8_t>(evidence.offence()));
  return tagged_hash("kith/evidence-id/1", {bytes});
}

}  // namespace kith::codec
