// The fields of handshake and session messages (docs/protocol/session.md). Internal to secure/.
#pragma once

#include <optional>
#include <vector>

#include "codec/reader.h"
#include "codec/writer.h"
#include "crypto/key.h"
#include "secure/noise_pattern.h"
#include "secure/session.h"
#include "secure/session_ticket.h"

namespace kith::secure {

inline constexpr std::uint8_t session_version = 1;

/// "kith/session/1", the pattern, the network's name, and the ticket.
Bytes session_prologue(NoisePattern pattern, const crypto::Hash256& network, ByteView ticket);

/// HELLO without its Noise message.
Bytes encode_hello_start(NoisePattern pattern, ByteView ticket);
struct HelloStart {
  NoisePattern pattern;
  ByteView ticket;    // empty but with NNpsk0
  std::size_t bytes;  // before the Noise message
};
/// `unsupported` names an unknown version or pattern.
Result<HelloStart> decode_hello_start(ByteView bytes);

/// n, ciphers; unknown ones are passed over when they are read.
void encode_ciphers(codec::Writer& to, const std::vector<crypto::CipherId>& ciphers);
Result<std::vector<crypto::CipherId>> decode_ciphers(codec::Reader& from);

void encode_parameters(codec::Writer& to, ByteView parameters);
Result<Bytes> decode_parameters(codec::Reader& from);

/// Public key and signature, as SessionIdentity::encoded.
Bytes encode_identity(const crypto::PublicKey& key, ByteView signature);
struct SessionIdentityRead {
  crypto::PublicKey key;
  PeerId peer;
  ByteView signature;
};
Result<SessionIdentityRead> decode_identity(codec::Reader& from);
/// What an identity signs.
Bytes session_signed_bytes(const crypto::X25519Public& static_key);

/// Messages of the session's stream: a type, then fields of a fixed size.
enum class SessionMessage : std::uint8_t { offer = 1, accept = 2, ticket = 3 };
inline constexpr std::size_t session_offer_bytes = 1 + 8 + 32;
inline constexpr std::size_t session_ticket_message_bytes = 1 + ticket_id_bytes + ticket_bytes;
/// Of the whole message, by its first byte; 0 for an unknown one.
std::size_t session_message_bytes(std::uint8_t type);

Bytes encode_offer(SessionMessage type, std::uint64_t epoch, const crypto::X25519Public& key);
Bytes encode_ticket_message(const TicketId& id, ByteView ticket);

}  // namespace kith::secure
