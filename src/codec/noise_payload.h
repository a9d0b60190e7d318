// The payload of libp2p's Noise handshake messages (specs/noise): the identity key, its signature
// over the Noise static key, and the muxers on offer (early muxer negotiation). At most 4 KiB.
#pragma once

#include <string>
#include <vector>

#include "crypto/key.h"

namespace kith::codec {

inline constexpr std::size_t noise_payload_bytes_max = 4096;
inline constexpr std::size_t noise_muxers_max = 32;

struct NoisePayload {
  crypto::PublicKey identity_key;
  Bytes identity_signature;
  std::vector<std::string> stream_muxers;  // in order of preference; may be empty
  friend bool operator==(const NoisePayload&, const NoisePayload&) = default;
};

Bytes encode_noise_payload(const NoisePayload& payload);
/// `malformed` without an identity key or signature, or over a limit.
Result<NoisePayload> decode_noise_payload(ByteView bytes);

}  // namespace kith::codec
