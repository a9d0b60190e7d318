#include "codec/prometheus.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "codec/utf8.h"

namespace kith::codec {
namespace {

std::string page() {
  PrometheusText text;
  text.counter("kith_gossip_messages_received_total", "Messages taken from peers.", 42);
  text.begin("kith_peer_connections", "Open connections.", MetricType::gauge);
  text.sample(3, {{"direction", "inbound"}});
  text.sample(5, {{"direction", "outbound"}});
  text.begin("kith_peer_reputation_points", "A back\\slash, a \"quote\",\na line.",
             MetricType::gauge);
  text.sample(-1000, {{"peer", "back\\slash \"quote\"\nline"}, {"client", "caf\xc3\xa9 \xff!"}});
  text.gauge("kith_node_load_ratio", "Shortest form that reads back as the same.", 0.1);
  text.gauge("kith_node_age_seconds", "No value yet.", std::numeric_limits<double>::quiet_NaN());
  Histogram histogram(1024);
  for (const std::uint64_t ns : {500u, 1024u, 1025u, 3000u, 5'000'000u}) histogram.record(ns);
  histogram.record(std::uint64_t{1} << 40);
  text.histogram("kith_host_round_trip_seconds", "Round trips of pings.", histogram.snapshot(),
                 1e9);
  text.begin("kith_mux_frame_bytes", "Sizes of frames.", MetricType::histogram);
  Histogram sizes(64);
  sizes.record(64);
  text.sample(sizes.snapshot(), 1, std::vector<PrometheusText::Label>{{"direction", "inbound"}});
  text.sample(sizes.snapshot(), 1, std::vector<PrometheusText::Label>{{"direction", "outbound"}});
  return text.text();
}

// `promtool check metrics < tests/golden/prometheus.txt` finds nothing to say.
TEST(Prometheus, Golden) {
  std::ifstream in(std::string(KITH_SOURCE_DIR) + "/tests/golden/prometheus.txt");
  std::stringstream golden;
  golden << in.rdbuf();
  EXPECT_EQ(page(), golden.str());
}

TEST(Prometheus, BucketsAddUpAndTheLastIsTheCount) {
  Histogram histogram(1);
  for (std::uint64_t value = 1; value <= 10; ++value) histogram.record(value);
  PrometheusText text;
  text.histogram("kith_a_b", "Help.", histogram.snapshot());
  EXPECT_NE(text.text().find("kith_a_b_bucket{le=\"1\"} 1\n"), std::string::npos);
  EXPECT_NE(text.text().find("kith_a_b_bucket{le=\"2\"} 2\n"), std::string::npos);
  EXPECT_NE(text.text().find("kith_a_b_bucket{le=\"4\"} 4\n"), std::string::npos);
  EXPECT_NE(text.text().find("kith_a_b_bucket{le=\"+Inf\"} 10\n"), std::string::npos);
  EXPECT_NE(text.text().find("kith_a_b_sum 55\nkith_a_b_count 10\n"), std::string::npos);
}

TEST(Prometheus, Names) {
  EXPECT_TRUE(is_metric_name("kith_gossip_messages_total"));
  EXPECT_TRUE(is_metric_name("kith_dht_1"));
  for (const char* bad : {"kith_gossip", "kith__gossip_x", "kith_gossip_", "kith_Gossip_x",
                          "gossip_messages_total", "kith_gossip messages", "kith_", ""}) {
    EXPECT_FALSE(is_metric_name(bad)) << bad;
  }
}

TEST(PrometheusDeathTest, OurOwnMistakesStopTheProgram) {
  PrometheusText text;
  text.counter("kith_a_b_total", "Help.", 1);
  EXPECT_DEATH(text.counter("kith_a_b_total", "Help.", 1), "families_");  // twice
  EXPECT_DEATH(text.counter("kith_a_b", "Help.", 1), "_total");
  EXPECT_DEATH(text.gauge("kith_a_c_total", "Help.", 1), "_total");
  EXPECT_DEATH(text.gauge("kith_a_d", "", 1), "help");
  EXPECT_DEATH(text.sample(1, {{"Peer", "x"}}), "is_label_name");
  EXPECT_DEATH(text.sample(-1), "value >= 0");
}

// Whatever stands in a label, the line stays one line of UTF-8 and the value reads back.
TEST(Prometheus, AnyLabelValueIsEscaped) {
  EXPECT_TRUE(rc::check([](const std::string& value) {
    PrometheusText text;
    text.begin("kith_a_b", "Help.", MetricType::gauge);
    text.sample(1, {{"peer", value}});
    const std::string& all = text.text();
    RC_ASSERT(is_utf8(base::as_bytes(all)));
    RC_ASSERT(std::count(all.begin(), all.end(), '\n') == 3);
    if (!is_utf8(base::as_bytes(value))) return;
    const std::size_t begin = all.find("peer=\"") + 6;
    const std::size_t end = all.rfind("\"} 1\n");
    std::string back;
    for (std::size_t i = begin; i < end; ++i) {
      if (all[i] == '\\') ++i;
      back += all[i - 1] == '\\' && all[i] == 'n' ? '\n' : all[i];
    }
    RC_ASSERT(back == value);
  }));
}

}  // namespace
}  // namespace kith::codec
