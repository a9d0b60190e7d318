// The HTTP face of the node: one request in, one response out, without sockets (rt/http_server.h
// has them). All routes under /v1 come from the one table of methods (api.h).
//
//   GET /livez /readyz     for whoever watches the process; open to all
//   GET / /status.js       a page that shows the node by asking this API
//   GET /metrics           Prometheus text
//   GET /v1/openapi.json   all of this, for programs
//   /v1/...                methods: parameters from the path, the query or a JSON object as body
//   POST /rpc              JSON-RPC 2.0 (rpc.h)
//   GET /v1/events         a WebSocket (events.h): the answer is status 101
//
// Errors are {"error":{"code":"not_found","message":"..."}}, the code from the registry in
// kith/error.h. Who may ask what: access.h.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "api/access.h"
#include "api/api.h"
#include "api/rpc.h"
#include "codec/http.h"

namespace kith::api {

struct HttpStats {
  std::array<std::uint64_t, 6> by_class{};  // responses by status / 100
  std::uint64_t rate_limited = 0;
  std::uint64_t forbidden = 0;  // 401 and 403
};

class Http {
 public:
  using Reply = std::function<void(codec::HttpResponse response)>;

  /// `api` outlives it.
  Http(Api& api, AccessConfig config);

  /// `reply` is called once, perhaps before it returns. Returns numbers for Api::abandon.
  std::vector<std::uint64_t> request(Instant now, const codec::HttpRequest& request, Reply reply);
  Access& access() { return access_; }
  const HttpStats& stats() const { return stats_; }

 private:
  struct Asked;  // one request on its way

  codec::HttpResponse refuse(unsigned status, const Error& error) const;
  std::optional<codec::HttpResponse> check(Instant now, Asked& asked);
  std::optional<codec::HttpResponse> fixed_page(Instant now, const Asked& asked);
  std::vector<std::uint64_t> route(Instant now, const Asked& asked, const Reply& reply);
  std::vector<std::uint64_t> rpc(Instant now, const Asked& asked, const Reply& reply);
  codec::HttpResponse events(const Asked& asked) const;
  std::optional<codec::HttpResponse> preflight(const codec::HttpRequest& request) const;

  Api& api_;
  Access access_;
  Rpc rpc_;
  HttpStats stats_;
};

/// The status that says what an error says.
unsigned http_status_of(Code code);

/// The JSON of an error, as all of HTTP has it.
std::string error_body(const Error& error);

// page.cpp, openapi.cpp
std::string_view status_page();
std::string_view status_script();
std::string openapi_json();

}  // namespace kith::api
