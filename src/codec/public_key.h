// The protobuf of a public key (libp2p specs/peer-ids): field 1 the key type, field 2 the data.
// Peer ids are hashes of these bytes, so there is exactly one encoding of a key, and decoding
// takes no other: decode(b) == key implies encode(key) == b.
//
// Limit: crypto::public_key_bytes_max of data. Whether the data is a key is crypto::check()'s
// business.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"

namespace kith::codec {

/// Two field keys, a one-byte type, a length of at most two bytes.
inline constexpr std::size_t public_key_message_bytes_max = crypto::public_key_bytes_max + 5;

Bytes encode_public_key(const crypto::PublicKey& key);
/// `malformed` for any other encoding (a field missing, twice, unknown, out of order, a varint
/// longer than need be), `too_large` over the limit, `unsupported` for an unknown key type.
Result<crypto::PublicKey> decode_public_key(ByteView bytes);

}  // namespace kith::codec
