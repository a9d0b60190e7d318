#include "peer/peer_metrics.h"

#include "codec/prometheus.h"
#include "peer/test_quality.h"

namespace kith::peer {
namespace {

using enum PeerEventKind;

TEST(PeerMetrics, CountWhatHappened) {
  QualityBench bench;
  const PeerId a = test_peer(1);
  bench.connect(a);
  for (int i = 0; i < 3; ++i) bench.event(a, useful);
  for (int i = 0; i < 30; ++i) bench.event(a, rejected);
  EXPECT_FALSE(bench.quality.admit(bench.now, a));
  LimitsConfig config;
  config.kinds = {{"gossip", base::TokenRate{1, 2}, std::nullopt}};
  Limits limits(config, bench.now);
  for (int i = 0; i < 5; ++i) limits.take(bench.now, a, LimitKind{0});

  codec::PrometheusText text;
  write_metrics(text, bench.now, bench.quality);
  write_metrics(text, limits);
  for (const char* line :
       {"kith_peer_events_total{kind=\"useful\"} 3\n",
        "kith_peer_events_total{kind=\"rejected\"} 30\n",
        "kith_peer_events_total{kind=\"fatal\"} 0\n", "kith_peer_warnings_total 1\n",
        "kith_peer_bans_total 1\n", "kith_peer_refused_total 1\n", "kith_peer_known 1\n",
        "kith_peer_banned 1\n",
        "kith_peer_limit_checks_total{kind=\"gossip\",verdict=\"allowed\"} 2\n",
        "kith_peer_limit_checks_total{kind=\"gossip\",verdict=\"over_kind\"} 3\n",
        "kith_peer_limit_checks_total{kind=\"gossip\",verdict=\"over_all\"} 0\n"}) {
    EXPECT_NE(text.text().find(line), std::string::npos) << line << text.text();
  }
}

}  // namespace
}  // namespace kith::peer
