// What validators say to each other (/kith/consensus/1.0.0): one message a frame, its first byte
// the kind. Grammar: docs/protocol/consensus.md.
//
//   1 vote         a vote
//   2 certificate  a certificate
//   3 proposal     the leader's notarize vote, the block, and, when the block is proposed anew at
//                  the end of an epoch, the justification of that (its own is of the first time)
//   4 request      a digest: whoever has this block answers with it
//   5 block        the answer
#pragma once

#include <cstdint>
#include <variant>

#include "base/error.h"
#include "codec/chain_block.h"
#include "codec/chain_vote.h"

namespace kith::codec {

struct ProposalMessage {
  Vote vote;
  BlockPtr block;
  std::optional<Justification> anew;

  const Justification& justification() const { return anew ? *anew : block->justification(); }
};
struct BlockRequest {
  Hash digest{};
};
struct BlockAnswer {
  BlockPtr block;
};

using ConsensusMessage =
    std::variant<Vote, Certificate, ProposalMessage, BlockRequest, BlockAnswer>;

inline constexpr std::size_t consensus_message_bytes_max =
    1 + vote_bytes_max + header_bytes + block_body_bytes_max + 2 * justification_bytes_max + 32;

Bytes encode(const ConsensusMessage& message);
Result<ConsensusMessage> decode_consensus_message(ByteView bytes);

}  // namespace kith::codec
