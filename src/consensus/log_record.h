// What the engine writes into its log, one record each: own votes (so that it never contradicts
// itself), what it voted for, and certificates. A record is its kind, one byte, and the encoding of
// docs/protocol/consensus.md. Framing, checksums and files are the shell's (rt/wal.h).
#pragma once

#include <variant>

#include "codec/chain_message.h"

namespace kith::consensus {

struct OwnVote {
  codec::Vote vote;
};
struct HeldCertificate {
  codec::Certificate certificate;
};
struct HeldBlock {
  codec::BlockPtr block;
};
/// A proposal of this node, so that it can be sent again as it was.
struct OwnProposal {
  codec::ProposalMessage message;
};
/// This log was found to be older than what was said in the epoch: nobody knows what else was.
struct StaleLog {
  codec::Epoch epoch;
};
using LogRecord = std::variant<OwnVote, HeldCertificate, HeldBlock, OwnProposal, StaleLog>;

Bytes encode(const LogRecord& record);
Result<LogRecord> decode_log_record(ByteView bytes);

}  // namespace kith::consensus
