#include "node/stats_history.h"

#include <algorithm>
#include <cmath>

namespace kith::node {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

StatsHistory::Past* StatsHistory::past_of(const Figure& figure) {
  if (figure.type == codec::MetricType::gauge) return nullptr;
  std::string key = figure.key();
  if (const auto found = past_.find(key); found != past_.end()) return &found->second;
  if (past_.size() >= keys_max) return nullptr;
  return &past_.try_emplace(std::move(key)).first->second;
}

void StatsHistory::tick(Instant now, const std::vector<Figure>& figures) {
  const Duration passed = ticked_ ? now - *ticked_ : Duration{};
  if (ticked_ && passed <= Duration{}) return;
  const double weight = 1 - std::exp(-seconds(passed) / seconds(memory));
  for (const Figure& figure : figures) {
    Past* past = past_of(figure);
    if (past == nullptr) continue;
    if (ticked_) {
      const double rate = std::max(0.0, figure.value - past->last) / seconds(passed);
      past->rate = past->rate ? *past->rate + (rate - *past->rate) * weight : rate;
    }
    past->last = figure.value;
  }
  ticked_ = now;
}

void StatsHistory::reset(Instant now, const std::vector<Figure>& figures) {
  for (const Figure& figure : figures) {
    if (Past* past = past_of(figure)) past->base = figure.value;
  }
  since_ = now;
}

std::vector<StatsHistory::Row> StatsHistory::rows(const std::vector<Figure>& figures) const {
  std::vector<Row> rows;
  rows.reserve(figures.size());
  for (const Figure& figure : figures) {
    Row row{&figure, figure.value, std::nullopt};
    if (const auto found = past_.find(figure.key()); found != past_.end()) {
      row.total = std::max(0.0, figure.value - found->second.base);
      row.per_second = found->second.rate;
    }
    rows.push_back(row);
  }
  return rows;
}

}  // namespace kith::node
