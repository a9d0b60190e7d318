#include "api/http.h"

#include <algorithm>
#include <charconv>

#include "api/call.h"
#include "api/events.h"
#include "base/format.h"
#include "codec/prometheus.h"

namespace kith::api {
namespace {

using codec::HttpRequest;
using codec::HttpResponse;
using Credential = Access::Credential;

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return segments;
}

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }

/// Fits a method's path to that of a request; literal segments only match themselves.
bool matches(std::span<const std::string_view> path, std::span<const std::string> segments) {
  return std::ranges::equal(path, segments, [](std::string_view ours, const std::string& theirs) {
    return is_parameter(ours) ? !theirs.empty() : ours == theirs;
  });
}

struct Found {
  const Api::Method* method = nullptr;
  std::vector<std::string_view> path;
  std::string allow;  // the verbs of this path, when none of them is the request's
};

Found find_route(std::string_view verb, std::span<const std::string> segments) {
  Found found;
  for (const Api::Method& method : Api::methods()) {
    if (method.path.empty()) continue;
    auto path = split_path(method.path);
    if (!matches(path, segments)) continue;
    if (method.verb == verb) return {&method, std::move(path), ""};
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += method.verb;
  }
  return found;
}

/// A path or query holds text; the table says what it means.
Result<Json> to_value(const Param& param, const std::string& text) {
  if (param.type == ParamType::text) return Json(text);
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, fault] = std::from_chars(text.data(), end, number);
  if (fault != std::errc{} || at != end) {
    return fail(Code::usage, base::format("\"{}\" must be a whole number from 0, not \"{}\"",
                                          param.name, text.substr(0, 100)));
  }
  return Json(number);
}

Result<void> add_param(const Api::Method& method, const std::string& name, const std::string& text,
                       Json& params) {
  if (params.contains(name)) {
    return fail(Code::usage, base::format("\"{}\" is given twice", name.substr(0, 100)));
  }
  const auto param = std::ranges::find(method.params, name, &Param::name);
  // An unknown one is for the check of all parameters, which knows the nearest.
  params[name] = param == method.params.end() ? Json(text) : TRY(to_value(*param, text));
  return {};
}

Result<Json> params_of(const Found& found, const codec::HttpTarget& target, std::string_view body) {
  Json params = Json::object();
  if (found.method->verb != "GET" && !body.empty()) {
    params = TRY(parse_json(body));
    if (!params.is_object()) return fail(Code::malformed, "the body must be a JSON object");
  }
  for (const auto& [name, value] : target.query) {
    TRY_VOID(add_param(*found.method, name, value, params));
  }
  for (std::size_t i = 0; i < found.path.size(); ++i) {
    if (!is_parameter(found.path[i])) continue;
    const std::string name(found.path[i].substr(1, found.path[i].size() - 2));
    TRY_VOID(add_param(*found.method, name, target.segments[i], params));
  }
  return params;
}

HttpResponse page(std::string_view type, std::string_view body) {
  HttpResponse response{200, std::string(type), std::string(body)};
  response.headers.push_back(
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; "
       "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"});
  return response;
}

HttpResponse not_allowed(const std::string& allow) {
  HttpResponse response{405, "application/json",
                        error_body({Code::unsupported, base::format("this path takes {}", allow)})};
  response.headers.push_back({"Allow", allow});
  return response;
}

bool is_watchers(const codec::HttpTarget& target) {
  return target.segments.size() == 1 &&
         (target.segments[0] == "livez" || target.segments[0] == "readyz");
}

/// What is the same for everybody: it shows nothing of this node.
bool is_page(const codec::HttpTarget& target) {
  return target.segments.empty() ||
         (target.segments.size() == 1 && target.segments[0] == "status.js");
}

}  // namespace

struct Http::Asked {
  const HttpRequest& request;
  std::string verb;  // HEAD is GET here: the server leaves the body out
  codec::HttpTarget target;
  Credential credential = Credential::none;

  bool is(std::initializer_list<std::string_view> path) const {
    return std::ranges::equal(target.segments, path);
  }
};

unsigned http_status_of(Code code) {
  switch (code) {
    case Code::malformed:
    case Code::usage:
    case Code::truncated: return 400;
    case Code::permission: return 403;
    case Code::not_found: return 404;
    case Code::exists:
    case Code::refused:
    case Code::locked: return 409;
    case Code::too_large: return 413;
    case Code::unsupported: return 501;
    case Code::wrong_peer:
    case Code::closed:
    case Code::reset:
    case Code::protocol:
    case Code::bad_signature:
    case Code::bad_key:
    case Code::unreachable: return 502;
    case Code::limit:
    case Code::canceled: return 503;
    case Code::timeout: return 504;
    case Code::internal:
    case Code::io:
    case Code::config:
    case Code::passphrase: return 500;
  }
  return 500;
}

std::string error_body(const Error& error) {
  return to_line(
      Json{{"error", Json{{"code", base::name_of(error.code)}, {"message", error.message}}}});
}

Http::Http(Api& api, AccessConfig config) : api_(api), access_(std::move(config)), rpc_(api) {}

HttpResponse Http::refuse(unsigned status, const Error& error) const {
  HttpResponse response{status, "application/json", error_body(error)};
  if (status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer"});
  if (status == 429) response.headers.push_back({"Retry-After", "1"});
  return response;
}

std::vector<std::uint64_t> Http::request(Instant now, const HttpRequest& request, Reply reply) {
  const bool is_cors = access_.is_allowed_origin(request);
  const std::string origin(request.header("origin").value_or(""));
  const Reply answer = [this, is_cors, origin, reply = std::move(reply)](HttpResponse r) {
    ++stats_.by_class[std::min<std::size_t>(r.status / 100, stats_.by_class.size() - 1)];
    stats_.rate_limited += r.status == 429 ? 1 : 0;
    stats_.forbidden += r.status == 401 || r.status == 403 ? 1 : 0;
    r.headers.push_back({"Cache-Control", "no-store"});
    r.headers.push_back({"X-Content-Type-Options", "nosniff"});
    if (is_cors) {
      r.headers.push_back({"Access-Control-Allow-Origin", origin});
      r.headers.push_back({"Vary", "Origin"});
    }
    reply(std::move(r));
  };
  Asked asked{request, request.method == "HEAD" ? "GET" : request.method, {}};
  if (auto refused = check(now, asked)) {
    answer(*std::move(refused));
    return {};
  }
  if (auto fixed = fixed_page(now, asked)) {
    answer(*std::move(fixed));
    return {};
  }
  if (asked.is({"rpc"})) return rpc(now, asked, answer);
  return route(now, asked, answer);
}

/// What must hold before a request is looked at.
std::optional<HttpResponse> Http::check(Instant now, Asked& asked) {
  const HttpRequest& request = asked.request;
  auto target = codec::parse_http_target(request.target);
  if (!target) return refuse(target.error().code == Code::too_large ? 414 : 400, target.error());
  asked.target = *std::move(target);
  // Whoever watches the process has no rate, and a page of another site takes nothing of the rate
  // of the person whose browser shows it.
  if (is_watchers(asked.target)) return std::nullopt;
  if (const auto refusal = access_.check_names(request)) {
    return refuse(refusal->status, refusal->error);
  }
  if (!access_.may_ask_now(now, request.remote)) return refuse(429, too_many_requests());
  if (auto answer = preflight(request)) return answer;
  asked.credential = access_.credential(request);
  if (asked.credential == Credential::wrong) {
    return refuse(403, {Code::permission, "that is not the token of api.token"});
  }
  const bool may_read = access_.are_reads_open() || asked.credential == Credential::right;
  if (!may_read && !is_page(asked.target)) {
    return refuse(401, {Code::permission,
                        "not only loopback is listened on, so all requests need the token of "
                        "api.token"});
  }
  return std::nullopt;
}

std::optional<HttpResponse> Http::preflight(const HttpRequest& request) const {
  if (request.method != "OPTIONS" || !access_.is_allowed_origin(request)) return std::nullopt;
  return HttpResponse{204,
                      "",
                      "",
                      {{"Access-Control-Allow-Methods", "GET, POST, PUT, DELETE"},
                       {"Access-Control-Allow-Headers", "Authorization, Content-Type"},
                       {"Access-Control-Max-Age", "600"}}};
}

/// Everything that is no method.
std::optional<HttpResponse> Http::fixed_page(Instant now, const Asked& asked) {
  std::function<HttpResponse()> found;
  const auto ready = [this] {
    const Surroundings& s = api_.surroundings();
    const bool is_ready = !s.is_ready || s.is_ready();
    return HttpResponse{is_ready ? 200U : 503U, "application/json",
                        is_ready ? R"({"ready":true})" : R"({"ready":false})"};
  };
  if (asked.is({"livez"})) {
    found = [] { return HttpResponse{200, "application/json", R"({"alive":true})"}; };
  } else if (asked.is({"readyz"})) {
    found = ready;
  } else if (is_page(asked.target)) {
    const bool is_script = !asked.target.segments.empty();
    found = [is_script] {
      return is_script ? page("text/javascript; charset=utf-8", status_script())
                       : page("text/html; charset=utf-8", status_page());
    };
  } else if (asked.is({"metrics"})) {
    found = [&] {
      return HttpResponse{200, std::string(codec::prometheus_content_type), api_.metrics_text(now)};
    };
  } else if (asked.is({"v1", "openapi.json"})) {
    found = [] { return HttpResponse{200, "application/json", openapi_json()}; };
  } else if (asked.is({"v1", "events"})) {
    found = [&] { return events(asked); };
  } else {
    return std::nullopt;
  }
  return asked.verb == "GET" ? found() : not_allowed("GET, HEAD");
}

HttpResponse Http::events(const Asked& asked) const {
  if (!asked.request.is_websocket) {
    HttpResponse response =
        refuse(426, {Code::usage, "events come over a WebSocket: this path is upgraded to one"});
    response.headers.push_back({"Upgrade", "websocket"});
    return response;
  }
  if (const auto kinds = parse_event_kinds(asked.target); !kinds) {
    return refuse(400, kinds.error());
  }
  HttpResponse response{101, "", ""};
  const auto offered = asked.request.header("sec-websocket-protocol");
  if (offered && offered->find(events_protocol) != std::string_view::npos) {
    response.headers.push_back({"Sec-WebSocket-Protocol", std::string(events_protocol)});
  }
  return response;
}

std::vector<std::uint64_t> Http::rpc(Instant now, const Asked& asked, const Reply& reply) {
  if (asked.verb != "POST") {
    reply(not_allowed("POST"));
    return {};
  }
  RpcCaller caller{asked.credential == Credential::right};
  caller.may_ask_now = [this, now, remote = asked.request.remote] {
    return access_.may_ask_now(now, remote);
  };
  return rpc_.handle(now, asked.request.body, caller, [reply](RpcReply answer) {
    HttpResponse response{answer.text.empty() ? 204U : 200U, "application/json",
                          std::move(answer.text)};
    if (answer.error && answer.error->code == Code::permission) {
      response.status = 401;
      response.headers.push_back({"WWW-Authenticate", "Bearer"});
    } else if (answer.is_no_request) {
      response.status = 400;
    }
    reply(std::move(response));
  });
}

std::vector<std::uint64_t> Http::route(Instant now, const Asked& asked, const Reply& reply) {
  const auto answer = [&](HttpResponse response) {
    reply(std::move(response));
    return std::vector<std::uint64_t>();
  };
  const Found found = find_route(asked.verb, asked.target.segments);
  if (found.method == nullptr && !found.allow.empty()) return answer(not_allowed(found.allow));
  if (found.method == nullptr) {
    return answer(refuse(404, {Code::not_found,
                               "nothing is under this path; /v1/openapi.json "
                               "has all"}));
  }
  if (found.method->changes_state && asked.credential != Credential::right) {
    return answer(refuse(
        401, {Code::permission,
              base::format("{} needs the token of api.token as a bearer", found.method->name)}));
  }
  auto params = params_of(found, asked.target, asked.request.body);
  if (!params) return answer(refuse(http_status_of(params.error().code), params.error()));
  Call call([this, reply](const Result<Json>& result, bool) {
    if (!result) return reply(refuse(http_status_of(result.error().code), result.error()));
    reply(HttpResponse{200, "application/json", to_line(*result)});
  });
  call.params = *std::move(params);
  return {api_.start(now, *found.method, std::move(call))};
}

}  // namespace kith::api
