#include "api/events.h"

#include "api/http_test_util.h"

namespace kith::api {
namespace {

class EventsTest : public HttpTest {
 protected:
  std::uint64_t open(std::vector<Json>& lines, const std::string& target = "/v1/events",
                     bool is_authorized = false) {
    codec::HttpRequest handshake = request_of("GET", target);
    handshake.is_websocket = true;
    if (is_authorized) handshake = authorized(handshake);
    EXPECT_EQ(status(handshake), 101U);
    return members_[0]->events->open(world_.now(), handshake, [&lines](const std::string& text) {
      lines.push_back(Json::parse(text));
    });
  }
  void say(std::uint64_t client, const Json& request) {
    members_[0]->events->on_text(world_.now(), client, request.dump());
    world_.turn(0);
  }
  static Json request(int id, const char* method, const Json& params = Json::object()) {
    return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  }
  void connect_and_part() {
    ASSERT_EQ(
        status(authorized(request_of("POST", "/v1/peers", Json{{"target", target()}}.dump()))),
        200U);
    world_.run_for(1s);
    ASSERT_EQ(status(authorized(request_of("DELETE", "/v1/peers/" + members_[1]->id()))), 200U);
    world_.run_for(1s);
  }
};

TEST_F(EventsTest, TellWhatHappens) {
  std::vector<Json> lines;
  open(lines);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["event"], "hello");
  EXPECT_EQ(lines[0]["peer_id"], members_[0]->id());
  EXPECT_GE(lines[0]["at_ms"], 1'700'000'000'000);
  connect_and_part();
  std::vector<std::string> names;
  for (const Json& line : lines) names.push_back(line["event"].get<std::string>());
  EXPECT_EQ(names, (std::vector<std::string>{"hello", "peer_up", "peer_standing", "peer_identified",
                                             "peer_down", "peer_standing"}));
  EXPECT_EQ(lines[1]["peer_id"], members_[1]->id());
  EXPECT_EQ(lines[1]["direction"], "outbound");
  EXPECT_EQ(lines[2]["health"], "healthy");
  EXPECT_EQ(lines[3]["agent"], "test/1");
  EXPECT_EQ(lines[5]["health"], "unknown");  // it is not here any more
}

TEST_F(EventsTest, OnlyTheKindsAskedFor) {
  std::vector<Json> lines;
  open(lines, "/v1/events?kinds=peer_down");
  connect_and_part();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1]["event"], "peer_down");
  std::vector<Json> none;
  open(none, "/v1/events?kinds=");
  connect_and_part();
  EXPECT_EQ(none.size(), 1U);
  for (const char* target : {"/v1/events?kinds=peer", "/v1/events?colour=red"}) {
    codec::HttpRequest handshake = request_of("GET", target);
    handshake.is_websocket = true;
    EXPECT_EQ(status(handshake), 400U) << target;
  }
}

TEST_F(EventsTest, BlocksThatAreFinal) {
  std::vector<Json> lines;
  open(lines, "/v1/events?kinds=block_final,chain_halted");
  codec::BlockHeader header;
  header.height = {7};
  header.time = {1'700'000'000'123};
  const auto block = std::make_shared<const codec::Block>(header, Buffer(), codec::Justification());
  members_[0]->events->on_report(world_.now(),
                                 node::BlockFinalized{block, {nullptr, nullptr}, 4300us});
  members_[0]->events->on_report(world_.now(),
                                 node::ChainHalted{{Code::protocol, "two certificates"}});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1]["event"], "block_final");
  EXPECT_EQ(lines[1]["height"], 7);
  EXPECT_EQ(lines[1]["digest"], base::to_hex(block->digest()));
  EXPECT_EQ(lines[1]["transactions"], 2);
  EXPECT_EQ(lines[1]["took_ms"], 4.3);
  EXPECT_EQ(lines[2]["event"], "chain_halted");
  EXPECT_EQ(lines[2]["reason"], "two certificates");
}

TEST_F(EventsTest, WhatHappensToJobs) {
  std::vector<Json> lines;
  open(lines, "/v1/events?kinds=job");
  codec::BlockHeader header;
  header.height = {7};
  const auto block = std::make_shared<const codec::Block>(header, Buffer(), codec::Justification());
  node::BlockFinalized done{block, {}, 4300us};
  members_[0]->events->on_report(world_.now(), done);
  EXPECT_EQ(lines.size(), 1U);  // nothing happened
  done.jobs.resize(job_events_told_max + 5);
  done.jobs[0] = {ledger::JobEvent::Kind::accepted, {3}, {5}, {9}, 1};
  done.jobs[1] = {ledger::JobEvent::Kind::disputed, {3}, {6}, {9}, 1, 4};
  members_[0]->events->on_report(world_.now(), done);
  ASSERT_EQ(lines.size(), 1 + job_events_told_max + 1);
  EXPECT_EQ(lines[1]["event"], "job");
  EXPECT_EQ(lines[1]["height"], 7);
  EXPECT_EQ(lines[1]["kind"], "accepted");
  EXPECT_EQ(lines[1]["job"], 3);
  EXPECT_EQ(lines[1]["slot"], 5);
  EXPECT_EQ(lines[1]["task"], 9);
  EXPECT_EQ(lines[2]["kind"], "disputed");
  EXPECT_EQ(lines[2]["number"], 4);
  EXPECT_EQ(lines.back()["kind"], "more");
  EXPECT_EQ(lines.back()["count"], 5);
}

TEST_F(EventsTest, TheTokenMayComeAsAProtocol) {
  codec::HttpRequest handshake = request_of("GET", "/v1/events");
  handshake.is_websocket = true;
  const auto offer = [&](const std::string& protocols) {
    return ask(with(handshake, "Sec-WebSocket-Protocol", protocols));
  };
  const auto right = offer("kith.events.v1, kith.bearer." + std::string(token));
  EXPECT_EQ(right.status, 101U);
  EXPECT_EQ(header(right, "Sec-WebSocket-Protocol"), "kith.events.v1");
  EXPECT_EQ(offer("kith.events.v1, kith.bearer.wrong").status, 403U);
  EXPECT_EQ(header(offer("other"), "Sec-WebSocket-Protocol"), "");
  auto plain = request_of("GET", "/v1/status");
  EXPECT_EQ(status(with(plain, "Sec-WebSocket-Protocol", "kith.bearer.wrong")), 200U)
      << "means nothing where there is no socket";
}

TEST_F(EventsTest, RequestsAreAnsweredOverTheSocket) {
  std::vector<Json> lines;
  const auto client = open(lines);
  say(client, request(1, "status"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1]["id"], 1);
  EXPECT_EQ(lines[1]["result"]["peer_id"], members_[0]->id());
  say(client, request(2, "stop"));
  EXPECT_EQ(lines[2]["error"]["data"]["code"], "permission");
  members_[0]->events->on_text(world_.now(), client, "{");
  EXPECT_EQ(lines[3]["error"]["code"], -32700);
  EXPECT_EQ(members_[0]->events->stats().requests, 3U);
}

TEST_F(EventsTest, ASubscriptionLastsAsLongAsItsSocket) {
  std::vector<Json> lines;
  const auto client = open(lines, "/v1/events?kinds=", true);
  say(client, request(1, "pubsub.sub", {{"topic", "news"}}));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1]["result"]["subscribed"], true);
  EXPECT_EQ(members_[0]->api->subscriptions(), 1U);
  say(client, request(2, "pubsub.pub", {{"topic", "news"}, {"data", "hello"}}));
  world_.run_for(1s);
  const auto message = std::ranges::find_if(
      lines, [](const Json& line) { return line.value("event", "") == "message"; });
  ASSERT_NE(message, lines.end());
  EXPECT_EQ((*message)["data"], "hello");
  EXPECT_EQ((*message)["topic"], "news");
  const std::size_t before = lines.size();
  members_[0]->events->close(world_.now(), client);
  EXPECT_EQ(members_[0]->api->subscriptions(), 0U);
  EXPECT_TRUE(members_[0]->node.router()->subscribed().empty());
  members_[0]->events->on_text(world_.now(), client, "{}");
  EXPECT_EQ(lines.size(), before) << "nothing to one that has gone";
}

TEST_F(EventsTest, WhatIsNotSubscribedToIsNotSaidToBe) {
  std::vector<Json> lines;
  const auto client = open(lines, "/v1/events?kinds=", true);
  say(client, request(1, "pubsub.sub", {{"topic", std::string(257, 'x')}}));
  node::Node& node = members_[0]->node;
  for (std::size_t i = 0; i < node.config().gossip.topics_max; ++i) {
    node.on_command(world_.now(), gossip::Subscribe{std::to_string(i), {}});
  }
  say(client, request(2, "pubsub.sub", {{"topic", "one more"}}));
  say(client, request(3, "pubsub.sub", {{"topic", "7"}}));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[1]["error"]["data"]["code"], "too_large");
  EXPECT_EQ(lines[2]["error"]["data"]["code"], "limit");
  EXPECT_EQ(lines[3]["result"]["subscribed"], true) << "there already";
  EXPECT_EQ(members_[0]->api->subscriptions(), 1U);
}

TEST_F(EventsTest, AClientThatGoesWhileItIsToldIsNoTrouble) {
  std::vector<Json> lines;
  Events& events = *members_[0]->events;
  std::uint64_t client = 0;
  codec::HttpRequest handshake = request_of("GET", "/v1/events");
  handshake.is_websocket = true;
  client = events.open(world_.now(), handshake, [&](const std::string&) {
    if (client != 0) events.close(world_.now(), client);
  });
  connect_and_part();
  EXPECT_EQ(events.clients(), 0U);
}

TEST_F(EventsTest, RequestsOverASocketCountForTheRate) {
  AccessConfig config;
  config.rate = {.per_second = 1, .burst = 5};
  begin(config);
  std::vector<Json> lines;
  const auto client = open(lines);  // one of the five
  for (int i = 0; i < 6; ++i) say(client, request(i, "version"));
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_TRUE(lines[4].contains("result"));
  EXPECT_EQ(lines[6]["jsonrpc"], "2.0");
  EXPECT_EQ(lines[6]["id"], 5);
  EXPECT_EQ(lines[6]["error"]["data"]["code"], "limit");
  say(client, Json(std::string(2000, 'x')));
  EXPECT_EQ(lines.back()["id"], Json());
  EXPECT_EQ(lines.back()["error"]["data"]["code"], "limit");
}

TEST_F(EventsTest, ABatchCountsAsItsRequests) {
  AccessConfig config;
  config.rate = {.per_second = 1, .burst = 4};
  begin(config);
  std::vector<Json> lines;
  const auto client = open(lines);  // one of the four
  Json batch = Json::array();
  for (int i = 0; i < 5; ++i) batch.push_back(request(i, "version"));
  say(client, batch);
  ASSERT_EQ(lines.size(), 2U);
  ASSERT_EQ(lines[1].size(), 5U);
  EXPECT_TRUE(lines[1][2].contains("result"));
  EXPECT_EQ(lines[1][3]["error"]["data"]["code"], "limit");
  EXPECT_EQ(lines[1][3]["id"], 3);
  EXPECT_EQ(status(request_of("GET", "/v1/version")), 429U) << "of the same client";
}

}  // namespace
}  // namespace kith::api
