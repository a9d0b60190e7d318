// What validators say to each other (/kith/consensus/1.0.0): one message a frame, its first byte
// the kind. Grammar: docs/protocol/consensus.md.
//
//   1 vote         a vote
//   2 certificate  a certificate
//   3 proposal     the leader's notarize vote, the block, and, when the block is proposed anew at
//                  the end of an epoch, the justification of that (its own is of the first time)
//   4 request      a digest: whoever has this block answers with it
//   5 block        the answer
//   6 memory request   a validator that has just started asks what it may have forgotten to have
//   said 7 memory       the answer: its own votes above the answerer's last final view. If that
//   view is
//                  above the asker's, the certificate of it comes first; at most `memory_votes_max`
//                  votes, of one signer, all above that view, by ascending statement
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

struct MemoryRequest {
  Epoch epoch;
  ValidatorIndex validator = 0;  // who asks
  std::uint64_t nonce = 0;       // of this start of the process: what was asked before is over
  View final_view;               // the asker's
  friend bool operator==(const MemoryRequest&, const MemoryRequest&) = default;
};
struct Memory {
  Epoch epoch;
  std::uint64_t nonce = 0;
  std::optional<Certificate> final;  // notarize where a later block made this one final
  std::vector<Vote> votes;
};

struct ConsensusMessage : std::variant<Vote, Certificate, ProposalMessage, BlockRequest,
                                       BlockAnswer, MemoryRequest, Memory> {
  using variant::variant;
  ConsensusMessage(const ConsensusMessage&);
  ConsensusMessage& operator=(const ConsensusMessage&);
  ConsensusMessage(ConsensusMessage&&) noexcept;
  ConsensusMessage& operator=(ConsensusMessage&&) noexcept;
  ~ConsensusMessage();
};

/// As many as a validator says again at a standstill: three a view, of 32 views.
inline constexpr std::size_t memory_votes_max = 96;

inline constexpr std::size_t consensus_message_bytes_max =
    1 + vote_bytes_max + header_bytes + block_body_bytes_max + 2 * justification_bytes_max + 32;

Bytes encode(const ConsensusMessage& message);
Result<ConsensusMessage> decode_consensus_message(ByteView bytes);

}  // namespace kith::codec
