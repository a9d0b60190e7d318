// Workloads from 128 on: a program of a volunteer's own, in any language, which computes slices by
// lines on its standard input and output (external_line.h). Kith neither fetches nor trusts it: the
// parameters name it by the SHA-256 of its file, and rt/compute_external.h runs it in a sandbox.
// Parameters, big-endian:
//
//   32 bytes SHA-256 of the program, u64 tasks, u32 units a task, u32 slices a unit, then the
//   program's own argument, at most external_argument_bytes_max
//
// A unit is "params task unit", and the digest of a slice is over all of these, the slice's number
// and what the program answered: Kith does not know what the bytes mean. There are no finds.
#pragma once

#include <functional>
#include <optional>

#include "compute/workload.h"

namespace kith::compute {

inline constexpr std::size_t external_argument_bytes_max = 128;

struct ExternalParams {
  Hash program{};
  std::uint64_t tasks = 1;
  std::uint32_t units = 1;
  std::uint32_t slices = 1;
  Bytes argument;
  friend bool operator==(const ExternalParams&, const ExternalParams&) = default;
};
Bytes encode_params(const ExternalParams& params);
Result<ExternalParams> decode_external_params(ByteView bytes);

/// For programs that count numbers: task t is `step` numbers from from + t * step on, fewer at the
/// end. The argument is u64 from, u64 to, u64 step. `usage` for an empty range or step.
Result<ExternalParams> external_params_of_range(const Hash& program, std::uint64_t from,
                                                std::uint64_t to, std::uint64_t step);

struct ExternalRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t step = 0;
};
/// The argument as one of these; nothing when it is something else.
std::optional<ExternalRange> external_range(const ExternalParams& params);

class ExternalWorkload final : public Workload {
 public:
  /// Has the program compute one slice. `params` are those of the whole job.
  using RunSlice =
      std::function<Result<SliceResult>(ByteView params, TaskIndex task, std::uint32_t unit,
                                        std::uint32_t slice, Progress& progress)>;

  ExternalWorkload(const Hash& program, RunSlice run_slice)
      : program_(program), run_slice_(std::move(run_slice)) {}

  WorkloadId id() const override { return WorkloadId::external; }
  /// Another program has another hash, which is in the parameters.
  std::uint16_t results_version() const override { return 1; }
  std::string describe(ByteView params, TaskIndex task) const override;
  /// `refused` for another program's parameters.
  Result<TaskShape> shape(ByteView params) const override;
  Result<Bytes> unit_of(ByteView params, TaskIndex task, std::uint32_t unit) const override;
  Result<SliceResult> run(ByteView unit, std::uint32_t slice, Progress& progress) const override;
  Hash digest(ByteView unit, std::uint32_t slice, const SliceResult& result) const override;
  Result<void> check_result(ByteView result) const override;
  /// How many slices, and bytes of results.
  Bytes statistics(std::span<const SliceResult> results) const override;
  Result<Bytes> join(ByteView statistics, ByteView others) const override;
  Result<std::vector<Figure>> figures(ByteView statistics) const override;
  bool has_finds(std::span<const SliceResult> results) const override;
  Result<std::vector<Find>> finds(ByteView unit,
                                  std::span<const SliceResult> results) const override;
  Result<bool> check_find(ByteView params, const Find& find) const override;

 private:
  const Hash program_;
  const RunSlice run_slice_;
};

}  // namespace kith::compute
