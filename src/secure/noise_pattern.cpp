#include "secure/noise_pattern.h"

#include <algorithm>
#include <string_view>

#include "base/format.h"
#include "secure/cipher_state.h"

namespace kith::secure {

namespace {

constexpr std::size_t pattern_key_bytes = 32;
constexpr std::size_t pattern_tag_bytes = crypto::aead_tag_bytes;

enum PatternToken : std::uint8_t { token_e, token_s, token_ee, token_es, token_se, token_psk };

using Tokens = std::span<const std::uint8_t>;

constexpr std::uint8_t tokens_e[] = {token_e};
constexpr std::uint8_t tokens_xx_second[] = {token_e, token_ee, token_s, token_es};
constexpr std::uint8_t tokens_xx_third[] = {token_s, token_se};
constexpr std::uint8_t tokens_xx_psk3_third[] = {token_s, token_se, token_psk};
constexpr std::uint8_t tokens_nn_psk0_first[] = {token_psk, token_e};
constexpr std::uint8_t tokens_nn_psk0_second[] = {token_e, token_ee};

constexpr Tokens xx_tokens[] = {tokens_e, tokens_xx_second, tokens_xx_third};
constexpr Tokens xx_psk3_tokens[] = {tokens_e, tokens_xx_second, tokens_xx_psk3_third};
constexpr Tokens nn_psk0_tokens[] = {tokens_nn_psk0_first, tokens_nn_psk0_second};

struct PatternText {
  std::string_view name;
  std::span<const Tokens> messages;
};

PatternText text_of(NoisePattern pattern) {
  switch (pattern) {
    case NoisePattern::xx: return {"Noise_XX_25519_ChaChaPoly_SHA256", xx_tokens};
    case NoisePattern::xx_psk3: return {"Noise_XXpsk3_25519_ChaChaPoly_SHA256", xx_psk3_tokens};
    case NoisePattern::nn_psk0: return {"Noise_NNpsk0_25519_ChaChaPoly_SHA256", nn_psk0_tokens};
  }
  ASSERT(false);
}

crypto::X25519Public pattern_key_from(ByteView bytes) {
  crypto::X25519Public key;
  std::copy_n(bytes.begin(), key.size(), key.begin());
  return key;
}

/// Noise's HKDF with up to three outputs is RFC 5869's with an empty info.
struct PatternKeys {
  std::array<std::uint8_t, 96> all;

  PatternKeys(const crypto::Hash256& chaining_key, ByteView input, std::size_t outputs) {
    crypto::hkdf_sha256(chaining_key, input, {}, ByteSpan(all).first(outputs * 32));
  }
  ~PatternKeys() { crypto::wipe(all); }
  PatternKeys(const PatternKeys&) = delete;
  PatternKeys& operator=(const PatternKeys&) = delete;

  ByteView view(std::size_t which) const { return ByteView(all).subspan(which * 32, 32); }
  void copy_to(crypto::Hash256& to, std::size_t which) const {
    std::copy_n(view(which).begin(), to.size(), to.begin());
  }
};

}  // namespace

std::size_t noise_messages(NoisePattern pattern) { return text_of(pattern).messages.size(); }

std::size_t noise_overhead(NoisePattern pattern, std::size_t step) {
  ASSERT(step < noise_messages(pattern));
  // With a psk the ephemeral key is mixed in as well, so even the first payload has a tag.
  const bool has_psk = pattern != NoisePattern::xx;
  bool is_sealed = step > 0;
  std::size_t bytes = 0;
  for (const std::uint8_t token : text_of(pattern).messages[step]) {
    if (token == token_e) bytes += pattern_key_bytes;
    if (token == token_e && has_psk) is_sealed = true;
    if (token == token_s) bytes += pattern_key_bytes + pattern_tag_bytes;
  }
  return bytes + (is_sealed ? pattern_tag_bytes : 0);
}

NoiseHandshake::NoiseHandshake(NoisePattern pattern, Direction direction,
                               const crypto::X25519KeyPair* static_key, ByteView psk,
                               ByteView prologue)
    : pattern_(pattern),
      direction_(direction),
      static_(static_key),
      psk_(crypto::SecretBytes::copy_of(psk)) {
  ASSERT((static_key == nullptr) == (pattern == NoisePattern::nn_psk0));
  ASSERT(psk.size() == (has_psk() ? noise_psk_bytes : 0));
  const ByteView name = base::as_bytes(text_of(pattern).name);
  if (name.size() <= state_.hash.size()) {
    std::copy(name.begin(), name.end(), state_.hash.begin());
  } else {
    state_.hash = crypto::sha256(name);
  }
  state_.chaining_key = state_.hash;
  state_.mix_hash(prologue);
}

bool NoiseHandshake::is_our_turn() const {
  const bool initiator_writes = step_ % 2 == 0;
  return !is_done() && initiator_writes == (direction_ == Direction::outbound);
}

Result<void> NoiseHandshake::write_message(Rng& rng, ByteView payload, Bytes& out) {
  ASSERT(is_our_turn());
  for (const std::uint8_t token : text_of(pattern_).messages[step_]) {
    TRY_VOID(write_token(rng, token, out));
  }
  state_.encrypt_and_hash(payload, out);
  ++step_;
  return {};
}

Result<void> NoiseHandshake::write_token(Rng& rng, std::uint8_t token, Bytes& out) {
  switch (token) {
    case token_e:
      ephemeral_.emplace(crypto::X25519KeyPair::generate(rng));
      base::append(out, ephemeral_->public_key());
      state_.mix_hash(ephemeral_->public_key());
      if (has_psk()) state_.mix_key(ephemeral_->public_key());
      return {};
    case token_s: state_.encrypt_and_hash(static_->public_key(), out); return {};
    case token_psk: state_.mix_key_and_hash(psk_.view()); return {};
    default: return mix_shared(state_, token);
  }
}

Result<ByteView> NoiseHandshake::read_message(ByteSpan message) {
  ASSERT(!is_done() && !is_our_turn());
  if (message.size() < noise_overhead(pattern_, step_)) {
    return fail(Code::malformed,
                base::format("noise handshake message {} of {} bytes, at least {} needed",
                             step_ + 1, message.size(), noise_overhead(pattern_, step_)));
  }
  State next = state_;
  for (const std::uint8_t token : text_of(pattern_).messages[step_]) {
    message = TRY(read_token(next, token, message));
  }
  const ByteSpan payload = TRY(next.decrypt_and_hash(message));
  state_ = next;
  ++step_;
  return ByteView(payload);
}

Result<ByteSpan> NoiseHandshake::read_token(State& state, std::uint8_t token,
                                            ByteSpan message) const {
  switch (token) {
    case token_e:
      state.remote_ephemeral = pattern_key_from(message.first(pattern_key_bytes));
      state.mix_hash(*state.remote_ephemeral);
      if (has_psk()) state.mix_key(*state.remote_ephemeral);
      return message.subspan(pattern_key_bytes);
    case token_s: {
      const std::size_t sealed = pattern_key_bytes + pattern_tag_bytes;
      state.remote_static = pattern_key_from(TRY(state.decrypt_and_hash(message.first(sealed))));
      return message.subspan(sealed);
    }
    case token_psk: state.mix_key_and_hash(psk_.view()); return message;
    default: TRY_VOID(mix_shared(state, token)); return message;
  }
}

// In es and se the first letter is the initiator's key, the second the responder's.
Result<void> NoiseHandshake::mix_shared(State& state, std::uint8_t token) const {
  const bool is_initiator = direction_ == Direction::outbound;
  const bool ours_is_static = token == (is_initiator ? token_se : token_es);
  const bool theirs_is_static = token == (is_initiator ? token_es : token_se);
  const crypto::X25519KeyPair& ours = ours_is_static ? *static_ : *ephemeral_;
  const auto& theirs = theirs_is_static ? state.remote_static : state.remote_ephemeral;
  ASSERT(theirs.has_value());
  crypto::X25519Shared shared = TRY(ours.agree(*theirs));
  state.mix_key(shared);
  crypto::wipe(shared);
  return {};
}

const crypto::X25519Public& NoiseHandshake::remote_static() const {
  ASSERT(state_.remote_static.has_value());
  return *state_.remote_static;
}

ByteView NoiseHandshake::chaining_key() const {
  ASSERT(is_done());
  return state_.chaining_key;
}

NoiseHandshake::Secrets NoiseHandshake::split() const {
  ASSERT(is_done());
  const PatternKeys keys(state_.chaining_key, {}, 2);
  return {crypto::SecretBytes::copy_of(keys.view(0)), crypto::SecretBytes::copy_of(keys.view(1))};
}

NoiseHandshake::State::~State() {
  crypto::wipe(chaining_key);
  crypto::wipe(key);
}

void NoiseHandshake::State::mix_hash(ByteView data) {
  hash = crypto::sha256({ByteView(hash), data});
}

void NoiseHandshake::State::mix_key(ByteView input) {
  const PatternKeys keys(chaining_key, input, 2);
  keys.copy_to(chaining_key, 0);
  keys.copy_to(key, 1);
  nonce = 0;
  has_key = true;
}

void NoiseHandshake::State::mix_key_and_hash(ByteView input) {
  const PatternKeys keys(chaining_key, input, 3);
  keys.copy_to(chaining_key, 0);
  mix_hash(keys.view(1));
  keys.copy_to(key, 2);
  nonce = 0;
  has_key = true;
}

void NoiseHandshake::State::encrypt_and_hash(ByteView text, Bytes& out) {
  const std::size_t start = out.size();
  base::append(out, text);
  if (has_key) {
    out.resize(out.size() + pattern_tag_bytes);
    CipherState(key, nonce++).seal(hash, ByteSpan(out).subspan(start));
  }
  mix_hash(ByteView(out).subspan(start));
}

Result<ByteSpan> NoiseHandshake::State::decrypt_and_hash(ByteSpan bytes) {
  // The hash covers the ciphertext, which opening in place destroys.
  const crypto::Hash256 next_hash = crypto::sha256({ByteView(hash), ByteView(bytes)});
  ByteSpan text = bytes;
  if (has_key) text = TRY(CipherState(key, nonce++).open(hash, bytes));
  hash = next_hash;
  return text;
}

}  // namespace kith::secure
