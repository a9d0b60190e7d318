#include "crypto/packet_cipher.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "base/endian.h"
#include "base/format.h"
#include "crypto/secret.h"
#include "crypto/sodium_ready.h"

// Said by CMake where the library is there; the header alone is not enough to link.
#if defined(KITH_HAS_IPSEC_MB) && defined(__x86_64__)
#include <intel-ipsec-mb.h>
#define KITH_PACKET_CIPHER_IPSEC_MB 1
#else
#define KITH_PACKET_CIPHER_IPSEC_MB 0
#endif

namespace kith::crypto {
namespace {

constexpr std::size_t packet_bytes_max = std::numeric_limits<int>::max();

#if KITH_PACKET_CIPHER_IPSEC_MB
using PacketGcmContext = gcm_context_data;
using PacketGcmKey = gcm_key_data;

/// In the same time whatever differs, and without a call.
bool packet_tags_equal(const std::uint8_t* a, const std::uint8_t* b) {
  std::uint64_t x[2];
  std::uint64_t y[2];
  std::memcpy(x, a, sizeof x);
  std::memcpy(y, b, sizeof y);
  return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

/// The library's table of kernels for this processor: made once, only read then. Null when the
/// processor lacks what even the slowest of them need.
const IMB_MGR* packet_kernels() {
  static const IMB_MGR* const table = []() -> const IMB_MGR* {
    IMB_MGR* const made = alloc_mb_mgr(0);
    if (made == nullptr) return nullptr;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(made, &arch);
    const bool is_fit = arch != IMB_ARCH_NONE && arch != IMB_ARCH_NOAESNI &&
                        (made->features & IMB_FEATURE_AESNI) != 0 && made->gcm256_enc != nullptr;
    if (is_fit) return made;
    free_mb_mgr(made);
    return nullptr;
  }();
  return table;
}
#else
struct PacketGcmContext {};
struct PacketGcmKey {};
#endif

/// Handles are immutable and fetching one takes a lock, so there is one a process.
const EVP_CIPHER* packet_evp(CipherId id) {
  static const EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static const EVP_CIPHER* const chacha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  const EVP_CIPHER* const fetched = id == CipherId::aes_256_gcm ? aes : chacha;
  ASSERT(fetched != nullptr);
  return fetched;
}

/// One expanded key: for ipsec-mb or for OpenSSL.
struct PacketSchedule {
  alignas(64) PacketGcmKey gcm;
  EVP_CIPHER_CTX* evp = nullptr;

  PacketSchedule() = default;
  PacketSchedule(const PacketSchedule&) = delete;
  PacketSchedule& operator=(const PacketSchedule&) = delete;
  ~PacketSchedule() {
    forget();
    EVP_CIPHER_CTX_free(evp);
  }

  void expand_evp(CipherId id, const AeadKey& key) {
    if (evp == nullptr) evp = EVP_CIPHER_CTX_new();
    ASSERT(evp != nullptr);
    ASSERT(EVP_CipherInit_ex2(evp, packet_evp(id), key.data(), nullptr, 1, nullptr) == 1);
  }
  void forget() {
    wipe({reinterpret_cast<std::uint8_t*>(&gcm), sizeof gcm});
    if (evp != nullptr) EVP_CIPHER_CTX_reset(evp);  // frees what holds the key, cleansed
  }
};

/// The key stays, the nonce is new. The tag is a parameter, as in crypto/aead.cpp.
void start_packet(EVP_CIPHER_CTX* context, const AeadNonce& nonce, ByteView associated, bool seals,
                  const OSSL_PARAM* parameters) {
  ASSERT(EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), seals ? 1 : 0, parameters) ==
         1);
  int written = 0;
  if (associated.empty()) return;
  ASSERT(EVP_CipherUpdate(context, nullptr, &written, associated.data(),
                          static_cast<int>(associated.size())) == 1);
}

void transform_packet(EVP_CIPHER_CTX* context, ByteSpan text) {
  int written = 0;
  if (text.empty()) return;
  ASSERT(EVP_CipherUpdate(context, text.data(), &written, text.data(),
                          static_cast<int>(text.size())) == 1);
}

void seal_by_evp(EVP_CIPHER_CTX* context, const AeadNonce& nonce, ByteView associated,
                 ByteSpan text, std::uint8_t* tag) {
  start_packet(context, nonce, associated, true, nullptr);
  transform_packet(context, text);
  int written = 0;
  ASSERT(EVP_CipherFinal_ex(context, tag, &written) == 1 && written == 0);
  OSSL_PARAM wanted[] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, aead_tag_bytes),
      OSSL_PARAM_construct_end()};
  ASSERT(EVP_CIPHER_CTX_get_params(context, wanted) == 1);
}

bool open_by_evp(EVP_CIPHER_CTX* context, const AeadNonce& nonce, ByteView associated,
                 ByteSpan text, std::uint8_t* tag) {
  const OSSL_PARAM given[] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, aead_tag_bytes),
      OSSL_PARAM_construct_end()};
  start_packet(context, nonce, associated, false, given);
  transform_packet(context, text);
  std::uint8_t none[aead_tag_bytes];
  int written = 0;
  if (EVP_CipherFinal_ex(context, none, &written) == 1) return true;
  ERR_clear_error();
  return false;
}

}  // namespace

std::string_view name_of(CipherId cipher) {
  switch (cipher) {
    case CipherId::aes_256_gcm: return "aes-256-gcm";
    case CipherId::chacha20_poly1305: return "chacha20-poly1305";
  }
  UNREACHABLE();
}

Result<std::vector<CipherId>> ciphers_named(std::span<const std::string> names) {
  constexpr std::array all = {CipherId::aes_256_gcm, CipherId::chacha20_poly1305};
  std::vector<CipherId> ciphers;
  for (const std::string& name : names) {
    const auto* const cipher = std::ranges::find(all, name, name_of);
    if (cipher == all.end()) {
      return fail(Code::usage, base::format("\"{}\" is neither {} nor {}", name, name_of(all[0]),
                                            name_of(all[1])));
    }
    if (std::ranges::find(ciphers, *cipher) != ciphers.end()) {
      return fail(Code::usage, base::format("{} twice", name));
    }
    ciphers.push_back(*cipher);
  }
  return ciphers;
}

std::array<CipherId, 2> preferred_ciphers() {
#if defined(__x86_64__)
  const bool has_aes = __builtin_cpu_supports("aes") != 0;
#elif defined(__aarch64__)
  const bool has_aes = true;  // all but the smallest of them; a slow one still works
#else
  const bool has_aes = false;
#endif
  if (has_aes) return {CipherId::aes_256_gcm, CipherId::chacha20_poly1305};
  return {CipherId::chacha20_poly1305, CipherId::aes_256_gcm};
}

bool has_back_end(CipherBackEnd back_end) {
#if KITH_PACKET_CIPHER_IPSEC_MB
  return back_end == CipherBackEnd::openssl || packet_kernels() != nullptr;
#else
  return back_end == CipherBackEnd::openssl;
#endif
}

CipherBackEnd best_back_end() {
  return has_back_end(CipherBackEnd::ipsec_mb) ? CipherBackEnd::ipsec_mb : CipherBackEnd::openssl;
}

struct KeyScheduleCache::Impl {
  explicit Impl(CipherBackEnd chosen) : back_end(chosen) {}

  CipherBackEnd back_end;
  std::uint64_t uses = 0;
  std::uint64_t stamps = 0;
  std::uint32_t slots = 0;  // made so far
  // Beside each other, since the oldest is sought among them.
  std::array<std::uint64_t, schedules_max> used{};
  std::array<std::uint64_t, schedules_max> stamp{};  // whose schedule, 0: nobody's
  std::array<std::unique_ptr<PacketSchedule>, schedules_max> schedule;
  PacketGcmContext context;

  bool is_fast(CipherId id) const {
    return back_end == CipherBackEnd::ipsec_mb && id == CipherId::aes_256_gcm;
  }

  /// An empty slot, a new one, or the least recently used one, emptied.
  std::uint32_t free_slot() {
    std::uint32_t oldest = 0;
    for (std::uint32_t i = 0; i < slots; ++i) {
      if (stamp[i] == 0) return i;
      if (used[i] < used[oldest]) oldest = i;
    }
    if (slots < schedules_max) {
      schedule[slots] = std::make_unique<PacketSchedule>();
      return slots++;
    }
    schedule[oldest]->forget();
    return oldest;
  }

  PacketSchedule& find(CipherId id, const AeadKey& key, std::uint32_t& slot, std::uint64_t& owner) {
    if (stamp[slot] != owner || owner == 0) {
      slot = free_slot();
      owner = ++stamps;
      stamp[slot] = owner;
      expand(*schedule[slot], id, key);
    }
    used[slot] = ++uses;
    return *schedule[slot];
  }

  void expand(PacketSchedule& to, CipherId id, const AeadKey& key) {
#if KITH_PACKET_CIPHER_IPSEC_MB
    if (is_fast(id)) return packet_kernels()->gcm256_pre(key.data(), &to.gcm);
#endif
    to.expand_evp(id, key);
  }

  void forget(std::uint32_t slot, std::uint64_t owner) {
    if (owner == 0 || stamp[slot] != owner) return;
    schedule[slot]->forget();
    stamp[slot] = 0;
  }
};

KeyScheduleCache::KeyScheduleCache(CipherBackEnd back_end)
    : impl_(std::make_unique<Impl>(back_end)) {
  ASSERT(has_back_end(back_end));
  sodium_ready();
}

KeyScheduleCache::~KeyScheduleCache() {
  wipe({reinterpret_cast<std::uint8_t*>(&impl_->context), sizeof impl_->context});
}

CipherBackEnd KeyScheduleCache::back_end() const { return impl_->back_end; }

std::size_t KeyScheduleCache::schedules() const {
  return schedules_max -
         static_cast<std::size_t>(std::count(impl_->stamp.begin(), impl_->stamp.end(), 0u));
}

PacketCipher::PacketCipher(CipherId id, const AeadKey& key, const AeadNonce& iv,
                           KeyScheduleCache& cache)
    : id_(id), key_(key), iv_(iv), cache_(cache.impl_.get()) {}

PacketCipher::PacketCipher(PacketCipher&& other) noexcept
    : id_(other.id_),
      key_(other.key_),
      iv_(other.iv_),
      slot_(other.slot_),
      stamp_(std::exchange(other.stamp_, 0)),
      cache_(other.cache_) {
  other.forget();
}

PacketCipher& PacketCipher::operator=(PacketCipher&& other) noexcept {
  if (this == &other) return *this;
  forget();
  id_ = other.id_;
  key_ = other.key_;
  iv_ = other.iv_;
  slot_ = other.slot_;
  stamp_ = std::exchange(other.stamp_, 0);
  cache_ = other.cache_;
  other.forget();
  return *this;
}

PacketCipher::~PacketCipher() { forget(); }

void PacketCipher::forget() {
  if (stamp_ != 0) cache_->forget(slot_, stamp_);
  stamp_ = 0;
  wipe(key_);
  wipe(iv_);
}

AeadNonce PacketCipher::nonce_of(std::uint64_t number) const {
  AeadNonce nonce = iv_;
  const auto low = base::load_big_endian<std::uint64_t>(nonce, 4);
  base::store_big_endian<std::uint64_t>(nonce, 4, low ^ number);
  return nonce;
}

void PacketCipher::seal(std::uint64_t number, ByteView associated, ByteSpan text_and_tag) {
  ASSERT(text_and_tag.size() >= aead_tag_bytes && text_and_tag.size() <= packet_bytes_max &&
         associated.size() <= packet_bytes_max);
  const ByteSpan text = text_and_tag.first(text_and_tag.size() - aead_tag_bytes);
  std::uint8_t* const tag = text.data() + text.size();
  const AeadNonce nonce = nonce_of(number);
  if (id_ == CipherId::chacha20_poly1305 && text.size() <= aead_small_bytes_max) {
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        text.data(), tag, nullptr, text.data(), text.size(), associated.data(), associated.size(),
        nullptr, nonce.data(), key_.data());
    return;
  }
  PacketSchedule& schedule = cache_->find(id_, key_, slot_, stamp_);
#if KITH_PACKET_CIPHER_IPSEC_MB
  if (cache_->is_fast(id_)) {
    packet_kernels()->gcm256_enc(&schedule.gcm, &cache_->context, text.data(), text.data(),
                                 text.size(), nonce.data(), associated.data(), associated.size(),
                                 tag, aead_tag_bytes);
    return;
  }
#endif
  seal_by_evp(schedule.evp, nonce, associated, text, tag);
}

bool PacketCipher::open(std::uint64_t number, ByteView associated, ByteSpan text_and_tag) {
  ASSERT(text_and_tag.size() >= aead_tag_bytes && text_and_tag.size() <= packet_bytes_max &&
         associated.size() <= packet_bytes_max);
  const ByteSpan text = text_and_tag.first(text_and_tag.size() - aead_tag_bytes);
  std::uint8_t* const tag = text.data() + text.size();
  const AeadNonce nonce = nonce_of(number);
  if (id_ == CipherId::chacha20_poly1305 && text.size() <= aead_small_bytes_max) {
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               text.data(), nullptr, text.data(), text.size(), tag, associated.data(),
               associated.size(), nonce.data(), key_.data()) == 0;
  }
  PacketSchedule& schedule = cache_->find(id_, key_, slot_, stamp_);
#if KITH_PACKET_CIPHER_IPSEC_MB
  if (cache_->is_fast(id_)) {
    std::uint8_t made[aead_tag_bytes];
    packet_kernels()->gcm256_dec(&schedule.gcm, &cache_->context, text.data(), text.data(),
                                 text.size(), nonce.data(), associated.data(), associated.size(),
                                 made, aead_tag_bytes);
    return packet_tags_equal(made, tag);
  }
#endif
  return open_by_evp(schedule.evp, nonce, associated, text, tag);
}

}  // namespace kith::crypto
