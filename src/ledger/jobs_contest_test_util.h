// For tests of jobs: what the sides of disputes and validators do in the world of jobs_test_util.h.
#pragma once

#include "ledger/jobs_test_util.h"

namespace kith::ledger::test {

inline OwnResults JobWorld::results_of(const Worker& worker, const OwedMove& owed) {
  const bool is_own = owed.is_worker || owed.kind == codec::DisputeKind::passes;
  const FalseUnits lies = is_own ? worker.lies(owed.task, owed.pass) : FalseUnits{};
  const TaskIndex task = owed.task;
  return {[=](std::uint16_t unit) { return unit_root(task, unit, lies); },
          [=](std::uint16_t unit) { return slices_of(task, unit, lies); }};
}

inline std::size_t JobWorld::move(std::uint32_t key) {
  const auto owed = moves_of(entries, identity(key).key);
  for (const OwedMove& one : owed) {
    EXPECT_TRUE(order(honest_move(one, results_of(workers.at(key), one)), key).has_value());
  }
  return owed.size();
}

inline Result<JobEffect> JobWorld::file(std::uint32_t key, SlotId slot, codec::FileDispute filed) {
  const auto entry = find_slot(entries, job, slot).value();
  filed.job = job;
  filed.record = codec::encode_record(record_of(entry.maturing.at(0)));
  return order(filed, key);
}

inline Result<JobEffect> JobWorld::judge(std::uint64_t dispute, std::optional<Hash> digest) {
  codec::GiveVerdict verdict{dispute, {}, {{0, {}}, {2, {}}, {3, {}}}};
  for (const AskedVerdict& asked : verdicts_asked(entries)) {
    if (asked.dispute != dispute) continue;
    verdict.digest = digest.value_or(slice_digest(asked.task, asked.unit, asked.slice, false));
  }
  return order(verdict, 0);
}

}  // namespace kith::ledger::test
