// Requests in, responses out, over two whole nodes in virtual time.
#include "api/http.h"

#include <algorithm>
#include <set>

#include "api/http_test_util.h"
#include "base/version.h"
#include "codec/prometheus.h"

namespace kith::api {
namespace {

TEST_F(HttpTest, WatchersAskWithoutAnything) {
  codec::HttpRequest request = request_of("GET", "/livez");
  request.headers.clear();
  EXPECT_EQ(status(request), 200U) << "whatever name a load balancer uses";
  request.target = "/readyz";
  EXPECT_EQ(json(request)["ready"], true);
  is_ready_ = false;
  EXPECT_EQ(status(request), 503U);
  EXPECT_EQ(json(request)["ready"], false);
}

TEST_F(HttpTest, MethodsHavePathsOfTheirOwn) {
  EXPECT_EQ(json(request_of("GET", "/v1/status"))["peer_id"], members_[0]->id());
  EXPECT_EQ(json(request_of("GET", "/v1/version"))["version"], base::version());
  EXPECT_EQ(status(request_of("HEAD", "/v1/status")), 200U);
  EXPECT_EQ(json(request_of("GET", "/v1/methods"))["methods"].size(), Api::methods().size());
  std::set<std::string> routes;
  for (const Api::Method& method : Api::methods()) {
    if (method.path.empty()) continue;
    EXPECT_TRUE(routes.insert(std::string(method.verb) + " " + std::string(method.path)).second);
    EXPECT_TRUE(method.path.starts_with("/v1/")) << method.path;
    EXPECT_FALSE(method.verb == "GET" && method.changes_state)
        << method.name << ": a browser makes GETs without asking";
  }
}

TEST_F(HttpTest, ParametersComeFromPathQueryAndBody) {
  const auto connected =
      json(authorized(request_of("POST", "/v1/peers", Json{{"target", target()}}.dump())));
  EXPECT_EQ(connected["peer_id"], members_[1]->id());
  world_.run_for(1s);
  const auto info = json(request_of("GET", "/v1/peers/" + members_[1]->id()));
  EXPECT_EQ(info["agent"], "test/1");
  EXPECT_EQ(json(authorized(request_of("PUT", "/v1/bans/" + members_[1]->id(),
                                       R"({"for":"1h","reason":"a test"})")))["banned"],
            true);
  EXPECT_EQ(json(request_of("GET", "/v1/bans"))["bans"][0]["reason"], "a test");
  EXPECT_EQ(status(authorized(request_of("DELETE", "/v1/bans/" + members_[1]->id()))), 200U);
  EXPECT_EQ(status(authorized(request_of("DELETE", "/v1/bans/" + members_[1]->id()))), 404U);
  EXPECT_EQ(json(request_of("GET", "/v1/pubsub/topics/a%2Fb/peers"))["topic"], "a/b");
  EXPECT_EQ(status(authorized(request_of("POST", "/v1/perf?upload_bytes=ten",
                                         Json{{"target", target()}}.dump()))),
            400U);
  EXPECT_EQ(status(authorized(request_of("PUT", "/v1/bans/abc", R"({"peer":"def"})"))), 400U)
      << "given twice";
}

TEST_F(HttpTest, AnswersOfTheNetworkComeLater) {
  const auto pinged =
      json(authorized(request_of("POST", "/v1/ping", Json{{"target", target()}}.dump())));
  EXPECT_GE(pinged["rtt_ms"].get<double>(), 20);
  const auto nobody =
      ask(authorized(request_of("POST", "/v1/ping", R"({"target":"/ip4/127.0.0.1/tcp/9"})")));
  EXPECT_EQ(nobody.status, 502U);
  EXPECT_EQ(Json::parse(nobody.body)["error"]["code"], "unreachable");
}

TEST_F(HttpTest, FaultsHaveTheirStatus) {
  const auto check = [&](const codec::HttpRequest& request, unsigned expected, const char* code) {
    const auto response = ask(request);
    EXPECT_EQ(response.status, expected) << request.method << " " << request.target;
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(Json::parse(response.body)["error"]["code"], code) << response.body;
    return response;
  };
  check(request_of("GET", "/nothing"), 404, "not_found");
  check(request_of("GET", "/v1/peers/"), 404, "not_found");
  check(request_of("GET", "/livez/"), 404, "not_found");
  EXPECT_EQ(header(check(request_of("POST", "/v1/status"), 405, "unsupported"), "Allow"), "GET");
  EXPECT_EQ(header(check(request_of("PATCH", "/v1/peers"), 405, "unsupported"), "Allow"),
            "GET, POST");
  EXPECT_EQ(header(check(request_of("GET", "/rpc"), 405, "unsupported"), "Allow"), "POST");
  check(request_of("POST", "/livez"), 405, "unsupported");
  check(request_of("GET", "http://localhost/"), 400, "malformed");
  check(request_of("GET", "/" + std::string(9000, 'a')), 414, "too_large");
  check(request_of("GET", "/v1/status?colour=red"), 400, "usage");
  check(authorized(request_of("POST", "/v1/ping", "{")), 400, "malformed");
  check(authorized(request_of("POST", "/v1/ping", "[1]")), 400, "malformed");
  check(authorized(request_of("POST", "/v1/ping", "{}")), 400, "usage");
  check(authorized(request_of("POST", "/v1/ping", std::string(4000, '['))), 413, "too_large");
  check(request_of("GET", "/v1/events"), 426, "usage");
}

TEST_F(HttpTest, WhatChangesStateNeedsTheToken) {
  for (const Api::Method& method : Api::methods()) {
    if (!method.changes_state || method.path.empty()) continue;
    const auto request = request_of(std::string(method.verb), std::string(method.path));
    const auto refused = ask(request);
    EXPECT_EQ(refused.status, 401U) << method.name;
    EXPECT_EQ(header(refused, "WWW-Authenticate"), "Bearer");
    for (const std::string wrong :
         {"Bearer x", "Bearer ", "Basic eDp5", "Bearer 0123456789abcdef"}) {
      EXPECT_EQ(status(with(request, "Authorization", wrong)), 403U) << method.name << wrong;
    }
  }
  EXPECT_EQ(status(with(request_of("GET", "/v1/status"), "Authorization", "Bearer x")), 403U)
      << "a wrong token is never right";
  EXPECT_EQ(status(with(request_of("POST", "/v1/stats/reset"), "authorization",
                        std::string("bearer ") + token)),
            200U);
  EXPECT_GT(members_[0]->http->stats().forbidden, 10U);
}

TEST_F(HttpTest, WithoutATokenOfItsOwnNothingIsRight) {
  const Access access({});
  auto request = with(request_of("POST", "/v1/stop"), "Authorization", "Bearer ");
  EXPECT_EQ(access.credential(request), Access::Credential::wrong);
}

TEST_F(HttpTest, BeyondLoopbackReadsNeedTheTokenToo) {
  AccessConfig config;
  config.are_reads_open = false;
  begin(config);
  for (const char* path :
       {"/v1/status", "/metrics", "/v1/openapi.json", "/rpc", "/nothing", "/v1/events"}) {
    EXPECT_EQ(status(request_of("GET", path)), 401U) << path;
  }
  EXPECT_EQ(status(authorized(request_of("GET", "/v1/status"))), 200U);
  for (const char* path : {"/livez", "/readyz", "/", "/status.js"}) {
    EXPECT_EQ(status(request_of("GET", path)), 200U) << path;
  }
}

TEST_F(HttpTest, HostsOfOthersAreRefused) {
  const auto of_host = [&](const std::string& host) {
    auto request = request_of("GET", "/v1/status");
    request.headers = {{"Host", host}};
    return status(request);
  };
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:4775", "[::1]:4775"}) {
    EXPECT_EQ(of_host(host), 200U) << host;
  }
  for (const char* host :
       {"evil.example", "localhost.evil.example", "192.0.2.1", "10.0.0.1:4775"}) {
    EXPECT_EQ(of_host(host), 403U) << host;
  }
  EXPECT_EQ(of_host("a b"), 400U);
  auto request = request_of("GET", "/v1/status");
  request.headers.clear();
  EXPECT_EQ(status(request), 400U) << "no host";
  request.headers = {{"Host", "localhost"}, {"Host", "evil.example"}};
  EXPECT_EQ(status(request), 400U) << "two hosts";
  request = request_of("GET", "/v1/status");
  request.headers = {{"Host", "192.0.2.7"}};
  request.local = "192.0.2.7";
  EXPECT_EQ(status(request), 200U) << "the address that was reached";
  AccessConfig config;
  config.hosts = {"Node.example"};
  begin(config);
  EXPECT_EQ(of_host("node.EXAMPLE:443"), 200U);
  EXPECT_EQ(of_host("other.example"), 403U);
}

// A page of another site needs no CORS to have an image fetched, and sends no Origin with it.
TEST_F(HttpTest, OtherSitesAreRefusedWithoutAnOriginToo) {
  const auto from = [&](const std::string& site, const std::string& mode) {
    return status(with(with(request_of("GET", "/v1/status"), "Sec-Fetch-Site", site),
                       "Sec-Fetch-Mode", mode));
  };
  EXPECT_EQ(from("same-origin", "no-cors"), 200U);
  EXPECT_EQ(from("none", "navigate"), 200U);  // typed into the address bar
  EXPECT_EQ(from("cross-site", "navigate"), 200U);
  EXPECT_EQ(from("cross-site", "no-cors"), 403U);
  EXPECT_EQ(from("same-site", "no-cors"), 403U);  // another port of this machine
}

TEST_F(HttpTest, OriginsOfOthersAreRefused) {
  const auto of_origin = [&](const std::string& origin) {
    return ask(with(request_of("GET", "/v1/status"), "Origin", origin));
  };
  EXPECT_EQ(of_origin("http://localhost:4775").status, 200U);
  EXPECT_EQ(header(of_origin("http://localhost:4775"), "Access-Control-Allow-Origin"), "");
  for (const char* origin : {"http://localhost:4776", "http://evil.example", "null", "",
                             "http://localhost:4775.evil.example", "localhost:4775"}) {
    EXPECT_EQ(of_origin(origin).status, 403U) << origin;
  }
  auto socket = with(request_of("GET", "/v1/events"), "Origin", "http://evil.example");
  socket.is_websocket = true;
  EXPECT_EQ(status(socket), 403U);
  AccessConfig config;
  config.origins = {"https://dash.example"};
  begin(config);
  const auto allowed = of_origin("https://dash.example");
  EXPECT_EQ(allowed.status, 200U);
  EXPECT_EQ(header(allowed, "Access-Control-Allow-Origin"), "https://dash.example");
  EXPECT_EQ(of_origin("https://evil.example").status, 403U);
  const auto preflight =
      ask(with(request_of("OPTIONS", "/v1/stop"), "Origin", "https://dash.example"));
  EXPECT_EQ(preflight.status, 204U);
  EXPECT_EQ(header(preflight, "Access-Control-Allow-Headers"), "Authorization, Content-Type");
  EXPECT_EQ(status(request_of("OPTIONS", "/v1/stop")), 405U) << "no other site";
}

TEST_F(HttpTest, ClientsHaveARateEach) {
  AccessConfig config;
  config.rate = {.per_second = 2, .burst = 5};
  config.clients_max = 3;
  begin(config);
  const auto from = [&](const std::string& remote) {
    auto request = request_of("GET", "/v1/version");
    request.remote = remote;
    return status(request);
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(from("192.0.2.1"), 200U);
  const auto refused = ask([&] {
    auto request = request_of("GET", "/v1/version");
    request.remote = "192.0.2.1";
    return request;
  }());
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(header(refused, "Retry-After"), "1");
  EXPECT_EQ(from("192.0.2.2"), 200U) << "another client";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(from("2001:db8::" + std::to_string(i)), 200U);
  EXPECT_EQ(from("2001:db8::77"), 429U) << "one IPv6 network is one client";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(from("198.51.100." + std::to_string(i)), 200U);
  EXPECT_EQ(from("198.51.100.77"), 429U) << "those beyond the limit share a bucket";
  EXPECT_LE(members_[0]->http->access().clients(), 4U);
  world_.run_for(1s);
  EXPECT_EQ(from("192.0.2.1"), 200U) << "again after a while";
  EXPECT_GT(members_[0]->http->stats().rate_limited, 2U);
}

TEST_F(HttpTest, OtherSitesTakeNothingOfTheRateAndWatchersNeedNone) {
  AccessConfig config;
  config.rate = {.per_second = 1, .burst = 2};
  begin(config);
  const auto evil = with(request_of("GET", "/"), "Origin", "http://evil.example");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status(evil), 403U);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(status(request_of("GET", "/metrics")), 200U);
  EXPECT_EQ(status(request_of("GET", "/metrics")), 429U);
  EXPECT_EQ(status(request_of("GET", "/livez")), 200U);
  EXPECT_EQ(status(request_of("GET", "/readyz")), 200U);
}

TEST_F(HttpTest, ABatchCountsAsItsRequests) {
  AccessConfig config;
  config.rate = {.per_second = 1, .burst = 3};
  begin(config);
  std::string batch = "[";
  for (int i = 0; i < 5; ++i) batch += R"({"jsonrpc":"2.0","id":1,"method":"version"},)";
  batch.back() = ']';
  const Json answers = json(request_of("POST", "/rpc", batch));
  ASSERT_EQ(answers.size(), 5U);
  EXPECT_TRUE(answers[2].contains("result"));
  EXPECT_EQ(answers[3]["error"]["data"]["code"], "limit");
  EXPECT_EQ(status(request_of("POST", "/rpc", batch)), 429U);
}

TEST_F(HttpTest, JsonRpcIsAsItsSpecificationHasIt) {
  const auto rpc = [&](const std::string& body) { return ask(request_of("POST", "/rpc", body)); };
  const auto ok = rpc(R"({"jsonrpc":"2.0","id":"a","method":"version"})");
  EXPECT_EQ(ok.status, 200U);
  EXPECT_EQ(Json::parse(ok.body)["id"], "a");
  EXPECT_EQ(Json::parse(ok.body)["result"]["version"], base::version());
  struct Bad {
    const char* body;
    int code;
    unsigned status;
  };
  for (const Bad& bad :
       {Bad{"{", -32700, 400}, Bad{"", -32700, 400}, Bad{"1", -32600, 400}, Bad{"[]", -32600, 400},
        Bad{R"({"jsonrpc":"1.0","id":1,"method":"version"})", -32600, 400},
        Bad{R"({"jsonrpc":"2.0","id":1})", -32600, 400},
        Bad{R"({"jsonrpc":"2.0","id":{},"method":"version"})", -32600, 400},
        Bad{R"({"jsonrpc":"2.0","id":1,"method":"versio"})", -32601, 200},
        Bad{R"({"jsonrpc":"2.0","id":1,"method":"peers.info"})", -32602, 200},
        Bad{R"({"jsonrpc":"2.0","id":1,"method":"status","params":[1]})", -32602, 200},
        Bad{R"({"jsonrpc":"2.0","id":1,"method":"stop"})", -32018, 401}}) {
    const auto response = rpc(bad.body);
    EXPECT_EQ(response.status, bad.status) << bad.body;
    EXPECT_EQ(Json::parse(response.body)["error"]["code"], bad.code) << bad.body;
  }
  EXPECT_EQ(
      Json::parse(rpc(R"({"jsonrpc":"2.0","id":1,"method":"stop"})").body)["error"]["data"]["code"],
      "permission");
  const auto silent = rpc(R"({"jsonrpc":"2.0","method":"version"})");
  EXPECT_EQ(silent.status, 204U) << "a notification";
  EXPECT_EQ(silent.body, "");
  EXPECT_EQ(rpc(R"({"jsonrpc":"2.0","method":"nonesuch"})").status, 204U);
  EXPECT_EQ(status(authorized(request_of(
                "POST", "/rpc",
                R"({"jsonrpc":"2.0","id":1,"method":"pubsub.sub","params":{"topic":"x"}})"))),
            200U);
  EXPECT_EQ(members_[0]->api->subscriptions(), 0U) << "only over a socket";
}

TEST_F(HttpTest, BatchesAreAnsweredWhenTheLastOneIs) {
  const std::string ping =
      Json{{"jsonrpc", "2.0"}, {"id", 1}, {"method", "ping"}, {"params", {{"target", target()}}}}
          .dump();
  const auto batch =
      json(authorized(request_of("POST", "/rpc",
                                 "[" + ping +
                                     R"(,{"jsonrpc":"2.0","id":2,"method":"version"},7,)"
                                     R"({"jsonrpc":"2.0","method":"version"}])")));
  ASSERT_EQ(batch.size(), 3U) << batch.dump();
  EXPECT_EQ(batch[0]["id"], 2);
  EXPECT_EQ(batch[1]["error"]["code"], -32600);
  EXPECT_EQ(batch[2]["id"], 1) << "the network took longer";
  std::string many = "[1";
  for (std::size_t i = 0; i < Rpc::batch_max; ++i) many += ",1";
  EXPECT_EQ(status(request_of("POST", "/rpc", many + "]")), 400U);
}

TEST_F(HttpTest, ThePageIsItselfAndAsksOnlyThisNode) {
  const auto page = ask(request_of("GET", "/"));
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_NE(header(page, "Content-Security-Policy").find("default-src 'none'"), std::string::npos);
  EXPECT_NE(page.body.find("/status.js"), std::string::npos);
  EXPECT_EQ(page.body.find("://"), std::string::npos) << "nothing from elsewhere";
  EXPECT_EQ(ask(request_of("GET", "/status.js")).body.find("://"), std::string::npos);
  EXPECT_EQ(header(page, "Cache-Control"), "no-store");
  EXPECT_EQ(header(page, "X-Content-Type-Options"), "nosniff");
}

TEST_F(HttpTest, MetricsAndDocumentAreServed) {
  const auto metrics = ask(request_of("GET", "/metrics"));
  EXPECT_EQ(metrics.content_type, codec::prometheus_content_type);
  EXPECT_NE(metrics.body.find("kith_host_peers 0\n"), std::string::npos);
  const auto document = json(request_of("GET", "/v1/openapi.json"));
  EXPECT_EQ(document["openapi"], "3.1.0");
  for (const Api::Method& method : Api::methods()) {
    if (method.path.empty()) continue;
    std::string verb(method.verb);
    for (char& c : verb) c = static_cast<char>(std::tolower(c));
    const Json& operation = document["paths"][std::string(method.path)][verb];
    EXPECT_EQ(operation["operationId"], method.name);
    EXPECT_EQ(operation.contains("security"), method.changes_state) << method.name;
    std::set<std::string> described;
    for (const Json& parameter : operation.value("parameters", Json::array())) {
      described.insert(parameter["name"].get<std::string>());
    }
    if (operation.contains("requestBody")) {
      const Json& schema = operation["requestBody"]["content"]["application/json"]["schema"];
      for (const auto& [name, value] : schema["properties"].items()) described.insert(name);
    }
    EXPECT_EQ(described.size(), method.params.size()) << method.name;
  }
}

TEST_F(HttpTest, FiguresGrowAndAreResetForPeopleOnly) {
  const auto figure = [&](const Json& stats, const std::string& name) {
    for (const Json& row : stats["figures"]) {
      if (row["figure"] == name) return row["value"].get<double>();
    }
    return -1.0;
  };
  ASSERT_EQ(status(authorized(request_of("POST", "/v1/ping", Json{{"target", target()}}.dump()))),
            200U);
  members_[0]->api->tick(world_.now());
  world_.run_for(1s);
  members_[0]->api->tick(world_.now());
  const Json before = json(request_of("GET", "/v1/stats"));
  EXPECT_GT(figure(before, "kith_host_sent_bytes_total"), 500);
  bool has_rate = false;
  for (const Json& row : before["figures"]) has_rate = has_rate || !row["per_s"].is_null();
  EXPECT_TRUE(has_rate);
  const Json& timings = before["timings"];
  const auto ping = std::ranges::find_if(
      timings, [](const Json& row) { return row["figure"] == "kith_ping_rtt_seconds"; });
  ASSERT_NE(ping, timings.end());
  EXPECT_GE((*ping)["count"], 1);
  EXPECT_GE((*ping)["max_ms"].get<double>(), 20);
  const Json taken = json(authorized(request_of("POST", "/v1/stats/reset")));
  EXPECT_EQ(figure(taken, "kith_host_sent_bytes_total"),
            figure(before, "kith_host_sent_bytes_total"));
  const Json after = json(request_of("GET", "/v1/stats"));
  EXPECT_EQ(figure(after, "kith_host_sent_bytes_total"), 0);
  EXPECT_EQ(figure(after, "kith_host_peers"), 1) << "what is now is no total";
  ASSERT_EQ(after["timings"].size(), timings.size());
  for (const Json& timing : after["timings"]) EXPECT_TRUE(timing["max_ms"].is_null());
  EXPECT_EQ(ask(request_of("GET", "/metrics")).body.find("kith_host_sent_bytes_total 0\n"),
            std::string::npos);
}

}  // namespace
}  // namespace kith::api
