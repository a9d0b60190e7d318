// The Collatz kernels by themselves: numbers a second and cycles a candidate, of one thread.
//
//   collatz_rates [--quick] [--json]
//
// By process CPU time, since a machine is seldom alone; wall time stands beside it. Cycles are CPU
// time times the clock that a chain of additions shows just before. The work of a row is some
// slices of one unit, sieve and plan included; a number is every one that the slices speak for.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <vector>

#include "compute/collatz/kernel.h"

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

}  // namespace

int main(int argc, char** argv) {
  bool is_quick = false;
  bool is_json = false;
  for (int i = 1; i < argc; ++i) {
    is_quick = is_quick || std::string_view(argv[i]) == "--quick";
    is_json = is_json || std::string_view(argv[i]) == "--json";
  }
  constexpr U128 at_2_71 = U128{1} << 71;
  const Shape shapes[] = {
      {"region K=45", region_unit(45, at_2_71 >> 45, 12345), 64},
      {"region K=51", region_unit(51, at_2_71 >> 51, 12345), 128},
      {"region K=56", region_unit(56, at_2_71 >> 56, 12345), 128},
      {"consecutive 2^40", consecutive_unit(std::uint64_t{1} << 31), 64},
  };
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
