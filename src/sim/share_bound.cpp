#include "sim/share_bound.h"

#include <cmath>

namespace kith::sim {
namespace {

constexpr double doubt = 0.05;
/// A double has no more digits.
constexpr int halvings = 64;

/// That of `of` which are of the kind with probability `share` each, not more than `found` are.
double at_most_found(std::uint64_t found, std::uint64_t of, double share) {
  const auto n = static_cast<double>(of);
  const auto most = static_cast<double>(found);
  double term = std::exp(std::lgamma(n + 1) - std::lgamma(most + 1) - std::lgamma(n - most + 1) +
                         most * std::log(share) + (n - most) * std::log1p(-share));
  double sum = 0;
  for (double k = most; k >= 0 && term > sum * 1e-16; --k) {
    sum += term;
    term *= k / (n - k + 1) * (1 - share) / share;
  }
  return sum;
}

}  // namespace

double upper_share(std::uint64_t found, std::uint64_t of) {
  if (found >= of) return 1;
  double low = static_cast<double>(found) / static_cast<double>(of);
  double high = 1;
  for (int i = 0; i < halvings; ++i) {
    const double middle = (low + high) / 2;
    (at_most_found(found, of, middle) > doubt ? low : high) = middle;
  }
  return high;
}

}  // namespace kith::sim
