#include "node/config_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/format.h"

namespace kith::node {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 7> duration_units = {{{"d", 86'400'000'000'000},
                                                 {"h", 3'600'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"ms", 1'000'000},
                                                 {"us", 1'000},
                                                 {"ns", 1}}};
constexpr Duration duration_max = std::chrono::hours(24 * 10'000);

constexpr std::uint64_t kib = 1024;
constexpr std::array<Unit, 9> size_units = {{{"TiB", kib* kib* kib* kib},
                                             {"GiB", kib* kib* kib},
                                             {"MiB", kib* kib},
                                             {"KiB", kib},
                                             {"TB", 1'000'000'000'000},
                                             {"GB", 1'000'000'000},
                                             {"MB", 1'000'000},
                                             {"KB", 1'000},
                                             {"B", 1}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes "12" or "1.5" from the front as a count of `unit`; empty when that overflows.
struct Number {
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0;  // of `fraction_of`
  std::uint64_t fraction_of = 1;
};
constexpr std::uint64_t fraction_of_max = 1'000'000;  // six digits behind the point

std::optional<Number> take_number(std::string_view& text) {
  Number number;
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.whole);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.empty() || text.front() != '.') return number;
  text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  while (!text.empty() && is_digit(text.front())) {
    if (number.fraction_of == fraction_of_max) return std::nullopt;
    number.fraction = number.fraction * 10 + static_cast<std::uint64_t>(text.front() - '0');
    number.fraction_of *= 10;
    text.remove_prefix(1);
  }
  return number;
}

/// whole·factor + fraction·factor, rounded down; empty when over 64 bits.
std::optional<std::uint64_t> scale(const Number& number, std::uint64_t factor) {
  std::uint64_t result = 0;
  if (__builtin_mul_overflow(number.whole, factor, &result)) return std::nullopt;
  // factor is at most 2^40 and fraction below 10^6: no overflow for sizes; days need the split.
  const std::uint64_t part = factor / number.fraction_of * number.fraction +
                             factor % number.fraction_of * number.fraction / number.fraction_of;
  if (__builtin_add_overflow(result, part, &result)) return std::nullopt;
  return result;
}

std::string_view take_letters(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && !is_digit(text[count])) ++count;
  const std::string_view letters = text.substr(0, count);
  text.remove_prefix(count);
  return letters;
}

std::optional<std::uint64_t> factor_of(std::span<const Unit> units, std::string_view name) {
  const auto found = std::ranges::find(units, name, &Unit::name);
  if (found == units.end()) return std::nullopt;
  return found->factor;
}

std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t swap = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, swap}));
    }
  }
  return row[b.size()];
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration{};
  const auto bad = [&] {
    return fail(Code::malformed,
                base::format("\"{}\" is no duration; write 30s, 250ms, 10m, 1h30m", text));
  };
  std::uint64_t total = 0;
  std::string_view rest = text;
  do {
    const auto number = take_number(rest);
    if (!number) return bad();
    const auto factor = factor_of(duration_units, take_letters(rest));
    if (!factor) return bad();
    const auto part = scale(*number, *factor);
    if (!part || __builtin_add_overflow(total, *part, &total) ||
        total > static_cast<std::uint64_t>(duration_max.count())) {
      return fail(Code::too_large, base::format("the duration \"{}\" is over 10,000 days", text));
    }
  } while (!rest.empty());
  return Duration(static_cast<Duration::rep>(total));
}

std::string format_duration(Duration duration) {
  if (duration <= Duration{}) return "0s";
  auto left = static_cast<std::uint64_t>(duration.count());
  std::string text;
  for (const Unit& unit : duration_units) {
    if (left < unit.factor) continue;
    text += base::format("{}{}", left / unit.factor, unit.name);
    left %= unit.factor;
  }
  return text;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view rest = text;
  const auto number = take_number(rest);
  const auto factor = rest.empty() ? std::optional<std::uint64_t>(1) : factor_of(size_units, rest);
  if (!number || !factor || (*factor == 1 && number->fraction != 0)) {
    return fail(Code::malformed,
                base::format("\"{}\" is no size; write 65536, 64KiB, 10MiB, 1GiB", text));
  }
  const auto bytes = scale(*number, *factor);
  if (!bytes) return fail(Code::too_large, base::format("the size \"{}\" is over 2^64", text));
  return *bytes;
}

std::string format_size(std::uint64_t bytes) {
  for (const Unit& unit : size_units) {
    if (unit.factor % kib != 0) continue;
    if (bytes != 0 && bytes % unit.factor == 0) {
      return base::format("{}{}", bytes / unit.factor, unit.name);
    }
  }
  return base::format("{}", bytes);
}

Result<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return fail(Code::malformed, base::format("\"{}\" is no whole number", text));
  }
  return count;
}

Result<bool> parse_flag(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  return fail(Code::malformed, base::format("\"{}\" is neither true nor false", text));
}

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  constexpr std::size_t word_bytes_max = 64;  // a longer one is no slip of the finger
  if (word.size() > word_bytes_max) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t best_edits = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t count = edits(word, candidate);
    if (count < best_edits) {
      best_edits = count;
      best = candidate;
    }
  }
  return best;
}

}  // namespace kith::node
