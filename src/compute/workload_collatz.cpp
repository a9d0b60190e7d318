#include "compute/workload_collatz.h"

#include <algorithm>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "compute/collatz/orbit.h"

namespace kith::compute {
namespace {

using namespace collatz;
using Slice = collatz::SliceResult;

constexpr std::size_t peak_bytes_max = Big::bits_max / 8;
constexpr std::size_t suspects_named_max = 64;
constexpr unsigned range_bits_min = 20;
constexpr unsigned range_bits_max = 36;
constexpr unsigned range_a_bits = 12;
constexpr std::uint32_t range_slice_bits = 4;

unsigned region_bits(const Unit& unit) { return unit.sieve_bits - unit.free_bits; }

/// The unit of that number from task 0 on; nothing when its first a would not fit.
std::optional<Unit> unit_number(const Unit& first, std::uint64_t number) {
  Unit unit = first;
  const std::uint64_t region = number >> region_bits(first);
  unit.fixed = number & ((std::uint64_t{1} << region_bits(first)) - 1);
  const auto a = checked_mul_add(region, first.a_count, first.a_first);
  if (!a) return std::nullopt;
  unit.a_first = *a;
  return unit;
}

Result<void> check(const CollatzParams& p) {
  TRY_VOID(check_unit(p.first));
  if (p.first.fixed != 0) return fail(Code::malformed, "the first unit's fixed bits are not 0");
  if (p.units < 1 || p.units > units_max || p.tasks < 1 || p.tasks > tasks_max) {
    return fail(Code::limit, base::format("{} tasks of {} units, at most {} of {}", p.tasks,
                                          p.units, tasks_max, units_max));
  }
  const auto last = unit_number(p.first, p.tasks * p.units - 1);
  if (!last || !check_unit(*last)) {
    return fail(Code::limit, base::format("{} tasks of {} units from {} on go beyond 2^{}", p.tasks,
                                          p.units, to_decimal(p.first.start()), number_bits_max));
  }
  return {};
}

/// The engine's results of bytes that have been checked.
std::vector<Slice> decoded(std::span<const Bytes> results) {
  std::vector<Slice> slices;
  slices.reserve(results.size());
  for (const Bytes& bytes : results) {
    auto slice = decode_collatz_result(bytes);
    ASSERT(slice);
    slices.push_back(*std::move(slice));
  }
  return slices;
}

Result<Big> parse_big(std::string_view digits) {
  Big value;
  if (digits.empty() || digits.size() > 308) {
    return fail(Code::malformed, base::format("{} digits are no number", digits.size()));
  }
  for (const char digit : digits) {
    if (digit < '0' || digit > '9' || !value.mul_add(10, static_cast<std::uint64_t>(digit - '0'))) {
      return fail(Code::malformed, base::format("\"{}\" is no number", digits));
    }
  }
  return value;
}

}  // namespace

Bytes encode_params(const CollatzParams& params) {
  const Unit& first = params.first;
  Bytes out;
  codec::Writer writer(out);
  writer.u16(results_version);
  writer.u8(static_cast<std::uint8_t>(first.sieve_bits));
  writer.u8(static_cast<std::uint8_t>(first.free_bits));
  writer.u8(static_cast<std::uint8_t>(first.slice_bits));
  writer.u64(static_cast<std::uint64_t>(first.a_first >> 64));
  writer.u64(static_cast<std::uint64_t>(first.a_first));
  writer.u64(first.a_count);
  writer.u64(first.map.increment);
  writer.u32(params.units);
  writer.u64(params.tasks);
  return out;
}

Result<CollatzParams> decode_collatz_params(ByteView bytes) {
  codec::Reader reader(bytes);
  CollatzParams params;
  Unit& first = params.first;
  const std::uint16_t results = TRY(reader.u16());
  first.sieve_bits = TRY(reader.u8());
  first.free_bits = TRY(reader.u8());
  first.slice_bits = TRY(reader.u8());
  first.a_first = U128{TRY(reader.u64())} << 64;
  first.a_first |= TRY(reader.u64());
  first.a_count = TRY(reader.u64());
  first.map.increment = TRY(reader.u64());
  params.units = TRY(reader.u32());
  params.tasks = TRY(reader.u64());
  TRY_VOID(reader.finish());
  TRY_VOID(check_results_version(results, results_version));
  if (const auto checked = check(params); !checked) {
    const bool is_large = checked.error().code == Code::limit;
    return fail(is_large ? Code::limit : Code::malformed, checked.error().message);
  }
  return params;
}

Result<CollatzParams> collatz_params_of_range(U128 from, U128 to) {
  if (from < 1 || from > to || collatz::bit_width(to) > number_bits_max) {
    return fail(Code::usage,
                base::format("the range from {} to {} has no number, or goes beyond 2^{}",
                             to_decimal(from), to_decimal(to), number_bits_max));
  }
  const U128 count = to - from + 1;
  for (unsigned bits = range_bits_max; bits >= range_bits_min; --bits) {
    const unsigned sieve = bits - range_a_bits;
    const U128 tasks = count >> bits;
    if (tasks << bits != count || tasks == 0 || (from >> sieve) == 0) continue;
    if ((from >> sieve) << sieve != from) continue;
    if (tasks > tasks_max) break;
    CollatzParams params;
    params.first = {sieve, sieve,         std::min(range_slice_bits, sieve),
                    0,     from >> sieve, std::uint64_t{1} << range_a_bits,
                    {}};
    params.tasks = static_cast<std::uint64_t>(tasks);
    TRY_VOID(check(params));
    return params;
  }
  return fail(Code::usage,
              base::format("{} to {} is not whole units: as many numbers as a multiple of 2^{}, "
                           "from a multiple of 2^{} on; `kith collatz verify` takes any range",
                           to_decimal(from), to_decimal(to), range_bits_min,
                           range_bits_min - range_a_bits));
}

Bytes encode_result(const Slice& result) {
  Bytes out;
  codec::Writer writer(out);
  writer.u64(result.candidates);
  writer.u64(result.stop_sum);
  writer.u64(result.escapes);
  writer.u64(result.suspects);
  Bytes peak;  // the lowest first
  Big rest = result.peak;
  while (!rest.is_zero()) {
    peak.push_back(static_cast<std::uint8_t>(rest.low()));
    rest.shift_right(8);
  }
  std::ranges::reverse(peak);
  writer.sized(peak);
  return out;
}

Result<Slice> decode_collatz_result(ByteView bytes) {
  codec::Reader reader(bytes);
  Slice result;
  result.candidates = TRY(reader.u64());
  result.stop_sum = TRY(reader.u64());
  result.escapes = TRY(reader.u64());
  result.suspects = TRY(reader.u64());
  const ByteView peak = TRY(reader.sized(peak_bytes_max));
  TRY_VOID(reader.finish());
  if (!peak.empty() && peak.front() == 0) {
    return fail(Code::malformed, "a peak that begins with a zero byte");
  }
  for (const std::uint8_t byte : peak) {
    const bool fits = result.peak.mul_add(256, byte);
    ASSERT(fits);  // peak_bytes_max of them do
  }
  return result;
}

Big CollatzWorkload::last_path_record() {
  // Of 1765856170146672440559, the 97th.
  return parse_big("788340337342148717335104033908060039028328").value();
}

CollatzWorkload::CollatzWorkload(KernelKind kernel, const Big& record_peak)
    : CollatzWorkload(std::shared_ptr<Kernel>(make_kernel(kernel)), record_peak) {}
CollatzWorkload::CollatzWorkload(std::shared_ptr<Kernel> kernel, const Big& record_peak)
    : kernel_(std::move(kernel)), record_peak_(record_peak) {
  ASSERT(kernel_);
}
CollatzWorkload::~CollatzWorkload() = default;

std::string CollatzWorkload::describe(ByteView params, TaskIndex task) const {
  const auto p = decode_collatz_params(params);
  if (!p) return p.error().message;
  const auto unit = unit_number(p->first, task.value * p->units);
  if (task.value >= p->tasks || !unit) return base::format("no task {}", task.value);
  return base::format("Collatz: task {} of {}: {} units of {} numbers in the region from {} on",
                      task.value, p->tasks, p->units, to_decimal(unit->numbers()),
                      to_decimal(unit->start()));
}

Result<TaskShape> CollatzWorkload::shape(ByteView params) const {
  const CollatzParams p = TRY(decode_collatz_params(params));
  return TaskShape{p.tasks, p.units, p.first.slices()};
}

Result<Bytes> CollatzWorkload::unit_of(ByteView params, TaskIndex task, std::uint32_t unit) const {
  const CollatzParams p = TRY(decode_collatz_params(params));
  TRY_VOID(check_place({p.tasks, p.units, p.first.slices()}, task, unit));
  const auto made = unit_number(p.first, task.value * p.units + unit);
  ASSERT(made);  // check() has asked for the last
  return encode_unit(*made);
}

Result<const Plan*> CollatzWorkload::plan_of(ByteView bytes) const {
  const Unit unit = TRY(decode_unit(bytes));
  if (!plan_) {
    plan_ = std::make_unique<Plan>(unit);
  } else if (plan_->unit() != unit) {
    plan_ = std::make_unique<Plan>(unit, *plan_);
  }
  return plan_.get();
}

Result<Bytes> CollatzWorkload::run(ByteView unit, std::uint32_t slice, Progress& progress) const {
  std::vector<Bytes> results = TRY(run_some(unit, slice, 1, progress));
  return std::move(results.front());
}

Result<std::vector<Bytes>> CollatzWorkload::run_some(ByteView unit, std::uint32_t first,
                                                     std::uint32_t count,
                                                     Progress& progress) const {
  const Plan* const plan = TRY(plan_of(unit));
  const std::uint32_t slices = plan->unit().slices();
  if (first >= slices || count > slices - first) {
    return fail(Code::usage,
                base::format("slices {} to {} of {}", first, std::uint64_t{first} + count, slices));
  }
  if (!progress.go_on(0, 1)) return fail(Code::canceled, "called off before a slice");
  std::vector<Slice> computed(count);
  TRY_VOID(kernel_->run(*plan, first, computed));
  std::vector<Bytes> results;
  for (const Slice& slice : computed) results.push_back(encode_result(slice));
  return results;
}

Hash CollatzWorkload::digest(ByteView unit, std::uint32_t slice, const Bytes& result) const {
  const auto decoded_unit = decode_unit(unit);
  const auto decoded_result = decode_collatz_result(result);
  ASSERT(decoded_unit && decoded_result);
  return slice_digest(*decoded_unit, slice, *decoded_result);
}

Result<void> CollatzWorkload::check_result(ByteView result) const {
  TRY(decode_collatz_result(result));
  return {};
}

Bytes CollatzWorkload::statistics(std::span<const Bytes> results) const {
  return encode_result(total_of(decoded(results)));
}

Result<Bytes> CollatzWorkload::join(ByteView statistics, ByteView others) const {
  const Slice both[] = {TRY(decode_collatz_result(statistics)), TRY(decode_collatz_result(others))};
  return encode_result(total_of(both));
}

Result<std::vector<Figure>> CollatzWorkload::figures(ByteView statistics) const {
  const Slice total = TRY(decode_collatz_result(statistics));
  return std::vector<Figure>{{"candidates", std::to_string(total.candidates)},
                             {"stop_sum", std::to_string(total.stop_sum)},
                             {"escapes", std::to_string(total.escapes)},
                             {"suspects", std::to_string(total.suspects)},
                             {"peak", to_decimal(total.peak)}};
}

bool CollatzWorkload::has_finds(std::span<const Bytes> results) const {
  return std::ranges::any_of(decoded(results), [&](const Slice& slice) {
    return slice.suspects > 0 || slice.peak > record_peak_;
  });
}

Result<std::vector<Find>> CollatzWorkload::finds(ByteView unit,
                                                 std::span<const Bytes> results) const {
  const Plan* const plan = TRY(plan_of(unit));
  if (results.size() != plan->unit().slices()) {
    return fail(Code::usage, base::format("{} results of a unit of {} slices", results.size(),
                                          plan->unit().slices()));
  }
  const auto slices = decoded(results);
  std::vector<Find> found;
  Big highest = record_peak_;
  std::optional<std::uint32_t> highest_slice;
  for (std::uint32_t i = 0; i < slices.size(); ++i) {
    if (slices[i].peak > highest) {
      highest = slices[i].peak;
      highest_slice = i;
    }
    if (slices[i].suspects == 0) continue;
    for (const U128 n : find_suspects(*plan, i, suspects_named_max)) {
      const Orbit orbit = walk_orbit(n, plan->unit().start(), {3, plan->unit().map.increment});
      if (orbit.verdict == Verdict::descends) continue;
      found.push_back({Find::Kind::counterexample, to_decimal(n), ""});
    }
  }
  if (!highest_slice) return found;
  if (const auto number = find_peak(*plan, *highest_slice, highest)) {
    found.push_back({Find::Kind::record, to_decimal(*number), to_decimal(highest)});
  }
  return found;
}

Result<bool> CollatzWorkload::check_find(ByteView params, const Find& find) const {
  const CollatzParams p = TRY(decode_collatz_params(params));
  const U128 number = TRY(parse_number(find.number));
  const U128 start = p.first.start();
  const auto last = unit_number(p.first, p.tasks * p.units - 1);
  const U128 end = (last->a_first + last->a_count) << last->sieve_bits;
  if (number < start || number >= end) return false;
  const OrbitMap map{3, p.first.map.increment};
  switch (find.kind) {
    case Find::Kind::counterexample: {
      const Orbit orbit = walk_orbit(number, start, map);
      return orbit.verdict == Verdict::cycles || orbit.verdict == Verdict::diverges;
    }
    case Find::Kind::record: return walk_orbit(number, 1, map).peak == TRY(parse_big(find.value));
  }
  return false;
}

}  // namespace kith::compute
