// What the tests of this folder share: two whole nodes with their APIs, in virtual time. For
// *_test.cpp only.
#pragma once

#include <gtest/gtest.h>

#include "api/api.h"
#include "api/events.h"
#include "api/http.h"
#include "api/json.h"
#include "codec/peer_id.h"
#include "host/test_world.h"

namespace kith::api {

struct HttpMember {
  HttpMember(std::uint64_t seed, const node::NodeConfig& config)
      : rng(seed), key(crypto::KeyPair::generate(rng)), node(config, key, rng, base::null_log()) {}

  std::string id() const { return codec::to_text(codec::peer_id_of(key.public_key())); }

  SeededRng rng;
  crypto::KeyPair key;
  node::Node node;
  std::unique_ptr<Api> api;
  std::unique_ptr<Http> http;
  std::unique_ptr<Events> events;
};

class HttpTest : public testing::Test {
 protected:
  static constexpr const char* token = "0123456789abcdef0123456789abcdef";

  void SetUp() override { begin({}); }

  void begin(AccessConfig access) {
    access.token = token;
    members_.clear();
    world_ = host::TestWorld();
    world_.after_turn = [this](std::size_t i) { drain(i); };
    for (std::uint64_t i = 0; i < 2; ++i) {
      node::NodeConfig config;
      config.host.listen = {*codec::Multiaddr::parse("/ip4/127.0.0.1/tcp/0")};
      config.host.peers_min = 0;
      config.host.agent_version = "test/" + std::to_string(i);
      members_.push_back(std::make_unique<HttpMember>(i + 1, config));
      HttpMember& m = *members_.back();
      Surroundings surroundings;
      surroundings.is_ready = [this] { return is_ready_; };
      m.api = std::make_unique<Api>(m.node, std::move(surroundings));
      m.http = std::make_unique<Http>(*m.api, access);
      m.events = std::make_unique<Events>(*m.api, *m.http);
      world_.add(m.node);
      world_.input(i, host::WallClock{{1'700'000'000'000}});
      m.node.start(world_.now());
      world_.turn(i);
    }
    world_.run_for(1s);
  }

  void drain(std::size_t i) {
    HttpMember& m = *members_[i];
    while (auto report = m.node.poll_report()) {
      m.api->on_report(world_.now(), *report);
      m.events->on_report(world_.now(), *report);
    }
  }

  static codec::HttpRequest request_of(std::string method, std::string target,
                                       std::string body = "") {
    codec::HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.body = std::move(body);
    request.headers = {{"Host", "localhost:4775"}};
    request.remote = request.local = "127.0.0.1";
    return request;
  }
  static codec::HttpRequest with(codec::HttpRequest request, std::string name, std::string value) {
    request.headers.push_back({std::move(name), std::move(value)});
    return request;
  }
  static codec::HttpRequest authorized(codec::HttpRequest request) {
    return with(std::move(request), "Authorization", std::string("Bearer ") + token);
  }

  /// Member 0's answer; virtual time runs until there is one.
  codec::HttpResponse ask(const codec::HttpRequest& request) {
    std::vector<codec::HttpResponse> responses;
    members_[0]->http->request(world_.now(), request, [&](codec::HttpResponse response) {
      responses.push_back(std::move(response));
    });
    world_.turn(0);
    world_.turn(0);
    world_.run_until([&] { return !responses.empty(); });
    EXPECT_EQ(responses.size(), 1U) << request.target;
    return responses.empty() ? codec::HttpResponse{0, "", ""} : responses.front();
  }
  unsigned status(const codec::HttpRequest& request) { return ask(request).status; }
  Json json(const codec::HttpRequest& request) {
    const auto response = ask(request);
    Json body = Json::parse(response.body, nullptr, false);
    EXPECT_FALSE(body.is_discarded()) << response.body;
    return body;
  }
  static std::string header(const codec::HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (codec::equal_ignoring_case(key, name)) return value;
    }
    return "";
  }
  std::string target() { return members_[1]->node.host().addresses().at(0).to_string(); }

  host::TestWorld world_;
  std::vector<std::unique_ptr<HttpMember>> members_;
  bool is_ready_ = true;
};

}  // namespace kith::api
