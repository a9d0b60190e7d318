#include "crypto/hmac_sha512.h"

#include <gtest/gtest.h>

namespace kith::crypto {
namespace {

// RFC 4231, 4.2, 4.3 and 4.7.
TEST(HmacSha512, Rfc4231) {
  const Bytes first(20, 0x0b);
  EXPECT_EQ(base::to_hex(hmac_sha512(first, {base::as_bytes("Hi "), base::as_bytes("There")})),
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
            "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
  EXPECT_EQ(base::to_hex(hmac_sha512(base::as_bytes("Jefe"),
                                     {base::as_bytes("what do ya want for nothing?")})),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
  const Bytes long_key(131, 0xaa);
  EXPECT_EQ(
      base::to_hex(hmac_sha512(
          long_key, {base::as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")})),
      "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
      "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
}

// Made with Python's hashlib; the first is also in the widely copied list for PBKDF2-HMAC-SHA512.
TEST(Pbkdf2Sha512, KnownAnswers) {
  std::array<std::uint8_t, 64> out;
  pbkdf2_sha512(base::as_bytes("password"), base::as_bytes("salt"), 1, out);
  EXPECT_EQ(base::to_hex(out),
            "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252"
            "c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce");
  std::array<std::uint8_t, 100> longer;  // more than one block of output
  pbkdf2_sha512(base::as_bytes("passwordPASSWORDpassword"),
                base::as_bytes("saltSALTsaltSALTsaltSALTsaltSALTsalt"), 4096, longer);
  EXPECT_EQ(base::to_hex(longer),
            "8c0511f4c6e597c6ac6315d8f0362e225f3c501495ba23b868c005174dc4ee71"
            "115b59f9e60cd9532fa33e0f75aefe30225c583a186cd82bd4daea9724a3d3b8"
            "04f75bdd41494fa324cab24bcc680fb3b96a30cf5d21fac3c2875913919f3399"
            "b1d9ce7e");
}

}  // namespace
}  // namespace kith::crypto
