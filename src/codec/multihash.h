// Multihash (multiformats/multihash): varint code, varint digest length, digest. This is the form
// only; nothing here hashes.
//
// Known: identity, sha2-256 and sha2-512, the last two with their full digest only. At most 128
// bytes in all, so that an identity "hash" cannot carry a file.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::codec {

inline constexpr std::size_t multihash_bytes_max = 128;

/// Multicodec numbers: on the wire, never renumber.
enum class HashCode : std::uint64_t { identity = 0x00, sha2_256 = 0x12, sha2_512 = 0x13 };

struct Multihash {
  HashCode code = HashCode::identity;
  ByteView digest;  // into the given bytes
};

/// Reads a multihash that takes all of `bytes`: `unsupported` for another hash function,
/// `malformed` for a digest of the wrong length.
Result<Multihash> decode_multihash(ByteView bytes);
/// `digest` must have the length that `code` asks for.
void append_multihash(Bytes& to, HashCode code, ByteView digest);

}  // namespace kith::codec
