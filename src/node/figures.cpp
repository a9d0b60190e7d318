#include "node/figures.h"

#include "base/assert.h"
#include "base/format.h"

namespace kith::node {

void FigureList::begin(std::string_view name, std::string_view help, codec::MetricType type) {
  families_.push_back({std::string(name), std::string(help), type});
}

Figure& FigureList::add(Labels labels) {
  ASSERT(!families_.empty());
  Figure figure;
  figure.name = families_.back().name;
  figure.type = families_.back().type;
  for (const auto& [name, value] : labels) {
    if (!figure.labels.empty()) figure.labels += ",";
    figure.labels += base::format("{}=\"{}\"", name, value);
  }
  figures_.push_back(std::move(figure));
  return figures_.back();
}

void FigureList::number(Number value, Labels labels) {
  add(labels).value = std::visit([](auto n) { return static_cast<double>(n); }, value);
}

void FigureList::distribution(const base::Histogram::Snapshot& histogram, double,
                              const base::Latency::Snapshot* latency, Labels labels) {
  Figure& figure = add(labels);
  figure.value = static_cast<double>(histogram.count());
  if (latency != nullptr) figure.timing = base::Timing::Snapshot{histogram, *latency};
}

}  // namespace kith::node
