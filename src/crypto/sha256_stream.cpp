#include "crypto/sha256_stream.h"

// Why these functions: crypto/hash.cpp.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <cstring>

namespace kith::crypto {
namespace {

// By copying: bytes are not an SHA256_CTX, and 112 of them cost nothing beside what is hashed.
template <class Array>
SHA256_CTX load_sha256(const Array& bytes) {
  static_assert(sizeof(Array) == sizeof(SHA256_CTX));
  SHA256_CTX context;
  std::memcpy(&context, bytes.data(), sizeof context);
  return context;
}

}  // namespace

Sha256::Sha256() {
  SHA256_CTX context;
  SHA256_Init(&context);
  std::memcpy(context_.data(), &context, sizeof context);
}

void Sha256::update(ByteView data) {
  if (data.empty()) return;
  SHA256_CTX context = load_sha256(context_);
  SHA256_Update(&context, data.data(), data.size());
  std::memcpy(context_.data(), &context, sizeof context);
}

Hash256 Sha256::digest() const {
  SHA256_CTX context = load_sha256(context_);
  Hash256 digest;
  SHA256_Final(digest.data(), &context);
  return digest;
}

}  // namespace kith::crypto
