#include "crypto/ed25519_zip215.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <optional>

#include "crypto/sodium_ready.h"

namespace kith::crypto {
namespace {

// libsodium's scalar multiplication refuses points with a part of small order, and non-canonical
// encodings. Its addition does not: it decodes y modulo p, takes a sign with x = 0, and checks only
// that the point is on the curve. So everything is first multiplied by 8 by additions; what is left
// lies in the subgroup of prime order, with the neutral element as the one exception.
using Point = std::array<std::uint8_t, 32>;   // encoded; canonical once an addition gave it
using Scalar = std::array<std::uint8_t, 32>;  // little-endian

constexpr Point neutral{1};
constexpr Scalar zero{};
/// 2^252 + 27742317777372353535851937790883648493, big-endian.
constexpr Scalar group_order_big_endian = {
    0x10, 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed};

bool is_below_order(const Scalar& scalar) {
  return std::lexicographical_compare(scalar.rbegin(), scalar.rend(),
                                      group_order_big_endian.begin(), group_order_big_endian.end());
}

Point read(ByteView bytes) {
  Point point;
  std::ranges::copy(bytes, point.begin());
  return point;
}

/// Nothing when one of them is not on the curve.
std::optional<Point> add(const Point& a, const Point& b) {
  Point sum;
  if (crypto_core_ed25519_add(sum.data(), a.data(), b.data()) != 0) return std::nullopt;
  return sum;
}

std::optional<Point> times_eight(const Point& point) {
  std::optional<Point> multiple = point;
  for (int doubling = 0; doubling < 3 && multiple; ++doubling) multiple = add(*multiple, *multiple);
  return multiple;
}

/// `point` is canonical and in the subgroup of prime order, `scalar` below its order.
Point multiply(const Scalar& scalar, const Point& point) {
  if (scalar == zero || point == neutral) return neutral;
  Point product;
  ASSERT(crypto_scalarmult_ed25519_noclamp(product.data(), scalar.data(), point.data()) == 0);
  return product;
}

/// 8 * scalar * B; B is of prime order, so the factor may go into the scalar.
Point multiply_base_by_eight(const Scalar& scalar) {
  if (scalar == zero) return neutral;
  constexpr Scalar eight{8};
  Scalar multiple;
  crypto_core_ed25519_scalar_mul(multiple.data(), scalar.data(), eight.data());
  Point product;
  ASSERT(crypto_scalarmult_ed25519_base_noclamp(product.data(), multiple.data()) == 0);
  return product;
}

Scalar challenge(const Point& r, const Point& key, ByteView message) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  crypto_hash_sha512_update(&state, r.data(), r.size());
  crypto_hash_sha512_update(&state, key.data(), key.size());
  crypto_hash_sha512_update(&state, message.data(), message.size());
  std::array<std::uint8_t, crypto_hash_sha512_BYTES> digest;
  crypto_hash_sha512_final(&state, digest.data());
  Scalar scalar;
  crypto_core_ed25519_scalar_reduce(scalar.data(), digest.data());
  return scalar;
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
  return crypto_core_ed25519_is_valid_point(key.data()) == 1;
}

}  // namespace kith::crypto
