#include "crypto/x25519.h"

#include <sodium.h>

#include "crypto/sodium_ready.h"

namespace kith::crypto {

static_assert(crypto_scalarmult_curve25519_BYTES == std::tuple_size_v<X25519Shared>);
static_assert(crypto_scalarmult_curve25519_SCALARBYTES == 32);

X25519KeyPair X25519KeyPair::generate(Rng& rng) {
  std::array<std::uint8_t, 32> secret;
  rng.fill(secret);
  X25519KeyPair pair = from_secret(secret);
  wipe(secret);
  return pair;
}

X25519KeyPair X25519KeyPair::from_secret(std::span<const std::uint8_t, 32> secret) {
  sodium_ready();
  X25519KeyPair pair;
  pair.secret_ = SecretBytes::copy_of(secret);  // any 32 bytes are one: they are clamped when used
  ASSERT(crypto_scalarmult_curve25519_base(pair.public_.data(), pair.secret_.view().data()) == 0);
  return pair;
}

Result<X25519Shared> X25519KeyPair::agree(const X25519Public& theirs) const {
  ASSERT(!secret_.empty());
  X25519Shared shared;
  if (crypto_scalarmult_curve25519(shared.data(), secret_.view().data(), theirs.data()) != 0) {
    return fail(Code::bad_key, "X25519 public key " + base::to_hex(theirs) +
                                   " has a low order: the shared secret would be zero");
  }
  return shared;
}

}  // namespace kith::crypto
