// Workload 2: Goldbach's conjecture for consecutive even numbers (goldbach/partition.h).
// Parameters, big-endian, 35 bytes:
//
//   u16 results_version(), u64 first, u64 numbers (even ones), u32 numbers a unit, u32 units a
//   task, u32 slices a unit, u32 limit (of the least prime), u8 0
//
// The last unit may have fewer numbers, and slices of small units none. A unit is 25 bytes: u64
// first, u64 numbers, u32 slices, u32 limit, u8 0. A slice's result is 44 bytes: u64 numbers, u64
// sum of the least primes mod 2^64, u32 the largest of them, u64 the least number that needs it,
// u64 numbers without one, u64 the least of these.
#pragma once

#include "compute/goldbach/partition.h"
#include "compute/workload.h"

namespace kith::compute {

struct GoldbachParams {
  static constexpr std::size_t bytes = 35;
  static constexpr std::uint16_t results_version = 1;
  static constexpr std::uint32_t unit_numbers_max = std::uint32_t{1} << 30;

  std::uint64_t first = goldbach::first_min;
  std::uint64_t numbers = 1;
  std::uint32_t unit_numbers = std::uint32_t{1} << 24;
  std::uint32_t units = 1;
  std::uint32_t slices = 16;
  std::uint32_t limit = goldbach::limit_max;
  friend bool operator==(const GoldbachParams&, const GoldbachParams&) = default;
};
Bytes encode_params(const GoldbachParams& params);
/// `malformed`, `limit` when numbers or tasks are too large, `unsupported` of other results.
Result<GoldbachParams> decode_goldbach_params(ByteView bytes);

/// The even numbers from `from` to `to`, a unit a task. `usage` when there is none, or one is below
/// 4 or above goldbach::number_max.
Result<GoldbachParams> goldbach_params_of_range(std::uint64_t from, std::uint64_t to);

Bytes encode_result(const goldbach::EvenResult& result);
Result<goldbach::EvenResult> decode_goldbach_result(ByteView bytes);

class GoldbachWorkload : public Workload {
 public:
  GoldbachWorkload();
  ~GoldbachWorkload() override;

  WorkloadId id() const override { return WorkloadId::goldbach; }
  std::uint16_t results_version() const override { return GoldbachParams::results_version; }
  std::string describe(ByteView params, TaskIndex task) const override;
  Result<TaskShape> shape(ByteView params) const override;
  Result<Bytes> unit_of(ByteView params, TaskIndex task, std::uint32_t unit) const override;
  Result<SliceResult> run(ByteView unit, std::uint32_t slice, Progress& progress) const override;
  Hash digest(ByteView unit, std::uint32_t slice, const SliceResult& result) const override;
  Result<void> check_result(ByteView result) const override;
  Bytes statistics(std::span<const SliceResult> results) const override;
  Result<Bytes> join(ByteView statistics, ByteView others) const override;
  Result<std::vector<Figure>> figures(ByteView statistics) const override;
  /// The least number of each slice that has no prime up to the limit.
  bool has_finds(std::span<const SliceResult> results) const override;
  Result<std::vector<Find>> finds(ByteView unit,
                                  std::span<const SliceResult> results) const override;
  Result<bool> check_find(ByteView params, const Find& find) const override;

 private:
  /// It sieves into memory that it keeps.
  const std::unique_ptr<goldbach::Partitioner> partitioner_;
};

}  // namespace kith::compute
