// What the cryptography of a connection costs. A full inbound Noise XX handshake is one
// x25519_generate, three x25519_agree, one ed25519_sign and one ed25519_verify; a record is one
// seal and one open. Compare `seal` with `openssl speed -evp chacha20-poly1305 -bytes N`.
// `packet_*` is one packet of a session, its header as associated data; `session_*` are both sides
// of a whole handshake, so half of it is one side's.
//
//   <build>/bench/crypto_bench --benchmark_min_time=1 --benchmark_repetitions=5
#include <benchmark/benchmark.h>

#include <vector>

#include "base/rng.h"
#include "crypto/aead.h"
#include "crypto/ed25519_zip215.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto/packet_cipher.h"
#include "crypto/vrf.h"
#include "crypto/x25519.h"
#include "crypto/xsalsa20.h"
#include "secure/session.h"
#include "secure/session_ticket.h"

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

constexpr std::size_t packet_header_bytes = 32;

/// The range is the plaintext: 64 bytes, a usual packet, and a large frame of TCP.
void packet_seal(benchmark::State& state, CipherBackEnd back_end, CipherId id) {
  if (!has_back_end(back_end)) return state.SkipWithError("not in this build");
  KeyScheduleCache cache(back_end);
  PacketCipher cipher(id, AeadKey{1}, AeadNonce{2}, cache);
  const Bytes header = random_bytes(packet_header_bytes);
  Bytes buffer = random_bytes(static_cast<std::size_t>(state.range(0)) + aead_tag_bytes);
  std::uint64_t number = 0;
  for (auto _ : state) {
    cipher.seal(++number, header, buffer);
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}

/// With a copy of the packet each time, as `open`.
void packet_open(benchmark::State& state, CipherBackEnd back_end, CipherId id) {
  if (!has_back_end(back_end)) return state.SkipWithError("not in this build");
  KeyScheduleCache cache(back_end);
  PacketCipher cipher(id, AeadKey{1}, AeadNonce{2}, cache);
  const Bytes header = random_bytes(packet_header_bytes);
  Bytes sealed = random_bytes(static_cast<std::size_t>(state.range(0)) + aead_tag_bytes);
  cipher.seal(1, header, sealed);
  Bytes buffer(sealed.size());
  for (auto _ : state) {
    std::copy(sealed.begin(), sealed.end(), buffer.begin());
    if (!cipher.open(1, header, buffer)) state.SkipWithError("does not open");
  }
  count_bytes(state);
}
#define PACKET_ROWS(name, ...)                                                       \
  BENCHMARK_CAPTURE(packet_seal, name, __VA_ARGS__)->Arg(64)->Arg(1352)->Arg(65487); \
  BENCHMARK_CAPTURE(packet_open, name, __VA_ARGS__)->Arg(64)->Arg(1352)->Arg(65487)
PACKET_ROWS(aes_ipsec_mb, CipherBackEnd::ipsec_mb, CipherId::aes_256_gcm);
PACKET_ROWS(aes_openssl, CipherBackEnd::openssl, CipherId::aes_256_gcm);
PACKET_ROWS(chacha, CipherBackEnd::openssl, CipherId::chacha20_poly1305);

/// A key whose schedule is not there: with one more in use than there is room for.
void packet_schedule(benchmark::State& state, CipherBackEnd back_end) {
  if (!has_back_end(back_end)) return state.SkipWithError("not in this build");
  KeyScheduleCache cache(back_end);
  std::vector<PacketCipher> ciphers;
  for (std::size_t i = 0; i <= KeyScheduleCache::schedules_max; ++i) {
    ciphers.emplace_back(CipherId::aes_256_gcm, AeadKey{static_cast<std::uint8_t>(i)}, AeadNonce{},
                         cache);
  }
  Bytes buffer(64 + aead_tag_bytes);
  std::uint64_t number = 0;
  for (auto _ : state) {
    ++number;
    ciphers[number % ciphers.size()].seal(number, {}, buffer);
  }
}
BENCHMARK_CAPTURE(packet_schedule, aes_ipsec_mb, CipherBackEnd::ipsec_mb);
BENCHMARK_CAPTURE(packet_schedule, aes_openssl, CipherBackEnd::openssl);

struct SessionEnd {
  explicit SessionEnd(std::uint64_t number)
      : rng(number),
        config{.identity = secure::make_session_identity(KeyPair::generate(rng),
                                                         X25519KeyPair::generate(rng))} {}
  SeededRng rng;
  secure::SessionConfig config;
  secure::Tickets tickets;
};

/// Two sessions hand each other what they say until both say nothing more.
void shake_hands(SessionEnd (&ends)[2], benchmark::State& state) {
  using namespace secure;
  Session sides[] = {
      Session(ends[0].config, Direction::outbound, ends[1].config.identity->peer, ends[0].tickets,
              ends[0].rng, {}),
      Session(ends[1].config, Direction::inbound, std::nullopt, ends[1].tickets, ends[1].rng, {})};
  int confirmed = 0;
  for (bool is_busy = true; is_busy;) {
    is_busy = false;
    for (std::size_t i = 0; i < 2; ++i) {
      while (auto output = sides[i].poll_output({})) {
        is_busy = true;
        if (auto* said = std::get_if<SayHandshake>(&*output)) {
          sides[1 - i].on_input({}, HandshakeReceived{said->message, said->bytes});
        } else if (auto* bytes = std::get_if<SaySession>(&*output)) {
          sides[1 - i].on_input({}, SessionReceived{bytes->bytes});
        } else if (auto* ticket = std::get_if<TicketArrived>(&*output)) {
          ends[i].tickets.keep({}, ticket->peer, std::move(ticket->ticket),
                               std::move(ticket->secret));
        } else if (std::holds_alternative<SessionConfirmed>(*output)) {
          ++confirmed;
        }
      }
    }
  }
  if (confirmed != 1) state.SkipWithError("no handshake");
}

void session_handshake(benchmark::State& state, bool is_resumed) {
  SessionEnd ends[] = {SessionEnd(1), SessionEnd(2)};
  if (!is_resumed) ends[0].config.tickets_given = ends[1].config.tickets_given = 0;
  shake_hands(ends, state);
  for (auto _ : state) shake_hands(ends, state);
  state.counters["a_side"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 2, benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(session_handshake, full, false);
BENCHMARK_CAPTURE(session_handshake, resumed, true);

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
