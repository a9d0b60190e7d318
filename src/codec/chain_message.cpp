#include "codec/chain_message.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"

namespace kith::codec {
namespace {

enum class Kind : std::uint8_t {
  vote = 1,
  certificate,
  proposal,
  request,
  block,
  memory_request,
  memory
};

void put(Writer& writer, Kind kind) { writer.u8(static_cast<std::uint8_t>(kind)); }

Result<ProposalMessage> decode_proposal(Reader& reader) {
  ProposalMessage message;
  message.vote = TRY(decode_vote(reader));
  const Statement& statement = message.vote.statement;
  if (statement.kind != VoteKind::notarize) {
    return fail(Code::malformed, "a proposal whose vote is no notarization");
  }
  message.block = TRY(decode_block(reader));
  if (message.block->digest() != statement.subject.digest) {
    return fail(Code::malformed, base::format("a proposal of view {} with another block than voted",
                                              statement.view().value));
  }
  const std::uint8_t is_anew = TRY(reader.u8());
  if (is_anew > 1) return fail(Code::malformed, base::format("a proposal {} times anew", is_anew));
  if (is_anew != 0) {
    const ByteView anew = TRY(reader.sized(justification_bytes_max));
    message.anew = TRY(decode_justification(anew));
  }
  // The leader's signature covers the block's own justification, not this one: whoever passes the
  // message on must not be able to add one, or to take it away.
  const View first = message.block->header().view;
  if (first > statement.view() || (first < statement.view()) != message.anew.has_value()) {
    return fail(Code::malformed,
                base::format("a block of view {} proposed in view {}, {}anew", first.value,
                             statement.view().value, message.anew ? "" : "not "));
  }
  return message;
}

Result<MemoryRequest> decode_memory_request(Reader& reader) {
  MemoryRequest request;
  request.epoch = {TRY(reader.u64())};
  request.validator = TRY(reader.u16());
  request.nonce = TRY(reader.u64());
  request.final_view = {TRY(reader.u64())};
  return request;
}

/// One encoding a value: what is said of which view, in order, and of one signer.
Result<Memory> decode_memory(Reader& reader) {
  Memory memory;
  memory.epoch = {TRY(reader.u64())};
  memory.nonce = TRY(reader.u64());
  const std::uint8_t has_final = TRY(reader.u8());
  if (has_final > 1) {
    return fail(Code::malformed, base::format("a memory with {} final views", has_final));
  }
  View final_view;
  if (has_final != 0) {
    memory.final = TRY(decode_certificate(reader));
    const Statement& statement = memory.final->statement;
    if (statement.epoch != memory.epoch || statement.kind == VoteKind::nullify) {
      return fail(Code::malformed,
                  base::format("a memory of epoch {} whose last final view is a {} of epoch {}",
                               memory.epoch.value, name_of(statement.kind), statement.epoch.value));
    }
    final_view = statement.view();
  }
  const std::uint16_t count = TRY(reader.u16());
  if (count > memory_votes_max) {
    return fail(Code::malformed,
                base::format("a memory of {} votes, and {} are the most", count, memory_votes_max));
  }
  for (std::size_t i = 0; i < count; ++i) {
    Vote vote = TRY(decode_vote(reader));
    if (vote.statement.epoch != memory.epoch || vote.statement.view() <= final_view) {
      return fail(
          Code::malformed,
          base::format("a memory of epoch {} above view {} with a vote of epoch {}, view {}",
                       memory.epoch.value, final_view.value, vote.statement.epoch.value,
                       vote.statement.view().value));
    }
    if (i > 0 && vote.signer != memory.votes.front().signer) {
      return fail(Code::malformed, base::format("a memory of validators {} and {}",
                                                memory.votes.front().signer, vote.signer));
    }
    if (i > 0 && memory.votes.back().statement >= vote.statement) {
      return fail(Code::malformed, base::format("a memory whose votes of views {} and {} are out "
                                                "of order",
                                                memory.votes.back().statement.view().value,
                                                vote.statement.view().value));
    }
    memory.votes.push_back(vote);
  }
  return memory;
}

}  // namespace

Bytes encode(const ConsensusMessage& message) {
  Bytes bytes;
  Writer writer(bytes);
  std::visit(Overload{[&](const Vote& vote) {
                        put(writer, Kind::vote);
                        encode(writer, vote);
                      },
                      [&](const Certificate& certificate) {
                        put(writer, Kind::certificate);
                        encode(writer, certificate);
                      },
                      [&](const ProposalMessage& proposal) {
                        put(writer, Kind::proposal);
                        encode(writer, proposal.vote);
                        encode(writer, *proposal.block);
                        writer.u8(proposal.anew ? 1 : 0);
                        if (proposal.anew) writer.sized(encode(*proposal.anew));
                      },
                      [&](const BlockRequest& request) {
                        put(writer, Kind::request);
                        writer.bytes(request.digest);
                      },
                      [&](const BlockAnswer& answer) {
                        put(writer, Kind::block);
                        encode(writer, *answer.block);
                      },
                      [&](const MemoryRequest& request) {
                        put(writer, Kind::memory_request);
                        writer.u64(request.epoch.value);
                        writer.u16(request.validator);
                        writer.u64(request.nonce);
                        writer.u64(request.final_view.value);
                      },
                      [&](const Memory& memory) {
                        put(writer, Kind::memory);
                        writer.u64(memory.epoch.value);
                        writer.u64(memory.nonce);
                        writer.u8(memory.final ? 1 : 0);
                        if (memory.final) encode(writer, *memory.final);
                        writer.u16(static_cast<std::uint16_t>(memory.votes.size()));
                        for (const Vote& vote : memory.votes) encode(writer, vote);
                      }},
             message);
  return bytes;
}

Result<ConsensusMessage> decode_consensus_message(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t kind = TRY(reader.u8());
  std::optional<ConsensusMessage> message;
  switch (static_cast<Kind>(kind)) {
    case Kind::vote: message = TRY(decode_vote(reader)); break;
    case Kind::certificate: message = TRY(decode_certificate(reader)); break;
    case Kind::proposal: message = TRY(decode_proposal(reader)); break;
    case Kind::request: {
      BlockRequest request;
      std::ranges::copy(TRY(reader.bytes(request.digest.size())), request.digest.begin());
      message = request;
      break;
    }
    case Kind::block: message = BlockAnswer{TRY(decode_block(reader))}; break;
    case Kind::memory_request: message = TRY(decode_memory_request(reader)); break;
    case Kind::memory: message = TRY(decode_memory(reader)); break;
    default: return fail(Code::malformed, base::format("a consensus message of kind {}", kind));
  }
  TRY_VOID(reader.finish());
  return *std::move(message);
}

ConsensusMessage::ConsensusMessage(const ConsensusMessage&) = default;
ConsensusMessage& ConsensusMessage::operator=(const ConsensusMessage&) = default;
ConsensusMessage::ConsensusMessage(ConsensusMessage&&) noexcept = default;
ConsensusMessage& ConsensusMessage::operator=(ConsensusMessage&&) noexcept = default;
ConsensusMessage::~ConsensusMessage() = default;

}  // namespace kith::codec
