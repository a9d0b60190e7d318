#include "crypto/passphrase_seal.h"

#include <sodium.h>

#include "base/format.h"
#include "crypto/sodium_ready.h"

namespace kith::crypto {

static_assert(std::tuple_size_v<KdfSalt> == crypto_pwhash_SALTBYTES);
static_assert(std::tuple_size_v<SealNonce> == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(seal_tag_bytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);

Result<SecretBytes> stretch_passphrase(std::string_view passphrase, const KdfSalt& salt,
                                       KdfCost cost) {
  sodium_ready();
  ASSERT(cost.ops >= kdf_cost_min.ops && cost.ops <= kdf_cost_max.ops);
  ASSERT(cost.mem_kib >= kdf_cost_min.mem_kib && cost.mem_kib <= kdf_cost_max.mem_kib);
  SecretBytes key(crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  if (crypto_pwhash(key.span().data(), key.size(), passphrase.data(), passphrase.size(),
                    salt.data(), cost.ops, std::size_t{cost.mem_kib} * 1024,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return fail(Code::internal,
                base::format("no {} KiB of memory to stretch the passphrase", cost.mem_kib));
  }
  return key;
}

Bytes seal_secret(const SecretBytes& key, const SealNonce& nonce, ByteView associated,
                  ByteView secret) {
  ASSERT(key.size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  Bytes sealed(secret.size() + seal_tag_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data(), nullptr, secret.data(), secret.size(),
                                             associated.data(), associated.size(), nullptr,
                                             nonce.data(), key.view().data());
  return sealed;
}

Result<SecretBytes> open_secret(const SecretBytes& key, const SealNonce& nonce, ByteView associated,
                                ByteView sealed) {
  ASSERT(key.size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
  if (sealed.size() < seal_tag_bytes)
    return fail(Code::truncated, "sealed bytes without their tag");
  SecretBytes secret(sealed.size() - seal_tag_bytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          secret.span().data(), nullptr, nullptr, sealed.data(), sealed.size(), associated.data(),
          associated.size(), nonce.data(), key.view().data()) != 0) {
    return fail(Code::passphrase, "wrong passphrase");
  }
  return secret;
}

}  // namespace kith::crypto
