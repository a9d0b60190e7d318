#include "crypto/aead.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>

#include <limits>

#include "base/format.h"
#include "crypto/secret.h"
#include "crypto/sodium_ready.h"

namespace kith::crypto {
namespace {

/// An algorithm's handle is immutable and fetching it takes a lock, so there is one a process.
const EVP_CIPHER* cipher() {
  static const EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  ASSERT(fetched != nullptr);
  return fetched;
}

/// What the header's Context really is.
EVP_CIPHER_CTX* openssl(void* context) { return static_cast<EVP_CIPHER_CTX*>(context); }

constexpr std::size_t text_bytes_max = std::numeric_limits<int>::max() - aead_tag_bytes;

/// The tag as a parameter. EVP_CIPHER_CTX_ctrl() would do the same and cost 130 ns more.
std::array<OSSL_PARAM, 2> parameters_of(ByteSpan tag) {
  return {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tag.size()),
          OSSL_PARAM_construct_end()};
}

/// Starts a message: the key stays, the nonce is new, the associated data goes in. `parameters` may
/// be null.
void start(EVP_CIPHER_CTX* context, const AeadNonce& nonce, ByteView associated, bool encrypt,
           const OSSL_PARAM* parameters) {
  ASSERT(associated.size() <= text_bytes_max);
  ASSERT(EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), encrypt ? 1 : 0, parameters) ==
         1);
  if (associated.empty()) return;
  int written = 0;
  ASSERT(EVP_CipherUpdate(context, nullptr, &written, associated.data(),
                          static_cast<int>(associated.size())) == 1);
}

void transform(EVP_CIPHER_CTX* context, ByteSpan text) {
  ASSERT(text.size() <= text_bytes_max);
  int written = 0;
  ASSERT(EVP_CipherUpdate(context, text.data(), &written, text.data(),
                          static_cast<int>(text.size())) == 1);
}

}  // namespace

void ChaChaPoly::Release::operator()(Context* context) const {
  EVP_CIPHER_CTX_free(openssl(context));
}

ChaChaPoly::ChaChaPoly(const AeadKey& key) : key_(key) { sodium_ready(); }
ChaChaPoly::ChaChaPoly(ChaChaPoly&& other) noexcept = default;
ChaChaPoly& ChaChaPoly::operator=(ChaChaPoly&& other) noexcept = default;
ChaChaPoly::~ChaChaPoly() { wipe(key_); }

ChaChaPoly::Context& ChaChaPoly::context() {
  if (context_ == nullptr) {
    context_.reset(reinterpret_cast<Context*>(EVP_CIPHER_CTX_new()));
    ASSERT(context_ != nullptr);
    ASSERT(EVP_CipherInit_ex2(openssl(context_.get()), cipher(), key_.data(), nullptr, 1,
                              nullptr) == 1);
  }
  return *context_;
}

void ChaChaPoly::seal_in_place(const AeadNonce& nonce, ByteView associated, ByteSpan text_and_tag) {
  ASSERT(text_and_tag.size() >= aead_tag_bytes);
  const ByteSpan text = text_and_tag.first(text_and_tag.size() - aead_tag_bytes);
  const ByteSpan tag = text_and_tag.last(aead_tag_bytes);
  if (text.size() <= aead_small_bytes_max) {
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        text.data(), tag.data(), nullptr, text.data(), text.size(), associated.data(),
        associated.size(), nullptr, nonce.data(), key_.data());
    return;
  }
  EVP_CIPHER_CTX* const large = openssl(&context());
  start(large, nonce, associated, true, nullptr);
  transform(large, text);
  int written = 0;
  ASSERT(EVP_CipherFinal_ex(large, tag.data(), &written) == 1 && written == 0);
  ASSERT(EVP_CIPHER_CTX_get_params(large, parameters_of(tag).data()) == 1);
}

bool ChaChaPoly::opens(const AeadNonce& nonce, ByteView associated, ByteSpan text, ByteSpan tag) {
  if (text.size() <= aead_small_bytes_max) {
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               text.data(), nullptr, text.data(), text.size(), tag.data(), associated.data(),
               associated.size(), nonce.data(), key_.data()) == 0;
  }
  EVP_CIPHER_CTX* const large = openssl(&context());
  start(large, nonce, associated, false, parameters_of(tag).data());
  transform(large, text);
  int written = 0;
  if (EVP_CipherFinal_ex(large, tag.data(), &written) == 1) return true;
  ERR_clear_error();
  return false;
}

Result<ByteSpan> ChaChaPoly::open_in_place(const AeadNonce& nonce, ByteView associated,
                                           ByteSpan text_and_tag) {
  if (text_and_tag.size() < aead_tag_bytes) {
    return fail(Code::bad_signature,
                base::format("sealed text of {} bytes is shorter than its tag of {}",
                             text_and_tag.size(), aead_tag_bytes));
  }
  const ByteSpan text = text_and_tag.first(text_and_tag.size() - aead_tag_bytes);
  const ByteSpan tag = text_and_tag.last(aead_tag_bytes);
  if (!opens(nonce, associated, text, tag)) {
    return fail(
        Code::bad_signature,
        base::format("the tag of a sealed text of {} bytes does not fit", text_and_tag.size()));
  }
  return text;
}

}  // namespace kith::crypto
