#include "sim/scenario_liar.h"

#include <array>

namespace kith::sim {

using codec::BlockHeader;
using codec::Certificate;
using codec::ConsensusMessage;
using codec::ProposalMessage;
using codec::Statement;
using codec::Vote;
using codec::VoteKind;

namespace {

constexpr std::size_t faces_max = 100;
constexpr int flood_messages = 20;
constexpr int forged_certificates = 6;

const Vote* vote_in(const ConsensusMessage& message) {
  const auto* const proposal = std::get_if<ProposalMessage>(&message);
  return proposal != nullptr ? &proposal->vote : std::get_if<Vote>(&message);
}

Statement of_kind(Statement statement, VoteKind kind) {
  statement.kind = kind;
  if (kind == VoteKind::nullify) statement.subject = {statement.view(), {}, {}};
  return statement;
}

}  // namespace

std::string_view name_of(ValidatorLie lie) {
  static constexpr std::array<std::string_view, validator_lies_count> names{
      "equivocator", "nuller",  "withholder", "selective", "flooder",
      "forger",      "builder", "ahead",      "silent"};
  return names[static_cast<std::size_t>(lie)];
}

LyingValidator::LyingValidator(ValidatorLie lie, const crypto::KeyPair& key, std::uint64_t seed)
    : lie_(lie), key_(key), rng_(seed) {}

std::vector<consensus::SendTo> LyingValidator::speak(const node::Chain& chain,
                                                     const Buffer& message,
                                                     std::optional<codec::ValidatorIndex> to) {
  const codec::ValidatorSet& set = *chain.validators();
  codec::ValidatorKey key{};
  std::ranges::copy(key_.public_key().data, key.begin());
  const auto self = set.index_of(key);
  if (!self) return {};  // of this epoch it is no validator: nobody would mind what it says
  self_ = *self;
  genesis_ = chain.genesis_hash();
  validators_ = set.size();
  const auto decoded = codec::decode_consensus_message(message.view());
  ASSERT(decoded.has_value());
  std::vector<consensus::SendTo> said;
  for (codec::ValidatorIndex each = 0; each < validators_; ++each) {
    if (each == self_ || (to && *to != each)) continue;
    for (const ConsensusMessage& lied : lie(chain, each, *decoded)) {
      // What is no message at all its own node would not carry.
      Bytes bytes = codec::encode(lied);
      if (codec::decode_consensus_message(bytes)) said.push_back({each, Buffer(std::move(bytes))});
    }
  }
  return said;
}

LyingValidator::Messages LyingValidator::lie(const node::Chain& chain, codec::ValidatorIndex to,
                                             const ConsensusMessage& message) {
  const Vote* const vote = vote_in(message);
  if (vote != nullptr) last_vote_ = vote->statement;
  const bool is_proposal = std::holds_alternative<ProposalMessage>(message);
  // Halves change, so that both faces of an equivocator come together somewhere.
  const bool is_in_half = (to + chain.height().value / 3) % 2 == 0;
  switch (lie_) {
    case ValidatorLie::equivocator: return equivocate(is_in_half, message);
    case ValidatorLie::nuller:
      if (vote == nullptr) return {message};
      return {vote_of(of_kind(vote->statement, VoteKind::nullify))};
    case ValidatorLie::withholder: return is_proposal ? Messages{} : Messages{message};
    case ValidatorLie::selective:
      return vote == nullptr || is_proposal == is_in_half ? Messages{message} : Messages{};
    case ValidatorLie::flooder: return flood(message);
    case ValidatorLie::forger: return forge(message);
    case ValidatorLie::builder:
      if (!is_proposal) return {message};
      return {broken(std::get<ProposalMessage>(message))};
    case ValidatorLie::ahead: return {message};
    case ValidatorLie::silent: return {};
  }
  return {};
}

LyingValidator::Messages LyingValidator::equivocate(bool is_in_half,
                                                    const ConsensusMessage& message) {
  const auto* const proposal = std::get_if<ProposalMessage>(&message);
  if (proposal != nullptr) {
    return {is_in_half || proposal->anew ? message : other_face(*proposal)};
  }
  Messages said{message};
  const Vote* const vote = vote_in(message);
  if (vote == nullptr || vote->statement.kind == VoteKind::nullify) return said;
  for (const VoteKind kind : {VoteKind::notarize, VoteKind::nullify, VoteKind::finalize}) {
    if (rng_.below(2) == 0) said.emplace_back(vote_of(of_kind(vote->statement, kind)));
  }
  if (rng_.below(4) == 0) {
    Statement other = of_kind(vote->statement, VoteKind::notarize);
    rng_.fill(other.subject.digest);
    said.emplace_back(vote_of(other));
  }
  return said;
}

LyingValidator::Messages LyingValidator::flood(const ConsensusMessage& message) {
  Messages said{message};
  for (int i = 0; i < flood_messages; ++i) {
    // In whoever's name, and signed by nobody: what it signed might convict it.
    Vote vote{some_statement(last_vote_),
              static_cast<codec::ValidatorIndex>(rng_.below(validators_ + 1)),
              {}};
    rng_.fill(vote.signature);
    said.emplace_back(vote);
    codec::BlockRequest request;
    rng_.fill(request.digest);
    said.emplace_back(request);
  }
  said.emplace_back(some_certificate(some_statement(last_vote_)));
  return said;
}

LyingValidator::Messages LyingValidator::forge(const ConsensusMessage& message) {
  Messages said{message};
  for (int i = 0; i < forged_certificates; ++i) {
    said.emplace_back(some_certificate(some_statement(last_vote_)));
  }
  return said;
}

/// As good a block as the other: a millisecond later.
ConsensusMessage LyingValidator::other_face(const ProposalMessage& said) {
  BlockHeader header = said.block->header();
  ++header.time.unix_ms;
  return with_header(said, header);
}

ConsensusMessage LyingValidator::broken(const ProposalMessage& said) {
  if (said.anew) return said;
  BlockHeader header = said.block->header();
  switch (rng_.below(8)) {
    case 0: ++header.height.value; break;
    case 1: header.time.unix_ms = 1'600'000'000'000; break;  // before its parent
    case 2: rng_.fill(header.utxo_root); break;
    case 3: rng_.fill(header.validators_root); break;
    case 4: rng_.fill(header.registry_root); break;
    case 5: rng_.fill(header.body_hash); break;
    case 6: rng_.fill(header.params_hash); break;
    default: rng_.fill(header.parent); break;
  }
  return with_header(said, header);
}

ConsensusMessage LyingValidator::with_header(const ProposalMessage& said,
                                             const BlockHeader& header) {
  const auto known = faces_.find(said.block->digest());
  if (known != faces_.end()) return known->second;
  auto block =
      std::make_shared<const codec::Block>(header, said.block->body(), said.block->justification());
  Statement statement = said.vote.statement;
  statement.subject.digest = block->digest();
  if (faces_.size() >= faces_max) faces_.clear();
  return faces_
      .emplace(said.block->digest(),
               ProposalMessage{vote_of(statement), std::move(block), std::nullopt})
      .first->second;
}

Vote LyingValidator::vote_of(const Statement& statement) const {
  return {statement, self_, key_.sign(codec::signed_bytes(genesis_, statement))};
}

/// Of this view or one soon after, of this epoch or another.
Statement LyingValidator::some_statement(const Statement& near) {
  const std::uint64_t view = near.view().value + rng_.below(6);
  const auto kind = static_cast<VoteKind>(1 + rng_.below(3));
  Statement statement{near.epoch, kind, {{std::max<std::uint64_t>(view, 1)}, {}, {}}};
  if (kind != VoteKind::nullify) {
    statement.subject.parent = {statement.view().value - 1};
    rng_.fill(statement.subject.digest);
  }
  if (rng_.below(8) == 0) ++statement.epoch.value;
  return statement;
}

/// Everybody's signature, and none of them right but its own; or its own alone.
Certificate LyingValidator::some_certificate(const Statement& statement) {
  const Vote own = vote_of(statement);
  Certificate certificate{statement, {}, {}};
  certificate.signers.assign(validators_, false);
  const bool is_alone = rng_.below(4) == 0;
  for (std::size_t i = 0; i < validators_; ++i) {
    if (is_alone && i != own.signer) continue;
    certificate.signers[i] = true;
    certificate.signatures.push_back(own.signature);
  }
  return certificate;
}

}  // namespace kith::sim
