#include "secure/pnet.h"

#include <algorithm>

#include "base/format.h"
#include "crypto/secret.h"
#include "crypto/xsalsa20.h"

namespace kith::secure {

namespace {

constexpr std::string_view psk_header = "/key/swarm/psk/1.0.0/";
constexpr std::string_view base16_header = "/base16/";
constexpr std::string_view base64_header = "/base64/";
constexpr std::string_view bin_header = "/bin/";

// No sentence here may quote the file: it could be the key that stands in the wrong place.

/// Takes the first line, without its end, LF or CRLF; all of `text` when it has no end.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  while (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view without_trailing_space(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

// RFC 4648, standard alphabet with padding: 32 bytes are 43 digits and one "=".
Result<Bytes> key_from_base64(std::string_view text) {
  constexpr std::size_t digits = 43;
  if (text.size() != digits + 1 || text.back() != '=') {
    return fail(Code::malformed, base::format("swarm key of {} base64 characters, 44 needed, the "
                                              "last of them \"=\"",
                                              text.size()));
  }
  Bytes key;
  std::uint32_t bits = 0;
  int count = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int digit = base64_digit(text[i]);
    if (digit < 0) {
      return fail(Code::malformed, base::format("swarm key: not a base64 digit at offset {}", i));
    }
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    key.push_back(static_cast<std::uint8_t>(bits >> count));
    bits &= (1u << count) - 1;
  }
  if (bits != 0) return fail(Code::malformed, "swarm key: base64 with stray bits at its end");
  return key;
}

Result<Bytes> decode_key(std::string_view encoding, std::string_view text) {
  if (encoding == base16_header) return base::from_hex(without_trailing_space(text));
  if (encoding == base64_header) return key_from_base64(without_trailing_space(text));
  if (encoding == bin_header) return base::to_bytes(text);
  return fail(Code::malformed, "swarm key: second line is none of /base16/, /base64/, /bin/");
}

}  // namespace

Result<PresharedKey> parse_swarm_key(std::string_view text) {
  if (take_line(text) != psk_header) {
    return fail(Code::malformed, base::format("swarm key: first line is not {}", psk_header));
  }
  const std::string_view encoding = take_line(text);
  Bytes bytes = TRY(decode_key(encoding, text));
  PresharedKey key{};
  const std::size_t size = bytes.size();
  if (size == key.size()) std::copy_n(bytes.begin(), key.size(), key.begin());
  crypto::wipe(bytes);
  if (size != key.size()) {
    return fail(Code::malformed,
                base::format("swarm key of {} bytes, {} needed", size, key.size()));
  }
  return key;
}

std::string format_swarm_key(const PresharedKey& key) {
  return base::format("{}\n{}\n{}\n", psk_header, base16_header, base::to_hex(key));
}

struct PnetStream::State {
  State(const PresharedKey& preshared, const std::array<std::uint8_t, pnet_nonce_bytes>& nonce)
      : key(preshared), own_nonce(nonce), outgoing(key, own_nonce) {}
  ~State() { crypto::wipe(key); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  PresharedKey key;  // wiped as soon as the peer's nonce is there
  std::array<std::uint8_t, pnet_nonce_bytes> own_nonce;
  std::array<std::uint8_t, pnet_nonce_bytes> peer_nonce{};
  std::size_t peer_nonce_size = 0;
  crypto::XSalsa20 outgoing;
  std::optional<crypto::XSalsa20> incoming;
};

PnetStream::PnetStream(const PresharedKey& key, Rng& rng) {
  std::array<std::uint8_t, pnet_nonce_bytes> nonce;
  rng.fill(nonce);
  state_ = std::make_unique<State>(key, nonce);
}

PnetStream::~PnetStream() = default;
PnetStream::PnetStream(PnetStream&&) noexcept = default;
PnetStream& PnetStream::operator=(PnetStream&&) noexcept = default;

ByteView PnetStream::own_nonce() const { return state_->own_nonce; }

void PnetStream::seal(ByteSpan bytes) { state_->outgoing.apply(bytes); }

std::size_t PnetStream::take_nonce(ByteView bytes) {
  State& state = *state_;
  const std::size_t size = std::min(bytes.size(), pnet_nonce_bytes - state.peer_nonce_size);
  std::copy_n(bytes.begin(), size, state.peer_nonce.data() + state.peer_nonce_size);
  state.peer_nonce_size += size;
  if (has_peer_nonce() && !state.incoming) {
    state.incoming.emplace(state.key, state.peer_nonce);
    crypto::wipe(state.key);
  }
  return size;
}

bool PnetStream::has_peer_nonce() const { return state_->peer_nonce_size == pnet_nonce_bytes; }

void PnetStream::open(ByteSpan bytes) {
  ASSERT(has_peer_nonce());
  state_->incoming->apply(bytes);
}

}  // namespace kith::secure
