// The one rule by which everybody who follows consensus judges an Ed25519 signature: ZIP-215. A
// signature is valid when S < L, A and R are encodings of curve points, not necessarily canonical
// and of any order, and 8 S B = 8 R + 8 h A with h = SHA-512(R, A, message) over the bytes as they
// were sent. All that RFC 8032 signers make is valid; two nodes never disagree, whatever was made
// by hand, and a batch may be verified at once with the same outcome as one by one.
//
// libsodium's own rule is stricter and differs from release to release. What it accepts is valid
// here too and costs what it costs there; what it rejects is looked at again, which takes five
// times as long (bench/crypto_bench, ed25519_zip215): whoever sends such a thing is to be charged.
// Everything else that peers sign goes by crypto::verify (key.h).
#pragma once

#include <span>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::crypto {

/// `bad_key` when the key is no point, `bad_signature` for all else.
Result<void> verify_zip215(std::span<const std::uint8_t, 32> key, ByteView message,
                           ByteView signature);

/// Whether only whoever knows a secret can sign for the key: a point of the prime-order group, in
/// its one encoding. The rule above lets anybody sign for one of small order.
bool has_prime_order(std::span<const std::uint8_t, 32> key);

}  // namespace kith::crypto
