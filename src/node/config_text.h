// The values of configuration and command line as people write them: durations, sizes, counts,
// yes and no; and the nearest known word for one that was mistyped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace kith::node {

/// "30s", "250ms", "1.5h", "1h30m"; units ns us ms s m h d. "0" needs none. At most 10,000 days.
Result<Duration> parse_duration(std::string_view text);
/// The shortest of the same forms.
std::string format_duration(Duration duration);

/// Bytes: "65536", "64KiB", "1.5GiB"; units B KB MB GB TB (powers of 1000) and KiB MiB GiB TiB.
Result<std::uint64_t> parse_size(std::string_view text);
/// Exact: "64KiB" when that is a whole number, else "65537".
std::string format_size(std::uint64_t bytes);

/// Decimal digits and nothing else.
Result<std::uint64_t> parse_count(std::string_view text);
/// true, false, yes, no, on, off, 1, 0.
Result<bool> parse_flag(std::string_view text);

/// The candidate with the fewest edits to `word`; empty when it takes more than a third of it.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

}  // namespace kith::node
