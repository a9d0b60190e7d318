// Metrics as text for GET /metrics: Prometheus' exposition format 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats), as `promtool check metrics` likes it.
// A writer takes values and gives text; it knows no clock and no registry.
//
//   PrometheusText text;
//   text.counter("kith_gossip_messages_received_total", "Messages taken from peers.", 42);
//   text.begin("kith_peer_connections", "Open connections.", MetricType::gauge);
//   text.sample(3, {{"direction", "inbound"}});
//   text.sample(5, {{"direction", "outbound"}});
//
// Names are `kith_<subsystem>_<what>[_<unit>]` in base units (seconds, bytes), counters end in
// `_total`, each family is begun once: those are our own bugs and ASSERTed. Label values may come
// from anywhere: they are escaped, and bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "codec/metric_sink.h"

namespace kith::codec {

inline constexpr std::string_view prometheus_content_type =
    "text/plain; version=0.0.4; charset=utf-8";

class PrometheusText final : public MetricSink {
 public:
  void begin(std::string_view name, std::string_view help, MetricType type) override;

  const std::string& text() const { return text_; }

 private:
  void number(Number any, Labels labels) override;
  void distribution(const base::Histogram::Snapshot& histogram, double per_unit,
                    const base::Latency::Snapshot* latency, Labels labels) override;
  void line(std::string_view suffix, Labels labels, std::string_view bound, std::string_view value);

  std::string text_;
  std::string family_;
  MetricType type_ = MetricType::gauge;
  std::set<std::string, std::less<>> families_;
};

/// `kith_`, then at least two words of lower-case letters and digits divided by single underscores.
bool is_metric_name(std::string_view name);

}  // namespace kith::codec
