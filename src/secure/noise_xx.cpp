#include "secure/noise_xx.h"

#include <algorithm>

#include "base/format.h"
#include "crypto/secret.h"

namespace kith::secure {

namespace {

constexpr std::string_view protocol_name = "Noise_XX_25519_ChaChaPoly_SHA256";
constexpr std::size_t key_bytes = 32;
constexpr std::size_t sealed_key_bytes = key_bytes + crypto::aead_tag_bytes;

crypto::X25519Public public_from(ByteView bytes) {
  crypto::X25519Public key;
  std::copy_n(bytes.begin(), key.size(), key.begin());
  return key;
}

// Noise's HKDF with two outputs is RFC 5869's with an empty info.
struct TwoKeys {
  crypto::Hash256 first;
  crypto::Hash256 second;

  TwoKeys(const crypto::Hash256& chaining_key, ByteView input) {
    std::array<std::uint8_t, 64> out;
    crypto::hkdf_sha256(chaining_key, input, {}, out);
    std::copy_n(out.begin(), 32, first.begin());
    std::copy_n(out.begin() + 32, 32, second.begin());
    crypto::wipe(out);
  }
  ~TwoKeys() {
    crypto::wipe(first);
    crypto::wipe(second);
  }
  TwoKeys(const TwoKeys&) = delete;
  TwoKeys& operator=(const TwoKeys&) = delete;
};

}  // namespace

NoiseXx::NoiseXx(Direction direction, const crypto::X25519KeyPair& static_key, ByteView prologue)
    : direction_(direction), static_(&static_key) {
  static_assert(protocol_name.size() == sizeof hash_,
                "shorter or longer would be padded or hashed");
  std::copy_n(protocol_name.begin(), hash_.size(), hash_.begin());
  chaining_key_ = hash_;
  mix_hash(prologue);
}

NoiseXx::~NoiseXx() { crypto::wipe(chaining_key_); }

bool NoiseXx::is_our_turn() const {
  const bool initiator_writes = step_ % 2 == 0;
  return !is_done() && initiator_writes == (direction_ == Direction::outbound);
}

Result<void> NoiseXx::write_message(Rng& rng, ByteView payload, Bytes& out) {
  ASSERT(is_our_turn());
  if (step_ < 2) {  // e
    ephemeral_.emplace(crypto::X25519KeyPair::generate(rng));
    base::append(out, ephemeral_->public_key());
    mix_hash(ephemeral_->public_key());
  }
  if (step_ == 1) TRY_VOID(mix_shared(*ephemeral_, *remote_ephemeral_));  // ee
  if (step_ > 0) {                                                        // s, and es or se
    encrypt_and_hash(static_->public_key(), out);
    TRY_VOID(mix_shared(*static_, *remote_ephemeral_));
  }
  encrypt_and_hash(payload, out);
  ++step_;
  return {};
}

Result<ByteView> NoiseXx::read_message(ByteSpan message) {
  ASSERT(!is_done() && !is_our_turn());
  if (message.size() < noise_xx_overhead_bytes[step_]) {
    return fail(Code::malformed,
                base::format("noise handshake message {} of {} bytes, at least {} needed",
                             step_ + 1, message.size(), noise_xx_overhead_bytes[step_]));
  }
  if (step_ < 2) {  // e
    remote_ephemeral_ = public_from(message.first(key_bytes));
    mix_hash(*remote_ephemeral_);
    message = message.subspan(key_bytes);
  }
  if (step_ == 1) TRY_VOID(mix_shared(*ephemeral_, *remote_ephemeral_));  // ee
  if (step_ > 0) {                                                        // s, and es or se
    message = TRY(take_remote_static(message));
    TRY_VOID(mix_shared(*ephemeral_, *remote_static_));
  }
  const ByteSpan payload = TRY(decrypt_and_hash(message));
  ++step_;
  return ByteView(payload);
}

Result<ByteSpan> NoiseXx::take_remote_static(ByteSpan message) {
  remote_static_ = public_from(TRY(decrypt_and_hash(message.first(sealed_key_bytes))));
  return message.subspan(sealed_key_bytes);
}

const crypto::X25519Public& NoiseXx::remote_static() const {
  ASSERT(remote_static_.has_value());
  return *remote_static_;
}

NoiseXx::Transport NoiseXx::split() const {
  ASSERT(is_done());
  const TwoKeys keys(chaining_key_, {});
  const bool initiator = direction_ == Direction::outbound;
  return {CipherState(initiator ? keys.first : keys.second),
          CipherState(initiator ? keys.second : keys.first)};
}

void NoiseXx::mix_hash(ByteView data) { hash_ = crypto::sha256({ByteView(hash_), data}); }

Result<void> NoiseXx::mix_shared(const crypto::X25519KeyPair& ours,
                                 const crypto::X25519Public& theirs) {
  crypto::X25519Shared shared = TRY(ours.agree(theirs));
  const TwoKeys keys(chaining_key_, shared);
  crypto::wipe(shared);
  chaining_key_ = keys.first;
  cipher_.emplace(keys.second);
  return {};
}

void NoiseXx::encrypt_and_hash(ByteView text, Bytes& out) {
  const std::size_t start = out.size();
  base::append(out, text);
  if (cipher_) {
    out.resize(out.size() + crypto::aead_tag_bytes);
    cipher_->seal(hash_, ByteSpan(out).subspan(start));
  }
  mix_hash(ByteView(out).subspan(start));
}

Result<ByteSpan> NoiseXx::decrypt_and_hash(ByteSpan bytes) {
  // The hash covers the ciphertext, which opening in place destroys.
  const crypto::Hash256 next_hash = crypto::sha256({ByteView(hash_), ByteView(bytes)});
  ByteSpan text = bytes;
  if (cipher_) text = TRY(cipher_->open(hash_, bytes));
  hash_ = next_hash;
  return text;
}

}  // namespace kith::secure
