#include "crypto/passphrase_seal.h"

#include <gtest/gtest.h>

namespace kith::crypto {
namespace {

TEST(PassphraseSeal, OpensWithWhatItWasSealedWithAndNothingElse) {
  KdfSalt salt{};
  SealNonce nonce{};
  salt[0] = nonce[0] = 1;
  const auto key = stretch_passphrase("correct horse", salt, kdf_cost_min);
  ASSERT_TRUE(key.has_value());
  const ByteView header = base::as_bytes("header");
  const ByteView secret = base::as_bytes("secret");
  const Bytes sealed = seal_secret(*key, nonce, header, secret);
  EXPECT_EQ(sealed.size(), secret.size() + seal_tag_bytes);
  const auto opened = open_secret(*key, nonce, header, sealed);
  ASSERT_TRUE(opened.has_value());
  EXPECT_TRUE(base::equal(opened->view(), secret));

  const auto refused = [&](const SecretBytes& with, const SealNonce& number, ByteView associated,
                           ByteView bytes) {
    const auto result = open_secret(with, number, associated, bytes);
    return !result && result.error().code == Code::passphrase;
  };
  const auto other = stretch_passphrase("correct horsf", salt, kdf_cost_min);
  EXPECT_TRUE(refused(*other, nonce, header, sealed));
  EXPECT_TRUE(refused(*key, {}, header, sealed));
  EXPECT_TRUE(refused(*key, nonce, secret, sealed));
  Bytes changed = sealed;
  changed[3] ^= 1;
  EXPECT_TRUE(refused(*key, nonce, header, changed));
  EXPECT_EQ(open_secret(*key, nonce, header, ByteView(sealed).first(15)).error().code,
            Code::truncated);
}

TEST(PassphraseSeal, SaltAndCostMatter) {
  const auto key = stretch_passphrase("p", {}, kdf_cost_min);
  KdfSalt salt{};
  salt[15] = 1;
  EXPECT_FALSE(base::equal(key->view(), stretch_passphrase("p", salt, kdf_cost_min)->view()));
  EXPECT_FALSE(base::equal(key->view(), stretch_passphrase("p", {}, {2, 8})->view()));
  EXPECT_TRUE(base::equal(key->view(), stretch_passphrase("p", {}, kdf_cost_min)->view()));
}

}  // namespace
}  // namespace kith::crypto
