#include "compute/job_work.h"

#include <algorithm>
#include <bit>

#include "base/format.h"
#include "compute/collatz/unit.h"
#include "compute/workload_collatz.h"
#include "compute/workload_external.h"
#include "compute/workload_goldbach.h"

namespace kith::compute {
namespace {

using collatz::to_decimal;
using collatz::U128;

// Of the ledger: units of a task.
constexpr std::uint32_t units_min = 4;
constexpr std::uint32_t units_most = 1'024;
constexpr std::uint32_t slices_most = 64;

// Whole regions.
constexpr unsigned region_bits = 65;
constexpr unsigned region_sieve_bits = 51;
constexpr unsigned region_a_bits = 14;
constexpr unsigned region_free_bits = 26;
constexpr std::uint32_t slice_bits = 4;

// Consecutive numbers: as `kith compute run` has its units.
constexpr unsigned unit_bits_min = 20;
constexpr unsigned unit_bits_max = 36;
constexpr unsigned unit_a_bits = 12;

constexpr std::uint64_t goldbach_unit = std::uint64_t{1} << 24;

bool is_external(std::uint64_t workload) {
  return workload >= static_cast<std::uint64_t>(WorkloadId::external) && workload <= 255;
}

/// The largest power of 4 that divides `count`, from units_min to units_most; 0: none does.
std::uint32_t units_of(U128 count) {
  for (std::uint32_t units = units_most; units >= units_min; units /= 4) {
    if (count % units == 0) return units;
  }
  return 0;
}

Result<JobWork> finished(JobWork work, const Workload& workload) {
  work.shape = TRY(workload.shape(work.params));
  work.workload = workload.id();
  if (work.region_tasks == 0) {
    constexpr std::uint64_t most = std::uint64_t{1} << 20;  // the ledger's
    work.region_tasks = std::min(work.shape.tasks, most);
  }
  return work;
}

Result<JobWork> regions(U128 from, U128 count) {
  CollatzParams params;
  params.first = {region_sieve_bits,
                  region_free_bits,
                  slice_bits,
                  0,
                  from >> region_sieve_bits,
                  std::uint64_t{1} << region_a_bits,
                  {}};
  params.units = units_most;
  const U128 units = count >> (region_free_bits + region_a_bits);
  params.tasks = static_cast<std::uint64_t>(units / units_most);
  JobWork work;
  work.params = encode_params(params);
  work.region_tasks = std::uint64_t{1} << (region_sieve_bits - region_free_bits - 10);
  return finished(std::move(work), CollatzWorkload(collatz::KernelKind::scalar));
}

}  // namespace

Result<JobWork> collatz_job_work(U128 from, U128 to) {
  if (from < 1 || from > to) {
    return fail(Code::usage,
                base::format("no number from {} to {}", to_decimal(from), to_decimal(to)));
  }
  const U128 count = to - from + 1;
  constexpr U128 region = U128{1} << region_bits;
  if (count % region == 0 && from % (U128{1} << region_sieve_bits) == 0) {
    return regions(from, count);
  }
  for (unsigned bits = unit_bits_max; bits >= unit_bits_min; --bits) {
    const unsigned sieve = bits - unit_a_bits;
    const U128 units = count >> bits;
    if (units << bits != count || (from >> sieve) == 0 || (from >> sieve) << sieve != from)
      continue;
    const std::uint32_t each = units_of(units);
    if (each == 0) continue;
    if (units / each > tasks_max) break;
    CollatzParams params;
    params.first = {sieve, sieve,         std::min(slice_bits, sieve),
                    0,     from >> sieve, std::uint64_t{1} << unit_a_bits,
                    {}};
    params.units = each;
    params.tasks = static_cast<std::uint64_t>(units / each);
    JobWork work;
    work.params = encode_params(params);
    return finished(std::move(work), CollatzWorkload(collatz::KernelKind::scalar));
  }
  return fail(Code::usage,
              base::format("{} to {} is not whole tasks: a multiple of 2^{} numbers, from a "
                           "multiple of 2^{} on (whole regions: of 2^{}, from a multiple of 2^{})",
                           to_decimal(from), to_decimal(to), unit_bits_min + 2,
                           unit_bits_min - unit_a_bits, region_bits, region_sieve_bits));
}

Result<JobWork> goldbach_job_work(std::uint64_t from, std::uint64_t to) {
  GoldbachParams params = TRY(goldbach_params_of_range(from, to));
  const std::uint64_t wanted = (params.numbers + goldbach_unit - 1) / goldbach_unit;
  params.units = units_min;
  while (params.units < units_most && params.units * std::uint64_t{4} <= wanted) params.units *= 4;
  // As many units as are whole tasks, and no unit without a number.
  for (std::uint64_t tasks = (wanted + params.units - 1) / params.units; tasks > 0; --tasks) {
    const std::uint64_t units = tasks * params.units;
    const std::uint64_t each = (params.numbers + units - 1) / units;
    if (each > GoldbachParams::unit_numbers_max) break;
    if ((params.numbers + each - 1) / each != units) continue;
    params.unit_numbers = static_cast<std::uint32_t>(each);
    JobWork work;
    work.params = encode_params(params);
    return finished(std::move(work), GoldbachWorkload());
  }
  return fail(Code::usage, base::format("{} even numbers from {} on do not make whole tasks of {} "
                                        "units; some more or less do",
                                        params.numbers, params.first, params.units));
}

Result<JobWork> program_job_work(const Hash& program, const ProgramCut& cut) {
  const std::uint64_t pieces = std::uint64_t{cut.units} * cut.slices;
  if (cut.units < units_min || cut.units > units_most || !std::has_single_bit(cut.units) ||
      std::countr_zero(cut.units) % 2 != 0 || cut.slices < 1 || cut.slices > slices_most) {
    return fail(Code::usage,
                base::format("tasks of {} units of {} slices: a power of 4 from {} to {}, and 1 to "
                             "{} slices",
                             cut.units, cut.slices, units_min, units_most, slices_most));
  }
  if (cut.from > cut.to || cut.step == 0 || cut.step % pieces != 0) {
    return fail(Code::usage,
                base::format("{} to {} in tasks of {} numbers: each is cut into {} equal slices",
                             cut.from, cut.to, cut.step, pieces));
  }
  if ((U128{cut.to} - cut.from + 1) % cut.step != 0) {
    return fail(Code::usage, base::format("{} to {} is not whole tasks of {} numbers", cut.from,
                                          cut.to, cut.step));
  }
  ExternalParams params = TRY(external_params_of_range(program, cut.from, cut.to, cut.step));
  params.units = cut.units;
  params.slices = cut.slices;
  JobWork work;
  work.params = encode_params(params);
  return finished(std::move(work), ExternalWorkload(program, ExternalWorkload::RunSlice()));
}

Result<JobRange> job_range(std::uint64_t workload, ByteView bytes) {
  if (workload == static_cast<std::uint64_t>(WorkloadId::goldbach)) {
    const GoldbachParams params = TRY(decode_goldbach_params(bytes));
    return JobRange{"goldbach", std::to_string(params.first),
                    std::to_string(params.first + 2 * (params.numbers - 1))};
  }
  if (is_external(workload)) {
    const ExternalParams params = TRY(decode_external_params(bytes));
    const auto range = external_range(params);
    if (!range) return fail(Code::unsupported, "the argument of a program of somebody's own");
    return JobRange{base::format("external:{}", base::to_hex(params.program)),
                    std::to_string(range->from), std::to_string(range->to)};
  }
  if (workload != static_cast<std::uint64_t>(WorkloadId::collatz)) {
    return fail(Code::unsupported, base::format("workload {}", workload));
  }
  const CollatzParams params = TRY(decode_collatz_params(bytes));
  const U128 first = params.first.start();
  const unsigned fixed_bits = params.first.sieve_bits - params.first.free_bits;
  // Of whole regions; the last one may be of a part only.
  const U128 units = U128{params.tasks} * params.units;
  const U128 regions = (units + (U128{1} << fixed_bits) - 1) >> fixed_bits;
  const U128 last = first + ((regions * params.first.a_count) << params.first.sieve_bits) - 1;
  return JobRange{"collatz", to_decimal(first), to_decimal(last)};
}

Result<std::string> describe_task(std::uint64_t workload, ByteView params, TaskIndex task) {
  if (workload == static_cast<std::uint64_t>(WorkloadId::goldbach)) {
    return GoldbachWorkload().describe(params, task);
  }
  if (workload == static_cast<std::uint64_t>(WorkloadId::collatz)) {
    return CollatzWorkload(collatz::KernelKind::scalar).describe(params, task);
  }
  if (is_external(workload)) {
    TRY(decode_external_params(params));
    return ExternalWorkload({}, {}).describe(params, task);
  }
  return fail(Code::unsupported, base::format("workload {}", workload));
}

}  // namespace kith::compute
