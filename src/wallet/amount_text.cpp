#include "wallet/amount_text.h"

#include <algorithm>

#include "base/format.h"

namespace kith::wallet {
namespace {

constexpr std::size_t shown_chars_max = 40;

bool is_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<codec::Amount> parse_coins(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return fail(Code::usage, base::format("\"{}\" is no amount of coins: {}",
                                          text.substr(0, shown_chars_max), why));
  };
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view part = point == text.npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() || !is_digits(whole) || !is_digits(part) ||
      (point != text.npos && part.empty())) {
    return wrong("it is written like 12 or 0.5");
  }
  if (part.size() > coin_decimals) return wrong("a coin has 8 decimals");
  codec::Amount units = 0;
  const auto take = [&](std::string_view digits) {
    for (const char c : digits) {
      const auto digit = static_cast<codec::Amount>(c - '0');
      if (units > (codec::amount_max - digit) / 10) return false;
      units = units * 10 + digit;
    }
    return true;
  };
  const std::string zeros(coin_decimals - part.size(), '0');
  if (!take(whole) || !take(part) || !take(zeros)) return wrong("there cannot be as many");
  return units;
}

std::string format_coins(codec::Amount amount) {
  std::string text =
      base::format("{}.{:08}", amount / codec::units_per_coin, amount % codec::units_per_coin);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace kith::wallet
