// Injected randomness. A shell chooses the source: rt gives the operating system's, sim a seeded
// one. A machine never makes its own; a parent gives each child a reference or a fork.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace kith::base {

class Rng {
 public:
  virtual ~Rng() = default;

  /// Fills `out`. In rt these bytes are fit for keys; in sim they follow from the seed.
  virtual void fill(ByteSpan out) = 0;

  /// Uniform 64 bits.
  virtual std::uint64_t next();

  /// Uniform in [0, bound), without modulo bias; `bound` > 0.
  std::uint64_t below(std::uint64_t bound);

  /// Uniform in [0, 1).
  double unit();
};

/// xoshiro256++ (Blackman and Vigna, 2019), seeded by splitmix64. Deterministic, not for keys
/// outside the simulator.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed);
  void fill(ByteSpan out) override;
  std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace kith::base

namespace kith {
using base::Rng;
using base::SeededRng;
}  // namespace kith
