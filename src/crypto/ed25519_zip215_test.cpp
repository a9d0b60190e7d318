#include "crypto/ed25519_zip215.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sodium.h>

#include "base/rng.h"
#include "crypto/ed25519_zip215_test_vectors.h"
#include "crypto/key.h"

namespace kith::crypto {
namespace {

Bytes hex(const std::string& text) { return base::from_hex(text).value(); }

Result<void> verify_bytes(ByteView key, ByteView message, ByteView signature) {
  return verify_zip215(key.first<32>(), message, signature);
}

bool is_strictly_valid(ByteView key, ByteView message, ByteView signature) {
  return verify({KeyType::ed25519, base::to_bytes(key)}, message, signature).has_value();
}

TEST(Ed25519Zip215, Rfc8032Vectors) {
  struct Vector {
    const char* key;
    const char* message;
    const char* signature;
  };
  const Vector vectors[] = {
      {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
       "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
      {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
       "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
       "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"}};
  for (const auto& [key, message, signature] : vectors) {
    EXPECT_TRUE(verify_bytes(hex(key), hex(message), hex(signature))) << message;
    EXPECT_FALSE(verify_bytes(hex(key), hex("00"), hex(signature))) << message;
  }
}

// ZIP-215's own test: any two of these as A and R, with S = 0.
TEST(Ed25519Zip215, AllEncodingsOfSmallOrder) {
  const ByteView message = base::as_bytes("Zcash");
  std::size_t accepted = 0;
  for (const char* key : vectors::small_order_encodings) {
    for (const char* r : vectors::small_order_encodings) {
      Bytes signature = hex(r);
      signature.resize(64);
      EXPECT_TRUE(verify_bytes(hex(key), message, signature)) << key << " " << r;
      EXPECT_FALSE(is_strictly_valid(hex(key), message, signature));
      ++accepted;
      signature[32] = 1;
      EXPECT_FALSE(verify_bytes(hex(key), message, signature)) << key << " " << r;
    }
  }
  EXPECT_EQ(accepted, 196u);
}

TEST(Ed25519Zip215, VectorsOfASecondImplementation) {
  std::size_t valid_here_alone = 0;
  for (const auto& vector : vectors::zip215_vectors) {
    SCOPED_TRACE(vector.what);
    const Bytes key = hex(vector.key);
    const Bytes message = hex(vector.message);
    const Bytes signature = hex(vector.signature);
    EXPECT_EQ(verify_bytes(key, message, signature).has_value(), vector.is_valid);
    if (vector.is_valid && !is_strictly_valid(key, message, signature)) ++valid_here_alone;
  }
  EXPECT_GT(valid_here_alone, 10u);  // else the second look was hardly looked at
}

TEST(Ed25519Zip215, SaysWhatIsWrong) {
  const std::string no_point = "0200000000000000000000000000000000000000000000000000000000000000";
  const std::string neutral = "0100000000000000000000000000000000000000000000000000000000000000";
  const auto code_of = [](const std::string& key, const Bytes& signature) {
    const auto verified = verify_bytes(hex(key), {}, signature);
    EXPECT_FALSE(verified);
    return verified ? Code::internal : verified.error().code;
  };
  EXPECT_EQ(code_of(no_point, hex(neutral + std::string(64, '0'))), Code::bad_key);
  EXPECT_EQ(code_of(neutral, hex(no_point + std::string(64, '0'))), Code::bad_signature);
  EXPECT_EQ(code_of(neutral, hex(neutral)), Code::bad_signature);
  EXPECT_EQ(code_of(neutral, Bytes(65)), Code::bad_signature);
}

Bytes add(ByteView a, ByteView b) {
  Bytes sum(32);
  RC_ASSERT(crypto_core_ed25519_add(sum.data(), a.data(), b.data()) == 0);
  return sum;
}

Bytes scalar_from(Rng& rng) {
  Bytes wide(64);
  rng.fill(wide);
  Bytes scalar(32);
  crypto_core_ed25519_scalar_reduce(scalar.data(), wide.data());
  return scalar;
}

Bytes times_base(const Bytes& scalar) {
  Bytes point(32);
  RC_ASSERT(crypto_scalarmult_ed25519_base_noclamp(point.data(), scalar.data()) == 0);
  return point;
}

/// Signs with a key and an R that have parts of small order: key and signature.
std::pair<Bytes, Bytes> sign_with_torsion(Rng& rng, ByteView message, const Bytes& key_part,
                                          const Bytes& r_part) {
  const Bytes a = scalar_from(rng);
  const Bytes r = scalar_from(rng);
  const Bytes key = add(times_base(a), key_part);
  Bytes signature = add(times_base(r), r_part);
  Bytes hashed = signature;
  base::append(hashed, key);
  base::append(hashed, message);
  Bytes digest(64);
  crypto_hash_sha512(digest.data(), hashed.data(), hashed.size());
  Bytes s(32);
  crypto_core_ed25519_scalar_reduce(s.data(), digest.data());
  crypto_core_ed25519_scalar_mul(s.data(), s.data(), a.data());
  crypto_core_ed25519_scalar_add(s.data(), s.data(), r.data());
  base::append(signature, s);
  return {key, signature};
}

TEST(Ed25519Zip215, TakesEveryOrderAndNothingTampered) {
  EXPECT_TRUE(
      rc::check([](std::uint64_t seed, const std::vector<std::uint8_t>& message, std::uint16_t at) {
        const auto part = rc::gen::elementOf(std::vector<std::string>(
            std::begin(vectors::small_order_encodings), std::end(vectors::small_order_encodings)));
        SeededRng rng(seed);
        auto [key, signature] = sign_with_torsion(rng, message, hex(*part), hex(*part));
        RC_ASSERT(verify_bytes(key, message, signature).has_value());
        Bytes tampered = message;
        tampered.push_back(0);
        RC_ASSERT(!verify_bytes(key, tampered, signature));
        signature[at / 8 % 64] ^= static_cast<std::uint8_t>(1u << (at % 8));
        RC_ASSERT(!verify_bytes(key, message, signature));
      }));
}

TEST(Ed25519Zip215, TakesWhatTheStrictRuleTakes) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed, const std::vector<std::uint8_t>& message,
                           std::uint16_t at, bool tamper) {
    SeededRng rng(seed);
    const KeyPair pair = KeyPair::generate(rng);
    Signature signature = pair.sign(message);
    if (tamper) signature[at / 8 % 64] ^= static_cast<std::uint8_t>(1u << (at % 8));
    const Bytes key = pair.public_key().data;
    RC_ASSERT(verify_bytes(key, message, signature).has_value() == !tamper);
    RC_ASSERT(is_strictly_valid(key, message, signature) == !tamper);
  }));
}

}  // namespace
}  // namespace kith::crypto
