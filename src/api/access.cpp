#include "api/access.h"

#include <algorithm>

#include "base/format.h"
#include "codec/ip_text.h"
#include "crypto/secret.h"

namespace kith::api {
namespace {

using codec::HttpRequest;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// An IPv4 address, or the network that one IPv6 client has for itself.
std::string client_of(std::string_view remote) {
  constexpr std::size_t network_bytes = 8;
  const auto address = codec::ip6_from_text(remote);
  if (!address) return std::string(remote);
  return std::string(base::as_text(ByteView(*address).first(network_bytes)));
}

/// "http://name:port" is "name:port".
std::optional<std::string_view> authority_of(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;  // "null" among them
  return origin.substr(scheme + 3);
}

bool are_equal(std::string_view a, std::string_view b) {
  return crypto::equal_in_constant_time(base::as_bytes(a), base::as_bytes(b));
}

/// The token that the request carries; empty when it carries none.
std::optional<std::string_view> token_of(const HttpRequest& request) {
  if (const auto header = request.header("authorization")) {
    constexpr std::string_view scheme = "Bearer ";
    const std::string_view value = trimmed(*header);
    const bool is_bearer = value.size() >= scheme.size() &&
                           codec::equal_ignoring_case(value.substr(0, scheme.size()), scheme);
    return is_bearer ? trimmed(value.substr(scheme.size())) : std::string_view();
  }
  if (!request.is_websocket) return std::nullopt;
  std::string_view protocols = request.header("sec-websocket-protocol").value_or("");
  while (!protocols.empty()) {
    const std::size_t comma = std::min(protocols.find(','), protocols.size());
    const std::string_view protocol = trimmed(protocols.substr(0, comma));
    protocols.remove_prefix(std::min(comma + 1, protocols.size()));
    if (protocol.starts_with(bearer_protocol)) return protocol.substr(bearer_protocol.size());
  }
  return std::nullopt;
}

}  // namespace

Error too_many_requests() {
  return {Code::limit, "too many requests; api.rate and api.rate_burst limit them"};
}

bool Access::may_ask_now(Instant now, std::string_view remote) {
  std::string client = client_of(remote);
  if (buckets_.size() >= config_.clients_max && !buckets_.contains(client)) {
    std::erase_if(buckets_, [&](const auto& entry) {
      base::TokenBucket bucket = entry.second;
      return bucket.is_full(config_.rate, now);
    });
    if (buckets_.size() >= config_.clients_max) client.clear();
  }
  const auto at = buckets_.try_emplace(client, config_.rate, now).first;
  return at->second.take(config_.rate, now);
}

bool Access::is_our_name(const std::string& name, const HttpRequest& request) const {
  return codec::is_loopback_name(name) || name == request.local ||
         std::ranges::any_of(config_.hosts, [&](const std::string& host) {
           return codec::equal_ignoring_case(host, name);
         });
}

std::optional<Access::Refusal> Access::check_names(const HttpRequest& request) const {
  const auto host = request.header("host");
  if (!host || request.count("host") != 1) {
    return Refusal{400, {Code::malformed, "a request has one Host header"}};
  }
  const auto name = codec::http_host_name(*host);
  if (!name) return Refusal{400, {Code::malformed, "the Host header is no host name"}};
  if (!is_our_name(*name, request)) {
    return Refusal{403,
                   {Code::permission,
                    base::format("\"{}\" is no name of this node (api.allowed_hosts)", *name)}};
  }
  if (is_allowed_origin(request)) return std::nullopt;
  if (request.count("origin") == 0) {
    // What a page of another site asks for without CORS (an image, a form) says no origin, but
    // browsers say this of it. A link that a person follows is welcome.
    const auto site = request.header("sec-fetch-site").value_or("none");
    if (site == "same-origin" || site == "none") return std::nullopt;
    const bool is_followed = request.header("sec-fetch-mode").value_or("") == "navigate";
    if (is_followed && request.method == "GET") return std::nullopt;
    return Refusal{403, {Code::permission, "pages of other sites may not ask"}};
  }
  const auto authority = authority_of(*request.header("origin"));
  const bool is_same =
      request.count("origin") == 1 && authority && codec::equal_ignoring_case(*authority, *host);
  if (is_same) return std::nullopt;
  return Refusal{403, {Code::permission, "pages of this origin may not ask (api.allowed_origins)"}};
}

bool Access::is_allowed_origin(const HttpRequest& request) const {
  const auto origin = request.header("origin");
  return origin && request.count("origin") == 1 &&
         std::ranges::any_of(config_.origins, [&](const std::string& allowed) {
           return codec::equal_ignoring_case(allowed, *origin);
         });
}

Access::Credential Access::credential(const HttpRequest& request) const {
  const auto token = token_of(request);
  if (!token) return Credential::none;
  const bool is_right = !config_.token.empty() && are_equal(*token, config_.token);
  return is_right ? Credential::right : Credential::wrong;
}

}  // namespace kith::api
