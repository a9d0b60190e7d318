// What a remote signer writes into its log, one record each: of which chain it is, what it said,
// in votes and verdicts, what is final, and that it must be silent. A record is its kind, one byte,
// and the encoding of docs/protocol/signer.md, "The log". Framing, checksums and files are the
// shell's (rt/wal.h).
#pragma once

#include <variant>

#include "codec/signer_message.h"

namespace kith::consensus {

/// The log begins, of a key that has signed nothing.
struct LogBegun {
  friend bool operator==(const LogBegun&, const LogBegun&) = default;
};
/// Nobody knows what was said: of no epoch yet, since no node has told which one it is.
struct LogLost {
  friend bool operator==(const LogLost&, const LogLost&) = default;
};
struct SignsFor {
  codec::Hash genesis{};
  friend bool operator==(const SignsFor&, const SignsFor&) = default;
};
/// No vote up to this epoch. Ends a LogLost.
struct SilentThrough {
  codec::Epoch epoch;
  friend bool operator==(const SilentThrough&, const SilentThrough&) = default;
};
struct FinalKnown {
  codec::Epoch epoch;
  codec::View view;
  friend bool operator==(const FinalKnown&, const FinalKnown&) = default;
};
/// That there is no other verdict of this key in the dispute.
struct VerdictGiven {
  std::uint64_t dispute = 0;
  codec::Hash digest{};
  friend bool operator==(const VerdictGiven&, const VerdictGiven&) = default;
};
using SignerRecord = std::variant<LogBegun, LogLost, SignsFor, SilentThrough, FinalKnown,
                                  codec::SaidVote, VerdictGiven>;

Bytes encode(const SignerRecord& record);
Result<SignerRecord> decode_signer_record(ByteView bytes);

}  // namespace kith::consensus
