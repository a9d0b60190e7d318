// What Linux tells of a machine that works for others: power, temperature, how busy it is, memory
// of this process; compute/work_rules.h decides by it. What cannot be read is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "compute/work_rules.h"

namespace kith::rt {

class ComputeSensors {
 public:
  /// `root`: of /sys and /proc; for tests another folder.
  explicit ComputeSensors(std::string root = "") : root_(std::move(root)) {}

  /// How busy others are is measured from one call to the next.
  compute::WorkReadings read();

  /// False: a battery is in use and no mains is online. Empty: neither is known.
  std::optional<bool> is_on_ac() const;
  /// The hottest zone, rounded down.
  std::optional<int> celsius() const;

 private:
  struct Ticks {
    std::uint64_t all = 0;
    std::uint64_t busy = 0;
  };
  std::optional<Ticks> ticks() const;
  std::optional<unsigned> measure_others();

  const std::string root_;
  std::optional<Ticks> before_;
  Duration own_before_{};  // processor time
  std::optional<unsigned> others_percent_;
};

}  // namespace kith::rt
