#include "crypto/hash.h"

// SHA256_Init and friends are deprecated in OpenSSL 3 in favour of EVP, whose contexts live on the
// heap and cost more than hashing the short inputs of a handshake. They work on the stack, use the
// same assembly, and are the fastest way to SHA-NI.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <cstring>

#include "crypto/secret.h"

namespace kith::crypto {
namespace {

constexpr std::size_t block_bytes = 64;

void update(SHA256_CTX& context, ByteView data) {
  if (!data.empty()) SHA256_Update(&context, data.data(), data.size());
}

template <class T>
ByteSpan memory_of(T& object) {
  return {reinterpret_cast<std::uint8_t*>(&object), sizeof object};
}

/// HMAC (RFC 2104) whose key is absorbed once: `inner` and `outer` have taken their padded key and
/// are copied for every message, which saves HKDF half of its compressions.
class Hmac {
 public:
  explicit Hmac(ByteView key) {
    std::array<std::uint8_t, block_bytes> pad{};
    if (key.size() > block_bytes) {
      const Hash256 short_key = sha256(key);
      std::memcpy(pad.data(), short_key.data(), short_key.size());
    } else if (!key.empty()) {
      std::memcpy(pad.data(), key.data(), key.size());
    }
    for (auto& byte : pad) byte ^= 0x36;
    SHA256_Init(&inner_);
    update(inner_, pad);
    for (auto& byte : pad) byte ^= 0x36 ^ 0x5c;
    SHA256_Init(&outer_);
    update(outer_, pad);
    wipe(pad);
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;
  ~Hmac() {
    wipe(memory_of(inner_));
    wipe(memory_of(outer_));
  }

  Hash256 of(std::initializer_list<ByteView> parts) const {
    Hash256 digest;
    SHA256_CTX context = inner_;
    for (const ByteView part : parts) update(context, part);
    SHA256_Final(digest.data(), &context);
    context = outer_;
    update(context, digest);
    SHA256_Final(digest.data(), &context);
    wipe(memory_of(context));
    return digest;
  }

 private:
  SHA256_CTX inner_;
  SHA256_CTX outer_;
};

}  // namespace

Hash256 sha256(ByteView data) { return sha256({data}); }

Hash256 sha256(std::initializer_list<ByteView> parts) {
  return sha256(std::span<const ByteView>(parts.begin(), parts.size()));
}

Hash256 sha256(std::span<const ByteView> parts) {
  Hash256 digest;
  SHA256_CTX context;
  SHA256_Init(&context);
  for (const ByteView part : parts) update(context, part);
  SHA256_Final(digest.data(), &context);
  return digest;
}

Hash256 hmac_sha256(ByteView key, std::initializer_list<ByteView> parts) {
  return Hmac(key).of(parts);
}

void hkdf_sha256(ByteView salt, ByteView input_key, ByteView info, ByteSpan out) {
  ASSERT(out.size() <= 255 * sizeof(Hash256));
  // An absent salt is 32 zero bytes; HMAC pads every short key with zeros, so empty is the same.
  Hash256 pseudorandom_key = hmac_sha256(salt, {input_key});
  const Hmac expand(pseudorandom_key);
  wipe(pseudorandom_key);
  Hash256 block{};
  std::size_t have = 0;  // how much of `block` the next round takes in: nothing at first
  for (std::uint8_t round = 1; !out.empty(); ++round) {
    block = expand.of({ByteView(block).first(have), info, ByteView(&round, 1)});
    have = block.size();
    const std::size_t count = std::min(out.size(), block.size());
    std::memcpy(out.data(), block.data(), count);
    out = out.subspan(count);
  }
  wipe(block);
}

}  // namespace kith::crypto
