#include "crypto/key.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <rapidcheck.h>

#include "crypto/key_test_vectors.h"

namespace kith::crypto {
namespace {

Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

std::array<std::uint8_t, 32> hex32(std::string_view text) {
  std::array<std::uint8_t, 32> out{};
  const Bytes bytes = hex(text);
  EXPECT_EQ(bytes.size(), out.size());
  std::ranges::copy(bytes, out.begin());
  return out;
}

PublicKey key_of(KeyType type, std::string_view hex_text) { return {type, hex(hex_text)}; }

const Bytes signed_bytes = base::to_bytes(std::string_view(vectors::signed_text));

Code code_of(const Result<void>& result) { return result ? Code{} : result.error().code; }

// --- Ed25519

struct Rfc8032 {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};
// RFC 8032 section 7.1: tests 1, 2, 3 and SHA(abc).
constexpr Rfc8032 rfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fee"
     "bbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e"
     "0303dca179c138ac17ad9bef1177331a704"},
};

TEST(Ed25519, SignsAndVerifiesTheVectorsOfRfc8032) {
  for (const Rfc8032& vector : rfc8032) {
    const KeyPair pair = KeyPair::from_seed(hex32(vector.seed));
    EXPECT_EQ(base::to_hex(pair.public_key().data), vector.public_key);
    EXPECT_EQ(base::to_hex(pair.seed()), vector.seed);
    const Signature signature = pair.sign(hex(vector.message));
    EXPECT_EQ(base::to_hex(signature), vector.signature);
    EXPECT_TRUE(verify(pair.public_key(), hex(vector.message), signature));
  }
}

TEST(Ed25519, MovesWipeAndClonesEqual) {
  KeyPair first = KeyPair::from_seed(hex32(rfc8032[0].seed));
  const KeyPair copy = first.clone();
  const KeyPair moved = std::move(first);
  EXPECT_EQ(copy.public_key(), moved.public_key());
  EXPECT_EQ(copy.sign(signed_bytes), moved.sign(signed_bytes));
  const auto left = first.seed();  // NOLINT: what a move leaves behind is the point
  EXPECT_TRUE(std::ranges::all_of(left, [](std::uint8_t byte) { return byte == 0; }));
}

TEST(Ed25519, GeneratesFromTheRng) {
  SeededRng a(1), b(1), c(2);
  const KeyPair pair = KeyPair::generate(a);
  EXPECT_EQ(pair.public_key(), KeyPair::generate(b).public_key());
  EXPECT_NE(pair.public_key(), KeyPair::generate(c).public_key());
}

TEST(Ed25519, AnyFlippedBitBreaksTheSignature) {
  ASSERT_TRUE(rc::check([](std::uint64_t seed, const Bytes& message) {
    SeededRng rng(seed);
    const KeyPair pair = KeyPair::generate(rng);
    Signature signature = pair.sign(message);
    RC_ASSERT(verify(pair.public_key(), message, signature).has_value());
    const auto bit = rng.below(signature.size() * 8);
    signature[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    RC_ASSERT(code_of(verify(pair.public_key(), message, signature)) == Code::bad_signature);
    signature[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    Bytes longer = message;
    longer.push_back(0);
    RC_ASSERT(code_of(verify(pair.public_key(), longer, signature)) == Code::bad_signature);
  }));
}

TEST(Ed25519, RefusesSAboveTheGroupOrder) {
  // S + L is the same number modulo L (RFC 8032 5.1.7 demands S < L, or signatures are malleable).
  const Bytes order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const KeyPair pair = KeyPair::from_seed(hex32(rfc8032[1].seed));
  Signature signature = pair.sign(signed_bytes);
  unsigned carry = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const unsigned sum = signature[32 + i] + order[i] + carry;
    signature[32 + i] = static_cast<std::uint8_t>(sum);
    carry = sum >> 8;
  }
  ASSERT_EQ(carry, 0U);
  EXPECT_EQ(code_of(verify(pair.public_key(), signed_bytes, signature)), Code::bad_signature);
}

TEST(Ed25519, RefusesSmallOrderPointsAsKeyOrR) {
  // The eight small-order points and their non-canonical encodings (libsodium's and ZIP-215's
  // list). With such a key A and R, S = 0 would fit any message or one in eight.
  constexpr const char* small_order[] = {
      "0100000000000000000000000000000000000000000000000000000000000000",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "0000000000000000000000000000000000000000000000000000000000000080",
      "0000000000000000000000000000000000000000000000000000000000000000",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
      "0100000000000000000000000000000000000000000000000000000000000080",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  const KeyPair honest = KeyPair::from_seed(hex32(rfc8032[0].seed));
  for (const char* key : small_order) {
    for (const char* r : small_order) {
      Bytes signature = hex(r);
      signature.resize(64);  // S = 0
      for (std::uint8_t message = 0; message < 16; ++message) {
        const ByteView text(&message, 1);
        EXPECT_FALSE(verify(key_of(KeyType::ed25519, key), text, signature)) << key << " " << r;
      }
    }
    Signature signature = honest.sign(signed_bytes);
    std::ranges::copy(hex(key), signature.begin());
    EXPECT_FALSE(verify(honest.public_key(), signed_bytes, signature)) << key;
  }
}

TEST(Ed25519, RefusesRandomSignaturesAndOddSizes) {
  SeededRng rng(7);
  const KeyPair pair = KeyPair::generate(rng);
  for (int i = 0; i < 200; ++i) {
    Signature noise;
    rng.fill(noise);
    EXPECT_EQ(code_of(verify(pair.public_key(), signed_bytes, noise)), Code::bad_signature);
  }
  Bytes signature = base::to_bytes(ByteView(pair.sign(signed_bytes)));
  for (std::size_t size = 0; size < signature.size(); ++size) {
    EXPECT_EQ(code_of(verify(pair.public_key(), signed_bytes, ByteView(signature).first(size))),
              Code::bad_signature);
  }
  signature.push_back(0);
  EXPECT_EQ(code_of(verify(pair.public_key(), signed_bytes, signature)), Code::bad_signature);
  PublicKey odd = pair.public_key();
  odd.data.pop_back();
  EXPECT_EQ(code_of(check(odd)), Code::bad_key);
  EXPECT_EQ(code_of(verify(odd, signed_bytes, ByteView(signature).first(64))), Code::bad_key);
  EXPECT_EQ(code_of(check({KeyType::ed25519, {}})), Code::bad_key);
}

// --- The other kinds: libp2p's keys

struct Signed {
  KeyType type;
  const char* key;
  const char* signature;
};
constexpr Signed good[] = {
    {KeyType::ed25519, vectors::spec_ed25519_key, vectors::spec_ed25519_signature},
    {KeyType::rsa, vectors::spec_rsa_key, vectors::spec_rsa_signature},
    {KeyType::ecdsa, vectors::spec_ecdsa_key, vectors::spec_ecdsa_signature},
    {KeyType::ecdsa, vectors::p384_key, vectors::p384_signature},
    {KeyType::ecdsa, vectors::p521_key, vectors::p521_signature},
    {KeyType::secp256k1, vectors::spec_secp256k1_key, vectors::spec_secp256k1_low_s},
    {KeyType::secp256k1, vectors::spec_secp256k1_key, vectors::spec_secp256k1_high_s},
};

TEST(Keys, VerifyLibp2psTestVectors) {
  EXPECT_EQ(KeyPair::from_seed(hex32(vectors::spec_ed25519_seed)).public_key(),
            key_of(KeyType::ed25519, vectors::spec_ed25519_key));
  for (const Signed& vector : good) {
    const PublicKey key = key_of(vector.type, vector.key);
    EXPECT_TRUE(check(key)) << vector.key;
    EXPECT_TRUE(verify(key, signed_bytes, hex(vector.signature))) << vector.key;
    EXPECT_EQ(code_of(verify(key, base::as_bytes("libp2p peer-idz"), hex(vector.signature))),
              Code::bad_signature);
    EXPECT_EQ(code_of(verify(key, {}, hex(vector.signature))), Code::bad_signature);
  }
}

TEST(Keys, NeverTakeATruncatedOrFlippedSignature) {
  for (const Signed& vector : good) {
    const PublicKey key = key_of(vector.type, vector.key);
    const Bytes signature = hex(vector.signature);
    for (std::size_t i = 0; i < signature.size(); i += 7) {
      EXPECT_EQ(code_of(verify(key, signed_bytes, ByteView(signature).first(i))),
                Code::bad_signature);
      Bytes flipped = signature;
      flipped[i] ^= 0x10;
      EXPECT_EQ(code_of(verify(key, signed_bytes, flipped)), Code::bad_signature) << i;
    }
    Bytes longer = signature;
    longer.push_back(0);
    EXPECT_EQ(code_of(verify(key, signed_bytes, longer)), Code::bad_signature);
    EXPECT_EQ(code_of(verify(key, signed_bytes, Bytes(100'000, 0x30))), Code::bad_signature);
    SeededRng rng(3);
    Signature noise;
    rng.fill(noise);
    EXPECT_EQ(code_of(verify(key, signed_bytes, noise)), Code::bad_signature);
  }
}

TEST(Keys, RefuseTruncatedKeysAndTrailingBytes) {
  for (const Signed& vector : good) {
    const Bytes data = hex(vector.key);
    for (std::size_t size = 0; size < data.size(); ++size) {
      const PublicKey cut{vector.type, Bytes(data.begin(), data.begin() + std::ptrdiff_t(size))};
      EXPECT_EQ(code_of(check(cut)), Code::bad_key) << size;
      EXPECT_EQ(code_of(verify(cut, signed_bytes, hex(vector.signature))), Code::bad_key) << size;
    }
    PublicKey longer{vector.type, data};
    longer.data.push_back(0);
    EXPECT_EQ(code_of(check(longer)), Code::bad_key);
  }
}

TEST(Keys, CheckAndVerifyAgreeOnDamagedKeys) {
  for (const Signed& vector : good) {
    const Bytes data = hex(vector.key);
    for (std::size_t i = 0; i < data.size(); ++i) {
      PublicKey damaged{vector.type, data};
      damaged.data[i] ^= 0x04;
      const bool is_refused = !check(damaged);
      EXPECT_EQ(code_of(verify(damaged, signed_bytes, hex(vector.signature))),
                is_refused ? Code::bad_key : Code::bad_signature)
          << i << " of " << vector.key;
    }
  }
}

TEST(Keys, RefuseAKeyUnderAnotherType) {
  for (const Signed& vector : good) {
    for (const KeyType type :
         {KeyType::rsa, KeyType::ed25519, KeyType::secp256k1, KeyType::ecdsa}) {
      if (type == vector.type) continue;
      EXPECT_EQ(code_of(check(key_of(type, vector.key))), Code::bad_key);
    }
  }
  EXPECT_EQ(code_of(check({static_cast<KeyType>(9), Bytes(32, 1)})), Code::bad_key);
}

TEST(Ecdsa, RefusesOtherCurvesAndPointsOffTheCurve) {
  const auto p224 = check(key_of(KeyType::ecdsa, vectors::p224_key));
  ASSERT_FALSE(p224);
  EXPECT_NE(p224.error().message.find("unknown curve"), std::string::npos);
  EXPECT_EQ(code_of(verify(key_of(KeyType::ecdsa, vectors::k256_key), signed_bytes,
                           hex(vectors::k256_signature))),
            Code::bad_key);
  PublicKey off = key_of(KeyType::ecdsa, vectors::spec_ecdsa_key);
  off.data.back() ^= 1;
  EXPECT_EQ(code_of(check(off)), Code::bad_key);
  EXPECT_EQ(code_of(verify(off, signed_bytes, hex(vectors::spec_ecdsa_signature))), Code::bad_key);
}

TEST(Secp256k1, RefusesWhatIsNotACompressedPoint) {
  // x = 5 is on no point of the curve.
  Bytes off = hex("020000000000000000000000000000000000000000000000000000000000000005");
  EXPECT_EQ(code_of(check({KeyType::secp256k1, off})), Code::bad_key);
  Bytes data = hex(vectors::spec_secp256k1_key);
  for (const int lead : {0x00, 0x01, 0x04, 0x05, 0x06, 0x07, 0xff}) {
    data[0] = static_cast<std::uint8_t>(lead);
    EXPECT_EQ(code_of(check({KeyType::secp256k1, data})), Code::bad_key) << lead;
  }
  EXPECT_EQ(code_of(check({KeyType::secp256k1, Bytes(65, 4)})), Code::bad_key);
}

// --- RSA sizes

Bytes der(std::uint8_t tag, const Bytes& content) {
  Bytes out{tag};
  if (content.size() >= 256) {
    out.insert(out.end(), {0x82, static_cast<std::uint8_t>(content.size() >> 8)});
  } else if (content.size() >= 128) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<std::uint8_t>(content.size()));
  base::append(out, content);
  return out;
}

Bytes concat(Bytes a, const Bytes& b) {
  base::append(a, b);
  return a;
}

const Bytes exponent_65537 = hex("0203010001");

/// A key whose modulus is one bit followed by noise: no key generation needed.
PublicKey rsa_key(std::size_t bits, const Bytes& exponent = exponent_65537) {
  SeededRng rng(bits);
  Bytes modulus((bits + 7) / 8);
  rng.fill(modulus);
  const auto top = static_cast<std::uint8_t>(1 << ((bits - 1) % 8));
  modulus[0] = static_cast<std::uint8_t>((modulus[0] & (top - 1)) | top);
  modulus.back() |= 1;
  if (modulus[0] >= 0x80) modulus.insert(modulus.begin(), 0);
  const Bytes numbers = der(0x30, concat(der(0x02, modulus), exponent));
  const Bytes algorithm = hex("300d06092a864886f70d0101010500");
  return {KeyType::rsa, der(0x30, concat(algorithm, der(0x03, concat(Bytes{0}, numbers))))};
}

TEST(Rsa, TakesSizesFrom2048To8192Bits) {
  for (const std::size_t bits : {2048U, 3072U, 4096U, 8191U, 8192U}) {
    const PublicKey key = rsa_key(bits);
    EXPECT_TRUE(check(key)) << bits;
    EXPECT_LE(key.data.size(), public_key_bytes_max);
    EXPECT_EQ(code_of(verify(key, signed_bytes, Bytes((bits + 7) / 8, 0x11))), Code::bad_signature);
  }
}

TEST(Rsa, RefusesOtherSizesBeforeAnyArithmetic) {
  for (const std::size_t bits : {16U, 512U, 1024U, 2047U, 8193U, 9000U}) {
    const auto refused = check(rsa_key(bits));
    ASSERT_FALSE(refused) << bits;
    EXPECT_EQ(refused.error().code, Code::bad_key);
    EXPECT_NE(refused.error().message.find(std::to_string(bits) + " bits"), std::string::npos)
        << refused.error().message;
  }
  for (const std::size_t bits : {16384U, 65536U}) {
    // Refused by its bytes alone: CVE-2023-39533 was the price of looking closer.
    const PublicKey key = rsa_key(bits);
    const auto refused = verify(key, signed_bytes, Bytes(bits / 8, 0x11));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::bad_key);
    EXPECT_NE(refused.error().message.find("limit 1200"), std::string::npos);
  }
}

TEST(Rsa, RefusesAReal1024BitKeyAndTakesAReal2048BitOne) {
  for (const unsigned bits : {1024U, 2048U}) {
    EVP_PKEY* pair = EVP_RSA_gen(bits);
    ASSERT_NE(pair, nullptr);
    unsigned char* encoded = nullptr;
    const int size = i2d_PUBKEY(pair, &encoded);
    ASSERT_GT(size, 0);
    const PublicKey key{KeyType::rsa, Bytes(encoded, encoded + size)};
    OPENSSL_free(encoded);
    Bytes signature(bits / 8);
    std::size_t signature_size = signature.size();
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, pair);
    EXPECT_EQ(EVP_DigestSign(context, signature.data(), &signature_size, signed_bytes.data(),
                             signed_bytes.size()),
              1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    EXPECT_EQ(code_of(verify(key, signed_bytes, signature)), bits == 1024 ? Code::bad_key : Code{});
  }
}

TEST(Rsa, RefusesBadExponentsAndLooseDer) {
  for (const char* exponent : {"020101", "020100", "020104", "02050080000001", "020200ff03",
                               "0203800001", "0200", "020900ffffffffffffffff"}) {
    EXPECT_EQ(code_of(check(rsa_key(2048, hex(exponent)))), Code::bad_key) << exponent;
  }
  EXPECT_TRUE(check(rsa_key(2048, hex("020103"))));
  EXPECT_TRUE(check(rsa_key(2048, hex("02047fffffff"))));

  const Bytes key = rsa_key(2048).data;
  // The outer length said in three bytes instead of two: the same number, but not DER.
  Bytes loose = hex("3083000122");
  loose.insert(loose.end(), key.begin() + 4, key.end());
  EXPECT_EQ(code_of(check({KeyType::rsa, loose})), Code::bad_key);
  Bytes indefinite = key;
  indefinite[1] = 0x80;
  EXPECT_EQ(code_of(check({KeyType::rsa, indefinite})), Code::bad_key);
  Bytes unused_bits = key;
  unused_bits[4 + 15 + 4] = 1;
  EXPECT_EQ(code_of(check({KeyType::rsa, unused_bits})), Code::bad_key);
}

TEST(Keys, NoBytesCrashCheckOrVerify) {
  ASSERT_TRUE(rc::check([](std::uint8_t type, const Bytes& data, const Bytes& signature) {
    const PublicKey key{static_cast<KeyType>(type % 5), data};
    const bool is_refused = !check(key);
    const auto verified = verify(key, signature, signature);
    RC_ASSERT(!verified);
    RC_ASSERT((verified.error().code == Code::bad_key) == is_refused);
  }));
}

}  // namespace
}  // namespace kith::crypto
