#include "wallet/mnemonic.h"

#include <algorithm>
#include <vector>

#include "base/format.h"
#include "crypto/hash.h"
#include "crypto/hmac_sha512.h"
#include "wallet/words_english.h"

namespace kith::wallet {
namespace {

constexpr std::size_t word_bits = 11;
constexpr std::size_t words_max = 24;
constexpr std::uint32_t seed_rounds = 2048;
/// Before a word is shown in an error: it may be a secret put in the wrong place.
constexpr std::size_t shown_chars_max = 16;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// The bits of the entropy and, behind them, those of its hash.
bool bit_at(ByteView entropy, std::uint8_t checksum, std::size_t index) {
  const std::size_t byte = index / 8;
  const std::uint8_t value = byte < entropy.size() ? entropy[byte] : checksum;
  return ((value >> (7 - index % 8)) & 1) != 0;
}

Result<std::uint16_t> index_of(std::string_view word, std::size_t place) {
  std::string lower;
  for (const char c : word) {
    lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  const auto index = word_index(lower);
  if (index) return *index;
  constexpr std::size_t telling_letters = 4;
  std::string hint;
  for (std::size_t letters = std::min(lower.size(), telling_letters); letters > 1; --letters) {
    const auto near = word_with_start(std::string_view(lower).substr(0, letters));
    if (!near) continue;
    hint = base::format("; did you mean \"{}\"?", *near);
    break;
  }
  return fail(Code::malformed,
              base::format("word {}, \"{}\", is not in the list of BIP-39{}", place,
                           std::string_view(lower).substr(0, shown_chars_max), hint));
}

}  // namespace

bool is_entropy_size(std::size_t bytes) {
  return bytes >= entropy_bytes_min && bytes <= entropy_bytes_max && bytes % 4 == 0;
}

bool is_word_count(std::size_t words) {
  return words >= 12 && words <= words_max && words % 3 == 0;
}

crypto::SecretBytes make_entropy(std::size_t words, Rng& rng) {
  ASSERT(is_word_count(words));
  crypto::SecretBytes entropy(words / 3 * 4);
  rng.fill(entropy.span());
  return entropy;
}

std::string words_of(ByteView entropy) {
  ASSERT(is_entropy_size(entropy.size()));
  const std::uint8_t checksum = crypto::sha256(entropy)[0];
  const std::size_t count = entropy.size() / 4 * 3;
  constexpr std::size_t word_chars_max = 9;  // with its blank
  std::string words;
  words.reserve(count * word_chars_max);  // so that growing leaves no copy
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t index = 0;
    for (std::size_t bit = 0; bit < word_bits; ++bit) {
      index = index << 1 | (bit_at(entropy, checksum, i * word_bits + bit) ? 1 : 0);
    }
    if (i > 0) words.push_back(' ');
    words.append(words_english()[index]);
  }
  return words;
}

Result<crypto::SecretBytes> entropy_of(std::string_view words) {
  std::array<std::uint8_t, entropy_bytes_max + 1> bytes{};
  std::size_t count = 0;
  const auto end = [&](Error error) -> Result<crypto::SecretBytes> {
    crypto::wipe(bytes);
    return fail(std::move(error));
  };
  while (true) {
    while (!words.empty() && is_blank(words.front())) words.remove_prefix(1);
    if (words.empty()) break;
    const auto length =
        static_cast<std::size_t>(std::ranges::find_if(words, is_blank) - words.begin());
    if (count == words_max) return end({Code::malformed, "more than 24 words"});
    const auto index = index_of(words.substr(0, length), count + 1);
    if (!index) return end(index.error());
    for (std::size_t bit = 0; bit < word_bits; ++bit) {
      const std::size_t at = count * word_bits + bit;
      const bool is_set = ((*index >> (word_bits - 1 - bit)) & 1) != 0;
      if (is_set) bytes[at / 8] |= static_cast<std::uint8_t>(0x80 >> (at % 8));
    }
    ++count;
    words.remove_prefix(length);
  }
  if (!is_word_count(count)) {
    return end(
        {Code::malformed, base::format("{} words; there are 12, 15, 18, 21 or 24 of them", count)});
  }
  const std::size_t size = count / 3 * 4;
  const std::uint8_t mask = static_cast<std::uint8_t>(0xff << (8 - count / 3));
  const std::uint8_t checksum = crypto::sha256(ByteView(bytes).first(size))[0] & mask;
  if (bytes[size] != checksum) {
    return end({Code::malformed,
                "the checksum of these words does not hold: one is wrong, or two have changed "
                "places"});
  }
  auto entropy = crypto::SecretBytes::copy_of(ByteView(bytes).first(size));
  crypto::wipe(bytes);
  return entropy;
}

Result<void> check_word_passphrase(std::string_view passphrase) {
  if (passphrase.size() > word_passphrase_bytes_max) {
    return fail(Code::too_large, base::format("a passphrase of {} bytes for the words, limit {}",
                                              passphrase.size(), word_passphrase_bytes_max));
  }
  if (std::ranges::all_of(passphrase, [](char c) { return c >= ' ' && c <= '~'; })) return {};
  return fail(Code::unsupported,
              "the passphrase of the words has a character beyond ASCII's printable ones");
}

crypto::SecretBytes seed_of(ByteView entropy, std::string_view passphrase) {
  ASSERT(check_word_passphrase(passphrase).has_value());
  std::string words = words_of(entropy);
  constexpr std::string_view salt_start = "mnemonic";
  Bytes salt;
  salt.reserve(salt_start.size() + word_passphrase_bytes_max);
  base::append(salt, base::as_bytes(salt_start));
  base::append(salt, base::as_bytes(passphrase));
  crypto::SecretBytes seed(seed_bytes);
  crypto::pbkdf2_sha512(base::as_bytes(words), salt, seed_rounds, seed.span());
  crypto::wipe(salt);
  crypto::wipe({reinterpret_cast<std::uint8_t*>(words.data()), words.size()});
  return seed;
}

}  // namespace kith::wallet
