// Votes and certificates: what validators sign, and the proof that a quorum did.
//
// A validator says of a view v, at most: Notarize(p), "p is a good block to go on from"; Nullify,
// "let v pass without a block"; Finalize(p), "nothing but p will ever stand at v". The proposal p
// is (v, the parent's view, the block's digest). A certificate holds the signatures of at least a
// quorum under one such statement. Source: docs/protocol/consensus.md.
//
// What is signed: "kith/vote/1" 00, genesis hash, epoch u64, kind u8, view u64, parent view u64,
// digest; of Nullify parent and digest are zero. The signer is not in it: the key is. All
// signatures follow the ZIP-215 rule (crypto/ed25519_zip215.h).
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "codec/chain.h"
#include "codec/chain_validators.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "crypto/key.h"

namespace kith::codec {

enum class VoteKind : std::uint8_t { notarize = 1, nullify = 2, finalize = 3 };
std::string_view name_of(VoteKind kind);

struct Proposal {
  View view;
  View parent;  // below view
  Hash digest{};
  friend auto operator<=>(const Proposal&, const Proposal&) = default;
};

/// What a vote or a certificate says.
struct Statement {
  Epoch epoch;
  VoteKind kind = VoteKind::notarize;
  Proposal subject;  // of nullify only the view
  friend auto operator<=>(const Statement&, const Statement&) = default;

  View view() const { return subject.view; }
};

/// The bytes that are signed.
Bytes signed_bytes(const Hash& genesis, const Statement& statement);

struct Vote {
  Statement statement;
  ValidatorIndex signer = 0;
  crypto::Signature signature{};
  friend bool operator==(const Vote&, const Vote&) = default;
};

/// Statement, signer u16, signature.
inline constexpr std::size_t vote_bytes_max = 8 + 1 + 8 + 8 + 32 + 2 + 64;

void encode(Writer& writer, const Statement& statement);
Result<Statement> decode_statement(Reader& reader);
void encode(Writer& writer, const Vote& vote);
Result<Vote> decode_vote(Reader& reader);

/// Signers by ascending index, a signature each. Encoding: statement, count of validators u16, a
/// bit each (the lowest index is the highest bit of the first byte), the signatures.
struct Certificate {
  Statement statement;
  std::vector<bool> signers;  // one a validator
  std::vector<crypto::Signature> signatures;
  friend bool operator==(const Certificate&, const Certificate&) = default;
};

inline constexpr std::size_t certificate_bytes_max =
    vote_bytes_max + 2 + validators_in_set_max / 8 + 1 + validators_in_set_max * 64;

void encode(Writer& writer, const Certificate& certificate);
Bytes encode(const Certificate& certificate);
Result<Certificate> decode_certificate(Reader& reader);
Result<Certificate> decode_certificate(ByteView bytes);

/// The weight that signed. REQUIRES: made for a set of this size.
Weight weight_of(const Certificate& certificate, const ValidatorSet& validators);
/// Everything but the signatures: made for this set, a signature each, and a quorum.
Result<void> check_form(const Certificate& certificate, const ValidatorSet& validators);
/// All of it: some 50 us a signature.
Result<void> verify(const Certificate& certificate, const Hash& genesis,
                    const ValidatorSet& validators);
Result<void> verify(const Vote& vote, const Hash& genesis, const ValidatorSet& validators);

}  // namespace kith::codec
