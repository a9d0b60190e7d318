// Seals and opens packets in place: AES-256-GCM or ChaCha20-Poly1305 with nonce = iv XOR number
// (big-endian, as TLS 1.3). The back end is chosen once, by the processor: ipsec-mb (AVX-512, AVX2
// or SSE) where it was found when building, else OpenSSL; small ChaCha20 packets by libsodium, as
// crypto/aead.h. All seal what the others open. One that is idle holds its key and iv and no
// schedule: expanded keys live in a KeyScheduleCache and are made again when needed.
//
// Limit: associated data and packets below 2 GiB.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/aead.h"

namespace kith::crypto {

enum class CipherId : std::uint8_t { aes_256_gcm = 1, chacha20_poly1305 = 2 };  // on the wire

/// "aes-256-gcm", "chacha20-poly1305".
std::string_view name_of(CipherId cipher);
/// Names as people write them. Errors: `usage`, with the one that is unknown or there twice.
Result<std::vector<CipherId>> ciphers_named(std::span<const std::string> names);
/// Most wanted first, for this processor.
std::array<CipherId, 2> preferred_ciphers();

enum class CipherBackEnd : std::uint8_t { ipsec_mb, openssl };
/// Whether this build and processor have it.
bool has_back_end(CipherBackEnd back_end);
CipherBackEnd best_back_end();

/// Expanded keys of the sessions in use; the least recently used goes, wiped. One a thread. 2 KiB
/// a schedule in use, 4 KiB without.
class KeyScheduleCache {
 public:
  static constexpr std::size_t schedules_max = 256;
  /// REQUIRES: has_back_end(back_end).
  explicit KeyScheduleCache(CipherBackEnd back_end = best_back_end());
  ~KeyScheduleCache();

  CipherBackEnd back_end() const;
  /// How many hold a key now.
  std::size_t schedules() const;

 private:
  friend class PacketCipher;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class PacketCipher {
 public:
  /// `cache` outlives it. Wiped when it ends, its schedule too. One that was moved from may only be
  /// assigned to or destroyed.
  PacketCipher(CipherId id, const AeadKey& key, const AeadNonce& iv, KeyScheduleCache& cache);
  PacketCipher(PacketCipher&& other) noexcept;
  PacketCipher& operator=(PacketCipher&& other) noexcept;
  ~PacketCipher();

  /// Encrypts all but the last 16 bytes in place and writes the tag there. `number` never twice.
  /// REQUIRES: at least 16 bytes.
  void seal(std::uint64_t number, ByteView associated, ByteSpan text_and_tag);
  /// Decrypts in place; false when the tag does not fit, and then the bytes are garbage. REQUIRES:
  /// at least 16 bytes.
  bool open(std::uint64_t number, ByteView associated, ByteSpan text_and_tag);
  CipherId id() const { return id_; }
  /// How many packets one key may seal (RFC 9001, 6.6).
  static constexpr std::uint64_t sealed_max = std::uint64_t{1} << 23;

 private:
  AeadNonce nonce_of(std::uint64_t number) const;
  void forget();

  CipherId id_;
  AeadKey key_;
  AeadNonce iv_;
  std::uint32_t slot_ = 0;   // where the schedule was, and is if the slot has our stamp
  std::uint64_t stamp_ = 0;  // of our schedule, 0 for none; never given twice by one cache
  KeyScheduleCache::Impl* cache_;
};

}  // namespace kith::crypto
