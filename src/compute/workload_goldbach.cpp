#include "compute/workload_goldbach.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::compute {
namespace {

using goldbach::EvenResult;

constexpr std::string_view slice_tag = "kith/goldbach/slice/1";
constexpr std::uint32_t limit_min = 3;

/// The even numbers first, first + 2, ... of a unit.
struct Unit {
  std::uint64_t first = 0;
  std::uint64_t numbers = 0;
  std::uint32_t slices = 0;
  std::uint32_t limit = 0;
};

std::uint64_t unit_count(const GoldbachParams& p) {
  return (p.numbers + p.unit_numbers - 1) / p.unit_numbers;
}

Result<void> check_numbers(std::uint64_t first, std::uint64_t numbers) {
  if (first % 2 != 0 || first < goldbach::first_min) {
    return fail(Code::malformed, base::format("{} is not an even number from 4 on", first));
  }
  if (first > goldbach::number_max || numbers == 0 ||
      numbers - 1 > (goldbach::number_max - first) / 2) {
    return fail(Code::limit, base::format("{} even numbers from {} on: none, or beyond {}", numbers,
                                          first, goldbach::number_max));
  }
  return {};
}

Result<void> check_fields(std::uint32_t slices, std::uint32_t limit, std::uint8_t format) {
  if (slices < 1 || slices > slices_max) {
    return fail(Code::malformed, base::format("{} slices, 1 to {}", slices, slices_max));
  }
  if (limit < limit_min || limit > goldbach::limit_max) {
    return fail(Code::malformed, base::format("primes up to {}, from {} to {}", limit, limit_min,
                                              goldbach::limit_max));
  }
  if (format != 0) return fail(Code::unsupported, base::format("a format {}", format));
  return {};
}

Result<Unit> decode_unit(ByteView bytes) {
  codec::Reader reader(bytes);
  Unit unit;
  unit.first = TRY(reader.u64());
  unit.numbers = TRY(reader.u64());
  unit.slices = TRY(reader.u32());
  unit.limit = TRY(reader.u32());
  const std::uint8_t format = TRY(reader.u8());
  TRY_VOID(reader.finish());
  TRY_VOID(check_fields(unit.slices, unit.limit, format));
  TRY_VOID(check_numbers(unit.first, unit.numbers));
  if (unit.numbers > GoldbachParams::unit_numbers_max) {
    return fail(Code::limit, base::format("a unit of {} numbers", unit.numbers));
  }
  return unit;
}

Result<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto end = text.data() + text.size();
  const auto [at, fault] = std::from_chars(text.data(), end, value);
  if (fault != std::errc() || at != end) {
    return fail(Code::malformed, base::format("\"{}\" is no number", text.substr(0, 40)));
  }
  return value;
}

}  // namespace

Bytes encode_params(const GoldbachParams& params) {
  Bytes out;
  codec::Writer writer(out);
  writer.u16(GoldbachParams::results_version);
  writer.u64(params.first);
  writer.u64(params.numbers);
  writer.u32(params.unit_numbers);
  writer.u32(params.units);
  writer.u32(params.slices);
  writer.u32(params.limit);
  writer.u8(0);
  return out;
}

Result<GoldbachParams> decode_goldbach_params(ByteView bytes) {
  codec::Reader reader(bytes);
  GoldbachParams params;
  const std::uint16_t results = TRY(reader.u16());
  params.first = TRY(reader.u64());
  params.numbers = TRY(reader.u64());
  params.unit_numbers = TRY(reader.u32());
  params.units = TRY(reader.u32());
  params.slices = TRY(reader.u32());
  params.limit = TRY(reader.u32());
  const std::uint8_t format = TRY(reader.u8());
  TRY_VOID(reader.finish());
  TRY_VOID(check_results_version(results, GoldbachParams::results_version));
  TRY_VOID(check_fields(params.slices, params.limit, format));
  TRY_VOID(check_numbers(params.first, params.numbers));
  if (params.unit_numbers < 1 || params.unit_numbers > GoldbachParams::unit_numbers_max ||
      params.units < 1 || params.units > units_max) {
    return fail(Code::limit,
                base::format("tasks of {} units of {} numbers", params.units, params.unit_numbers));
  }
  // Whole tasks: every one has the shape's units.
  if (unit_count(params) % params.units != 0 || unit_count(params) / params.units > tasks_max) {
    return fail(Code::limit, base::format("{} units, which are not whole tasks of {}, or too many",
                                          unit_count(params), params.units));
  }
  return params;
}

Result<GoldbachParams> goldbach_params_of_range(std::uint64_t from, std::uint64_t to) {
  const std::uint64_t first = std::max(from + from % 2, goldbach::first_min);
  if (from > to || to > goldbach::number_max || first > to) {
    return fail(Code::usage, base::format("no even number from 4 to {} is in {} to {}",
                                          goldbach::number_max, from, to));
  }
  GoldbachParams params;
  params.first = first;
  params.numbers = (to - first) / 2 + 1;
  return params;
}

Bytes encode_result(const EvenResult& result) {
  Bytes out;
  codec::Writer writer(out);
  writer.u64(result.numbers);
  writer.u64(result.prime_sum);
  writer.u32(result.largest);
  writer.u64(result.largest_at);
  writer.u64(result.missing);
  writer.u64(result.missing_at);
  return out;
}

Result<EvenResult> decode_goldbach_result(ByteView bytes) {
  codec::Reader reader(bytes);
  EvenResult result;
  result.numbers = TRY(reader.u64());
  result.prime_sum = TRY(reader.u64());
  result.largest = TRY(reader.u32());
  result.largest_at = TRY(reader.u64());
  result.missing = TRY(reader.u64());
  result.missing_at = TRY(reader.u64());
  TRY_VOID(reader.finish());
  if ((result.largest == 0) != (result.largest_at == 0) ||
      (result.missing == 0) != (result.missing_at == 0) || result.missing > result.numbers) {
    return fail(Code::malformed, "numbers that do not fit each other");
  }
  return result;
}

GoldbachWorkload::GoldbachWorkload() : partitioner_(std::make_unique<goldbach::Partitioner>()) {}
GoldbachWorkload::~GoldbachWorkload() = default;

std::string GoldbachWorkload::describe(ByteView params, TaskIndex task) const {
  const auto p = decode_goldbach_params(params);
  if (!p) return p.error().message;
  const std::uint64_t tasks = unit_count(*p) / p->units;
  if (task.value >= tasks) return base::format("no task {}", task.value);
  const std::uint64_t first = p->first + 2 * task.value * p->units * p->unit_numbers;
  return base::format("Goldbach: task {} of {}: even numbers from {} on, least primes up to {}",
                      task.value, tasks, first, p->limit);
}

Result<TaskShape> GoldbachWorkload::shape(ByteView params) const {
  const GoldbachParams p = TRY(decode_goldbach_params(params));
  return TaskShape{unit_count(p) / p.units, p.units, p.slices};
}

Result<Bytes> GoldbachWorkload::unit_of(ByteView params, TaskIndex task, std::uint32_t unit) const {
  const GoldbachParams p = TRY(decode_goldbach_params(params));
  TRY_VOID(check_place({unit_count(p) / p.units, p.units, p.slices}, task, unit));
  const std::uint64_t before = (task.value * p.units + unit) * p.unit_numbers;
  Bytes out;
  codec::Writer writer(out);
  writer.u64(p.first + 2 * before);
  writer.u64(std::min<std::uint64_t>(p.unit_numbers, p.numbers - before));
  writer.u32(p.slices);
  writer.u32(p.limit);
  writer.u8(0);
  return out;
}

Result<SliceResult> GoldbachWorkload::run(ByteView bytes, std::uint32_t slice,
                                          Progress& progress) const {
  const Unit unit = TRY(decode_unit(bytes));
  if (slice >= unit.slices) {
    return fail(Code::usage, base::format("slice {} of {}", slice, unit.slices));
  }
  const std::uint64_t begin = unit.numbers * slice / unit.slices;
  const std::uint64_t end = unit.numbers * (slice + 1) / unit.slices;
  EvenResult result;
  for (std::uint64_t at = begin; at < end;) {
    if (!progress.go_on(at - begin, end - begin)) {
      return fail(Code::canceled, "called off in the middle of a slice");
    }
    const std::uint64_t count = std::min(goldbach::Partitioner::block_numbers, end - at);
    result = joined(result, partitioner_->run(unit.first + 2 * at, count, unit.limit));
    at += count;
  }
  return encode_result(result);
}

Hash GoldbachWorkload::digest(ByteView unit, std::uint32_t slice, const SliceResult& result) const {
  Bytes place;
  codec::Writer(place).u32(slice);
  return codec::tagged_hash(slice_tag, {unit, place, result});
}

Result<void> GoldbachWorkload::check_result(ByteView result) const {
  TRY(decode_goldbach_result(result));
  return {};
}

Bytes GoldbachWorkload::statistics(std::span<const SliceResult> results) const {
  EvenResult all;
  for (const SliceResult& bytes : results) {
    const auto result = decode_goldbach_result(bytes);
    ASSERT(result);
    all = joined(all, *result);
  }
  return encode_result(all);
}

Result<Bytes> GoldbachWorkload::join(ByteView statistics, ByteView others) const {
  const EvenResult own = TRY(decode_goldbach_result(statistics));
  return encode_result(joined(own, TRY(decode_goldbach_result(others))));
}

Result<std::vector<Figure>> GoldbachWorkload::figures(ByteView statistics) const {
  const EvenResult all = TRY(decode_goldbach_result(statistics));
  return std::vector<Figure>{{"numbers", std::to_string(all.numbers)},
                             {"prime_sum", std::to_string(all.prime_sum)},
                             {"largest_least_prime", std::to_string(all.largest)},
                             {"largest_least_prime_at", std::to_string(all.largest_at)},
                             {"missing", std::to_string(all.missing)}};
}

bool GoldbachWorkload::has_finds(std::span<const SliceResult> results) const {
  return std::ranges::any_of(results, [](const SliceResult& bytes) {
    const auto result = decode_goldbach_result(bytes);
    return result && result->missing > 0;
  });
}

Result<std::vector<Find>> GoldbachWorkload::finds(ByteView unit,
                                                  std::span<const SliceResult> results) const {
  TRY(decode_unit(unit));
  std::vector<Find> found;
  for (const SliceResult& bytes : results) {
    const EvenResult result = TRY(decode_goldbach_result(bytes));
    if (result.missing == 0) continue;
    found.push_back({Find::Kind::counterexample, std::to_string(result.missing_at), ""});
  }
  return found;
}

Result<bool> GoldbachWorkload::check_find(ByteView params, const Find& find) const {
  const GoldbachParams p = TRY(decode_goldbach_params(params));
  const std::uint64_t number = TRY(parse_decimal(find.number));
  if (number % 2 != 0 || number < p.first || (number - p.first) / 2 >= p.numbers) return false;
  const auto least = goldbach::least_prime(number, p.limit);
  switch (find.kind) {
    case Find::Kind::counterexample: return !least.has_value();
    case Find::Kind::record: return least && std::to_string(*least) == find.value;
  }
  return false;
}

}  // namespace kith::compute
