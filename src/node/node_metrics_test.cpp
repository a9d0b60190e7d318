// Known traffic between two nodes, and what the metrics then say.
#include "node/node_metrics.h"

#include <fstream>
#include <set>
#include <sstream>

#include "codec/prometheus.h"
#include "node/node_test_util.h"

namespace kith::node {
namespace {

class MetricsTest : public NodeTest {
 protected:
  std::string text(std::size_t index) {
    codec::PrometheusText sink;
    write_metrics(sink, {world_.now(), Instant{}, members_[index]->node, shell_});
    return sink.text();
  }
  /// One line's value; -1 when there is none.
  double value(std::size_t index, const std::string& series) {
    const std::string all = "\n" + text(index);
    const std::size_t at = all.find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::stod(all.substr(at + series.size() + 2));
  }

  ShellFigures shell_;
};

TEST_F(MetricsTest, CountConnectionsHandshakesAndBytes) {
  add();
  add();
  EXPECT_EQ(value(0, "kith_host_peers"), 0);
  EXPECT_EQ(value(0, "kith_host_connections{direction=\"outbound\"}"), 0);
  connect(0, 1);
  world_.run_for(1s);
  EXPECT_EQ(value(0, "kith_host_peers"), 1);
  EXPECT_EQ(value(0, "kith_host_links"), 1);
  EXPECT_EQ(value(0, "kith_host_connections{direction=\"outbound\"}"), 1);
  EXPECT_EQ(value(0, "kith_host_connections{direction=\"inbound\"}"), 0);
  EXPECT_EQ(value(1, "kith_host_connections{direction=\"inbound\"}"), 1);
  EXPECT_EQ(value(0, "kith_host_links_opened_total{direction=\"outbound\"}"), 1);
  EXPECT_EQ(value(1, "kith_host_links_opened_total{direction=\"inbound\"}"), 1);
  EXPECT_EQ(value(0, "kith_host_handshakes_total{result=\"done\"}"), 1);
  EXPECT_EQ(value(0, "kith_host_dial_seconds_count"), 1);
  EXPECT_EQ(value(0, "kith_host_handshake_seconds_count"), 1);
  // A round trip and a half of Noise over links of 10 ms.
  EXPECT_GE(value(0, "kith_host_handshake_seconds_sum"), 0.02);
  EXPECT_LE(value(0, "kith_host_handshake_seconds_sum"), 0.1);
  EXPECT_EQ(value(0, "kith_host_sent_bytes_total"),
            static_cast<double>(members_[0]->node.host().stats().bytes_sent));
  command(0, Disconnect{members_[1]->id()});
  world_.run_for(1s);
  EXPECT_EQ(value(0, "kith_host_peers"), 0);
  EXPECT_EQ(value(0, "kith_host_connections_closed_total"), 1);
  EXPECT_EQ(value(1, "kith_host_connections_closed_total"), 1);
  command(0, Connect{Token{7}, std::nullopt, {address("/ip4/127.0.0.1/tcp/9")}});
  world_.run_for(1s);
  EXPECT_EQ(value(0, "kith_host_links_failed_total"), 1);
  EXPECT_EQ(value(0, "kith_host_dial_seconds_count"), 1) << "only those that succeeded";
}

TEST_F(MetricsTest, CountEveryByteOfAKnownTransfer) {
  add();
  add();
  connect(0, 1);
  world_.run_for(1s);
  const double sent = value(0, "kith_host_sent_bytes_total");
  const double received = value(1, "kith_host_received_bytes_total");
  command(0, PerfPeer{Token{2}, members_[1]->id(), 1'000'000, 0});
  world_.run_for(5s);
  const double grown = value(0, "kith_host_sent_bytes_total") - sent;
  EXPECT_GE(grown, 1'000'000);
  EXPECT_LE(grown, 1'020'000) << "frames and tags";
  EXPECT_EQ(value(1, "kith_host_received_bytes_total") - received, grown);
}

TEST_F(MetricsTest, CountPingsAndTheirTimes) {
  NodeConfig quiet = config();
  quiet.ping.interval = {};
  quiet.quality.health.probe_interval = {};
  add(quiet);
  add(quiet);
  connect(0, 1);
  world_.run_for(1s);
  for (std::uint64_t i = 0; i < 3; ++i) {
    command(0, PingPeer{Token{10 + i}, members_[1]->id()});
    world_.run_for(1s);
  }
  EXPECT_EQ(value(0, "kith_ping_pings_total{result=\"answered\"}"), 3);
  EXPECT_EQ(value(0, "kith_ping_rtt_seconds_count"), 3);
  EXPECT_NEAR(value(0, "kith_ping_rtt_seconds_sum"), 0.08, 0.03) << "20 ms each, the first more";
  EXPECT_EQ(members_[0]->node.ping_times().snapshot().latency.count, 3U);
  members_[0]->node.reset_timings();
  EXPECT_EQ(members_[0]->node.ping_times().snapshot().latency.count, 0U);
  EXPECT_EQ(value(0, "kith_ping_rtt_seconds_count"), 3) << "Prometheus' never go back";
}

TEST_F(MetricsTest, CountMessagesOfATopic) {
  for (std::size_t i = 0; i < 3; ++i) {
    add();
    command(i, gossip::Subscribe{"news", {}});
    if (i > 0) connect(i, 0);
  }
  world_.run_for(5s);
  for (std::uint64_t i = 0; i < 5; ++i) {
    command(1, gossip::Publish{Token{50 + i}, "news", Buffer(std::to_string(i)), {}});
  }
  world_.run_for(2s);
  EXPECT_EQ(value(1, "kith_gossip_messages_published_total"), 5);
  EXPECT_EQ(value(0, "kith_gossip_messages_delivered_total"), 5);
  EXPECT_EQ(value(2, "kith_gossip_messages_delivered_total"), 5);
  EXPECT_EQ(value(2, "kith_gossip_messages_refused_total{reason=\"invalid\"}"), 0);
  EXPECT_EQ(value(1, "kith_gossip_messages_dropped_total{priority=\"application\"}"), 0);
  EXPECT_EQ(value(0, "kith_gossip_peers"), 2);
  EXPECT_EQ(value(0, "kith_gossip_topics"), 1);
  EXPECT_GE(value(0, "kith_gossip_messages_sent_total"), 5);
  EXPECT_GE(value(0, "kith_gossip_grafts_total"), 2);
}

TEST_F(MetricsTest, SayWhatTheShellKnows) {
  add();
  shell_.process = {1 << 20, 7, 3, 2500ms};
  shell_.reactor.turns = 42;
  shell_.api.responses = {0, 1, 2, 3, 4, 5};
  shell_.api.sockets_dropped = 6;
  base::Timing timing;
  timing.record(3ms);
  shell_.api.times = timing.snapshot();
  EXPECT_EQ(value(0, "kith_process_resident_memory_bytes"), 1 << 20);
  EXPECT_EQ(value(0, "kith_process_cpu_seconds_total"), 2.5);
  EXPECT_EQ(value(0, "kith_process_open_files"), 7);
  EXPECT_EQ(value(0, "kith_reactor_turns_total"), 42);
  EXPECT_EQ(value(0, "kith_api_responses_total{status=\"4xx\"}"), 4);
  EXPECT_EQ(value(0, "kith_api_websockets_dropped_total"), 6);
  EXPECT_EQ(value(0, "kith_api_request_seconds_count"), 1);
  EXPECT_EQ(value(0, "kith_api_request_seconds_sum"), 0.003);
}

/// The exposition format, line by line, with what `promtool check metrics` wants beyond it.
TEST_F(MetricsTest, TheTextKeepsToTheGrammar) {
  add();
  std::istringstream lines(text(0));
  std::string family;
  std::string type;
  std::set<std::string> families;
  std::set<std::string> series;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, keyword, name;
    if (line.starts_with("# ")) {
      words >> hash >> keyword >> name;
      if (keyword == "HELP") {
        EXPECT_TRUE(families.insert(name).second) << name;
        family = name;
      } else {
        words >> type;
        EXPECT_EQ(name, family);
        EXPECT_TRUE(type == "counter" || type == "gauge" || type == "histogram") << line;
        EXPECT_EQ(type == "counter", name.ends_with("_total")) << line;
      }
      continue;
    }
    const std::size_t space = line.rfind(' ');
    ASSERT_NE(space, std::string::npos) << line;
    EXPECT_TRUE(series.insert(line.substr(0, space)).second) << line;
    const std::string own = line.substr(0, std::min(line.find('{'), space));
    EXPECT_TRUE(own == family || (type == "histogram" && own.starts_with(family + "_"))) << line;
    std::size_t used = 0;
    std::stod(line.substr(space + 1), &used);
    EXPECT_EQ(used, line.size() - space - 1) << line;
  }
  EXPECT_GT(families.size(), 60U);
  for (const std::string& name : families) {
    EXPECT_TRUE(codec::is_metric_name(name)) << name;
    for (const char* word : {"milliseconds", "_ms", "kilobytes", "_count_total", "_sum_total"}) {
      EXPECT_EQ(name.find(word), std::string::npos) << name << ": base units only";
    }
  }
}

TEST_F(MetricsTest, WithoutGossipItsFiguresAreThereAndZero) {
  NodeConfig silent = config();
  silent.speaks_gossip = false;
  add(silent);
  EXPECT_EQ(value(0, "kith_gossip_messages_received_total"), 0);
  EXPECT_EQ(value(0, "kith_gossip_peers"), 0);
}

TEST(MetricsDocs, ThePageIsWhatIsSaid) {
  std::ifstream file(KITH_SOURCE_DIR "/docs/metrics.md");
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), metrics_docs())
      << "write it again: kith config docs --page metrics > docs/metrics.md";
}

}  // namespace
}  // namespace kith::node
