#include "crypto/hash.h"

#include <rapidcheck.h>

namespace kith::crypto {
namespace {

Bytes hex(std::string_view text) { return base::from_hex(text).value(); }
Bytes repeated(std::uint8_t byte, std::size_t count) { return Bytes(count, byte); }
Bytes counting(std::uint8_t from, std::size_t count) {
  Bytes bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(from + i));
  return bytes;
}

TEST(Sha256, MatchesFips180) {
  EXPECT_EQ(base::to_hex(sha256(base::as_bytes(""))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(base::to_hex(sha256(base::as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(base::to_hex(
                sha256(base::as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(base::to_hex(sha256(repeated('a', 1'000'000))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PartsAreTheirConcatenation) {
  ASSERT_TRUE(rc::check([](const Bytes& a, const Bytes& b, const Bytes& c) {
    Bytes whole = a;
    base::append(whole, b);
    base::append(whole, c);
    RC_ASSERT(sha256({a, b, c}) == sha256(whole));
    RC_ASSERT(hmac_sha256(a, {a, b, c}) == hmac_sha256(a, {whole}));
  }));
}

// RFC 4231 sections 4.2 to 4.5, 4.7 and 4.8.
TEST(Hmac, MatchesRfc4231) {
  EXPECT_EQ(base::to_hex(hmac_sha256(repeated(0x0b, 20), {base::as_bytes("Hi There")})),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(base::to_hex(hmac_sha256(base::as_bytes("Jefe"), {base::as_bytes("what do ya want "),
                                                              base::as_bytes("for nothing?")})),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(base::to_hex(hmac_sha256(repeated(0xaa, 20), {repeated(0xdd, 50)})),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(base::to_hex(hmac_sha256(counting(1, 25), {repeated(0xcd, 50)})),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  EXPECT_EQ(base::to_hex(hmac_sha256(
                repeated(0xaa, 131),
                {base::as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")})),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(base::to_hex(hmac_sha256(
                repeated(0xaa, 131),
                {base::as_bytes("This is a test using a larger than block-size key and a larger "
                                "than block-size data. The key needs to be hashed before being "
                                "used by the HMAC algorithm.")})),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

std::string hkdf(ByteView salt, ByteView key, ByteView info, std::size_t size) {
  Bytes out(size);
  hkdf_sha256(salt, key, info, out);
  return base::to_hex(out);
}

// RFC 5869 appendix A.1 to A.3.
TEST(Hkdf, MatchesRfc5869) {
  EXPECT_EQ(hkdf(counting(0, 13), repeated(0x0b, 22), counting(0xf0, 10), 42),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
            "34007208d5b887185865");
  EXPECT_EQ(hkdf(counting(0x60, 80), counting(0, 80), counting(0xb0, 80), 82),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87");
  EXPECT_EQ(hkdf({}, repeated(0x0b, 22), {}, 42),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
            "9d201395faa4b61a96c8");
}

TEST(Hkdf, ShorterOutputsAreFrontsOfLongerOnes) {
  const std::string longest = hkdf(hex("01"), hex("02"), hex("03"), 255 * 32);
  for (const std::size_t size : {0U, 1U, 31U, 32U, 33U, 64U, 255U * 32U - 1U}) {
    EXPECT_EQ(hkdf(hex("01"), hex("02"), hex("03"), size), longest.substr(0, 2 * size));
  }
}

TEST(HkdfDeathTest, RefusesMoreThan255Blocks) {
  Bytes out(255 * 32 + 1);
  EXPECT_DEATH(hkdf_sha256({}, {}, {}, out), "assertion failed");
}

}  // namespace
}  // namespace kith::crypto
