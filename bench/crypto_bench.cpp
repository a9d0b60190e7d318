// What the cryptography of a connection costs. A full inbound Noise XX handshake is one
// x25519_generate, three x25519_agree, one ed25519_sign and one ed25519_verify; a record is one
// seal and one open. Compare `seal` with `openssl speed -evp chacha20-poly1305 -bytes N`.
//
//   <build>/bench/crypto_bench --benchmark_min_time=1 --benchmark_repetitions=5
#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "crypto/aead.h"
#include "crypto/ed25519_zip215.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto/vrf.h"
#include "crypto/x25519.h"
#include "crypto/xsalsa20.h"

namespace kith::crypto {
namespace {

// Seeded, so that runs compare; a benchmark's keys protect nothing.
constexpr std::uint64_t seed = 1;

Bytes random_bytes(std::size_t size) {
  SeededRng rng(seed);
  Bytes bytes(size);
  rng.fill(bytes);
  return bytes;
}

void count_bytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

/// Ephemeral key of a handshake: one base-point multiplication.
void x25519_generate(benchmark::State& state) {
  SeededRng rng(seed);
  for (auto _ : state) benchmark::DoNotOptimize(X25519KeyPair::generate(rng).public_key());
}
BENCHMARK(x25519_generate);

void x25519_agree(benchmark::State& state) {
  SeededRng rng(seed);
  const auto own = X25519KeyPair::generate(rng);
  const auto theirs = X25519KeyPair::generate(rng).public_key();
  for (auto _ : state) benchmark::DoNotOptimize(own.agree(theirs));
}
BENCHMARK(x25519_agree);

/// 100 bytes is about what a Noise handshake, an envelope or a gossip header has signed.
void ed25519_sign(benchmark::State& state) {
  SeededRng rng(seed);
  const KeyPair pair = KeyPair::generate(rng);
  const Bytes message = random_bytes(100);
  for (auto _ : state) benchmark::DoNotOptimize(pair.sign(message));
}
BENCHMARK(ed25519_sign);

void ed25519_verify(benchmark::State& state) {
  SeededRng rng(seed);
  const KeyPair pair = KeyPair::generate(rng);
  const Bytes message = random_bytes(100);
  const Signature signature = pair.sign(message);
  const PublicKey key = pair.public_key();
  for (auto _ : state) {
    if (!verify(key, message, signature)) state.SkipWithError("does not verify");
  }
}
BENCHMARK(ed25519_verify);

/// Consensus's rule: a good signature, and one that is looked at a second time.
void ed25519_zip215(benchmark::State& state, bool good) {
  SeededRng rng(seed);
  const KeyPair pair = KeyPair::generate(rng);
  Bytes message = random_bytes(100);
  const Signature signature = pair.sign(message);
  const Bytes key = pair.public_key().data;
  if (!good) message[0] ^= 1;
  for (auto _ : state) {
    if (verify_zip215(ByteView(key).first<32>(), message, signature).has_value() != good) {
      state.SkipWithError("another verdict");
    }
  }
}
BENCHMARK_CAPTURE(ed25519_zip215, good, true);
BENCHMARK_CAPTURE(ed25519_zip215, bad, false);

/// Once for each block that one proposes, and once for each block.
void vrf(benchmark::State& state, bool proves) {
  SeededRng rng(seed);
  const KeyPair pair = KeyPair::generate(rng);
  const Bytes input = random_bytes(32);
  const VrfProof proof = vrf_prove(pair, input);
  const Bytes key = pair.public_key().data;
  for (auto _ : state) {
    if (proves) {
      benchmark::DoNotOptimize(vrf_prove(pair, input));
    } else {
      benchmark::DoNotOptimize(vrf_verify(ByteView(key).first<32>(), input, proof).value());
    }
  }
}
BENCHMARK_CAPTURE(vrf, prove, true);
BENCHMARK_CAPTURE(vrf, verify, false);

/// The range is the plaintext: 64 bytes is a control message, 16 KiB a typical record, 64 KiB about
/// the largest.
void seal(benchmark::State& state) {
  ChaChaPoly aead(AeadKey{1});
  Bytes buffer = random_bytes(static_cast<std::size_t>(state.range(0)) + aead_tag_bytes);
  AeadNonce nonce{};
  for (auto _ : state) {
    ++nonce[4];
    aead.seal_in_place(nonce, {}, buffer);
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}
BENCHMARK(seal)->Arg(64)->Arg(1024)->Arg(16384)->Arg(65536);

/// Opening destroys its input, so every round copies a sealed record first; the copy is a few per
/// cent of the time.
void open(benchmark::State& state) {
  ChaChaPoly aead(AeadKey{1});
  Bytes sealed = random_bytes(static_cast<std::size_t>(state.range(0)) + aead_tag_bytes);
  const AeadNonce nonce{};
  aead.seal_in_place(nonce, {}, sealed);
  Bytes buffer(sealed.size());
  for (auto _ : state) {
    std::copy(sealed.begin(), sealed.end(), buffer.begin());
    if (!aead.open_in_place(nonce, {}, buffer)) state.SkipWithError("does not open");
  }
  count_bytes(state);
}
BENCHMARK(open)->Arg(64)->Arg(1024)->Arg(16384)->Arg(65536);

/// What making one costs; a connection makes two.
void aead_object(benchmark::State& state) {
  AeadKey key{};
  for (auto _ : state) {
    ++key[0];
    ChaChaPoly aead(key);
    benchmark::DoNotOptimize(aead);
  }
}
BENCHMARK(aead_object);

void sha256_of(benchmark::State& state) {
  const Bytes data = random_bytes(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(sha256(data));
  count_bytes(state);
}
BENCHMARK(sha256_of)->Arg(64)->Arg(1024)->Arg(16384)->Arg(1 << 20);

/// Noise's MixKey: two keys out of a chaining key and a shared secret.
void hkdf_two_keys(benchmark::State& state) {
  const Bytes salt = random_bytes(32);
  const Bytes input = random_bytes(32);
  std::array<std::uint8_t, 64> out;
  for (auto _ : state) {
    hkdf_sha256(salt, input, {}, out);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(hkdf_two_keys);

/// A private network's extra work for every byte of a raw connection.
void xsalsa20_apply(benchmark::State& state) {
  const Bytes secret = random_bytes(32 + 24);
  XSalsa20 stream(ByteView(secret).first<32>(), ByteView(secret).subspan<32, 24>());
  Bytes buffer = random_bytes(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    stream.apply(buffer);
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}
BENCHMARK(xsalsa20_apply)->Arg(64)->Arg(1500)->Arg(65536);

}  // namespace
}  // namespace kith::crypto
