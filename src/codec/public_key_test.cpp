#include "codec/public_key.h"

#include <rapidcheck.h>

namespace kith::codec {
namespace {

// libp2p specs, peer-ids/peer-ids.md, "Test vectors".
constexpr std::string_view rsa_key =
    "080012a60430820222300d06092a864886f70d01010105000382020f003082020a0282020100e1beab071d08"
    "200bde24eef00d049449b07770ff9910257b2d7d5dda242ce8f0e2f12e1af4b32d9efd2c090f66b0f29986db"
    "b645dae9880089704a94e5066d594162ae6ee8892e6ec70701db0a6c445c04778eb3de1293aa1a23c3825b85"
    "c6620a2bc3f82f9b0c309bc0ab3aeb1873282bebd3da03c33e76c21e9beb172fd44c9e43be32e2c99827033c"
    "f8d0f0c606f4579326c930eb4e854395ad941256542c793902185153c474bed109d6ff5141ebf9cd256cf588"
    "93a37f83729f97e7cb435ec679d2e33901d27bb35aa0d7e20561da08885ef0abbf8e2fb48d6a5487047a9ecb"
    "1ad41fa7ed84f6e3e8ecd5d98b3982d2a901b4454991766da295ab78822add5612a2df83bcee814cf50973e8"
    "0d7ef38111b1bd87da2ae92438a2c8cbcc70b31ee319939a3b9c761dbc13b5c086d6b64bf7ae7dacc1462237"
    "5d92a8ff9af7eb962162bbddebf90acb32adb5e4e4029f1c96019949ecfbfeffd7ac1e3fbcc6b6168c34be3d"
    "5a2e5999fcbb39bba7adbca78eab09b9bc39f7fa4b93411f4cc175e70c0a083e96bfaefb04a9580b4753c173"
    "8a6a760ae1afd851a1a4bdad231cf56e9284d832483df215a46c1c21bdf0c6cfe951c18f1ee4078c79c13d63"
    "edb6e14feaeffabc90ad317e4875fe648101b0864097e998f0ca3025ef9638cd2b0caecd3770ab54a1d9c6ca"
    "959b0f5dcbc90caeefc4135baca6fd475224269bbe1b0203010001";
constexpr std::string_view ecdsa_key =
    "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d"
    "83abab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec0"
    "34e9f77c409e62";
constexpr std::string_view secp256k1_key =
    "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99";
constexpr std::string_view ed25519_key =
    "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e";

struct Vector {
  std::string_view bytes;
  crypto::KeyType type;
  std::size_t data_bytes;
};
constexpr Vector vectors[] = {{rsa_key, crypto::KeyType::rsa, 550},
                              {ed25519_key, crypto::KeyType::ed25519, 32},
                              {secp256k1_key, crypto::KeyType::secp256k1, 33},
                              {ecdsa_key, crypto::KeyType::ecdsa, 91}};

Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

Code error_of(const Bytes& bytes) {
  const auto key = decode_public_key(bytes);
  EXPECT_FALSE(key.has_value()) << base::to_hex(bytes);
  return key ? Code::internal : key.error().code;
}

TEST(PublicKey, ReadsAndWritesTheSpecificationsVectors) {
  for (const Vector& vector : vectors) {
    const auto key = decode_public_key(hex(vector.bytes));
    ASSERT_TRUE(key.has_value()) << base::to_string(key.error());
    EXPECT_EQ(key->type, vector.type);
    EXPECT_EQ(key->data.size(), vector.data_bytes);
    EXPECT_TRUE(crypto::check(*key).has_value());
    EXPECT_EQ(base::to_hex(encode_public_key(*key)), vector.bytes);
  }
}

TEST(PublicKey, RefusesEveryPrefix) {
  const Bytes bytes = hex(ed25519_key);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_public_key(ByteView(bytes).first(size)).has_value()) << size;
  }
}

TEST(PublicKey, RefusesEveryOtherEncodingOfTheSameKey) {
  const std::string data = "1220" + std::string(ed25519_key.substr(8));
  EXPECT_EQ(error_of(hex(data + "0801")), Code::malformed);           // out of order
  EXPECT_EQ(error_of(hex("0801" + data + data)), Code::malformed);    // data twice
  EXPECT_EQ(error_of(hex("08010801" + data)), Code::malformed);       // type twice
  EXPECT_EQ(error_of(hex("0801" + data + "1800")), Code::malformed);  // unknown field
  EXPECT_EQ(error_of(hex("088100" + data)), Code::malformed);         // padded varint
  EXPECT_EQ(error_of(hex("0801" + data.substr(0, 2) + "a000" + data.substr(4))), Code::malformed);
  EXPECT_EQ(error_of(hex(data)), Code::malformed);                         // no type
  EXPECT_EQ(error_of(hex("0801")), Code::malformed);                       // no data
  EXPECT_EQ(error_of(hex("0a0101" + data)), Code::malformed);              // type as bytes
  EXPECT_FALSE(decode_public_key(hex("0801" + data + "00")).has_value());  // trailing byte
}

TEST(PublicKey, RefusesUnknownTypesAndLargeKeys) {
  EXPECT_EQ(error_of(hex("0804120100")), Code::unsupported);
  EXPECT_EQ(error_of(hex("08ffffffffffffffffff01120100")), Code::unsupported);
  crypto::PublicKey key{crypto::KeyType::rsa, Bytes(crypto::public_key_bytes_max, 1)};
  EXPECT_EQ(decode_public_key(encode_public_key(key)).value(), key);
  key.data.push_back(1);
  EXPECT_EQ(error_of(encode_public_key(key)), Code::too_large);
}

TEST(PublicKey, DecodedBytesAreTheOnlyEncoding) {
  ASSERT_TRUE(rc::check([] {
    Bytes bytes = hex(ed25519_key);
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = *rc::gen::arbitrary<std::uint8_t>();
    const auto key = decode_public_key(bytes);
    if (key) RC_ASSERT(encode_public_key(*key) == bytes);
  }));
}

}  // namespace
}  // namespace kith::codec
