#include "codec/ip_text.h"

#include <algorithm>
#include <optional>

#include "base/format.h"
#include "codec/printable.h"

namespace kith::codec {

namespace {

constexpr std::size_t groups = 8;  // of 16 bits in an IPv6 address

using Ip4 = std::array<std::uint8_t, ip4_bytes>;
using Groups = std::array<std::uint16_t, groups>;

Error not_an_address(std::string_view kind, std::string_view text) {
  return {Code::malformed, base::format("{} is no {} address", printable(text), kind)};
}

/// Cuts the part before `separator` off the front of `text`; all of it when there is none.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

std::optional<std::uint8_t> octet(std::string_view text) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > 255) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

std::optional<Ip4> read_ip4(std::string_view text) {
  if (std::count(text.begin(), text.end(), '.') != 3) return std::nullopt;
  Ip4 ip{};
  for (std::uint8_t& byte : ip) {
    const std::optional<std::uint8_t> value = octet(cut(text, '.'));
    if (!value) return std::nullopt;
    byte = *value;
  }
  return ip;
}

std::optional<std::uint16_t> group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    const unsigned lower = static_cast<unsigned char>(c) | 0x20u;
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<unsigned>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + (lower - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return static_cast<std::uint16_t>(value);
}

/// Reads groups divided by single colons into the front of `out`; how many there were. Only the
/// last may be dotted decimal, and counts for two, where `dotted` allows it.
std::optional<std::size_t> read_groups(std::string_view text, bool dotted, Groups& out) {
  if (text.empty()) return 0;
  std::size_t count = 0;
  for (bool more = true; more;) {
    more = text.find(':') != std::string_view::npos;
    const std::string_view part = cut(text, ':');
    if (!more && dotted && part.find('.') != std::string_view::npos) {
      const std::optional<Ip4> tail = read_ip4(part);
      if (!tail || count + 2 > groups) return std::nullopt;
      out[count++] = static_cast<std::uint16_t>((*tail)[0] << 8 | (*tail)[1]);
      out[count++] = static_cast<std::uint16_t>((*tail)[2] << 8 | (*tail)[3]);
      return count;
    }
    const std::optional<std::uint16_t> value = group(part);
    if (!value || count == groups) return std::nullopt;
    out[count++] = *value;
  }
  return count;
}

std::optional<Groups> read_ip6(std::string_view text) {
  const std::size_t gap = text.find("::");
  Groups head{};
  if (gap == std::string_view::npos) {
    const std::optional<std::size_t> count = read_groups(text, true, head);
    if (count != groups) return std::nullopt;
    return head;
  }
  Groups tail{};
  const std::optional<std::size_t> before = read_groups(text.substr(0, gap), false, head);
  const std::optional<std::size_t> after = read_groups(text.substr(gap + 2), true, tail);
  // The gap stands for one group at least.
  if (!before || !after || *before + *after >= groups) return std::nullopt;
  std::copy_n(tail.begin(), *after, head.end() - static_cast<std::ptrdiff_t>(*after));
  return head;
}

struct Run {
  std::size_t start = 0;
  std::size_t size = 0;
};

/// RFC 5952 4.2: the longest run of zeros, the first of equals, never a single group.
Run longest_zero_run(const Groups& values) {
  Run best;
  for (std::size_t i = 0; i < groups; ++i) {
    std::size_t end = i;
    while (end < groups && values[end] == 0) ++end;
    if (end - i > best.size) best = {i, end - i};
    i = end;
  }
  return best.size >= 2 ? best : Run{};
}

std::string ip4_to_text(ByteView ip) {
  return base::format("{}.{}.{}.{}", ip[0], ip[1], ip[2], ip[3]);
}

std::string ip6_to_text(ByteView ip) {
  Groups values{};
  for (std::size_t i = 0; i < groups; ++i) {
    values[i] = static_cast<std::uint16_t>(ip[2 * i] << 8 | ip[2 * i + 1]);
  }
  const Run gap = longest_zero_run(values);
  if (gap.start == 0 && gap.size == 5 && values[5] == 0xffff) {
    return "::ffff:" + ip4_to_text(ip.subspan(12));
  }
  std::string text;
  for (std::size_t i = 0; i < groups; ++i) {
    if (gap.size > 0 && i == gap.start) {
      text.append("::");
      i += gap.size - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text.push_back(':');
    text.append(base::format("{:x}", values[i]));
  }
  return text;
}

}  // namespace

Result<std::array<std::uint8_t, ip4_bytes>> ip4_from_text(std::string_view text) {
  const std::optional<Ip4> ip = read_ip4(text);
  if (!ip) return fail(not_an_address("IPv4", text));
  return *ip;
}

Result<std::array<std::uint8_t, ip6_bytes>> ip6_from_text(std::string_view text) {
  const std::optional<Groups> values = read_ip6(text);
  if (!values) return fail(not_an_address("IPv6", text));
  std::array<std::uint8_t, ip6_bytes> ip{};
  for (std::size_t i = 0; i < groups; ++i) {
    ip[2 * i] = static_cast<std::uint8_t>((*values)[i] >> 8);
    ip[2 * i + 1] = static_cast<std::uint8_t>((*values)[i]);
  }
  return ip;
}

std::string ip_to_text(ByteView ip) {
  ASSERT(ip.size() == ip4_bytes || ip.size() == ip6_bytes);
  return ip.size() == ip4_bytes ? ip4_to_text(ip) : ip6_to_text(ip);
}

}  // namespace kith::codec
