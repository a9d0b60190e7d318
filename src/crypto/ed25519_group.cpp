#include "crypto/ed25519_group.h"

#include <sodium.h>

#include <algorithm>

#include "crypto/sodium_ready.h"

namespace kith::crypto::ed25519 {
namespace {

/// 2^252 + 27742317777372353535851937790883648493, big-endian.
constexpr Scalar group_order_big_endian = {
    0x10, 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed};

/// 1/8 modulo the order.
constexpr Scalar eighth = {0x79, 0x2f, 0xdc, 0xe2, 0x29, 0xe5, 0x06, 0x61, 0xd0, 0xda, 0x1c,
                           0x7d, 0xb3, 0x9d, 0xd3, 0x07, 0,    0,    0,    0,    0,    0,
                           0,    0,    0,    0,    0,    0,    0,    0,    0,    0x06};

}  // namespace

Point read(ByteView bytes) {
  ASSERT(bytes.size() == 32);
  Point point;
  std::ranges::copy(bytes, point.begin());
  return point;
}

bool is_below_order(const Scalar& scalar) {
  return std::lexicographical_compare(scalar.rbegin(), scalar.rend(),
                                      group_order_big_endian.begin(), group_order_big_endian.end());
}

bool is_canonical(const Point& point) {
  // p is 2^255 - 19: all bits of it are set, but for the lowest byte.
  const bool is_high = (point[31] & 0x7f) == 0x7f &&
                       std::all_of(point.begin() + 1, point.begin() + 31,
                                   [](std::uint8_t byte) { return byte == 0xff; });
  return !is_high || point[0] < 0xed;
}

bool has_prime_order(const Point& point) {
  const std::optional<Point> eightfold = times_eight(point);
  return eightfold && *eightfold != neutral && multiply(eighth, *eightfold) == point;
}

std::optional<Point> add(const Point& a, const Point& b) {
  Point sum;
  if (crypto_core_ed25519_add(sum.data(), a.data(), b.data()) != 0) return std::nullopt;
  return sum;
}

std::optional<Point> subtract(const Point& a, const Point& b) {
  Point difference;
  if (crypto_core_ed25519_sub(difference.data(), a.data(), b.data()) != 0) return std::nullopt;
  return difference;
}

std::optional<Point> times_eight(const Point& point) {
  sodium_ready();
  std::optional<Point> multiple = point;
  for (int doubling = 0; doubling < 3 && multiple; ++doubling) multiple = add(*multiple, *multiple);
  return multiple;
}

Point multiply(const Scalar& scalar, const Point& point) {
  if (scalar == zero || point == neutral) return neutral;
  return multiply_by_secret(scalar, point);
}

Point multiply_base(const Scalar& scalar) {
  return scalar == zero ? neutral : multiply_base_by_secret(scalar);
}

Point multiply_by_secret(const Scalar& scalar, const Point& point) {
  sodium_ready();
  Point product;
  ASSERT(crypto_scalarmult_ed25519_noclamp(product.data(), scalar.data(), point.data()) == 0);
  return product;
}

Point multiply_base_by_secret(const Scalar& scalar) {
  sodium_ready();
  Point product;
  ASSERT(crypto_scalarmult_ed25519_base_noclamp(product.data(), scalar.data()) == 0);
  return product;
}

Scalar reduce(const std::array<std::uint8_t, 64>& wide) {
  Scalar scalar;
  crypto_core_ed25519_scalar_reduce(scalar.data(), wide.data());
  return scalar;
}

}  // namespace kith::crypto::ed25519
