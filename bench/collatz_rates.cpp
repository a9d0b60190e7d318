// The Collatz kernels by themselves: numbers a second and cycles a candidate, of one thread.
//
//   collatz_rates [--quick] [--json] [--gpu]
//
// By process CPU time, since a machine is seldom alone; wall time stands beside it. Cycles are CPU
// time times the clock that a chain of additions shows just before. The work of a row is some
// slices of one unit, sieve and plan included; a number is every one that the slices speak for.
//
// With --gpu, instead: the GPUs that are here, tuned, by wall time; whole units, with the plan made
// before and within the time.
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
  std::uint32_t slices;  // of 1024
};

double cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// In hertz: additions that wait for each other take a cycle each.
double clock_hz() {
  double best = 0;
  for (int turn = 0; turn < 3; ++turn) {
    constexpr long rounds = 20'000'000;
    std::uint64_t value = 1;
    const double began = cpu_s();
    for (long i = 0; i < rounds; ++i) {
      asm volatile(
          "add $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\t"
          "add $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\tadd $1, %0"
          : "+r"(value));
    }
    best = std::max(best, 8.0 * rounds / (cpu_s() - began));
  }
  return best;
}

struct Row {
  double candidates = 0, numbers = 0, cpu = 0, wall = 0;
};

Row measure(Kernel& kernel, const Shape& shape, std::uint32_t slices) {
  std::vector<SliceResult> results(slices);
  const auto wall_began = std::chrono::steady_clock::now();
  const double began = cpu_s();
  const Plan plan(shape.unit);
  if (!kernel.run(plan, 0, results)) return {};
  Row row;
  row.cpu = cpu_s() - began;
  row.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_began).count();
  row.candidates = static_cast<double>(total_of(results).candidates);
  row.numbers = static_cast<double>(shape.unit.numbers()) * slices / shape.unit.slices();
  return row;
}

/// What a GPU gives for a whole unit, some slices of which a processor gives too.
bool print_gpu_row(Kernel& kernel, const Shape& shape, bool is_json) {
  Row best;
  for (int turn = 0; turn < 4; ++turn) {
    const Row row = measure(kernel, shape, shape.unit.slices());
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
  bool is_quick = false;
  bool is_json = false;
  bool is_gpu = false;
  for (int i = 1; i < argc; ++i) {
    is_quick = is_quick || std::string_view(argv[i]) == "--quick";
    is_json = is_json || std::string_view(argv[i]) == "--json";
    is_gpu = is_gpu || std::string_view(argv[i]) == "--gpu";
  }
  constexpr U128 at_2_71 = U128{1} << 71;
  const Shape shapes[] = {
      {"region K=45", region_unit(45, at_2_71 >> 45, 12345), 64},
      {"region K=51", region_unit(51, at_2_71 >> 51, 12345), 128},
      {"region K=56", region_unit(56, at_2_71 >> 56, 12345), 128},
      {"consecutive 2^40", consecutive_unit(std::uint64_t{1} << 31), 64},
  };
  if (is_gpu) return print_gpus(shapes, is_json) ? 0 : 1;
  const double hz = clock_hz();
  if (!is_json) {
    std::printf("one thread, %.2f GHz\n%-18s %-12s %11s %11s %9s %9s\n", hz / 1e9, "unit", "kernel",
                "n/s (CPU)", "n/s (wall)", "ns/cand", "cyc/cand");
  }
  for (const Shape& shape : shapes) {
    for (const KernelKind kind : supported_kernels()) {
      if (kind == KernelKind::reference) continue;
      const auto kernel = make_kernel(kind);
      Row best;
      for (int turn = 0; turn < (is_quick ? 1 : 3); ++turn) {
        const Row row = measure(*kernel, shape, is_quick ? shape.slices / 8 : shape.slices);
        if (best.cpu == 0 || row.cpu < best.cpu) best = row;
      }
      const double ns = best.cpu / best.candidates * 1e9;
      std::printf(is_json ? "{\"unit\":\"%s\",\"kernel\":\"%s\",\"numbers_per_s_cpu\":%.4g,"
                            "\"numbers_per_s_wall\":%.4g,\"ns_per_candidate\":%.3f,"
                            "\"cycles_per_candidate\":%.2f}\n"
                          : "%-18s %-12s %11.3e %11.3e %9.3f %9.2f\n",
                  shape.name, std::string(kernel->name()).c_str(), best.numbers / best.cpu,
                  best.numbers / best.wall, ns, ns * hz / 1e9);
      std::fflush(stdout);
    }
  }
}
