// For tests of jobs: what stands for a computed task, and workers with what is wrong with them. A
// task's root follows from the task and from which of its units are false.
#pragma once

#include <functional>
#include <set>

#include "codec/chain_job.h"
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
/// U of a task in which these units are false.
inline Hash root_of(TaskIndex task, const FalseUnits& lies) {
  Bytes bytes = numbers({task.value});
  for (const std::uint16_t unit : lies) codec::Writer(bytes).u16(unit);
  return codec::tagged_hash("test/root", {bytes});
}
/// D of the units of a part.
inline Hash part_root(TaskIndex task, const std::vector<std::uint16_t>& units,
                      const FalseUnits& lies) {
  Bytes bytes = numbers({task.value});
  for (const std::uint16_t unit : units) {
    codec::Writer(bytes).u16(unit);
    codec::Writer(bytes).u8(lies.contains(unit) ? 1 : 0);
  }
  return codec::tagged_hash("test/part", {bytes});
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
  /// What it says of a part of another's task, when it does not compute: for those who agree.
  std::function<std::optional<FalseUnits>(TaskIndex, std::uint32_t)> believes;
};

}  // namespace kith::ledger::test
