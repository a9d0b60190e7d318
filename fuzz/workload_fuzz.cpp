// Parameters, units and results of workloads: arbitrary bytes are refused, or encode to the very
// same bytes again; whatever has a shape can be split at its ends and described.
#include "compute/workload_collatz.h"
#include "compute/workload_external.h"
#include "compute/workload_goldbach.h"

namespace {

using namespace kith;

void look_at(const compute::Workload& workload, ByteView params) {
  const auto shape = workload.shape(params);
  if (!shape) return;
  ASSERT(shape->tasks >= 1 && shape->units >= 1 && shape->slices >= 1);
  const compute::TaskIndex last{shape->tasks - 1};
  ASSERT(workload.unit_of(params, {0}, 0)->size() <= compute::unit_bytes_max);
  ASSERT(workload.unit_of(params, last, shape->units - 1).has_value());
  ASSERT(!workload.unit_of(params, {shape->tasks}, 0));
  ASSERT(!workload.unit_of(params, last, shape->units));
  ASSERT(!workload.describe(params, last).empty());
}

void look_at_result(const compute::Workload& workload, ByteView bytes) {
  if (!workload.check_result(bytes)) return;
  const std::vector<compute::SliceResult> one{base::to_bytes(bytes)};
  const Bytes statistics = workload.statistics(one);
  ASSERT(workload.figures(statistics) && workload.join(statistics, statistics));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const compute::CollatzWorkload collatz(compute::collatz::KernelKind::scalar);
  static const compute::GoldbachWorkload goldbach;
  const ByteView bytes{data, size};
  look_at(collatz, bytes);
  look_at(goldbach, bytes);
  if (const auto params = compute::decode_external_params(bytes)) {
    ASSERT(base::equal(compute::encode_params(*params), bytes));
    look_at(compute::ExternalWorkload(params->program, {}), bytes);
  }
  if (const auto params = compute::decode_collatz_params(bytes)) {
    ASSERT(base::equal(compute::encode_params(*params), bytes));
  }
  if (const auto params = compute::decode_goldbach_params(bytes)) {
    ASSERT(base::equal(compute::encode_params(*params), bytes));
  }
  look_at_result(collatz, bytes);
  look_at_result(goldbach, bytes);
  (void)collatz.check_find(bytes, {compute::Find::Kind::record, "1", "1"});
  return 0;
}
