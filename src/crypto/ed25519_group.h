// The arithmetic of edwards25519 that libsodium's high-level functions leave out, as encoded points
// and scalars. Internal to crypto/: what consensus judges is ed25519_zip215.h and vrf.h.
//
// libsodium's scalar multiplication refuses points with a part of small order, and non-canonical
// encodings; which of them it finds differs from release to release. Its addition does not: it
// decodes y modulo p, takes a sign with x = 0, and checks only that the point is on the curve. So
// points of strangers are first multiplied by 8 by additions; what is left lies in the subgroup of
// prime order, with the neutral element as the one exception, and is the same in all releases.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace kith::crypto::ed25519 {

using Point = std::array<std::uint8_t, 32>;   // encoded; canonical once an addition gave it
using Scalar = std::array<std::uint8_t, 32>;  // little-endian

inline constexpr Point neutral{1};
inline constexpr Scalar zero{};

/// `bytes` are 32.
Point read(ByteView bytes);
bool is_below_order(const Scalar& scalar);
/// Whether y is below p, as RFC 8032 wants it.
bool is_canonical(const Point& point);
/// A canonical point of prime order: 8 is undone by its inverse only there.
bool has_prime_order(const Point& point);

/// Nothing when one of them is not on the curve.
std::optional<Point> add(const Point& a, const Point& b);
std::optional<Point> subtract(const Point& a, const Point& b);
std::optional<Point> times_eight(const Point& point);

/// `point` is canonical and of prime order, or neutral; `scalar` below the order. The time it takes
/// tells of a scalar that is 0.
Point multiply(const Scalar& scalar, const Point& point);
Point multiply_base(const Scalar& scalar);
/// In constant time, by libsodium; the scalar is not 0, the point not neutral.
Point multiply_by_secret(const Scalar& scalar, const Point& point);
Point multiply_base_by_secret(const Scalar& scalar);

/// 64 bytes, little-endian, modulo the order.
Scalar reduce(const std::array<std::uint8_t, 64>& wide);

}  // namespace kith::crypto::ed25519
