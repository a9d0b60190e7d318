// For tests of jobs: what stands for a computed task, and workers with what is wrong with them. A
// slice's digest follows from its place, and from whether it is false: one of a false unit is.
#pragma once

#include <functional>
#include <set>

#include "codec/chain_job.h"
#include "codec/chain_merkle.h"
#include "codec/test_chain.h"
#include "codec/writer.h"

namespace kith::ledger::test {

using codec::Hash;
using codec::TaskIndex;
using codec::test::hash_of;
using codec::test::identity;

using FalseUnits = std::set<std::uint16_t>;

inline Bytes numbers(std::initializer_list<std::uint64_t> values) {
  Bytes bytes;
  for (const std::uint64_t value : values) codec::Writer(bytes).u64(value);
  return bytes;
}
inline constexpr std::uint16_t units_of_tests = 64;
inline constexpr std::uint16_t slices_of_tests = 4;

inline Hash slice_digest(TaskIndex task, std::uint16_t unit, std::uint16_t slice, bool is_false) {
  return codec::tagged_hash("test/slice",
                            {numbers({task.value, unit, slice, std::uint64_t{is_false}})});
}
inline std::vector<Hash> slices_of(TaskIndex task, std::uint16_t unit, const FalseUnits& lies) {
  std::vector<Hash> slices;
  for (std::uint16_t slice = 0; slice < slices_of_tests; ++slice) {
    const bool is_false = lies.contains(unit) && slice == unit % slices_of_tests;
    slices.push_back(slice_digest(task, unit, slice, is_false));
  }
  return slices;
}
inline Hash unit_root(TaskIndex task, std::uint16_t unit, const FalseUnits& lies) {
  return codec::merkle_root(slices_of(task, unit, lies));
}
/// U of a task in which these units are false.
inline Hash root_of(TaskIndex task, const FalseUnits& lies, std::uint16_t units = units_of_tests) {
  std::vector<Hash> roots;
  for (std::uint16_t unit = 0; unit < units; ++unit) roots.push_back(unit_root(task, unit, lies));
  return codec::merkle_root(roots);
}
/// D of the units of a part.
inline Hash part_root(TaskIndex task, const std::vector<std::uint16_t>& units,
                      const FalseUnits& lies) {
  std::vector<Hash> roots;
  for (const std::uint16_t unit : units) roots.push_back(unit_root(task, unit, lies));
  return codec::merkle_root(roots);
}

/// One key with its slots, and what is wrong with it.
struct Worker {
  std::uint32_t account = 0;
  std::uint32_t key = 0;
  std::uint8_t device_class = 1;
  bool is_away = false;            // says nothing
  bool is_silent_checker = false;  // says no checks
  bool is_mute_at_reveal = false;
  bool makes_checks_up = false;
  bool tells_of_pass_1 = true;  // shows the first pass' record where it has to
  std::function<FalseUnits(TaskIndex, std::uint8_t)> lies = [](TaskIndex, std::uint8_t) {
    return FalseUnits{};
  };
  /// What it tells of its own parts, whatever is under U.
  std::function<std::optional<FalseUnits>(TaskIndex)> tells;
  /// What it says of a part of another's task, when it does not compute: for those who agree.
  std::function<std::optional<FalseUnits>(TaskIndex, std::uint32_t)> believes;
};

}  // namespace kith::ledger::test
