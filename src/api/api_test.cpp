// The API over two whole nodes in virtual time.
#include "api/api.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "api/json.h"
#include "base/version.h"
#include "codec/peer_id.h"
#include "host/test_world.h"

namespace kith::api {
namespace {

struct Member {
  Member(std::uint64_t seed, const node::NodeConfig& config)
      : rng(seed), key(crypto::KeyPair::generate(rng)), node(config, key, rng, base::null_log()) {}

  std::string id() const { return codec::to_text(codec::peer_id_of(key.public_key())); }

  SeededRng rng;
  crypto::KeyPair key;
  node::Node node;
  std::unique_ptr<Api> api;
};

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    for (std::uint64_t i = 0; i < 2; ++i) {
      node::NodeConfig config;
      config.host.listen = {*codec::Multiaddr::parse("/ip4/127.0.0.1/tcp/0")};
      config.host.peers_min = 0;
      config.host.agent_version = "test/" + std::to_string(i);
      config.serves_perf = i == 1;
      members_.push_back(std::make_unique<Member>(i + 1, config));
      Surroundings surroundings;
      surroundings.node_id = "ab";
      surroundings.network_name = "testnet";
      surroundings.settings = node::load_settings({}).value().effective;
      surroundings.log_level = [this](std::string_view subsystem, std::string_view level) {
        asked_levels_.push_back(std::string(subsystem) + "=" + std::string(level));
        return level == "loud" ? Result<std::string>(fail(Code::malformed, "no such level"))
                               : Result<std::string>("info");
      };
      surroundings.stop = [this] { ++stops_; };
      surroundings.shell_stats = [] {
        return std::vector<std::pair<std::string, std::uint64_t>>{{"turns", 7}};
      };
      members_[i]->api = std::make_unique<Api>(members_[i]->node, std::move(surroundings));
      world_.add(members_[i]->node);
    }
    world_.after_turn = [this](std::size_t i) { drain(i); };
    for (std::size_t i = 0; i < 2; ++i) {
      world_.input(i, host::WallClock{{1'700'000'000'000}});
      members_[i]->node.start(world_.now());
      world_.turn(i);
    }
    world_.run_for(1s);
  }

  void drain(std::size_t i) {
    while (auto report = members_[i]->node.poll_report()) {
      members_[i]->api->on_report(world_.now(), *report);
    }
  }

  /// Member 0's answer; virtual time runs until there is one.
  Json ask(const std::string& request) {
    std::vector<std::string> replies;
    members_[0]->api->request(world_.now(), request,
                              [&](std::string line, bool) { replies.push_back(std::move(line)); });
    world_.turn(0);
    world_.turn(0);  // what a report called forth
    world_.run_until([&] { return !replies.empty(); });
    EXPECT_EQ(replies.size(), 1U) << request;
    return replies.empty() ? Json() : Json::parse(replies.front());
  }
  Json call(const std::string& method, const Json& params = Json::object()) {
    return ask(Json{{"jsonrpc", "2.0"}, {"id", 5}, {"method", method}, {"params", params}}.dump());
  }
  std::string code(const Json& reply) {
    return reply.contains("error") ? reply["error"]["code"].get<std::string>() : "";
  }
  std::string target() { return members_[1]->node.host().addresses().at(0).to_string(); }

  host::TestWorld world_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::string> asked_levels_;
  int stops_ = 0;
};

TEST_F(ApiTest, StatusHasTheKeysOfTheContract) {
  const Json reply = call("status");
  EXPECT_EQ(reply["jsonrpc"], "2.0");
  EXPECT_EQ(reply["id"], 5);
  const Json& status = reply["result"];
  EXPECT_EQ(status["peer_id"], members_[0]->id());
  EXPECT_EQ(status["node_id"], "ab");
  EXPECT_EQ(status["version"], base::version());
  EXPECT_EQ(status["network"], "testnet");
  EXPECT_GE(status["uptime_s"].get<double>(), 1);
  EXPECT_EQ(status["addresses"].size(), 1U);
  EXPECT_EQ(status["peers"], 0);
  for (const char* key : {"height", "finalized_height", "syncing"}) {
    ASSERT_TRUE(status.contains(key)) << key;
    EXPECT_TRUE(status[key].is_null()) << key;
  }
}

TEST_F(ApiTest, PingConnectsFirstAndMeasures) {
  const Json reply = call("ping", {{"target", target()}});
  ASSERT_EQ(code(reply), "") << reply.dump();
  EXPECT_EQ(reply["result"]["peer_id"], members_[1]->id());
  // There and back on links of 10 ms; the stream's first ping carries its negotiation.
  EXPECT_GE(reply["result"]["rtt_ms"].get<double>(), 20);
  EXPECT_LT(reply["result"]["rtt_ms"].get<double>(), 100);
  EXPECT_EQ(call("ping", {{"target", members_[1]->id()}})["result"]["rtt_ms"], 20.0);
  EXPECT_EQ(members_[0]->api->pending(), 0U);
}

TEST_F(ApiTest, PeersAreListedConnectedAndDisconnected) {
  EXPECT_EQ(call("peers.list")["result"]["peers"].size(), 0U);
  EXPECT_EQ(call("peers.connect", {{"target", target()}})["result"]["peer_id"], members_[1]->id());
  world_.run_for(1s);
  const Json peers = call("peers.list")["result"]["peers"];
  ASSERT_EQ(peers.size(), 1U);
  const Json& peer = peers[0];
  EXPECT_EQ(peer["peer_id"], members_[1]->id());
  EXPECT_EQ(peer["direction"], "outbound");
  EXPECT_EQ(peer["transport"], "tcp");
  EXPECT_EQ(peer["agent"], "test/1");
  EXPECT_EQ(peer["addresses"].size(), 1U);
  EXPECT_EQ(peer["health"], "healthy");
  EXPECT_EQ(peer["reputation"], 0);
  EXPECT_EQ(peer["trust"], 0.5);
  EXPECT_TRUE(peer["banned_until"].is_null());
  const Json info = call("peers.info", {{"peer", members_[1]->id()}})["result"];
  EXPECT_EQ(info["connections"].size(), 1U);
  EXPECT_EQ(call("peers.disconnect", {{"peer", members_[1]->id()}})["result"]["disconnected"],
            true);
  world_.run_for(1s);
  EXPECT_EQ(call("peers.list")["result"]["peers"].size(), 0U);
  EXPECT_EQ(code(call("peers.disconnect", {{"peer", members_[1]->id()}})), "not_found");
  EXPECT_FALSE(call("peers.info", {{"peer", members_[1]->id()}})["result"]["quality"].is_null());
  EXPECT_EQ(
      code(call("peers.info", {{"peer", "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"}})),
      "not_found");
}

TEST_F(ApiTest, ABannedPeerIsRefusedUntilTheBanIsLifted) {
  const Json peer{{"peer", members_[1]->id()}};
  ASSERT_EQ(code(call("peers.connect", {{"target", target()}})), "");
  Json order = peer;
  order["for"] = "12h";
  order["reason"] = "spam";
  EXPECT_EQ(code(call("peers.ban", order)), "");
  world_.run_for(1s);
  EXPECT_EQ(members_[0]->node.host().peer_count(), 0U) << "disconnected";
  const Json bans = call("peers.bans")["result"]["bans"];
  ASSERT_EQ(bans.size(), 1U);
  EXPECT_EQ(bans[0]["peer_id"], members_[1]->id());
  EXPECT_EQ(bans[0]["reason"], "spam");
  EXPECT_EQ(bans[0]["left_s"], 12 * 3600 - 1);
  EXPECT_EQ(code(call("peers.connect", {{"target", target()}})), "refused") << "not dialled";
  members_[1]->api->request(
      world_.now(),
      Json{{"id", 1},
           {"method", "peers.connect"},
           {"params", {{"target", members_[0]->node.host().addresses().at(0).to_string()}}}}
          .dump(),
      [](const std::string&, bool) {});
  world_.turn(1);
  world_.run_for(2s);
  EXPECT_EQ(members_[0]->node.host().peer_count(), 0U) << "nor let in";
  EXPECT_EQ(code(call("peers.unban", peer)), "");
  EXPECT_EQ(code(call("peers.connect", {{"target", target()}})), "");
  EXPECT_EQ(code(call("peers.unban", peer)), "not_found");
  order["for"] = "soon";
  EXPECT_EQ(code(call("peers.ban", order)), "usage");
}

TEST_F(ApiTest, PerfCountsBytesAndLeavesEmptyRatesNull) {
  const Json both = call(
      "perf",
      {{"target", target()}, {"upload_bytes", 1'000'000}, {"download_bytes", 2'000'000}})["result"];
  EXPECT_EQ(both["upload_bytes"], 1'000'000);
  EXPECT_EQ(both["download_bytes"], 2'000'000);
  EXPECT_GT(both["upload_mib_s"].get<double>(), 0);
  const Json none = call("perf", {{"target", target()}})["result"];
  EXPECT_TRUE(none["upload_mib_s"].is_null());
  EXPECT_TRUE(none["download_mib_s"].is_null());
}

TEST_F(ApiTest, AnUnreachableTargetIsAnError) {
  EXPECT_EQ(code(call("ping", {{"target", "/ip4/127.0.0.1/tcp/9"}})), "unreachable");
  EXPECT_EQ(code(call("ping", {{"target", members_[1]->id()}})), "unreachable");
  EXPECT_EQ(code(call("ping", {{"target", members_[0]->id()}})), "usage");
  EXPECT_EQ(code(call("ping", {{"target", "nonsense"}})), "malformed");
  EXPECT_EQ(code(call("ping", {{"target", "/ip4/1.2.3/tcp/9"}})), "malformed");
  EXPECT_EQ(members_[0]->api->pending(), 0U);
}

TEST_F(ApiTest, TheWrongPeerAtAnAddressIsNotPinged) {
  const auto address = members_[1]->node.host().addresses().at(0);
  SeededRng rng(99);
  const auto stranger = codec::peer_id_of(crypto::KeyPair::generate(rng).public_key());
  const Json reply = call("ping", {{"target", address.with_peer(stranger).to_string()}});
  EXPECT_EQ(code(reply), "wrong_peer") << reply.dump();
}

TEST_F(ApiTest, LogConfigStatsAndStopReachTheirSurroundings) {
  EXPECT_EQ(call("log.level", {{"subsystem", "host"}, {"level", "debug"}})["result"]["levels"],
            "info");
  EXPECT_EQ(asked_levels_, std::vector<std::string>{"host=debug"});
  EXPECT_EQ(code(call("log.level", {{"level", "loud"}})), "malformed");
  const Json settings = call("config.show")["result"]["settings"];
  EXPECT_EQ(settings.size(), node::config_keys().size());
  EXPECT_EQ(settings[0]["key"], "listen");
  EXPECT_EQ(settings[0]["origin"], "default");
  EXPECT_EQ(call("stats")["result"]["reactor"]["turns"], 7);
  EXPECT_EQ(call("id")["result"]["agent"], "test/0");
  EXPECT_EQ(call("version")["result"]["version"], base::version());
  EXPECT_EQ(stops_, 0);
  EXPECT_EQ(call("stop")["result"]["stopping"], true);
  EXPECT_EQ(stops_, 1);
}

TEST_F(ApiTest, TheTableDescribesItself) {
  const Json methods = call("methods")["result"]["methods"];
  ASSERT_EQ(methods.size(), Api::methods().size());
  std::set<std::string> names;
  for (const Json& method : methods) {
    EXPECT_TRUE(names.insert(method["name"].get<std::string>()).second);
    EXPECT_FALSE(method["help"].get<std::string>().empty());
  }
  // Whoever may change state is marked, for the day that asks for a token.
  for (const char* name : {"stop", "log.level", "peers.connect", "peers.disconnect"}) {
    const auto found = std::ranges::find(Api::methods(), name, &Api::Method::name);
    ASSERT_NE(found, Api::methods().end());
    EXPECT_TRUE(found->changes_state) << name;
  }
}

TEST_F(ApiTest, BadRequestsAreErrorsWithTheRequestsId) {
  EXPECT_EQ(code(ask("")), "malformed");
  EXPECT_EQ(code(ask("GET / HTTP/1.1")), "malformed");
  EXPECT_EQ(code(ask("[]")), "malformed");
  EXPECT_EQ(code(ask("{}")), "malformed");
  EXPECT_EQ(code(ask(R"({"method":7})")), "malformed");
  EXPECT_EQ(code(ask(std::string(10'000, '['))), "too_large");
  const Json unknown = ask(R"({"id":"x","method":"statsu"})");
  EXPECT_EQ(code(unknown), "unsupported");
  EXPECT_EQ(unknown["id"], "x");
  EXPECT_NE(unknown["error"]["message"].get<std::string>().find("did you mean"), std::string::npos);
  EXPECT_EQ(code(ask(R"({"method":"status","params":[1]})")), "usage");
  EXPECT_EQ(code(call("ping")), "usage");
  EXPECT_EQ(code(call("ping", {{"target", 7}})), "usage");
  EXPECT_EQ(code(call("ping", {{"targt", "x"}})), "usage");
  EXPECT_EQ(code(call("perf", {{"target", "x"}, {"upload_bytes", -1}})), "usage");
  EXPECT_EQ(code(call("perf", {{"target", "x"}, {"upload_bytes", 1.5}})), "usage");
}

TEST_F(ApiTest, WhatNobodyWaitsForAnyMoreEnds) {
  const std::string request =
      R"({"method":"perf","params":{"target":")" + target() + R"(","upload_bytes":1000000000000}})";
  int replies = 0;
  const auto number = members_[0]->api->request(world_.now(), request,
                                                [&](const std::string&, bool) { ++replies; });
  world_.turn(0);
  world_.run_for(1s);
  EXPECT_EQ(members_[0]->api->pending(), 1U);
  const auto sent = [&] { return members_[0]->node.host().stats().bytes_sent; };
  ASSERT_GT(sent(), 1'000'000U) << "it is under way";
  members_[0]->api->abandon(world_.now(), number);
  world_.turn(0);
  EXPECT_EQ(members_[0]->api->pending(), 0U);
  const auto before = sent();
  world_.run_for(10s);
  EXPECT_LT(sent(), before + 100'000) << "and goes on no more";
  EXPECT_EQ(replies, 0);
  members_[0]->api->abandon(world_.now(), number);
}

TEST_F(ApiTest, ASubscriptionGetsWhatOthersPublish) {
  ASSERT_EQ(code(call("peers.connect", {{"target", target()}})), "");
  std::vector<Json> lines;
  const auto subscription = members_[1]->api->request(
      world_.now(), R"({"id":7,"method":"pubsub.sub","params":{"topic":"news"}})",
      [&](std::string line, bool is_last) {
        EXPECT_FALSE(is_last);
        lines.push_back(Json::parse(line));
      });
  world_.turn(1);
  world_.run_for(3s);
  EXPECT_EQ(call("pubsub.pub", {{"topic", "news"}, {"data", "hello"}})["result"]["recipients"], 1);
  EXPECT_EQ(code(call("pubsub.pub", {{"topic", "news"}, {"data_multibase", "f00ff"}})), "");
  world_.run_for(1s);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["id"], 7);
  EXPECT_EQ(lines[0]["result"]["data"], "hello");
  EXPECT_EQ(lines[0]["result"]["from"], members_[0]->id());
  EXPECT_TRUE(lines[1]["result"]["data"].is_null());
  EXPECT_EQ(lines[1]["result"]["data_multibase"], "uAP8");
  EXPECT_EQ(call("pubsub.peers", {{"topic", "news"}})["result"]["peers"][0]["peer_id"],
            members_[1]->id());
  EXPECT_EQ(members_[1]->node.router()->subscribed(), std::vector<std::string>{"news"});
  members_[1]->api->abandon(world_.now(), subscription);
  EXPECT_TRUE(members_[1]->node.router()->subscribed().empty());
  EXPECT_EQ(code(call("pubsub.pub", {{"topic", "news"}})), "usage");
}

TEST_F(ApiTest, ATopicsOptionsGoWithIt) {
  ASSERT_EQ(code(call("peers.connect", {{"target", target()}})), "");
  const Json options{
      {"topic", "prices"}, {"max_age", "30s"}, {"compression", "zstd"}, {"priority", "bulk"}};
  std::vector<Json> lines;
  members_[1]->api->request(world_.now(),
                            Json{{"id", 7}, {"method", "pubsub.sub"}, {"params", options}}.dump(),
                            [&](std::string line, bool) { lines.push_back(Json::parse(line)); });
  world_.turn(1);
  world_.run_for(3s);
  Json message = options;
  message["data"] = std::string(1000, 'a') + std::string(100, 'b');
  EXPECT_EQ(call("pubsub.pub", message)["result"]["recipients"], 1);
  world_.run_for(1s);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["result"]["data"], message["data"]);
  const auto* known = members_[1]->node.router()->options_of("prices");
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->max_age, 30s);
  EXPECT_EQ(known->priority, Priority::bulk);
  // Without them it is another format, which the other side takes for a lie.
  EXPECT_EQ(code(call("pubsub.pub", {{"topic", "prices"}, {"data", "plain"}})), "");
  world_.run_for(1s);
  EXPECT_EQ(lines.size(), 1U);
  // One that subscribes later may leave them out and must not say others.
  std::string again;
  const auto join = [&](const Json& params) {
    again.clear();
    members_[1]->api->request(world_.now(),
                              Json{{"id", 8}, {"method", "pubsub.sub"}, {"params", params}}.dump(),
                              [&](std::string line, bool) { again = line; });
    world_.turn(1);
    return again.empty() ? std::string() : code(Json::parse(again));
  };
  EXPECT_EQ(join({{"topic", "prices"}}), "");
  EXPECT_EQ(join({{"topic", "prices"}, {"max_age", "31s"}}), "exists");
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"max_age", "soon"}, {"max_age", "0s"}, {"compression", "gzip"}, {"priority", "high"}}) {
    EXPECT_EQ(code(call("pubsub.pub", {{"topic", "t"}, {"data", "x"}, {name, value}})), "usage");
  }
}

TEST_F(ApiTest, WaitingRequestsAreLimited) {
  std::size_t refused = 0;
  std::size_t closed = 0;
  const std::string request = R"({"method":"ping","params":{"target":"/ip4/127.0.0.1/tcp/9"}})";
  for (std::size_t i = 0; i < Api::pending_max + 10; ++i) {
    members_[0]->api->request(world_.now(), request, [&](const std::string& line, bool is_last) {
      EXPECT_TRUE(is_last);
      refused += line.find("requests wait already") != std::string::npos ? 1 : 0;
      closed += Json::parse(line)["error"]["code"] == "closed" ? 1 : 0;
    });
  }
  EXPECT_EQ(refused, 10U);
  EXPECT_EQ(closed, 0U);
  // A node that stops leaves nobody without an answer.
  members_[0]->api->close();
  EXPECT_EQ(refused, 10U);
  EXPECT_EQ(closed, Api::pending_max);
}

TEST(ApiDocs, ThePageIsWhatTheTableGenerates) {
  std::ifstream file(KITH_SOURCE_DIR "/docs/api.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), api_docs()) << "write it again: kith config docs --page api > docs/api.md";
}

}  // namespace
}  // namespace kith::api
