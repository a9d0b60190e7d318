// The Collatz kernels by themselves: numbers a second and cycles a candidate, of one thread.
//
//   collatz_rates [--quick] [--json] [--threads N] [--peer NAME=NUMBERS=COMMAND]...
//   collatz_rates --check        kernels on slices whose results are known, and no clock
//
// By process CPU time, since a machine is seldom alone; wall time stands beside it. Cycles are CPU
// time times the clock that a chain of additions shows just before. The work of a row is some
// slices of one unit, sieve and plan included, and its numbers are as large a share of the unit's
// as its candidates are.
// --threads adds the region K=51 on so many threads at once. A peer is a foreign program that
// verifies NUMBERS numbers and ends; its row is its own CPU time.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include "collatz_measure.h"
#include "compute/collatz/kernel.h"

namespace {

using namespace kith::bench;
using namespace kith::compute::collatz;

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

struct Options {
  bool is_quick = false;
  bool is_json = false;
  bool is_check = false;
  unsigned threads = 1;
  std::vector<std::string_view> peers;
};

void print_row(const Options& options, const char* unit, std::string_view kernel, const Row& row,
               double hz) {
  const double ns = row.candidates > 0 ? row.cpu / row.candidates * 1e9 : 0;
  std::printf(options.is_json ? "{\"unit\":\"%s\",\"kernel\":\"%s\",\"numbers_per_s_cpu\":%.4g,"
                                "\"numbers_per_s_wall\":%.4g,\"ns_per_candidate\":%.3f,"
                                "\"cycles_per_candidate\":%.2f}\n"
                              : "%-18s %-12s %11.3e %11.3e %9.3f %9.2f\n",
              unit, std::string(kernel).c_str(), row.numbers / row.cpu, row.numbers / row.wall, ns,
              ns * hz / 1e9);
  std::fflush(stdout);
}

/// The last kernel there is on each thread, every one with slices of its own: numbers of all, by
/// the time that the last needs.
Row measure_threads(const Shape& shape, unsigned threads) {
  std::vector<std::jthread> workers;
  const double began = wall_s();
  const double cpu_began = cpu_s();
  std::vector<double> candidates(threads);
  for (unsigned i = 0; i < threads; ++i) {
    workers.emplace_back([&shape, &candidates, i] {
      Unit own = shape.unit;
      own.fixed += i;
      std::vector<SliceResult> results(shape.slices);
      candidates[i] = measure(*make_kernel(supported_kernels().back()), own, results).candidates;
    });
  }
  workers.clear();
  Row row;
  row.cpu = cpu_s() - cpu_began;
  row.wall = wall_s() - began;
  for (unsigned i = 0; i < threads; ++i) {
    Unit own = shape.unit;
    own.fixed += i;
    row.numbers += static_cast<double>(own.numbers()) / candidates_of(own) * candidates[i];
  }
  return row;
}

double children_cpu_s() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

bool measure_peer(const Options& options, std::string_view peer) {
  const auto name_end = peer.find('=');
  const auto numbers_end = peer.find('=', name_end + 1);
  if (name_end == std::string_view::npos || numbers_end == std::string_view::npos) return false;
  const std::string name(peer.substr(0, name_end));
  const std::string numbers(peer.substr(name_end + 1, numbers_end - name_end - 1));
  const std::string command = std::string(peer.substr(numbers_end + 1)) + " >/dev/null";
  Row row;
  row.numbers = std::strtod(numbers.c_str(), nullptr);
  const double began = wall_s();
  const double cpu_began = children_cpu_s();
  if (std::system(command.c_str()) != 0) return false;
  row.cpu = children_cpu_s() - cpu_began;
  row.wall = wall_s() - began;
  print_row(options, "peer", name, row, 0);
  return true;
}

int check_kernels() {
  for (const KernelKind kind : supported_kernels()) {
    const auto passed = self_test(*make_kernel(kind));
    std::printf("%-12s %s\n", std::string(name_of(kind)).c_str(),
                passed ? "computes what is known" : passed.error().message.c_str());
    if (!passed) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--quick") options.is_quick = true;
    if (argument == "--json") options.is_json = true;
    if (argument == "--check") options.is_check = true;
    if (argument == "--threads" && i + 1 < argc) {
      options.threads = static_cast<unsigned>(std::clamp(std::atoi(argv[++i]), 1, 1024));
    }
    if (argument == "--peer" && i + 1 < argc) options.peers.emplace_back(argv[++i]);
  }
  if (options.is_check) return check_kernels();
  const auto shapes = collatz_shapes();
  const double hz = clock_hz();
  if (!options.is_json) {
    std::printf("one thread, %.2f GHz\n%-18s %-12s %11s %11s %9s %9s\n", hz / 1e9, "unit", "kernel",
                "n/s (CPU)", "n/s (wall)", "ns/cand", "cyc/cand");
  }
  for (const Shape& shape : shapes) {
    const double numbers_each =
        static_cast<double>(shape.unit.numbers()) / candidates_of(shape.unit);
    for (const KernelKind kind : supported_kernels()) {
      if (kind == KernelKind::reference) continue;
      const auto kernel = make_kernel(kind);
      std::vector<SliceResult> results(options.is_quick ? shape.slices / 8 : shape.slices);
      Row best;
      for (int turn = 0; turn < (options.is_quick ? 1 : 3); ++turn) {
        const Row row = measure(*kernel, shape.unit, results);
        if (best.cpu == 0 || row.cpu < best.cpu) best = row;
      }
      best.numbers = numbers_each * best.candidates;
      print_row(options, shape.name, kernel->name(), best, hz);
    }
  }
  if (options.threads > 1) {
    const std::string name = std::to_string(options.threads) + " threads";
    print_row(options, shapes[1].name, name, measure_threads(shapes[1], options.threads), 0);
  }
  for (const std::string_view peer : options.peers) {
    if (measure_peer(options, peer)) continue;
    std::fprintf(stderr, "collatz_rates: \"%s\" is not NAME=NUMBERS=COMMAND, or fails\n",
                 std::string(peer).c_str());
    return 1;
  }
}
