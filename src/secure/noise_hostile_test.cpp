// Identity keys and signatures that are none, inside handshakes that are right in all else. Names
// begin with the row of the attack catalogue.
#include "codec/public_key.h"
#include "secure/noise_testing.h"

namespace kith::secure {
namespace {

using testing::hex;
using testing::identity_key;
using testing::listen_to;
using testing::Listened;
using testing::payload_of;
using testing::vector_static;

/// Listens to a handshake that vouches for itself with `key` and `signature`, and expects a fault.
Error refusal_of(const crypto::PublicKey& key, ByteView signature) {
  const Listened heard =
      listen_to(vector_static(), payload_of(codec::encode_public_key(key), signature));
  EXPECT_FALSE(heard.established.has_value());
  EXPECT_TRUE(heard.fault.has_value());
  return heard.fault.value_or(Error{Code::internal, "no fault"});
}

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

/// A key of `bits` bits, made of noise; its exponent 65537, or, to calculate with which would take
/// minutes, as long as the modulus.
crypto::PublicKey rsa_key(std::size_t bits, bool has_long_exponent) {
  SeededRng rng(bits);
  Bytes modulus(bits / 8);
  rng.fill(modulus);
  modulus.front() |= 0x80;
  modulus.back() |= 1;
  const Bytes number = der(0x02, concat(Bytes{0}, modulus));
  const Bytes numbers = der(0x30, concat(number, has_long_exponent ? number : hex("0203010001")));
  const Bytes algorithm = hex("300d06092a864886f70d0101010500");
  return {crypto::KeyType::rsa, der(0x30, concat(algorithm, der(0x03, concat(Bytes{0}, numbers))))};
}

TEST(NoiseHostile, A51RsaKeysOfBadSizesAreRefusedBeforeAnyArithmetic) {
  // By their bytes alone: CVE-2023-39533 was the price of looking closer.
  for (const auto& [key, bytes] :
       {std::pair(rsa_key(16384, false), "2091"), std::pair(rsa_key(8192, true), "2091")}) {
    const Error refused = refusal_of(key, Bytes(crypto::signature_bytes_max, 0x11));
    EXPECT_EQ(refused.code, Code::too_large);
    EXPECT_EQ(refused.message,
              "public key message of " + std::string(bytes) + " bytes, limit 1205");
  }
  for (const std::size_t bits : {1024U, 2040U, 8200U, 9000U}) {
    const Error refused =
        refusal_of(rsa_key(bits, false), Bytes(crypto::signature_bytes_max, 0x11));
    EXPECT_EQ(refused.code, Code::bad_key) << bits;
    EXPECT_NE(refused.message.find(std::to_string(bits) + " bits"), std::string::npos)
        << refused.message;
  }
  EXPECT_EQ(refusal_of(rsa_key(4096, true), Bytes(512, 0x11)).code, Code::bad_key);
  EXPECT_EQ(refusal_of(rsa_key(4096, false), Bytes(512, 0x11)).code, Code::bad_signature);
}

// Made, and signed "noise-libp2p-static-key:" and the public key of vector_static(), by the Python
// package "cryptography".
constexpr std::string_view rsa1024_key =
    "30819f300d06092a864886f70d010101050003818d0030818902818100e08496c80afb39f32c4b36d1bf2b63"
    "91882126a75b67520cc927b8954acf75422e2b1356f09dcd1f30695773986077b4aeaba033cd72e04c218bb5"
    "150510ca5f873d4e159157f619b21ec01e085252888ee3f03d980d604fea7b96ea3d40fe0a987288c4196757"
    "e4406cd0073cd1e7e8540391ae9c88e6363bbb64d3b1e478870203010001";
constexpr std::string_view rsa1024_signature =
    "749d905f672b959a418eb94ecf5bf03b67df329bc18c298f17cb8e2524b7b0d4e313e7243e252ae63c865db6"
    "98968d6a1881472e38cd4051d51a15c8e24662794e2d02d614ef867684e26e93adc9362b9912591021e434f9"
    "561960486d2af4b08641d10069730dc272978d6da2c5c0277006c785bbfca30808513f0190a685ab";

TEST(NoiseHostile, A51AnRsa1024KeyThatSignsRightlyIsRefusedForItsSize) {
  const Error refused =
      refusal_of({crypto::KeyType::rsa, hex(rsa1024_key)}, hex(rsa1024_signature));
  EXPECT_EQ(refused.code, Code::bad_key);
  EXPECT_NE(refused.message.find("1024 bits"), std::string::npos) << refused.message;
}

// Ed25519's group order, little-endian.
constexpr std::string_view group_order =
    "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

TEST(NoiseHostile, A55Ed25519SignaturesThatAreNone) {
  const crypto::KeyPair key = identity_key(7);
  const crypto::X25519KeyPair own_static = vector_static();
  Bytes signed_bytes = base::to_bytes(std::string_view("noise-libp2p-static-key:"));
  base::append(signed_bytes, own_static.public_key());
  const crypto::Signature good = key.sign(signed_bytes);
  const Bytes encoded = codec::encode_public_key(key.public_key());
  ASSERT_TRUE(listen_to(own_static, payload_of(encoded, good)).established.has_value())
      << "else what follows is refused for another reason";

  SeededRng rng(55);
  for (int i = 0; i < 100; ++i) {
    Bytes noise(64);
    rng.fill(noise);
    EXPECT_EQ(refusal_of(key.public_key(), noise).code, Code::bad_signature) << i;
  }
  Bytes twin = base::to_bytes(good);  // S and the group order: the same number, not its only form
  int carry = 0;
  const Bytes order = hex(group_order);
  for (std::size_t i = 0; i < order.size(); ++i) {
    carry += twin[32 + i] + order[i];
    twin[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_EQ(refusal_of(key.public_key(), twin).code, Code::bad_signature);
  for (const std::size_t size : {1U, 63U, 65U, 1024U}) {
    Bytes odd = base::to_bytes(good);
    odd.resize(size);
    EXPECT_EQ(refusal_of(key.public_key(), odd).code, Code::bad_signature) << size;
  }
  // A key of small order, under which anything is signed by R = the point itself and S = 0.
  Bytes neutral(32), all(64);
  neutral[0] = all[0] = 1;
  EXPECT_EQ(refusal_of({crypto::KeyType::ed25519, neutral}, all).code, Code::bad_signature);
}

// P-256 by its name, and a point follows.
constexpr std::string_view p256_header = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
constexpr std::string_view p256_point =
    "04de3d300fa36ae0e8f5d530899d83abab44abf3161f162a4bc901d8e6ecda020e"
    "8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e62";
constexpr std::string_view der_signature =
    "3045022100ac3af04c5ba34f68f5d987a0acaf02145eed895309876254fcf68f0c3713810502201f9b26efc7"
    "9edc1e2c6724a8fc1ca4c8ce8495122c8a960950440ca0db823b48";

TEST(NoiseHostile, A75EcdsaKeysOffTheirCurveAreRefused) {
  const auto refused = [](const Bytes& data) {
    return refusal_of({crypto::KeyType::ecdsa, data}, hex(der_signature)).code;
  };
  const Bytes good = concat(hex(p256_header), hex(p256_point));
  EXPECT_EQ(refused(good), Code::bad_signature) << "the key is one, the signature another's";
  Bytes off = good;
  off.back() ^= 1;
  EXPECT_EQ(refused(off), Code::bad_key);
  EXPECT_EQ(refused(concat(hex(p256_header), concat(Bytes{4}, Bytes(64)))), Code::bad_key);
  EXPECT_EQ(refused(concat(hex(p256_header), concat(Bytes{4}, Bytes(64, 0xff)))), Code::bad_key)
      << "coordinates over the prime";
  for (const int lead : {0x00, 0x01, 0x02, 0x05, 0x06, 0x07, 0xff}) {
    Bytes other = good;
    other[26] = static_cast<std::uint8_t>(lead);
    EXPECT_EQ(refused(other), Code::bad_key) << lead;
  }
  EXPECT_EQ(refused(hex("3019301306072a8648ce3d020106082a8648ce3d03010703020000")), Code::bad_key)
      << "the point at infinity";
  EXPECT_EQ(refused(Bytes()), Code::bad_key);
}

TEST(NoiseHostile, A75Secp256k1KeysThatAreNoPointAreRefused) {
  const auto refused = [](const Bytes& data) {
    return refusal_of({crypto::KeyType::secp256k1, data}, hex(der_signature)).code;
  };
  const Bytes good = hex("037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99");
  EXPECT_EQ(refused(good), Code::bad_signature) << "the key is one, the signature another's";
  Bytes off(33);  // x = 5 is on no point of the curve
  off.front() = 2;
  off.back() = 5;
  EXPECT_EQ(refused(off), Code::bad_key);
  EXPECT_EQ(refused(concat(Bytes{2}, Bytes(32, 0xff))), Code::bad_key) << "x over the prime";
  for (const int lead : {0x00, 0x01, 0x04, 0x05, 0x06, 0x07, 0xff}) {
    Bytes other = good;
    other[0] = static_cast<std::uint8_t>(lead);
    EXPECT_EQ(refused(other), Code::bad_key) << lead;
  }
  for (const std::size_t size : {0U, 1U, 32U, 34U, 65U}) {
    Bytes odd = good;
    odd.resize(size);
    EXPECT_EQ(refused(odd), Code::bad_key) << size;
  }
}

// The dialler hears the key first: the same must hold in the second message.
TEST(NoiseHostile, A75ADiallerRefusesItToo) {
  testing::Pair pair;
  SeededRng rng(75);
  pair.dialler.machine =
      Noise(Direction::outbound, make_noise_identity(pair.dialler_key, {}, rng), std::nullopt, rng);
  const crypto::X25519KeyPair own_static = vector_static();
  NoiseXx listener(Direction::inbound, own_static);
  Bytes first = pair.dialler.transmit();
  ASSERT_TRUE(listener.read_message(ByteSpan(first).subspan(2)).has_value());
  Bytes off = hex("020000000000000000000000000000000000000000000000000000000000000005");
  const Bytes payload =
      payload_of(codec::encode_public_key({crypto::KeyType::secp256k1, off}), hex(der_signature));
  Bytes second;
  ASSERT_TRUE(listener.write_message(pair.rng, payload, second).has_value());
  pair.dialler.hear(testing::framed(second));
  ASSERT_TRUE(pair.dialler.fault.has_value());
  EXPECT_EQ(pair.dialler.fault->code, Code::bad_key);
  EXPECT_TRUE(pair.dialler.transmit().empty()) << "it says no more, not who it is";
}

}  // namespace
}  // namespace kith::secure
