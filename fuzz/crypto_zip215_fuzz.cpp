// verify_zip215() over any key and signature: no crash, the strict rule's yes is its yes, and a
// good signature stays good. Bytes: key, signature, message.
#include "crypto/ed25519_zip215.h"
#include "crypto/key.h"
#include "input.h"

using namespace kith;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{{data, size}};
  Bytes key = base::to_bytes(input.bytes(32));
  key.resize(32);
  const ByteView signature = input.bytes(64);
  const ByteView message = input.rest;
  const auto fixed_key = std::span<const std::uint8_t, 32>(key);
  const auto valid = crypto::verify_zip215(fixed_key, message, signature);
  if (crypto::verify({crypto::KeyType::ed25519, key}, message, signature)) ASSERT(valid);

  const crypto::KeyPair pair = crypto::KeyPair::from_seed(fixed_key);
  const Bytes good_key = pair.public_key().data;
  crypto::Signature good = pair.sign(message);
  ASSERT(crypto::verify_zip215(ByteView(good_key).first<32>(), message, good));
  if (signature.empty()) return 0;
  good[signature[0] % 64] ^= static_cast<std::uint8_t>(1u << (signature[0] >> 6));
  ASSERT(!crypto::verify_zip215(ByteView(good_key).first<32>(), message, good));
  return 0;
}
