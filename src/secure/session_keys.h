// The keys of a session: from Noise's chaining key to an epoch's, from epoch to epoch, and what is
// exported (docs/protocol/session.md, "Keys"). Pure functions; vectors in tests/golden/session.txt.
// All is HKDF-SHA-256 (RFC 5869, extract and expand), each with a label of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

namespace kith::secure {

using SessionSecret = crypto::SecretBytes;  // 32 bytes
inline constexpr std::size_t session_secret_bytes = 32;

/// Of one direction and epoch; wiped when it ends.
struct DirectionKeys {
  crypto::AeadKey key{};
  crypto::AeadNonce iv{};
  /// Of epoch 0's the number offset of a connection id is made: the first four bytes, big-endian,
  /// of HMAC-SHA-256(offset_key, id as u32 big-endian).
  std::array<std::uint8_t, 32> offset_key{};

  DirectionKeys() = default;
  DirectionKeys(const DirectionKeys&) = default;
  DirectionKeys& operator=(const DirectionKeys&) = default;
  ~DirectionKeys();
};
/// `cipher` as on the wire (crypto::CipherId).
DirectionKeys direction_keys(const SessionSecret& secret, std::uint8_t cipher);

/// One direction's secret of the next epoch; `shared` is what the fresh exchange gave.
SessionSecret next_secret(const SessionSecret& secret, ByteView shared,
                          const crypto::Hash256& handshake);

/// What a handshake leaves behind its two directions' secrets, from its last chaining key.
struct SessionExtras {
  SessionSecret exporter;
  SessionSecret confirm_initiator, confirm_responder;  // keys of AUTH_PROOF with a ticket, of FINAL
};
SessionExtras session_extras(ByteView chaining_key);
/// HMAC-SHA-256 of the handshake hash.
crypto::Hash256 confirmation(const SessionSecret& confirm, const crypto::Hash256& handshake);

inline constexpr std::size_t export_bytes_max = std::size_t{255} * 32;
inline constexpr std::size_t export_label_bytes_max = 65'535;
/// At most export_bytes_max bytes and a label of export_label_bytes_max.
void export_key(const SessionSecret& exporter, std::string_view label, ByteView context,
                ByteSpan out);

/// The pre-shared key of a network with a seed.
SessionSecret seed_psk(ByteView seed);
/// The one that a ticket's two sides make of the session in which it was given.
SessionSecret ticket_psk(const SessionSecret& exporter, ByteView ticket_id);

}  // namespace kith::secure
