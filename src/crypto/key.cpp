#include "crypto/key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <secp256k1.h>
#include <sodium.h>

#include <memory>

#include "base/format.h"
#include "crypto/hash.h"
#include "crypto/pkix.h"
#include "crypto/secret.h"
#include "crypto/sodium_ready.h"

namespace kith::crypto {
namespace {

constexpr std::size_t secp256k1_key_bytes = 33;

struct FreePkey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Pkey = std::unique_ptr<EVP_PKEY, FreePkey>;
struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::unexpected<Error> does_not_verify(const char* kind) {
  return fail(Code::bad_signature, base::format("the {} signature does not verify", kind));
}

Result<void> check_size(ByteView data, std::size_t expected, const char* kind) {
  if (data.size() == expected) return {};
  return fail(Code::bad_key,
              base::format("{} public key of {} bytes, not {}", kind, data.size(), expected));
}

/// A curve point that is not on its curve is found out here, by OpenSSL.
Result<Pkey> load_pkix(ByteView der) {
  const unsigned char* at = der.data();
  Pkey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  if (key == nullptr || at != der.data() + der.size()) {
    ERR_clear_error();
    return fail(Code::bad_key, "public key that OpenSSL refuses, such as a point off its curve");
  }
  return key;
}

Result<secp256k1_pubkey> load_secp256k1(ByteView data) {
  TRY_VOID(check_size(data, secp256k1_key_bytes, "secp256k1"));
  secp256k1_pubkey point;
  if (secp256k1_ec_pubkey_parse(secp256k1_context_static, &point, data.data(), data.size()) != 1) {
    return fail(Code::bad_key, "secp256k1 public key " + base::to_hex(data) + " is not a point");
  }
  return point;
}

Result<void> verify_ed25519(ByteView key, ByteView message, ByteView signature) {
  TRY_VOID(check_size(key, ed25519_public_key_bytes, "Ed25519"));
  sodium_ready();
  if (signature.size() != ed25519_signature_bytes ||
      crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) !=
          0) {
    return does_not_verify("Ed25519");
  }
  return {};
}

/// RSA and ECDSA: both are "SHA-256, then the key's own scheme" to OpenSSL, and PKCS#1 v1.5 is its
/// default padding.
Result<void> verify_pkix(ByteView der, ByteView message, ByteView signature, const char* kind) {
  const Pkey key = TRY(load_pkix(der));
  if (signature.size() > signature_bytes_max) return does_not_verify(kind);
  const std::unique_ptr<EVP_MD_CTX, FreeDigestContext> context(EVP_MD_CTX_new());
  ASSERT(context != nullptr);
  ASSERT(EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key.get(),
                                 nullptr) == 1);
  if (EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) != 1) {
    ERR_clear_error();
    return does_not_verify(kind);
  }
  return {};
}

Result<void> verify_secp256k1(ByteView data, ByteView message, ByteView signature) {
  const secp256k1_pubkey key = TRY(load_secp256k1(data));
  secp256k1_ecdsa_signature parsed;
  if (secp256k1_ecdsa_signature_parse_der(secp256k1_context_static, &parsed, signature.data(),
                                          signature.size()) != 1) {
    return does_not_verify("secp256k1");
  }
  // The library verifies low S only; libp2p's other implementations take either.
  secp256k1_ecdsa_signature_normalize(secp256k1_context_static, &parsed, &parsed);
  const Hash256 digest = sha256(message);
  if (secp256k1_ecdsa_verify(secp256k1_context_static, &parsed, digest.data(), &key) != 1) {
    return does_not_verify("secp256k1");
  }
  return {};
}

}  // namespace

Result<void> check(const PublicKey& key) {
  switch (key.type) {
    case KeyType::rsa: return check_rsa_pkix(key.data);
    case KeyType::ed25519: return check_size(key.data, ed25519_public_key_bytes, "Ed25519");
    case KeyType::secp256k1: TRY(load_secp256k1(key.data)); return {};
    case KeyType::ecdsa:
      TRY_VOID(check_ecdsa_pkix(key.data));
      TRY(load_pkix(key.data));
      return {};
  }
  return fail(Code::bad_key, base::format("key of unknown type {}", static_cast<int>(key.type)));
}

Result<void> verify(const PublicKey& key, ByteView message, ByteView signature) {
  switch (key.type) {
    case KeyType::rsa:
      TRY_VOID(check_rsa_pkix(key.data));
      return verify_pkix(key.data, message, signature, "RSA");
    case KeyType::ed25519: return verify_ed25519(key.data, message, signature);
    case KeyType::secp256k1: return verify_secp256k1(key.data, message, signature);
    case KeyType::ecdsa:
      TRY_VOID(check_ecdsa_pkix(key.data));
      return verify_pkix(key.data, message, signature, "ECDSA");
  }
  return fail(Code::bad_key, base::format("key of unknown type {}", static_cast<int>(key.type)));
}

KeyPair KeyPair::generate(Rng& rng) {
  std::array<std::uint8_t, 32> seed;
  rng.fill(seed);
  KeyPair pair = from_seed(seed);
  wipe(seed);
  return pair;
}

KeyPair KeyPair::from_seed(std::span<const std::uint8_t, 32> seed) {
  sodium_ready();
  KeyPair pair;
  std::array<std::uint8_t, ed25519_public_key_bytes> unused_copy_of_public_key;
  crypto_sign_seed_keypair(unused_copy_of_public_key.data(), pair.secret_.data(), seed.data());
  return pair;
}

KeyPair::KeyPair(KeyPair&& other) noexcept : secret_(other.secret_) { wipe(other.secret_); }

KeyPair& KeyPair::operator=(KeyPair&& other) noexcept {
  if (this == &other) return *this;
  secret_ = other.secret_;
  wipe(other.secret_);
  return *this;
}

KeyPair::~KeyPair() { wipe(secret_); }

KeyPair KeyPair::clone() const {
  KeyPair copy;
  copy.secret_ = secret_;
  return copy;
}

Signature KeyPair::sign(ByteView message) const {
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), secret_.data());
  return signature;
}

PublicKey KeyPair::public_key() const {
  return {KeyType::ed25519, base::to_bytes(ByteView(secret_).subspan(32))};
}

std::span<const std::uint8_t, 32> KeyPair::seed() const { return std::span(secret_).first<32>(); }

}  // namespace kith::crypto
