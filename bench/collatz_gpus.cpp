// The GPUs that are here, tuned, on whole units by wall time, with the plan made before and within
// the time; some slices of each are compared with a processor's.
//
//   collatz_gpus [--json]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <vector>

#include "compute/collatz/kernel.h"
#include "rt/compute_tune.h"

namespace {

using namespace kith::compute::collatz;

struct Shape {
  const char* name;
  Unit unit;
};

double cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Row {
  double candidates = 0, numbers = 0, cpu = 0, wall = 0;
};

Row measure(Kernel& kernel, const Shape& shape) {
  const std::uint32_t slices = shape.unit.slices();
  std::vector<SliceResult> results(slices);
  const auto wall_began = std::chrono::steady_clock::now();
  const double began = cpu_s();
  const Plan plan(shape.unit);
  if (!kernel.run(plan, 0, results)) return {};
  Row row;
  row.cpu = cpu_s() - began;
  row.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_began).count();
  row.candidates = static_cast<double>(total_of(results).candidates);
  row.numbers = static_cast<double>(shape.unit.numbers());
  return row;
}

/// What a GPU gives for a whole unit, some slices of which a processor gives too.
bool print_gpu_row(Kernel& kernel, const Shape& shape, bool is_json) {
  Row best;
  for (int turn = 0; turn < 4; ++turn) {
    const Row row = measure(kernel, shape);
    if (best.wall == 0 || row.wall < best.wall) best = row;
  }
  const Plan plan(shape.unit);
  std::vector<SliceResult> results(shape.unit.slices());
  double alone = 0;
  for (int turn = 0; turn < 4; ++turn) {
    const auto began = std::chrono::steady_clock::now();
    if (!kernel.run(plan, 0, results)) return false;
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (alone == 0 || wall < alone) alone = wall;
  }
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
  constexpr U128 at_2_71 = U128{1} << 71;
  const Shape shapes[] = {
      {"region K=45", region_unit(45, at_2_71 >> 45, 12345)},
      {"region K=51", region_unit(51, at_2_71 >> 51, 12345)},
      {"region K=56", region_unit(56, at_2_71 >> 56, 12345)},
      {"consecutive 2^40", consecutive_unit(std::uint64_t{1} << 31)},
  };
  return print_gpus(shapes, is_json) ? 0 : 1;
}
