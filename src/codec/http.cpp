#include "codec/http.h"

#include <algorithm>

#include "base/format.h"
#include "codec/ip_text.h"

namespace kith::codec {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
  return std::nullopt;
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

Result<void> parse_query(std::string_view text, HttpTarget& target) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (target.query.size() >= http_query_max) {
      return fail(Code::too_large, base::format("more than {} parameters", http_query_max));
    }
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = TRY(decode_percent(pair.substr(0, equals)));
    auto value = TRY(decode_percent(pair.substr(std::min(equals + 1, pair.size()))));
    target.query.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

}  // namespace

std::optional<std::string_view> HttpRequest::header(std::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (equal_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

std::size_t HttpRequest::count(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      headers, [&](const HttpHeader& header) { return equal_ignoring_case(header.name, name); }));
}

Result<std::string> decode_percent(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const auto high = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
    if (!high || !low) return fail(Code::malformed, "a % without two hexadecimal digits behind it");
    decoded.push_back(static_cast<char>(*high * 16 + *low));
    i += 2;
  }
  return decoded;
}

Result<HttpTarget> parse_http_target(std::string_view target) {
  if (target.size() > http_target_bytes_max) {
    return fail(Code::too_large, base::format("a target of {} bytes, the limit is {}",
                                              target.size(), http_target_bytes_max));
  }
  if (!target.starts_with('/')) {
    return fail(Code::malformed, "the target of a request must begin with a slash");
  }
  HttpTarget parsed;
  const std::size_t question = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(1, question - 1);
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (parsed.segments.size() >= http_segments_max) {
      return fail(Code::too_large, base::format("more than {} path segments", http_segments_max));
    }
    parsed.segments.push_back(TRY(decode_percent(path.substr(0, slash))));
    // A slash at the end is a segment too, an empty one: "/livez/" is not "/livez".
    if (slash + 1 == path.size()) parsed.segments.emplace_back();
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  if (question < target.size()) TRY_VOID(parse_query(target.substr(question + 1), parsed));
  return parsed;
}

std::optional<std::string> http_host_name(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = host.substr(end + 1);
    if (!rest.empty() && (rest[0] != ':' || !is_port(rest.substr(1)))) return std::nullopt;
    const auto address = ip6_from_text(host.substr(1, end - 1));
    if (!address) return std::nullopt;
    return ip_to_text(*address);
  }
  const std::size_t colon = std::min(host.find(':'), host.size());
  if (colon < host.size() && !is_port(host.substr(colon + 1))) return std::nullopt;
  const std::string_view name = host.substr(0, colon);
  if (!is_name(name)) return std::nullopt;
  return to_lower(name);
}

bool is_loopback_name(std::string_view name) {
  if (name == "localhost" || name.ends_with(".localhost") || name == "::1") return true;
  const auto address = ip4_from_text(name);
  return address && (*address)[0] == 127;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string to_lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = lower(c);
  return result;
}

}  // namespace kith::codec
