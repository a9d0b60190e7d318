// HTTP requests and responses as plain values (RFC 9110 to 9112, as much as an API needs), and the
// reading of targets and Host headers. Sockets and the syntax of messages are rt/http_server.h's,
// what is answered is api/http.h's; these are the words that both speak.
//
// Limits: a target of 8 KiB, 16 path segments, 64 query parameters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace kith::codec {

inline constexpr std::size_t http_target_bytes_max = 8 * 1024;
inline constexpr std::size_t http_segments_max = 16;
inline constexpr std::size_t http_query_max = 64;

struct HttpHeader {
  std::string name;
  std::string value;
};

struct HttpRequest {
  std::string method;
  std::string target;
  std::vector<HttpHeader> headers;
  std::string body;
  std::string remote;         // the client's IP address as text
  std::string local;          // the address it reached us at
  bool is_websocket = false;  // asks for an upgrade to a WebSocket

  /// The first of that name, which is given in lower case; empty when there is none.
  std::optional<std::string_view> header(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<HttpHeader> headers = {};
  bool closes = false;  // the connection is not used again
};

/// Path and query of a target in origin form, percent-decoded.
struct HttpTarget {
  std::vector<std::string> segments;  // "/v1/peers" is two; "/" none
  std::vector<std::pair<std::string, std::string>> query;
};
Result<HttpTarget> parse_http_target(std::string_view target);

/// "%2F" is "/". `malformed` for a half or wrong escape; '+' stands for itself.
Result<std::string> decode_percent(std::string_view text);

/// The name of a Host header or of an origin's authority, lower case, without port and without the
/// brackets of an IPv6 address. Empty when it is none.
std::optional<std::string> http_host_name(std::string_view host);

/// "localhost", what ends in ".localhost", 127.0.0.0/8 and ::1.
bool is_loopback_name(std::string_view name);

/// Equal but for the case of ASCII letters.
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string to_lower(std::string_view text);

}  // namespace kith::codec
