// What validators tell each other by gossip of a dispute that waits for a verdict: what its slice
// comes to, or whether a find is one, signed. Grammar: docs/protocol/compute.md, "Verdicts".
// Big-endian, one encoding a value.
//
// The signature is the one that a GiveVerdict order needs (chain_job.h), so that whoever has heard
// two thirds of the weight can put them into a block.
#pragma once

#include "codec/chain.h"
#include "codec/chain_tx.h"
#include "crypto/key.h"

namespace kith::codec {

struct SaidVerdict {
  std::uint64_t dispute = 0;
  Hash digest{};  // of the slice; of a find its name (find_digest), or zeros
  ChainKey validator{};
  crypto::Signature signature{};  // of verdict_message()
  /// Anything that makes a verdict that is said once more a new message.
  std::uint32_t repeat = 0;
  friend bool operator==(const SaidVerdict&, const SaidVerdict&) = default;
};

inline constexpr std::size_t said_verdict_bytes = 1 + 8 + 32 + 32 + 64 + 4;

Bytes encode(const SaidVerdict& said);
/// The signature is not looked at. `unsupported` for another version.
Result<SaidVerdict> decode_said_verdict(ByteView bytes);

}  // namespace kith::codec
