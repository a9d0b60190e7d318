// What a list of figures was before: rates per second as a moving average, and totals since the
// last reset. Machines count up for ever and know nothing of it; Prometheus gets their numbers, and
// `kith stats` what this makes of them.
//
// Limits: `keys_max` figures are followed; further ones have no rate, and count since the start.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "node/figures.h"

namespace kith::node {

class StatsHistory {
 public:
  /// A rate forgets what was: after so long a third of it is left.
  static constexpr Duration memory = 10s;
  static constexpr std::size_t keys_max = 4096;

  struct Row {
    const Figure* figure;
    double total;                      // counters and histograms: since the last reset
    std::optional<double> per_second;  // counters, once two readings were taken
  };

  explicit StatsHistory(Instant started) : since_(started) {}

  /// A reading. Once a second is right; more often changes nothing but the cost.
  void tick(Instant now, const std::vector<Figure>& figures);
  void reset(Instant now, const std::vector<Figure>& figures);
  /// Point into `figures`.
  std::vector<Row> rows(const std::vector<Figure>& figures) const;
  Instant since() const { return since_; }

 private:
  struct Past {
    double base = 0;  // at the last reset
    double last = 0;  // at the last reading
    std::optional<double> rate;
  };
  Past* past_of(const Figure& figure);

  std::map<std::string, Past> past_;  // by Figure::key
  std::optional<Instant> ticked_;
  Instant since_;
};

}  // namespace kith::node
