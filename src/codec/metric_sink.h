// Where metrics go: whoever counts tells its figures to a sink, family by family, and the sink
// makes of them what it is for: text for Prometheus (codec/prometheus.h), rows for people, a page
// of documentation (node/figures.h). So each figure has its name and its help in one place.
//
//   sink.counter("kith_gossip_messages_received_total", "Messages taken from peers.", 42);
//   sink.begin("kith_host_connections", "Open connections.", MetricType::gauge);
//   sink.sample(3, {{"direction", "inbound"}});
//   sink.sample(5, {{"direction", "outbound"}});
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include "base/metrics.h"

namespace kith::codec {

enum class MetricType : std::uint8_t { counter, gauge, histogram };

class MetricSink {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::span<const Label>;

  virtual ~MetricSink() = default;

  /// A family. Its samples follow, before the next family begins.
  virtual void begin(std::string_view name, std::string_view help, MetricType type) = 0;
  /// One value of the family that was begun last, a counter or gauge. No two of one family may have
  /// the same labels.
  void sample(std::uint64_t value, Labels labels = {}) { number(value, labels); }
  void sample(std::int64_t value, Labels labels = {}) { number(value, labels); }
  void sample(int value, Labels labels = {}) { number(std::int64_t{value}, labels); }
  void sample(double value, Labels labels = {}) { number(value, labels); }
  template <class T>
  void sample(T value, std::initializer_list<Label> labels) {
    sample(value, Labels(labels.begin(), labels.size()));
  }
  /// A histogram. `per_unit` recorded ones make a base unit: 1e9 for nanoseconds that are shown as
  /// seconds.
  void sample(const base::Histogram::Snapshot& histogram, double per_unit = 1, Labels labels = {}) {
    distribution(histogram, per_unit, nullptr, labels);
  }

  /// A family of one sample without labels.
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    begin(name, help, MetricType::counter);
    sample(value);
  }
  void gauge(std::string_view name, std::string_view help, double value) {
    begin(name, help, MetricType::gauge);
    sample(value);
  }
  void histogram(std::string_view name, std::string_view help,
                 const base::Histogram::Snapshot& histogram, double per_unit = 1) {
    begin(name, help, MetricType::histogram);
    sample(histogram, per_unit);
  }
  /// In seconds.
  void timing(std::string_view name, std::string_view help, const base::Timing::Snapshot& timing) {
    constexpr double ns_per_second = 1e9;
    begin(name, help, MetricType::histogram);
    distribution(timing.histogram, ns_per_second, &timing.latency, {});
  }

 protected:
  using Number = std::variant<std::uint64_t, std::int64_t, double>;

 private:
  virtual void number(Number value, Labels labels) = 0;
  /// `latency` is null for what is no time.
  virtual void distribution(const base::Histogram::Snapshot& histogram, double per_unit,
                            const base::Latency::Snapshot* latency, Labels labels) = 0;
};

}  // namespace kith::codec
