// A verifiable random function: for a key and an input there is one output, which only the key's
// owner can compute and everybody can check. RFC 9381, ECVRF-EDWARDS25519-SHA512-TAI, with the
// Ed25519 keys that sign. What it is for: docs/adr/0023.
//
// Stricter than the RFC where it leaves room: key and Gamma are canonical points of prime order, so
// that a proof has one form, and all nodes judge alike whatever their libsodium. A key may sign and
// prove: its nonces are hashes of what is signed, and of a point here. They would meet if somebody
// had it sign the 32 bytes of such a point; all that Kith signs has a prefix, or is a SHA-256.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "crypto/key.h"

namespace kith::crypto {

inline constexpr std::size_t vrf_proof_bytes = 80;   // Gamma, c of 16 bytes, s
inline constexpr std::size_t vrf_output_bytes = 64;  // the RFC's beta
using VrfProof = std::array<std::uint8_t, vrf_proof_bytes>;
using VrfOutput = std::array<std::uint8_t, vrf_output_bytes>;

/// The secret is multiplied in constant time, and what was made of it is wiped. The time does tell
/// how often encode-to-curve tried, which follows from key and alpha, both public.
VrfProof vrf_prove(const KeyPair& key, ByteView alpha);

/// `bad_key` for a key that is no canonical point of prime order, `bad_signature` for all else.
Result<VrfOutput> vrf_verify(std::span<const std::uint8_t, 32> key, ByteView alpha, ByteView proof);

}  // namespace kith::crypto
