#include "crypto/ed25519_zip215.h"

#include <sodium.h>

#include "crypto/ed25519_group.h"
#include "crypto/sodium_ready.h"

namespace kith::crypto {
namespace {

using namespace ed25519;

/// 8 * scalar * B; B is of prime order, so the factor may go into the scalar.
Point multiply_base_by_eight(const Scalar& scalar) {
  constexpr Scalar eight{8};
  Scalar multiple;
  crypto_core_ed25519_scalar_mul(multiple.data(), scalar.data(), eight.data());
  return multiply_base(multiple);
}

Scalar challenge(const Point& r, const Point& key, ByteView message) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  crypto_hash_sha512_update(&state, r.data(), r.size());
  crypto_hash_sha512_update(&state, key.data(), key.size());
  crypto_hash_sha512_update(&state, message.data(), message.size());
  std::array<std::uint8_t, crypto_hash_sha512_BYTES> digest;
  crypto_hash_sha512_final(&state, digest.data());
  return reduce(digest);
}

Result<void> check_cofactored(const Point& key, ByteView message, const Point& r, const Scalar& s) {
  const std::optional<Point> key_8 = times_eight(key);
  if (!key_8) return fail(Code::bad_key, "Ed25519 key " + base::to_hex(key) + " is not a point");
  const std::optional<Point> r_8 = times_eight(r);
  if (!r_8) return fail(Code::bad_signature, "the R of an Ed25519 signature is not a point");
  const std::optional<Point> right = add(*r_8, multiply(challenge(r, key, message), *key_8));
  ASSERT(right);
  if (multiply_base_by_eight(s) == *right) return {};
  return fail(Code::bad_signature, "the Ed25519 signature does not verify");
}

}  // namespace

Result<void> verify_zip215(std::span<const std::uint8_t, 32> key, ByteView message,
                           ByteView signature) {
  if (signature.size() != crypto_sign_BYTES) {
    return fail(Code::bad_signature, "Ed25519 signature that is not of 64 bytes");
  }
  sodium_ready();
  if (crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) ==
      0) {
    return {};
  }
  const Scalar s = read(signature.subspan(32));
  if (!is_below_order(s)) {
    return fail(Code::bad_signature, "Ed25519 signature whose S is not below the group's order");
  }
  return check_cofactored(read(key), message, read(signature.first(32)), s);
}

bool has_prime_order(std::span<const std::uint8_t, 32> key) {
  return ed25519::has_prime_order(read(key));
}

}  // namespace kith::crypto
