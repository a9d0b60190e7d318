// The shape of the PKIX public keys (SubjectPublicKeyInfo, RFC 5280 section 4.1) that libp2p peers
// use, read strictly as DER before OpenSSL sees them: a hostile key costs only its bytes. Internal
// to crypto/; key.h says what is accepted.
#pragma once

#include "base/bytes.h"
#include "base/error.h"

namespace kith::crypto {

/// RFC 8017 A.1.1: rsaEncryption, modulus of rsa_key_bits_min to rsa_key_bits_max, odd exponent of
/// 3 to 2^31 - 1 (what Go's crypto/rsa takes). `bad_key` says what is wrong.
Result<void> check_rsa_pkix(ByteView der);

/// RFC 5480: a named curve of ours and an uncompressed point of its size. Whether the point lies on
/// the curve is not looked at.
Result<void> check_ecdsa_pkix(ByteView der);

}  // namespace kith::crypto
