// Metrics as a list of figures: what `kith stats` shows as rows, and what rates are taken of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codec/metric_sink.h"

namespace kith::node {

struct Figure {
  std::string name;    // the family's
  std::string labels;  // `direction="inbound"`; empty without
  codec::MetricType type = codec::MetricType::gauge;
  double value = 0;                              // of a histogram: how many values it holds
  std::optional<base::Timing::Snapshot> timing;  // of a histogram of times

  std::string key() const { return labels.empty() ? name : name + "{" + labels + "}"; }
};

class FigureList final : public codec::MetricSink {
 public:
  struct Family {
    std::string name, help;
    codec::MetricType type;
  };

  void begin(std::string_view name, std::string_view help, codec::MetricType type) override;
  const std::vector<Family>& families() const { return families_; }
  const std::vector<Figure>& figures() const { return figures_; }
  std::vector<Figure> take() { return std::move(figures_); }

 private:
  void number(Number value, Labels labels) override;
  void distribution(const base::Histogram::Snapshot& histogram, double per_unit,
                    const base::Latency::Snapshot* latency, Labels labels) override;
  Figure& add(Labels labels);

  std::vector<Family> families_;
  std::vector<Figure> figures_;
};

}  // namespace kith::node
