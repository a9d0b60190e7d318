#include "crypto/vrf.h"

#include <sodium.h>

#include <algorithm>
#include <initializer_list>

#include "crypto/ed25519_group.h"
#include "crypto/secret.h"
#include "crypto/sodium_ready.h"

namespace kith::crypto {
namespace {

using namespace ed25519;

using Digest = std::array<std::uint8_t, crypto_hash_sha512_BYTES>;

constexpr std::uint8_t suite = 3;
constexpr std::size_t challenge_bytes = 16;
/// What stands after the suite: what the hash is for.
constexpr std::uint8_t for_curve = 1;
constexpr std::uint8_t for_challenge = 2;
constexpr std::uint8_t for_output = 3;

Digest sha512(std::initializer_list<ByteView> parts) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  for (const ByteView part : parts) {
    crypto_hash_sha512_update(&state, part.data(), part.size());
  }
  Digest digest;
  crypto_hash_sha512_final(&state, digest.data());
  return digest;
}

/// RFC 9381 5.4.1.1, with the key as salt. Half of all tries give a point: 256 misses are as likely
/// as a broken hash.
Point encode_to_curve(const Point& key, ByteView alpha) {
  for (unsigned counter = 0; counter < 256; ++counter) {
    const std::array<std::uint8_t, 2> head{suite, for_curve};
    const std::array<std::uint8_t, 2> tail{static_cast<std::uint8_t>(counter), 0};
    const Digest digest = sha512({head, key, alpha, tail});
    const Point candidate = read(ByteView(digest).first(32));
    if (!is_canonical(candidate)) continue;
    const std::optional<Point> point = times_eight(candidate);
    // A sign with x = 0, which addition overlooks, is of small order.
    if (point && *point != neutral) return *point;
  }
  UNREACHABLE();
}

/// 5.4.3; as a scalar of 128 bits.
Scalar challenge_of(const Point& key, const Point& h, const Point& gamma, const Point& u,
                    const Point& v) {
  const std::array<std::uint8_t, 2> head{suite, for_challenge};
  const std::array<std::uint8_t, 1> tail{0};
  const Digest digest = sha512({head, key, h, gamma, u, v, tail});
  Scalar c{};
  std::copy_n(digest.begin(), challenge_bytes, c.begin());
  return c;
}

/// 5.2, of a Gamma of prime order.
VrfOutput output_of(const Point& gamma) {
  const std::optional<Point> gamma_8 = times_eight(gamma);
  ASSERT(gamma_8);
  const std::array<std::uint8_t, 2> head{suite, for_output};
  const std::array<std::uint8_t, 1> tail{0};
  return sha512({head, *gamma_8, tail});
}

struct Proof {
  Point gamma;
  Scalar c{};
  Scalar s;
};

/// 5.4.4.
Result<Proof> read_proof(ByteView bytes) {
  if (bytes.size() != vrf_proof_bytes) {
    return fail(Code::bad_signature, "VRF proof that is not of 80 bytes");
  }
  Proof proof{read(bytes.first(32)), {}, read(bytes.last(32))};
  std::ranges::copy(bytes.subspan(32, challenge_bytes), proof.c.begin());
  if (!is_below_order(proof.s)) {
    return fail(Code::bad_signature, "VRF proof whose s is not below the group's order");
  }
  if (!ed25519::has_prime_order(proof.gamma)) {
    return fail(Code::bad_signature, "VRF proof whose Gamma is not of prime order");
  }
  return proof;
}

/// What a key pair is made of (RFC 8032, 5.1.5); wiped when it ends.
class Secret {
 public:
  explicit Secret(const KeyPair& pair) {
    digest_ = sha512({pair.seed()});
    Digest wide{};
    std::copy_n(digest_.begin(), 32, wide.begin());
    wide[0] &= 0xf8;
    wide[31] = static_cast<std::uint8_t>((wide[31] & 0x7f) | 0x40);
    x_ = reduce(wide);
    wipe(wide);
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() {
    wipe(digest_);
    wipe(x_);
  }

  const Scalar& x() const { return x_; }
  /// 5.4.2.2.
  Scalar nonce(const Point& h) const {
    Digest digest = sha512({ByteView(digest_).last(32), h});
    Scalar k = reduce(digest);
    wipe(digest);
    return k;
  }

 private:
  Digest digest_{};
  Scalar x_{};
};

}  // namespace

VrfProof vrf_prove(const KeyPair& pair, ByteView alpha) {
  sodium_ready();
  const Point key = read(pair.public_key().data);
  const Secret secret(pair);
  const Point h = encode_to_curve(key, alpha);
  const Point gamma = multiply_by_secret(secret.x(), h);
  Scalar k = secret.nonce(h);
  const Scalar c =
      challenge_of(key, h, gamma, multiply_base_by_secret(k), multiply_by_secret(k, h));
  Scalar s;
  crypto_core_ed25519_scalar_mul(s.data(), c.data(), secret.x().data());
  crypto_core_ed25519_scalar_add(s.data(), s.data(), k.data());
  wipe(k);
  VrfProof proof;
  const auto at = std::ranges::copy(gamma, proof.begin()).out;
  std::ranges::copy(s, std::copy_n(c.begin(), challenge_bytes, at));
  return proof;
}

Result<VrfOutput> vrf_verify(std::span<const std::uint8_t, 32> key_bytes, ByteView alpha,
                             ByteView proof_bytes) {
  sodium_ready();
  const Point key = read(key_bytes);
  if (!ed25519::has_prime_order(key)) {
    return fail(Code::bad_key, "VRF key " + base::to_hex(key) + " is not of prime order");
  }
  const Proof proof = TRY(read_proof(proof_bytes));
  const Point h = encode_to_curve(key, alpha);
  const std::optional<Point> u = subtract(multiply_base(proof.s), multiply(proof.c, key));
  const std::optional<Point> v = subtract(multiply(proof.s, h), multiply(proof.c, proof.gamma));
  ASSERT(u && v);
  if (challenge_of(key, h, proof.gamma, *u, *v) == proof.c) return output_of(proof.gamma);
  return fail(Code::bad_signature, "the VRF proof does not verify");
}

}  // namespace kith::crypto
