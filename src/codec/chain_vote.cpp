#include "codec/chain_vote.h"

#include <algorithm>

#include "base/format.h"
#include "crypto/ed25519_zip215.h"

namespace kith::codec {
namespace {

constexpr std::string_view vote_domain = "kith/vote/1";

bool is_nullify(const Statement& statement) { return statement.kind == VoteKind::nullify; }

Result<void> check(const Statement& statement) {
  const Proposal& subject = statement.subject;
  if (subject.view.value == 0) {
    return fail(Code::malformed, "a statement about view 0, which nobody votes on");
  }
  if (!is_nullify(statement) && subject.parent >= subject.view) {
    return fail(Code::malformed, base::format("view {} with a parent of view {}",
                                              subject.view.value, subject.parent.value));
  }
  return {};
}

Result<Hash> read_hash(Reader& reader) {
  Hash hash;
  std::ranges::copy(TRY(reader.bytes(hash.size())), hash.begin());
  return hash;
}

Result<crypto::Signature> read_signature(Reader& reader) {
  crypto::Signature signature;
  std::ranges::copy(TRY(reader.bytes(signature.size())), signature.begin());
  return signature;
}

}  // namespace

std::string_view name_of(VoteKind kind) {
  switch (kind) {
    case VoteKind::notarize: return "notarize";
    case VoteKind::nullify: return "nullify";
    case VoteKind::finalize: return "finalize";
  }
  return "unknown";
}

Bytes signed_bytes(const Hash& genesis, const Statement& statement) {
  Bytes bytes;
  bytes.reserve(vote_domain.size() + 1 + 32 + 8 + 1 + 16 + 32);
  Writer writer(bytes);
  writer.bytes(base::as_bytes(vote_domain));
  writer.u8(0);
  writer.bytes(genesis);
  writer.u64(statement.epoch.value);
  writer.u8(static_cast<std::uint8_t>(statement.kind));
  writer.u64(statement.subject.view.value);
  writer.u64(statement.subject.parent.value);
  writer.bytes(statement.subject.digest);
  return bytes;
}

void encode(Writer& writer, const Statement& statement) {
  ASSERT(check(statement).has_value());
  writer.u64(statement.epoch.value);
  writer.u8(static_cast<std::uint8_t>(statement.kind));
  writer.u64(statement.subject.view.value);
  if (is_nullify(statement)) return;
  writer.u64(statement.subject.parent.value);
  writer.bytes(statement.subject.digest);
}

Result<Statement> decode_statement(Reader& reader) {
  Statement statement;
  statement.epoch = {TRY(reader.u64())};
  const std::uint8_t kind = TRY(reader.u8());
  if (kind < 1 || kind > 3) {
    return fail(Code::malformed, base::format("a vote of kind {}: 1 to 3", kind));
  }
  statement.kind = static_cast<VoteKind>(kind);
  statement.subject.view = {TRY(reader.u64())};
  if (!is_nullify(statement)) {
    statement.subject.parent = {TRY(reader.u64())};
    statement.subject.digest = TRY(read_hash(reader));
  }
  TRY_VOID(check(statement));
  return statement;
}

void encode(Writer& writer, const Vote& vote) {
  encode(writer, vote.statement);
  writer.u16(vote.signer);
  writer.bytes(vote.signature);
}

Result<Vote> decode_vote(Reader& reader) {
  Vote vote;
  vote.statement = TRY(decode_statement(reader));
  vote.signer = TRY(reader.u16());
  vote.signature = TRY(read_signature(reader));
  return vote;
}

void encode(Writer& writer, const Certificate& certificate) {
  encode(writer, certificate.statement);
  writer.u16(static_cast<std::uint16_t>(certificate.signers.size()));
  std::uint8_t byte = 0;
  for (std::size_t i = 0; i < certificate.signers.size(); ++i) {
    if (certificate.signers[i]) byte |= static_cast<std::uint8_t>(0x80 >> (i % 8));
    if (i % 8 == 7 || i + 1 == certificate.signers.size()) writer.u8(std::exchange(byte, 0));
  }
  for (const crypto::Signature& signature : certificate.signatures) writer.bytes(signature);
}

Bytes encode(const Certificate& certificate) {
  Bytes bytes;
  bytes.reserve(vote_bytes_max + certificate.signers.size() / 8 + 3 +
                certificate.signatures.size() * 64);
  Writer writer(bytes);
  encode(writer, certificate);
  return bytes;
}

Result<Certificate> decode_certificate(Reader& reader) {
  Certificate certificate;
  certificate.statement = TRY(decode_statement(reader));
  const std::uint16_t count = TRY(reader.u16());
  if (count == 0 || count > validators_in_set_max) {
    return fail(Code::too_large, base::format("a certificate of {} validators: 1 to {}", count,
                                              validators_in_set_max));
  }
  const ByteView bits = TRY(reader.bytes((count + 7U) / 8U));
  if (count % 8 != 0 && (bits.back() & (0xffU >> (count % 8))) != 0) {
    return fail(Code::malformed, base::format("a signer beyond the {} validators", count));
  }
  certificate.signers.resize(count);
  std::size_t signatures = 0;
  for (std::size_t i = 0; i < count; ++i) {
    certificate.signers[i] = (bits[i / 8] & (0x80U >> (i % 8))) != 0;
    if (certificate.signers[i]) ++signatures;
  }
  if (reader.remaining() < signatures * sizeof(crypto::Signature)) {
    return fail(Code::truncated,
                base::format("{} signatures in {} bytes", signatures, reader.remaining()));
  }
  certificate.signatures.resize(signatures);
  for (crypto::Signature& signature : certificate.signatures) {
    signature = TRY(read_signature(reader));
  }
  return certificate;
}

Result<Certificate> decode_certificate(ByteView bytes) {
  Reader reader(bytes);
  Certificate certificate = TRY(decode_certificate(reader));
  TRY_VOID(reader.finish());
  return certificate;
}

Weight weight_of(const Certificate& certificate, const ValidatorSet& validators) {
  ASSERT(certificate.signers.size() == validators.size());
  Weight weight = 0;
  for (std::size_t i = 0; i < validators.size(); ++i) {
    if (certificate.signers[i]) weight += validators.at(static_cast<ValidatorIndex>(i)).weight;
  }
  return weight;
}

Result<void> check_form(const Certificate& certificate, const ValidatorSet& validators) {
  if (certificate.signers.size() != validators.size()) {
    return fail(Code::malformed, base::format("a certificate of {} validators where there are {}",
                                              certificate.signers.size(), validators.size()));
  }
  const auto signers = std::ranges::count(certificate.signers, true);
  if (static_cast<std::size_t>(signers) != certificate.signatures.size()) {
    return fail(Code::malformed, base::format("{} signers with {} signatures", signers,
                                              certificate.signatures.size()));
  }
  const Weight weight = weight_of(certificate, validators);
  if (weight < validators.quorum()) {
    return fail(Code::refused, base::format("a certificate of weight {}, a quorum is {}", weight,
                                            validators.quorum()));
  }
  return {};
}

Result<void> verify(const Certificate& certificate, const Hash& genesis,
                    const ValidatorSet& validators) {
  TRY_VOID(check_form(certificate, validators));
  const Bytes message = signed_bytes(genesis, certificate.statement);
  std::size_t next_signature = 0;
  for (std::size_t i = 0; i < validators.size(); ++i) {
    if (!certificate.signers[i]) continue;
    const Validator& validator = validators.at(static_cast<ValidatorIndex>(i));
    TRY_VOID(
        crypto::verify_zip215(validator.key, message, certificate.signatures[next_signature++]));
  }
  return {};
}

Result<void> verify(const Vote& vote, const Hash& genesis, const ValidatorSet& validators) {
  if (vote.signer >= validators.size()) {
    return fail(Code::malformed,
                base::format("a vote of validator {} of {}", vote.signer, validators.size()));
  }
  return crypto::verify_zip215(validators.at(vote.signer).key,
                               signed_bytes(genesis, vote.statement), vote.signature);
}

}  // namespace kith::codec
