#include "compute/workload_external.h"

#include <algorithm>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::compute {
namespace {

constexpr std::string_view slice_tag = "kith/external-slice/1";
/// Behind the parameters in a unit: its task and number.
constexpr std::size_t place_bytes = 12;

struct Place {
  ByteView params;
  TaskIndex task;
  std::uint32_t unit = 0;
};

Result<Place> decode_unit(ByteView bytes) {
  if (bytes.size() < place_bytes) {
    return fail(Code::truncated, base::format("a unit of {} bytes", bytes.size()));
  }
  Place place;
  place.params = bytes.first(bytes.size() - place_bytes);
  codec::Reader reader(bytes.last(place_bytes));
  place.task.value = TRY(reader.u64());
  place.unit = TRY(reader.u32());
  const ExternalParams params = TRY(decode_external_params(place.params));
  TRY_VOID(check_place({params.tasks, params.units, params.slices}, place.task, place.unit));
  return place;
}

struct Sums {
  std::uint64_t slices = 0;
  std::uint64_t bytes = 0;
};

Bytes encode(const Sums& sums) {
  Bytes out;
  codec::Writer writer(out);
  writer.u64(sums.slices);
  writer.u64(sums.bytes);
  return out;
}

Result<Sums> decode_sums(ByteView bytes) {
  codec::Reader reader(bytes);
  Sums sums;
  sums.slices = TRY(reader.u64());
  sums.bytes = TRY(reader.u64());
  TRY_VOID(reader.finish());
  return sums;
}

}  // namespace

Bytes encode_params(const ExternalParams& params) {
  Bytes out;
  codec::Writer writer(out);
  writer.bytes(params.program);
  writer.u64(params.tasks);
  writer.u32(params.units);
  writer.u32(params.slices);
  writer.bytes(params.argument);
  return out;
}

Result<ExternalParams> decode_external_params(ByteView bytes) {
  codec::Reader reader(bytes);
  ExternalParams params;
  std::ranges::copy(TRY(reader.bytes(params.program.size())), params.program.begin());
  params.tasks = TRY(reader.u64());
  params.units = TRY(reader.u32());
  params.slices = TRY(reader.u32());
  params.argument = base::to_bytes(reader.rest());
  if (params.argument.size() > external_argument_bytes_max) {
    return fail(Code::too_large, base::format("an argument of {} bytes, limit {}",
                                              params.argument.size(), external_argument_bytes_max));
  }
  if (params.tasks < 1 || params.tasks > tasks_max || params.units < 1 ||
      params.units > units_max || params.slices < 1 || params.slices > slices_max) {
    return fail(Code::limit, base::format("{} tasks of {} units of {} slices", params.tasks,
                                          params.units, params.slices));
  }
  return params;
}

Result<ExternalParams> external_params_of_range(const Hash& program, std::uint64_t from,
                                                std::uint64_t to, std::uint64_t step) {
  if (from > to || step == 0) {
    return fail(Code::usage,
                base::format("the range from {} to {} in steps of {} has no task", from, to, step));
  }
  ExternalParams params;
  params.program = program;
  const std::uint64_t before_last = (to - from) / step;
  if (before_last >= tasks_max) {
    return fail(Code::limit, base::format("{} tasks and more, limit {}", before_last, tasks_max));
  }
  params.tasks = before_last + 1;
  codec::Writer writer(params.argument);
  writer.u64(from);
  writer.u64(to);
  writer.u64(step);
  return params;
}

std::optional<ExternalRange> external_range(const ExternalParams& params) {
  codec::Reader reader(params.argument);
  const auto from = reader.u64();
  const auto to = reader.u64();
  const auto step = reader.u64();
  if (!from || !to || !step || !reader.finish() || *from > *to || *step == 0) return std::nullopt;
  return ExternalRange{*from, *to, *step};
}

std::string ExternalWorkload::describe(ByteView params, TaskIndex task) const {
  const auto p = decode_external_params(params);
  if (!p) return p.error().message;
  if (task.value >= p->tasks) return base::format("no task {}", task.value);
  return base::format("task {} of {} of the program {}", task.value, p->tasks,
                      base::to_hex(p->program).substr(0, 16));
}

Result<TaskShape> ExternalWorkload::shape(ByteView params) const {
  const ExternalParams p = TRY(decode_external_params(params));
  if (p.program != program_) {
    return fail(Code::refused, base::format("work of the program {}, this one is {}",
                                            base::to_hex(p.program), base::to_hex(program_)));
  }
  return TaskShape{p.tasks, p.units, p.slices};
}

Result<Bytes> ExternalWorkload::unit_of(ByteView params, TaskIndex task, std::uint32_t unit) const {
  const TaskShape all = TRY(shape(params));
  TRY_VOID(check_place(all, task, unit));
  Bytes out = base::to_bytes(params);
  codec::Writer writer(out);
  writer.u64(task.value);
  writer.u32(unit);
  return out;
}

Result<SliceResult> ExternalWorkload::run(ByteView unit, std::uint32_t slice,
                                          Progress& progress) const {
  const Place place = TRY(decode_unit(unit));
  const TaskShape all = TRY(shape(place.params));
  if (slice >= all.slices) {
    return fail(Code::usage, base::format("slice {} of {}", slice, all.slices));
  }
  SliceResult result = TRY(run_slice_(place.params, place.task, place.unit, slice, progress));
  TRY_VOID(check_result(result));
  return result;
}

Hash ExternalWorkload::digest(ByteView unit, std::uint32_t slice, const SliceResult& result) const {
  ASSERT(unit.size() >= place_bytes);
  Bytes number;
  codec::Writer(number).u32(slice);
  return codec::tagged_hash(slice_tag, {unit, number, result});
}

Result<void> ExternalWorkload::check_result(ByteView result) const {
  if (result.size() <= result_bytes_max) return {};
  return fail(Code::too_large,
              base::format("a result of {} bytes, limit {}", result.size(), result_bytes_max));
}

Bytes ExternalWorkload::statistics(std::span<const SliceResult> results) const {
  Sums sums;
  for (const SliceResult& result : results) {
    ++sums.slices;
    sums.bytes += result.size();
  }
  return encode(sums);
}

Result<Bytes> ExternalWorkload::join(ByteView statistics, ByteView others) const {
  Sums sums = TRY(decode_sums(statistics));
  const Sums more = TRY(decode_sums(others));
  sums.slices += more.slices;
  sums.bytes += more.bytes;
  return encode(sums);
}

Result<std::vector<Figure>> ExternalWorkload::figures(ByteView statistics) const {
  const Sums sums = TRY(decode_sums(statistics));
  return std::vector<Figure>{{"slices", std::to_string(sums.slices)},
                             {"result_bytes", std::to_string(sums.bytes)}};
}

bool ExternalWorkload::has_finds(std::span<const SliceResult>) const { return false; }

Result<std::vector<Find>> ExternalWorkload::finds(ByteView unit,
                                                  std::span<const SliceResult>) const {
  TRY(decode_unit(unit));
  return std::vector<Find>();
}

Result<bool> ExternalWorkload::check_find(ByteView, const Find& find) const {
  return fail(Code::unsupported,
              base::format("{}: only the program knows what a find of it is", find.number));
}

}  // namespace kith::compute
