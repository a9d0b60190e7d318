#include "compute/verdict.h"

#include "base/format.h"
#include "codec/reader.h"
#include "compute/collatz/orbit.h"
#include "compute/workload_collatz.h"
#include "compute/workload_goldbach.h"

namespace kith::compute {
namespace {

using collatz::U128;

class NoProgress final : public Progress {
 public:
  bool go_on(std::uint64_t, std::uint64_t) override { return true; }
};

Result<std::unique_ptr<Workload>> make_workload(std::uint8_t workload) {
  if (workload == static_cast<std::uint8_t>(WorkloadId::collatz)) {
    return std::make_unique<CollatzWorkload>(collatz::KernelKind::scalar);
  }
  if (workload == static_cast<std::uint8_t>(WorkloadId::goldbach)) {
    return std::make_unique<GoldbachWorkload>();
  }
  return fail(Code::unsupported, base::format("no verdict on workload {}", workload));
}

/// A sieve of K bits leaves about 2^-(2.3 + 0.185 K) of the numbers (K from 24 to 51): a little
/// more is reckoned.
Result<void> check_collatz(ByteView bytes) {
  const collatz::Unit unit = TRY(collatz::decode_unit(bytes));
  const U128 candidates = (unit.numbers() >> unit.slice_bits) >> (2 + unit.sieve_bits / 6);
  const std::uint64_t most =
      unit.map.increment == 1 ? verdict_candidates_max : verdict_candidates_of_others_max;
  if (candidates <= most) return {};
  return fail(Code::limit, base::format("slices of {} numbers are too large for a verdict",
                                        collatz::to_decimal(unit.numbers() >> unit.slice_bits)));
}

/// A unit as workload_goldbach.h has it.
struct EvenUnit {
  std::uint64_t first = 0;
  std::uint64_t numbers = 0;
  std::uint32_t slices = 1;
};
Result<EvenUnit> even_unit(ByteView bytes) {
  codec::Reader reader(bytes);
  EvenUnit unit;
  unit.first = TRY(reader.u64());
  unit.numbers = TRY(reader.u64());
  unit.slices = TRY(reader.u32());
  return unit;
}

Result<void> check_goldbach(ByteView bytes) {
  const EvenUnit unit = TRY(even_unit(bytes));
  if (unit.numbers / unit.slices <= verdict_even_numbers_max) return {};
  return fail(Code::limit, base::format("slices of {} even numbers are too large for a verdict",
                                        unit.numbers / unit.slices));
}

Result<void> check_bounds(const Workload& workload, ByteView unit) {
  return workload.id() == WorkloadId::collatz ? check_collatz(unit) : check_goldbach(unit);
}

U128 number_of(const std::array<std::uint8_t, 16>& bytes) {
  U128 number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

Result<bool> is_in_collatz(ByteView bytes, U128 number) {
  const collatz::Unit unit = TRY(collatz::decode_unit(bytes));
  const U128 a = number >> unit.sieve_bits;
  const U128 b = number - (a << unit.sieve_bits);
  return a >= unit.a_first && a - unit.a_first < unit.a_count && b >> unit.free_bits == unit.fixed;
}

Result<bool> is_in_goldbach(ByteView bytes, U128 number) {
  const EvenUnit unit = TRY(even_unit(bytes));
  return number % 2 == 0 && number >= unit.first && (number - unit.first) / 2 < unit.numbers;
}

Result<bool> is_in(const Workload& workload, ByteView unit, U128 number) {
  return workload.id() == WorkloadId::collatz ? is_in_collatz(unit, number)
                                              : is_in_goldbach(unit, number);
}

/// What the workload's own finds are measured against (workload_collatz.h).
Result<bool> is_record(const Workload& workload, ByteView bytes, U128 number) {
  if (workload.id() != WorkloadId::collatz) return false;
  const collatz::Unit unit = TRY(collatz::decode_unit(bytes));
  const collatz::Orbit orbit = collatz::walk_orbit(number, 1, {3, unit.map.increment});
  return orbit.peak > CollatzWorkload::last_path_record();
}

}  // namespace

Result<Hash> verdict_on_slice(const VerdictPlace& place) {
  const auto workload = TRY(make_workload(place.workload));
  const Bytes unit = TRY(workload->unit_of(place.params, place.task, place.unit));
  TRY_VOID(check_bounds(*workload, unit));
  NoProgress progress;
  const SliceResult result = TRY(workload->run(unit, place.slice, progress));
  return workload->digest(unit, place.slice, result);
}

Result<bool> verdict_on_find(const VerdictPlace& place, const std::array<std::uint8_t, 16>& number,
                             Find::Kind kind) {
  const auto workload = TRY(make_workload(place.workload));
  const Bytes unit = TRY(workload->unit_of(place.params, place.task, place.unit));
  const U128 value = number_of(number);
  if (!TRY(is_in(*workload, unit, value))) return false;
  if (kind == Find::Kind::record) return is_record(*workload, unit, value);
  return workload->check_find(place.params, {kind, collatz::to_decimal(value), {}});
}

}  // namespace kith::compute
