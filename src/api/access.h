// Who may ask over HTTP. A web page in the browser of whoever runs the node can reach loopback too,
// so three things are looked at before anything is answered:
//
//   Host     must be a loopback name, the address that the client reached, or an allowed host:
//            another name that leads here is DNS rebinding.
//   Origin   when a browser sends one, must be that host itself or an allowed origin; without one
//            Sec-Fetch-Site must not be another site.
//   Token    `Authorization: Bearer TOKEN`, or for browsers' WebSockets, which cannot set headers,
//            the protocol "kith.bearer.TOKEN". Needed for whatever changes state; for reads too
//            where not only loopback is listened on. Compared in constant time.
//
// And how often: a token bucket for each client address (an IPv6 /64 is one). Limits: `clients_max`
// addresses are told apart; beyond that the new ones share a bucket.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/token_bucket.h"
#include "codec/http.h"

namespace kith::api {

struct AccessConfig {
  std::string token;                 // empty: nothing that needs it is allowed
  bool are_reads_open = true;        // only loopback is listened on
  std::vector<std::string> hosts;    // further names of this node
  std::vector<std::string> origins;  // "https://dash.example"
  base::TokenRate rate = {.per_second = 100, .burst = 200};  // requests of one client
  std::size_t clients_max = 4096;
};

/// The protocol that a WebSocket speaks, and what precedes the token in one.
inline constexpr std::string_view events_protocol = "kith.events.v1";
inline constexpr std::string_view bearer_protocol = "kith.bearer.";

Error too_many_requests();

class Access {
 public:
  enum class Credential : std::uint8_t { none, right, wrong };
  struct Refusal {
    unsigned status;
    Error error;
  };

  explicit Access(AccessConfig config) : config_(std::move(config)) {}

  /// Takes a token from the client's bucket.
  bool may_ask_now(Instant now, std::string_view remote);
  /// Host and Origin.
  std::optional<Refusal> check_names(const codec::HttpRequest& request) const;
  /// Whether the origin is another site that was allowed: it gets CORS headers.
  bool is_allowed_origin(const codec::HttpRequest& request) const;
  Credential credential(const codec::HttpRequest& request) const;
  bool are_reads_open() const { return config_.are_reads_open; }
  std::size_t clients() const { return buckets_.size(); }

 private:
  bool is_our_name(const std::string& name, const codec::HttpRequest& request) const;

  const AccessConfig config_;
  std::map<std::string, base::TokenBucket> buckets_;
};

}  // namespace kith::api
