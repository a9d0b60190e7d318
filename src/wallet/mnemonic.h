// A wallet's secret as words (BIP-39, English): 12 to 24 words stand for 16 to 32 random bytes and
// a checksum, and give the seed that keys are derived from.
//
// BIP-39 wants words and passphrase in Unicode's NFKD form. The words are ASCII, where that is
// nothing to do. A passphrase is taken exactly as it is when it is ASCII, and refused otherwise:
// without Unicode's tables its form would depend on the keyboard, and the coins with it.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/rng.h"
#include "crypto/secret.h"

namespace kith::wallet {

inline constexpr std::size_t entropy_bytes_min = 16;
inline constexpr std::size_t entropy_bytes_max = 32;
inline constexpr std::size_t seed_bytes = 64;
/// Longer ones are a file given by mistake.
inline constexpr std::size_t word_passphrase_bytes_max = 128;

/// 12, 15, 18, 21 or 24 words for 16, 20, 24, 28 or 32 bytes.
bool is_entropy_size(std::size_t bytes);
bool is_word_count(std::size_t words);
/// REQUIRES: is_word_count(words).
crypto::SecretBytes make_entropy(std::size_t words, Rng& rng);

/// The words, a blank between two. wipe() the text once it is shown. REQUIRES: is_entropy_size.
std::string words_of(ByteView entropy);
/// Reads words in any case, divided by white space. `malformed` names the word that is not in the
/// list (with one that is near), the count that cannot be, or the checksum: words in the wrong
/// order.
Result<crypto::SecretBytes> entropy_of(std::string_view words);

/// `unsupported` for a passphrase that is not ASCII, `too_large` for one that is too long.
Result<void> check_word_passphrase(std::string_view passphrase);
/// PBKDF2-HMAC-SHA512 of the words, 2048 rounds. REQUIRES: check_word_passphrase().
crypto::SecretBytes seed_of(ByteView entropy, std::string_view passphrase);

}  // namespace kith::wallet
