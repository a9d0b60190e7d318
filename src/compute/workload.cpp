#include "compute/workload.h"

#include "base/format.h"
#include "codec/chain_merkle.h"

namespace kith::compute {
namespace {

class NoProgress final : public Progress {
 public:
  bool go_on(std::uint64_t, std::uint64_t) override { return true; }
};

}  // namespace

std::string_view name_of(Find::Kind kind) {
  switch (kind) {
    case Find::Kind::counterexample: return "counterexample";
    case Find::Kind::record: return "record";
  }
  return "unknown";
}

Result<std::vector<SliceResult>> Workload::run_some(ByteView unit, std::uint32_t first,
                                                    std::uint32_t count, Progress& progress) const {
  std::vector<SliceResult> results;
  for (std::uint32_t i = 0; i < count; ++i) {
    results.push_back(TRY(run(unit, first + i, progress)));
  }
  return results;
}

Hash unit_root(std::span<const Hash> slice_digests) { return codec::merkle_root(slice_digests); }
Hash task_root(std::span<const Hash> unit_roots) { return codec::merkle_root(unit_roots); }

Result<void> verify(const Workload& workload, ByteView unit, std::uint32_t slice,
                    const Hash& digest) {
  NoProgress progress;
  const SliceResult result = TRY(workload.run(unit, slice, progress));
  const Hash own = workload.digest(unit, slice, result);
  if (own == digest) return {};
  return fail(Code::refused, base::format("slice {} comes to {} here, not to {}", slice,
                                          base::to_hex(own), base::to_hex(digest)));
}

Result<void> check_results_version(std::uint16_t of_params, std::uint16_t of_program) {
  if (of_params == of_program) return {};
  return fail(Code::unsupported,
              base::format("parameters of results of version {}, where this program's are of {}",
                           of_params, of_program));
}

Result<void> check_place(const TaskShape& shape, TaskIndex task, std::uint32_t unit) {
  if (task.value >= shape.tasks) {
    return fail(Code::usage, base::format("task {} of {}", task.value, shape.tasks));
  }
  if (unit >= shape.units) {
    return fail(Code::usage, base::format("unit {} of a task of {}", unit, shape.units));
  }
  return {};
}

}  // namespace kith::compute
