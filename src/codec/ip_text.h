// IP addresses as text: dotted decimal, and IPv6 in RFC 5952's one form (lower case, the longest
// run of two or more zero groups as "::", IPv4-mapped addresses with a dotted tail). Reading takes
// every form of RFC 4291 section 2.2; octets with leading zeros are refused, for some read them as
// octal. By hand, because the C library's inet_ntop writes another form for some addresses.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::codec {

inline constexpr std::size_t ip4_bytes = 4;
inline constexpr std::size_t ip6_bytes = 16;

Result<std::array<std::uint8_t, ip4_bytes>> ip4_from_text(std::string_view text);
/// Without zone or brackets.
Result<std::array<std::uint8_t, ip6_bytes>> ip6_from_text(std::string_view text);
/// `ip` of 4 or 16 bytes.
std::string ip_to_text(ByteView ip);

}  // namespace kith::codec
