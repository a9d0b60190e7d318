// Workload 1: regions of the Collatz engine (collatz/unit.h). Parameters, big-endian, 49 bytes:
//
//   u16 results_version(), u8 K, u8 F, u8 slice bits, u128 first a, u64 a's of a unit, u64 map,
//   u32 units a task, u64 tasks
//
// Unit u of task t is number g = t * units + u: of the region g >> (K - F), whose first a is
// a_first + region * a_count, the unit with fixed = g mod 2^(K - F). With F = K each unit is a
// region of its own: consecutive numbers. A slice's result is the engine's five integers, and
// digests and roots are the engine's own.
//
// Finds: numbers that do not come down, and a peak above `record_peak`, with its number. Naming
// them runs the slice again, one number at a time: rare, and slow.
#pragma once

#include "compute/collatz/kernel.h"
#include "compute/workload.h"

namespace kith::compute {

struct CollatzParams {
  static constexpr std::size_t bytes = 49;

  collatz::Unit first;  // of task 0
  std::uint32_t units = 1;
  std::uint64_t tasks = 1;
  friend bool operator==(const CollatzParams&, const CollatzParams&) = default;
};
Bytes encode_params(const CollatzParams& params);
/// `malformed`, `limit` when numbers are too large, `unsupported` of other results.
Result<CollatzParams> decode_collatz_params(ByteView bytes);

/// Of a range of consecutive numbers, a unit a task: units of a power of two from 2^20 to 2^36, the
/// largest that fits. `usage` for a range that is not whole units, or begins below one's 2^K.
Result<CollatzParams> collatz_params_of_range(collatz::U128 from, collatz::U128 to);

Bytes encode_result(const collatz::SliceResult& result);
Result<collatz::SliceResult> decode_collatz_result(ByteView bytes);

class CollatzWorkload final : public Workload {
 public:
  /// The highest value of the last path record that was known when this was written.
  static collatz::Big last_path_record();

  /// REQUIRES: this processor has the kernel.
  explicit CollatzWorkload(collatz::KernelKind kernel,
                           const collatz::Big& record_peak = last_path_record());
  /// By a kernel that others of the same thread may use too: a GPU's has a queue and buffers of its
  /// own. Not null.
  explicit CollatzWorkload(std::shared_ptr<collatz::Kernel> kernel,
                           const collatz::Big& record_peak = last_path_record());
  ~CollatzWorkload() override;

  WorkloadId id() const override { return WorkloadId::collatz; }
  std::uint16_t results_version() const override { return collatz::results_version; }
  std::string describe(ByteView params, TaskIndex task) const override;
  Result<TaskShape> shape(ByteView params) const override;
  Result<Bytes> unit_of(ByteView params, TaskIndex task, std::uint32_t unit) const override;
  Result<SliceResult> run(ByteView unit, std::uint32_t slice, Progress& progress) const override;
  std::uint32_t slices_at_once() const override { return kernel_->slices_at_once(); }
  Result<std::vector<SliceResult>> run_some(ByteView unit, std::uint32_t first, std::uint32_t count,
                                            Progress& progress) const override;
  Hash digest(ByteView unit, std::uint32_t slice, const SliceResult& result) const override;
  Result<void> check_result(ByteView result) const override;
  Bytes statistics(std::span<const SliceResult> results) const override;
  Result<Bytes> join(ByteView statistics, ByteView others) const override;
  Result<std::vector<Figure>> figures(ByteView statistics) const override;
  bool has_finds(std::span<const SliceResult> results) const override;
  Result<std::vector<Find>> finds(ByteView unit,
                                  std::span<const SliceResult> results) const override;
  Result<bool> check_find(ByteView params, const Find& find) const override;

 private:
  Result<const collatz::Plan*> plan_of(ByteView unit) const;

  const std::shared_ptr<collatz::Kernel> kernel_;
  const collatz::Big record_peak_;
  /// Of the unit that was asked for last: its slices come one after the other.
  mutable std::unique_ptr<collatz::Plan> plan_;
};

}  // namespace kith::compute
