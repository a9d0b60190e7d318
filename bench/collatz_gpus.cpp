// The GPUs that are here, tuned, on whole units by wall time, with the plan made before and within
// the time; some slices of each are compared with a processor's.
//
//   collatz_gpus [--json]
#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include "collatz_measure.h"
#include "compute/collatz/kernel.h"
#include "rt/compute_tune.h"

namespace {

using namespace kith::bench;
using namespace kith::compute::collatz;

/// What a GPU gives for a whole unit, some slices of which a processor gives too.
bool print_gpu_row(Kernel& kernel, const Shape& shape, bool is_json) {
  const Plan plan(shape.unit);
  std::vector<SliceResult> results(shape.unit.slices());
  Row best;
  double alone = 0;  // the least wall time with the plan made before
  for (int turn = 0; turn < 4; ++turn) {
    const Row row = measure(kernel, shape.unit, results);
    const Row without = measure(kernel, shape.unit, results, &plan);
    if (row.wall == 0 || without.wall == 0) return false;
    if (best.wall == 0 || row.wall < best.wall) best = row;
    if (alone == 0 || without.wall < alone) alone = without.wall;
  }
  best.numbers = static_cast<double>(shape.unit.numbers());
  std::vector<SliceResult> compared(4);
  const bool is_same =
      make_kernel(supported_kernels().back())->run(plan, 500, compared).has_value() &&
      std::equal(compared.begin(), compared.end(), results.begin() + 500);
  std::printf(is_json ? "{\"unit\":\"%s\",\"kernel\":\"%s\",\"numbers_per_s_wall\":%.4g,"
                        "\"numbers_per_s_without_plan\":%.4g,\"candidates_per_s\":%.4g,"
                        "\"processors\":%.3f,\"slices\":\"%s\"}\n"
                      : "%-18s %-24s %10.3e n/s %10.3e without plan %10.3e cand/s "
                        "%.2f processors, slices %s\n",
              shape.name, std::string(kernel.name()).c_str(), best.numbers / best.wall,
              best.numbers / alone, best.candidates / alone, best.cpu / best.wall,
              is_same ? "equal" : "WRONG");
  std::fflush(stdout);
  return is_same;
}

/// A row a GPU and unit, by the least wall time; false when one computed wrongly.
bool print_gpus(std::span<const Shape> shapes, bool is_json) {
  using namespace kith;
  bool is_good = true;
  for (const rt::GpuApi api : {rt::GpuApi::cuda, rt::GpuApi::opencl}) {
    const auto gpus = rt::list_gpus(api);
    if (!gpus) std::fprintf(stderr, "%s\n", gpus.error().message.c_str());
    for (const rt::GpuInfo& info : gpus.value_or(std::vector<rt::GpuInfo>())) {
      if (info.is_processor) continue;
      const auto shape = rt::tuned_shape(info, rt::shapes_path(), rt::open_gpu);
      auto kernel = shape ? rt::open_gpu_kernel(info, *shape, rt::open_gpu)
                          : Result<std::unique_ptr<Kernel>>(base::fail(shape.error()));
      if (!kernel) {
        std::fprintf(stderr, "%s\n", kernel.error().message.c_str());
        continue;
      }
      std::fprintf(stderr, "%s", encode_shapes({{info.key, *shape}}).c_str());
      for (const Shape& unit : shapes) {
        is_good = print_gpu_row(**kernel, unit, is_json) && is_good;
      }
    }
  }
  return is_good;
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_json = argc > 1 && std::string_view(argv[1]) == "--json";
  return print_gpus(collatz_shapes(), is_json) ? 0 : 1;
}
