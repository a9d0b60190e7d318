// BIP-39's English list of words (bip-0039/english.txt): 2048 of them, sorted, each told apart from
// all others by its first four letters.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kith::wallet {

inline constexpr std::size_t words_count = 2048;

const std::array<std::string_view, words_count>& words_english();
/// The place of a word in the list; nothing for one that is not in it.
std::optional<std::uint16_t> word_index(std::string_view word);
/// The first word of the list that begins so, for "did you mean".
std::optional<std::string_view> word_with_start(std::string_view start);

}  // namespace kith::wallet
