#include "crypto/vrf.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sodium.h>

#include <set>

#include "base/rng.h"
#include "crypto/ed25519_zip215.h"
#include "crypto/ed25519_zip215_test_vectors.h"
#include "crypto/vrf_test_vectors.h"

namespace kith::crypto {
namespace {

Bytes hex(const std::string& text) { return base::from_hex(text).value(); }

Result<VrfOutput> verify(ByteView key, ByteView alpha, ByteView proof) {
  return vrf_verify(key.first<32>(), alpha, proof);
}

KeyPair pair_of(ByteView seed) { return KeyPair::from_seed(seed.first<32>()); }

Bytes add(ByteView a, ByteView b) {
  Bytes sum(32);
  EXPECT_EQ(crypto_core_ed25519_add(sum.data(), a.data(), b.data()), 0);
  return sum;
}

TEST(Vrf, Rfc9381VectorsAndThoseOfASecondImplementation) {
  std::size_t count = 0;
  for (const auto& vector : vectors::vrf_vectors) {
    SCOPED_TRACE(vector.seed);
    const KeyPair pair = pair_of(hex(vector.seed));
    EXPECT_EQ(base::to_hex(pair.public_key().data), vector.key);
    EXPECT_EQ(base::to_hex(vrf_prove(pair, hex(vector.alpha))), vector.proof);
    const auto output = verify(hex(vector.key), hex(vector.alpha), hex(vector.proof));
    ASSERT_TRUE(output) << output.error().message;
    EXPECT_EQ(base::to_hex(*output), vector.output);
    ++count;
  }
  EXPECT_EQ(count, 12u);
}

TEST(Vrf, WhatIsProvenVerifiesAndNothingElse) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed, const Bytes& alpha, std::size_t at) {
    SeededRng rng(seed);
    const KeyPair pair = KeyPair::generate(rng);
    const Bytes key = pair.public_key().data;
    VrfProof proof = vrf_prove(pair, alpha);
    RC_ASSERT(vrf_prove(pair, alpha) == proof);
    RC_ASSERT(verify(key, alpha, proof).has_value());
    Bytes other = alpha;
    other.push_back(0);
    RC_ASSERT(!verify(key, other, proof));
    RC_ASSERT(!verify(KeyPair::generate(rng).public_key().data, alpha, proof));
    proof[at / 8 % proof.size()] ^= static_cast<std::uint8_t>(1u << (at % 8));
    RC_ASSERT(!verify(key, alpha, proof));
  }));
}

TEST(Vrf, OutputsDiffer) {
  SeededRng rng(7);
  const KeyPair one = KeyPair::generate(rng);
  const KeyPair two = KeyPair::generate(rng);
  std::set<VrfOutput> outputs;
  for (std::uint8_t i = 0; i < 10; ++i) {
    for (const KeyPair* pair : {&one, &two}) {
      const Bytes alpha{i};
      outputs.insert(verify(pair->public_key().data, alpha, vrf_prove(*pair, alpha)).value());
    }
  }
  EXPECT_EQ(outputs.size(), 20u);
}

TEST(Vrf, SaysWhatIsWrong) {
  SeededRng rng(8);
  const KeyPair pair = KeyPair::generate(rng);
  const Bytes key = pair.public_key().data;
  const Bytes alpha{1, 2, 3};
  const VrfProof good = vrf_prove(pair, alpha);
  const auto why = [&](ByteView with_key, ByteView proof) {
    const auto verified = verify(with_key, alpha, proof);
    EXPECT_FALSE(verified);
    return verified ? std::string() : verified.error().message;
  };
  const auto changed = [&](std::size_t at, ByteView bytes) {
    Bytes proof(good.begin(), good.end());
    std::ranges::copy(bytes, proof.begin() + static_cast<std::ptrdiff_t>(at));
    return proof;
  };
  EXPECT_EQ(why(key, ByteView(good).first(79)), "VRF proof that is not of 80 bytes");
  EXPECT_EQ(why(key, Bytes(81)), "VRF proof that is not of 80 bytes");
  const std::string gamma = "VRF proof whose Gamma is not of prime order";
  Bytes no_point(32);
  no_point[0] = 2;
  EXPECT_EQ(why(key, changed(0, no_point)), gamma);
  for (const char* small : vectors::small_order_encodings) {
    EXPECT_EQ(why(key, changed(0, hex(small))), gamma) << small;
    EXPECT_EQ(why(hex(small), good), std::string("VRF key ") + small + " is not of prime order");
  }
  // The order itself, little-endian, and what is above it.
  const Bytes order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  EXPECT_EQ(why(key, changed(48, order)), "VRF proof whose s is not below the group's order");
  EXPECT_EQ(why(key, changed(48, Bytes(32, 0xff))),
            "VRF proof whose s is not below the group's order");
  EXPECT_EQ(why(key, changed(48, Bytes(32))), "the VRF proof does not verify");
  EXPECT_EQ(why(key, changed(32, Bytes(16))), "the VRF proof does not verify");
}

/// The same s, plus the order: the equation holds, the form does not.
TEST(Vrf, AProofHasOneForm) {
  SeededRng rng(9);
  const KeyPair pair = KeyPair::generate(rng);
  const Bytes key = pair.public_key().data;
  VrfProof proof = vrf_prove(pair, {});
  const Bytes order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += proof[48 + i] + unsigned{order[i]};
    proof[48 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  ASSERT_EQ(carry, 0u);
  EXPECT_EQ(verify(key, {}, proof).error().code, Code::bad_signature);
}

/// A Gamma or a key with a part of small order is refused, whatever the release of libsodium finds.
TEST(Vrf, PartsOfSmallOrderAreRefused) {
  SeededRng rng(10);
  const KeyPair pair = KeyPair::generate(rng);
  const Bytes key = pair.public_key().data;
  const VrfProof good = vrf_prove(pair, {});
  Bytes neutral(32);
  neutral[0] = 1;
  std::size_t refused = 0;
  for (const char* text : vectors::small_order_encodings) {
    // Adding the neutral element changes nothing, but makes what is not canonical canonical.
    const Bytes small = add(hex(text), neutral);
    if (small == neutral) continue;
    Bytes proof(good.begin(), good.end());
    std::ranges::copy(add(ByteView(good).first(32), small), proof.begin());
    EXPECT_EQ(verify(key, {}, proof).error().message,
              "VRF proof whose Gamma is not of prime order");
    const Bytes mixed = add(key, small);
    EXPECT_EQ(verify(mixed, {}, good).error().code, Code::bad_key);
    EXPECT_FALSE(has_prime_order(ByteView(mixed).first<32>())) << text;
    ++refused;
  }
  EXPECT_GT(refused, 7u);
  EXPECT_TRUE(has_prime_order(ByteView(key).first<32>()));
}

}  // namespace
}  // namespace kith::crypto
