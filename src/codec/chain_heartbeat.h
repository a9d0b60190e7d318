// Signs of life of registered validators that are not in the active set (those who are give them
// by voting), and what witnesses of the active set say of them. Grammar:
// docs/protocol/consensus.md, "Heartbeats". Big-endian, one encoding a value.
//
// A heartbeat is for one slot, the time since 1970 in steps of heartbeat_ms, and says up to where
// its sender has the chain. An attestation carries the whole heartbeat, so that it is good whatever
// came first; its witness is one of the few that the heartbeat's hash draws from the active set.
//
// Nothing here is in the chain's state. Limits: 146 and 242 bytes.
#pragma once

#include <variant>
#include <vector>

#include "codec/chain_validators.h"
#include "codec/reader.h"
#include "crypto/key.h"

namespace kith::codec {

struct Heartbeat {
  ValidatorKey key{};
  std::uint64_t slot = 0;
  Height height;  // the last final block of its sender
  Hash digest{};
  crypto::Signature signature{};
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};
struct Attestation {
  Heartbeat heartbeat;
  ValidatorKey witness{};
  crypto::Signature signature{};
  friend bool operator==(const Attestation&, const Attestation&) = default;
};
using HeartbeatMessage = std::variant<Heartbeat, Attestation>;

inline constexpr std::size_t heartbeat_bytes = 32 + 8 + 8 + 32 + 64;
inline constexpr std::size_t heartbeat_message_bytes_max = 2 + heartbeat_bytes + 32 + 64;

Bytes encode(const HeartbeatMessage& message);
/// One frame of the topic; signatures are not looked at.
Result<HeartbeatMessage> decode_heartbeat_message(ByteView bytes);

/// What its key signs.
Hash heartbeat_hash(const Hash& genesis, const Heartbeat& heartbeat);
/// What a witness signs of a heartbeat of that hash.
Hash attestation_hash(const Hash& genesis, const Hash& heartbeat);

/// Who is to attest a heartbeat of this hash: `count` of the set, or all when it has fewer. In the
/// order of their draw.
std::vector<ValidatorKey> witnesses_of(const Hash& heartbeat, const ValidatorSet& active,
                                       std::size_t count);

}  // namespace kith::codec
