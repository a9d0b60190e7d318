#include "crypto/x25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/secret.h"

namespace kith::crypto {
namespace {

struct FreePkey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreePkeyContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};

}  // namespace

void X25519KeyPair::Release::operator()(Secret* secret) const {
  EVP_PKEY_free(reinterpret_cast<EVP_PKEY*>(secret));
}

X25519KeyPair X25519KeyPair::generate(Rng& rng) {
  std::array<std::uint8_t, 32> secret;
  rng.fill(secret);
  X25519KeyPair pair = from_secret(secret);
  wipe(secret);
  return pair;
}

X25519KeyPair X25519KeyPair::from_secret(std::span<const std::uint8_t, 32> secret) {
  X25519KeyPair pair;
  EVP_PKEY* key =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), secret.size());
  ASSERT(key != nullptr);  // any 32 bytes are a secret: they are clamped when used
  pair.secret_.reset(reinterpret_cast<Secret*>(key));
  std::size_t size = pair.public_.size();
  ASSERT(EVP_PKEY_get_raw_public_key(key, pair.public_.data(), &size) == 1);
  ASSERT(size == pair.public_.size());
  return pair;
}

X25519KeyPair::X25519KeyPair(X25519KeyPair&& other) noexcept = default;
X25519KeyPair& X25519KeyPair::operator=(X25519KeyPair&& other) noexcept = default;
X25519KeyPair::~X25519KeyPair() = default;

Result<X25519Shared> X25519KeyPair::agree(const X25519Public& theirs) const {
  ASSERT(secret_ != nullptr);
  EVP_PKEY* own = reinterpret_cast<EVP_PKEY*>(secret_.get());
  const std::unique_ptr<EVP_PKEY, FreePkey> peer(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, theirs.data(), theirs.size()));
  const std::unique_ptr<EVP_PKEY_CTX, FreePkeyContext> context(EVP_PKEY_CTX_new(own, nullptr));
  ASSERT(peer != nullptr && context != nullptr);
  ASSERT(EVP_PKEY_derive_init(context.get()) == 1);
  // Without validation, which for this curve would only repeat what is known: any 32 bytes will do.
  ASSERT(EVP_PKEY_derive_set_peer_ex(context.get(), peer.get(), 0) == 1);

  X25519Shared shared;
  std::size_t size = shared.size();
  if (EVP_PKEY_derive(context.get(), shared.data(), &size) != 1) {
    ERR_clear_error();
    return fail(Code::bad_key, "X25519 public key " + base::to_hex(theirs) +
                                   " has a low order: the shared secret would be zero");
  }
  ASSERT(size == shared.size());
  return shared;
}

}  // namespace kith::crypto
