#include "codec/chain_message.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"

namespace kith::codec {
namespace {

enum class Kind : std::uint8_t { vote = 1, certificate, proposal, request, block };

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
    default: return fail(Code::malformed, base::format("a consensus message of kind {}", kind));
  }
  TRY_VOID(reader.finish());
  return *std::move(message);
}

}  // namespace kith::codec
