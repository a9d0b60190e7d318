#include "crypto/keystore.h"

#include <sodium.h>

#include <charconv>

#include "base/format.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/sodium_ready.h"

namespace kith::crypto {
namespace {

constexpr std::string_view magic = "KITH IDENTITY KEY ";
constexpr std::string_view version = "1";
constexpr std::string_view kind = "ed25519";
constexpr std::string_view checksum_prefix = "sha256: ";

constexpr std::size_t seed_bytes = 32;
constexpr std::size_t sealed_bytes = seed_bytes + seal_tag_bytes;
constexpr std::size_t checksum_line_bytes = checksum_prefix.size() + 2 * sizeof(Hash256) + 1;

/// Text that may hold the secret: reserved once, so that growing leaves no copy, and wiped.
class SecretText {
 public:
  SecretText() { text_.reserve(identity_key_file_bytes_max); }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe(text_); }

  void add(std::string_view text) { base::append(text_, base::as_bytes(text)); }
  void add_hex(ByteView bytes) {
    std::array<char, 2 * sealed_bytes + 1> digits;
    sodium_bin2hex(digits.data(), digits.size(), bytes.data(), bytes.size());
    add({digits.data(), 2 * bytes.size()});
    sodium_memzero(digits.data(), digits.size());
  }
  ByteView view() const { return text_; }

 private:
  Bytes text_;
};

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::bad_key, base::format("identity key file is damaged: {}", what));
}

/// Takes the line that starts with `name` and gives what follows the name.
Result<std::string_view> take_line(std::string_view& rest, std::string_view name) {
  const std::size_t end = rest.find('\n');
  if (end == rest.npos) return damaged(base::format("it ends before the line \"{}\"", name));
  const std::string_view line = rest.substr(0, end);
  if (!line.starts_with(name)) return damaged(base::format("no line \"{}\" in its place", name));
  rest.remove_prefix(end + 1);
  return line.substr(name.size());
}

/// Takes the line "name" and lower-case digits that fill `out` exactly. They may be secret, so that
/// the error does not show them.
Result<void> take_hex(std::string_view& rest, std::string_view name, ByteSpan out) {
  const std::string_view digits = TRY(take_line(rest, name));
  const bool is_lower = digits.find_first_not_of("0123456789abcdef") == digits.npos;
  std::size_t written = 0;
  if (!is_lower || digits.size() != 2 * out.size() ||
      sodium_hex2bin(out.data(), out.size(), digits.data(), digits.size(), nullptr, &written,
                     nullptr) != 0) {
    return damaged(base::format("\"{}\" without its {} hexadecimal digits", name, 2 * out.size()));
  }
  return {};
}

/// Takes "name=" and a decimal number without sign or leading zero.
std::optional<std::uint32_t> take_number(std::string_view& rest, std::string_view name) {
  if (!rest.starts_with(name)) return std::nullopt;
  rest.remove_prefix(name.size());
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc() || rest.front() == '0') return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return value;
}

std::string cost_text(KdfCost cost) {
  return base::format("argon2id ops={} mem_kib={}", cost.ops, cost.mem_kib);
}

Result<KdfCost> read_cost(std::string_view text, KdfCost cost_max) {
  std::string_view rest = text;
  const auto ops = take_number(rest, "argon2id ops=");
  const auto mem_kib = ops ? take_number(rest, " mem_kib=") : std::nullopt;
  if (!mem_kib || !rest.empty() || *ops < kdf_cost_min.ops || *mem_kib < kdf_cost_min.mem_kib) {
    return damaged(base::format("key derivation \"{}\" is not understood", text));
  }
  if (*ops > cost_max.ops || *mem_kib > cost_max.mem_kib) {
    return fail(Code::too_large,
                base::format("identity key file asks for {} passes over {} KiB, limits {} and {}",
                             *ops, *mem_kib, cost_max.ops, cost_max.mem_kib));
  }
  return KdfCost{*ops, *mem_kib};
}

void add_sealed_seed(SecretText& text, const KeyPair& key, std::string_view passphrase, Rng& rng,
                     KdfCost cost) {
  KdfSalt salt;
  SealNonce nonce;
  rng.fill(salt);
  rng.fill(nonce);
  text.add(base::format("kdf: {}\nsalt: {}\nnonce: {}\n", cost_text(cost), base::to_hex(salt),
                        base::to_hex(nonce)));

  const auto sealing_key = stretch_passphrase(passphrase, salt, cost);
  ASSERT(sealing_key.has_value());
  const Bytes sealed = seal_secret(*sealing_key, nonce, text.view(), key.seed());
  text.add("sealed: ");
  text.add_hex(sealed);
  text.add("\n");
}

/// Checks header and checksum; gives the lines between the header and the checksum.
Result<std::string_view> check_frame(std::string_view file) {
  if (file.empty()) return damaged("it is empty");
  if (file.size() > identity_key_file_bytes_max) {
    return damaged(
        base::format("it has {} bytes, limit {}", file.size(), identity_key_file_bytes_max));
  }
  std::string_view rest = file;
  const std::string_view found = TRY(take_line(rest, magic));
  if (found != version) {
    return fail(Code::bad_key,
                base::format("identity key file of version \"{}\"; this program reads version {}",
                             found, version));
  }
  if (rest.size() < checksum_line_bytes) return damaged("it ends too early");
  std::string_view last = rest.substr(rest.size() - checksum_line_bytes);
  if (!last.starts_with(checksum_prefix) || !last.ends_with('\n')) {
    return damaged("it does not end with its checksum, so it was cut off or added to");
  }
  Hash256 expected;
  TRY_VOID(take_hex(last, checksum_prefix, expected));
  const std::size_t body_bytes = file.size() - checksum_line_bytes;
  if (sha256(base::as_bytes(file.substr(0, body_bytes))) != expected) {
    return damaged("its checksum does not match");
  }
  return rest.substr(0, rest.size() - checksum_line_bytes);
}

Result<SecretBytes> open_seed(std::string_view file, std::string_view rest,
                              std::string_view passphrase, KdfCost cost_max) {
  const std::string_view kdf = TRY(take_line(rest, "kdf: "));
  const KdfCost cost = TRY(read_cost(kdf, cost_max));
  KdfSalt salt;
  TRY_VOID(take_hex(rest, "salt: ", salt));
  SealNonce nonce;
  TRY_VOID(take_hex(rest, "nonce: ", nonce));
  const auto associated = file.substr(0, static_cast<std::size_t>(rest.data() - file.data()));
  std::array<std::uint8_t, sealed_bytes> sealed;
  TRY_VOID(take_hex(rest, "sealed: ", sealed));
  if (!rest.empty()) return damaged("there is more after the sealed seed");

  const SecretBytes key = TRY(stretch_passphrase(passphrase, salt, cost));
  auto seed = open_secret(key, nonce, base::as_bytes(associated), sealed);
  if (!seed) return fail(seed.error().code, "wrong passphrase for the identity key file");
  return seed;
}

}  // namespace

Bytes encode_identity_key(const KeyPair& key, std::optional<std::string_view> passphrase, Rng& rng,
                          KdfCost cost) {
  sodium_ready();
  SecretText text;
  text.add(base::format("{}{}\nkind: {}\n", magic, version, kind));
  if (passphrase) {
    add_sealed_seed(text, key, *passphrase, rng, cost);
  } else {
    text.add("seed: ");
    text.add_hex(key.seed());
    text.add("\n");
  }
  const Hash256 checksum = sha256(text.view());
  text.add(checksum_prefix);
  text.add_hex(checksum);
  text.add("\n");
  return base::to_bytes(text.view());
}

Result<KeyPair> decode_identity_key(ByteView file, std::optional<std::string_view> passphrase,
                                    KdfCost cost_max) {
  sodium_ready();
  const std::string_view text = base::as_text(file);
  std::string_view rest = TRY(check_frame(text));
  const std::string_view found_kind = TRY(take_line(rest, "kind: "));
  if (found_kind != kind) {
    return fail(Code::bad_key, base::format("identity key of kind \"{}\"; this program knows {}",
                                            found_kind, kind));
  }
  SecretBytes seed(seed_bytes);
  if (rest.starts_with("kdf: ")) {
    if (!passphrase) {
      return fail(Code::passphrase, "the identity key file needs a passphrase and none was given");
    }
    seed = TRY(open_seed(text, rest, *passphrase, cost_max));
  } else {
    TRY_VOID(take_hex(rest, "seed: ", seed.span()));
    if (!rest.empty()) return damaged("there is more after the seed");
  }
  return KeyPair::from_seed(seed.view().first<seed_bytes>());
}

bool needs_passphrase(ByteView file) {
  const auto body = check_frame(base::as_text(file));
  return body && body->find("\nkdf: ") != body->npos;
}

}  // namespace kith::crypto
