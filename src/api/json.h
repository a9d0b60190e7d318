// JSON in and out by nlohmann/json, with limits and without exceptions. Internal to api: whoever
// includes it pays for the library's header.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"

namespace kith::api {

/// Keys keep the order in which they are written: people read this.
using Json = nlohmann::ordered_json;

/// Far beyond any request or configuration, and far below what recursion costs.
inline constexpr std::size_t json_depth_max = 32;
inline constexpr std::size_t json_bytes_max = 1024 * 1024;
/// Of one object: while it is read each new key is compared with all before it.
inline constexpr std::size_t json_members_max = 256;

/// `malformed` names the line and column; `too_large` for size, depth and members.
Result<Json> parse_json(std::string_view text);

/// One line. Bytes that are not UTF-8 (a peer's agent string may be anything) become U+FFFD.
std::string to_line(const Json& json);

/// A number, or beyond 2^53, where JavaScript's end, a decimal string.
Json to_json(std::uint64_t number);

}  // namespace kith::api
