// Circuit breakers around requests: alone, and in a node whose peer does not answer.
#include "node/request_guard.h"

#include "codec/prometheus.h"
#include "host/test_connections.h"
#include "node/node_metrics.h"
#include "node/node_test_util.h"

namespace kith::node {
namespace {

const PeerId peer_a = host::test_peer(1);
const PeerId peer_b = host::test_peer(2);
constexpr host::OwnerId owner = 3;

class GuardTest : public testing::Test {
 protected:
  /// Opens a stream, 0 if it was refused.
  std::uint64_t open(const PeerId& peer, const std::string& protocol = "/x") {
    const host::Open request{Token{next_}, peer, {protocol}};
    if (auto refusal = guard_.on_open(now_, owner, request)) {
      EXPECT_EQ(refusal->token, request.token);
      EXPECT_EQ(refusal->peer, peer);
      EXPECT_EQ(refusal->error.code, Code::refused);
      return 0;
    }
    return next_++;
  }
  void up(std::uint64_t stream, const PeerId& peer) {
    hear(host::StreamUp{StreamId{stream}, peer, Direction::outbound, "/x", 100, Token{stream}});
  }
  void down(std::uint64_t stream, std::optional<Error> error) {
    hear(host::StreamDown{StreamId{stream}, std::move(error)});
  }
  void hear(const host::ServiceEvent& event) { guard_.on_event(now_, owner, event); }
  void fail_once(const PeerId& peer, Code code = Code::reset) {
    const std::uint64_t stream = open(peer);
    ASSERT_NE(stream, 0U);
    up(stream, peer);
    down(stream, Error{code, "gone"});
  }
  std::uint64_t failures() { return guard_.breakers().stats().failures; }

  Instant now_{1h};
  std::uint64_t next_ = 1;
  RequestGuard guard_{peer::BreakersConfig{}};
};

TEST_F(GuardTest, FiveFailuresInARowOpenIt) {
  for (int i = 0; i < 5; ++i) fail_once(peer_a);
  EXPECT_EQ(open(peer_a), 0U);
  EXPECT_NE(open(peer_b), 0U) << "another peer";
  EXPECT_NE(open(peer_a, "/y"), 0U) << "another protocol";
  now_ += 5s;
  const std::uint64_t trial = open(peer_a);
  ASSERT_NE(trial, 0U);
  EXPECT_EQ(open(peer_a), 0U) << "one trial at a time";
  up(trial, peer_a);
  const Bytes byte = {1};
  hear(host::StreamData{StreamId{trial}, byte});
  EXPECT_NE(open(peer_a), 0U);
}

TEST_F(GuardTest, WhatIsAFailureAndWhatIsNot) {
  const auto open_failed = [&](Code code) {
    const std::uint64_t token = open(peer_a);
    hear(host::StreamOpenFailed{Token{token}, peer_a, {code, "no"}});
  };
  for (const Code code : {Code::unsupported, Code::closed, Code::limit, Code::refused}) {
    open_failed(code);
    fail_once(peer_a, code);
  }
  fail_once(peer_a, Code::canceled);  // by us
  EXPECT_EQ(failures(), 0U);
  open_failed(Code::timeout);
  fail_once(peer_a, Code::timeout);
  fail_once(peer_a, Code::reset);
  fail_once(peer_a, Code::protocol);
  EXPECT_EQ(failures(), 4U);
  const std::uint64_t late = open(peer_a);
  up(late, peer_a);
  const Bytes byte = {1};
  hear(host::StreamData{StreamId{late}, byte});
  down(late, Error{Code::reset, "gone"});
  EXPECT_EQ(failures(), 4U) << "it had answered";
  guard_.on_done(now_, peer_a, "/x", false);
  EXPECT_EQ(failures(), 5U) << "its service gave it up";
  const std::uint64_t in_order = open(peer_a);
  up(in_order, peer_a);
  down(in_order, std::nullopt);
  EXPECT_EQ(guard_.breakers().size(), 0U) << "an end in order is a success";
}

TEST_F(GuardTest, InboundStreamsAreNotWatched) {
  for (std::uint64_t i = 0; i < 10; ++i) {
    hear(host::StreamUp{StreamId{i}, peer_a, Direction::inbound, "/x", 100, std::nullopt});
    hear(host::StreamDown{StreamId{i}, Error{Code::reset, "gone"}});
  }
  EXPECT_EQ(failures(), 0U);
  EXPECT_EQ(guard_.watched(), 0U);
}

TEST_F(GuardTest, NothingIsKeptOfWhatHasEnded) {
  SeededRng rng(1);
  std::vector<std::uint64_t> opening, running;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t token = open(peer_a);
    if (token != 0) opening.push_back(token);
    now_ += 1s;
    for (auto* list : {&opening, &running}) {
      if (list->empty() || rng.below(3) == 0) continue;
      const std::size_t at = rng.below(list->size());
      const std::uint64_t id = (*list)[at];
      list->erase(list->begin() + static_cast<std::ptrdiff_t>(at));
      if (list == &running) {
        down(id, rng.below(2) == 0 ? std::optional<Error>() : Error{Code::reset, "gone"});
      } else if (rng.below(4) == 0) {
        hear(host::StreamOpenFailed{Token{id}, peer_a, {Code::closed, "no"}});
      } else {
        up(id, peer_a);
        running.push_back(id);
      }
    }
    ASSERT_EQ(guard_.watched(), opening.size() + running.size());
  }
}

using GuardedNode = NodeTest;

TEST_F(GuardedNode, PingsOfAPersonAreNotSentToASilentPeerForEver) {
  NodeConfig quiet = config();
  quiet.ping.interval = {};
  quiet.ping.timeout = 1s;
  quiet.quality.health.probe_interval = {};
  add(quiet);
  add(quiet);
  connect(0, 1);
  world_.run_for(1s);
  const auto ping = [&] {
    command(0, PingPeer{Token{9}, members_[1]->id()});
    world_.run_for(1500ms);
    return members_[0]->last<Pinged>()->rtt;
  };
  EXPECT_TRUE(ping().has_value());
  world_.on_wire = [](std::size_t from, std::size_t, Bytes& bytes) {
    if (from == 1) bytes.clear();
  };
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(ping().has_value());
  const auto refused = ping();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_NE(refused.error().message.find("/ipfs/ping/1.0.0"), std::string::npos);
  EXPECT_EQ(members_[0]->node.breakers().open_of(world_.now(), members_[1]->id()).size(), 1U);
  codec::PrometheusText sink;
  const ShellFigures shell;
  write_metrics(sink, {world_.now(), Instant{}, members_[0]->node, shell});
  for (const char* line :
       {"kith_breaker_failures_total 5\n", "kith_breaker_openings_total 1\n",
        "kith_breaker_refused_total 1\n", "kith_breaker_open{of=\"peer\"} 1\n"}) {
    EXPECT_NE(sink.text().find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace kith::node
