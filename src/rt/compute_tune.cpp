#include "rt/compute_tune.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "rt/files.h"

namespace kith::rt {
namespace {

using namespace compute::collatz;
using Clock = std::chrono::steady_clock;

constexpr auto turn_time = std::chrono::milliseconds(20);
constexpr int turns = 4;
/// Below that, another shape is no better but for chance.
constexpr double gain_min = 1.01;

/// A display's driver ends what runs for seconds, and who stops a run waits for a batch.
constexpr double batch_s_max = 0.25;
/// What measure_rate's region has: classes of its 20 lowest bits, and 8 bits more.
constexpr double items_of_region = 16033.0 * 256;

/// Groups, tables and registers of a processor's OpenCL are loops and memory.
constexpr GpuShape processor_shape{64, 1, 0, 16, 1, 910, 16};

double numbers_of(const Unit& unit, std::uint32_t slices) {
  return static_cast<double>(unit.numbers()) * slices / unit.slices();
}

/// 0 when it cannot be made, or does not work.
double rate_of_shape(const GpuInfo& info, const GpuShape& shape, const GpuOpener& open,
                     std::optional<Error>& fault) {
  const auto kernel = open_gpu_kernel(info, shape, open);
  if (!kernel) {
    fault = kernel.error();
    return 0;
  }
  return measure_rate(**kernel);
}

/// Of a device that is so slow.
void shorten_batches(GpuShape& shape, double rate) {
  const Unit unit = region_unit(51, U128{1} << 20, 12345);
  const double item_s = numbers_of(unit, unit.slices()) / rate / items_of_region;
  while (shape.items_bits > 16 && item_s * (1u << shape.items_bits) > batch_s_max) {
    --shape.items_bits;
  }
}

/// From the usual shape on, one field after the other.
Result<GpuShape> search(const GpuInfo& info, const GpuOpener& open) {
  struct Trial {
    std::uint32_t GpuShape::* field;
    std::vector<std::uint32_t> values;
  };
  const std::vector<Trial> trials = {
      {&GpuShape::copies, {1, 8, 32}}, {&GpuShape::group, {256, 1024}},
      {&GpuShape::halves, {0}},        {&GpuShape::unroll, {4, 16}},
      {&GpuShape::burst, {16, 64}},    {&GpuShape::nines, {455, 1821}},
      {&GpuShape::items_bits, {20}},
  };
  std::optional<Error> fault;
  GpuShape best;
  double best_rate = rate_of_shape(info, best, open, fault);
  for (const Trial& trial : trials) {
    for (const std::uint32_t value : trial.values) {
      GpuShape shape = best;
      shape.*trial.field = value;
      const double rate = rate_of_shape(info, shape, open, fault);
      if (rate <= gain_min * best_rate) continue;
      best = shape;
      best_rate = rate;
    }
  }
  if (best_rate == 0) return fail(fault.value_or(Error{Code::internal, info.name + " fails"}));
  shorten_batches(best, best_rate);
  return best;
}

GpuShapes load_shapes(const std::string& path) {
  const auto text = read_file(path, shapes_bytes_max);
  if (!text) return {};
  return parse_shapes(base::as_text(*text)).value_or(GpuShapes());
}

/// What cannot be kept is measured again next time.
void save_shapes(const std::string& path, const GpuShapes& shapes) {
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!make_dirs(folder, private_dir_mode)) return;
  const auto saved =
      write_file_atomic(path, base::as_bytes(encode_shapes(shapes)), public_file_mode);
  static_cast<void>(saved);
}

/// The file's shapes but for those of the device.
GpuShapes shapes_without(const std::string& path, const std::string& key) {
  GpuShapes shapes = load_shapes(path);
  std::erase_if(shapes, [&](const auto& entry) { return entry.first == key; });
  return shapes;
}

void keep(const std::string& path, const std::string& key, const GpuShape& shape) {
  GpuShapes shapes = shapes_without(path, key);
  if (shapes.size() == shapes_max) shapes.erase(shapes.begin());
  shapes.emplace_back(key, shape);
  save_shapes(path, shapes);
}

}  // namespace

double measure_rate(Kernel& kernel) {
  const Plan plan(region_unit(51, U128{1} << 20, 12345));
  std::vector<SliceResult> slices(1);
  double best = 0;
  for (int turn = 0; turn < turns;) {
    const auto began = Clock::now();
    if (!kernel.run(plan, 0, slices)) return 0;
    const auto took = Clock::now() - began;
    if (took < turn_time && slices.size() < plan.unit().slices()) {
      slices.resize(2 * slices.size());
      continue;
    }
    const double seconds = std::chrono::duration<double>(took).count();
    const auto count = static_cast<std::uint32_t>(slices.size());
    best = std::max(best, numbers_of(plan.unit(), count) / std::max(seconds, 1e-9));
    ++turn;
  }
  return best;
}

std::optional<std::string> shapes_path() {
  // Read at the start, before there are threads.
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  const char* const home = std::getenv("HOME");
  if (cache != nullptr && *cache == '/') return std::string(cache) + "/kith/collatz_shapes";
  if (home != nullptr && *home == '/') return std::string(home) + "/.cache/kith/collatz_shapes";
  return std::nullopt;
}

Result<GpuShape> tuned_shape(const GpuInfo& info, const std::optional<std::string>& path,
                             const GpuOpener& open) {
  if (info.is_processor) return processor_shape;
  if (path) {
    for (const auto& [key, shape] : load_shapes(*path)) {
      if (key == info.key) return shape;
    }
  }
  const GpuShape shape = TRY(search(info, open));
  if (path) keep(*path, info.key, shape);
  return shape;
}

void forget_shape(const GpuInfo& info, const std::string& path) {
  save_shapes(path, shapes_without(path, info.key));
}

Result<std::unique_ptr<Kernel>> open_gpu_kernel(const GpuInfo& info, const GpuShape& shape,
                                                const GpuOpener& open) {
  auto device = TRY(open(info));
  auto kernel = TRY(make_gpu_kernel(std::move(device), shape));
  TRY_VOID(self_test(*kernel));
  return kernel;
}

}  // namespace kith::rt
