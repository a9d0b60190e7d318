// Private networks (libp2p specs/pnet): every byte of a raw connection is XORed with XSalsa20 under
// a shared key, each direction behind a 24-byte nonce of its own. It hides the network from those
// without the key; it authenticates nothing, Noise above does.
#pragma once

#include <array>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"
#include "base/rng.h"

namespace kith::secure {

using PresharedKey = std::array<std::uint8_t, 32>;

/// Reads a swarm.key file: "/key/swarm/psk/1.0.0/", "/base16/" (or /base64/, /bin/), the key.
Result<PresharedKey> parse_swarm_key(std::string_view text);
/// The file's text, base16.
std::string format_swarm_key(const PresharedKey& key);

inline constexpr std::size_t pnet_nonce_bytes = 24;

/// One side of one connection. Sealing and opening are in place and never fail.
class PnetStream {
 public:
  PnetStream(const PresharedKey& key, Rng& rng);
  ~PnetStream();
  PnetStream(PnetStream&&) noexcept;
  PnetStream& operator=(PnetStream&&) noexcept;

  /// The nonce that must go out before anything else.
  ByteView own_nonce() const;
  /// Encrypts the next `bytes` of the outgoing stream.
  void seal(ByteSpan bytes);
  /// Takes up to the missing part of the peer's nonce from the front; returns how many bytes.
  std::size_t take_nonce(ByteView bytes);
  bool has_peer_nonce() const;
  /// Decrypts the next `bytes` of the incoming stream. REQUIRES: has_peer_nonce().
  void open(ByteSpan bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kith::secure
