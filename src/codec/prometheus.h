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

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/metrics.h"

namespace kith::codec {

enum class MetricType : std::uint8_t { counter, gauge, histogram };

inline constexpr std::string_view prometheus_content_type =
    "text/plain; version=0.0.4; charset=utf-8";

class PrometheusText {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::span<const Label>;

  /// A family: HELP and TYPE. Its samples follow, before the next family begins.
  void begin(std::string_view name, std::string_view help, MetricType type);
  /// One line of the family that was begun last, a counter or gauge. No two of one family may have
  /// the same labels.
  void sample(std::uint64_t value, Labels labels = {});
  void sample(std::int64_t value, Labels labels = {});
  void sample(int value, Labels labels = {}) { sample(std::int64_t{value}, labels); }
  void sample(double value, Labels labels = {});
  template <class T>
  void sample(T value, std::initializer_list<Label> labels) {
    sample(value, Labels(labels.begin(), labels.size()));
  }
  /// The lines of a histogram: buckets, sum and count. `per_unit` recorded ones make a base
  /// unit: 1e9 for nanoseconds that are shown as seconds.
  void sample(const base::Histogram::Snapshot& histogram, double per_unit = 1, Labels labels = {});

  /// A family of one sample without labels.
  void counter(std::string_view name, std::string_view help, std::uint64_t value);
  void gauge(std::string_view name, std::string_view help, double value);
  void histogram(std::string_view name, std::string_view help,
                 const base::Histogram::Snapshot& histogram, double per_unit = 1);

  const std::string& text() const { return text_; }

 private:
  void line(std::string_view suffix, Labels labels, std::string_view bound, std::string_view value);

  std::string text_;
  std::string family_;
  MetricType type_ = MetricType::gauge;
  std::set<std::string, std::less<>> families_;
};

/// `kith_`, then at least two words of lower-case letters and digits divided by single underscores.
bool is_metric_name(std::string_view name);

}  // namespace kith::codec
