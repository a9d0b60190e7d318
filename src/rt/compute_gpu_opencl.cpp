// OpenCL 1.2 by its loader's library. Devices' own compilers translate the kernels, and have been
// known to do so wrongly: the self-test at start is what makes them fit for use.
#include <algorithm>
#include <chrono>
#include <thread>

#include "base/format.h"
#include "compute/collatz/gpu_source.h"
#include "rt/compute_gpu.h"
#include "rt/compute_library.h"

namespace kith::rt {
namespace {

using namespace compute::collatz;

// As CL/cl.h declares them.
using Status = std::int32_t;
struct PlatformTag;
struct DeviceTag;
struct ContextTag;
struct QueueTag;
struct MemoryTag;
struct ProgramTag;
struct KernelTag;
struct EventTag;
using Platform = PlatformTag*;
using Device = DeviceTag*;
using Context = ContextTag*;
using Queue = QueueTag*;
using Memory = MemoryTag*;
using Program = ProgramTag*;
using KernelHandle = KernelTag*;
using Event = EventTag*;

constexpr std::uint64_t type_all = 0xFFFFFFFF;
constexpr std::uint64_t type_cpu = 1 << 1;
constexpr unsigned info_type = 0x1000;
constexpr unsigned info_units = 0x1002;
constexpr unsigned info_group_max = 0x1004;
constexpr unsigned info_local_bytes = 0x1023;
constexpr unsigned info_name = 0x102B;
constexpr unsigned info_driver_version = 0x102D;
constexpr unsigned info_build_log = 0x1183;
constexpr unsigned info_event_status = 0x11D3;
constexpr Status event_complete = 0;
/// Drivers wait by polling, which would cost a processor; a thousandth of a batch is nothing.
constexpr auto poll_interval = std::chrono::microseconds(200);
constexpr std::uint64_t memory_read_write = 1;
constexpr unsigned platforms_max = 16;
constexpr unsigned devices_max = 64;
constexpr std::size_t log_shown_max = 600;
constexpr std::size_t table_bytes = 2048;  // of a copy
/// Threads of a unit that are wanted at once; it takes what it can and does the rest later.
constexpr std::size_t threads_of_gpu_unit = 2048;
constexpr std::size_t groups_of_processor_unit = 2;

struct OpenCl {
  Status (*platforms)(unsigned, Platform*, unsigned*) = nullptr;
  Status (*devices)(Platform, std::uint64_t, unsigned, Device*, unsigned*) = nullptr;
  Status (*device_info)(Device, unsigned, std::size_t, void*, std::size_t*) = nullptr;
  Context (*create_context)(const std::intptr_t*, unsigned, const Device*, void*, void*,
                            Status*) = nullptr;
  Status (*release_context)(Context) = nullptr;
  Queue (*create_queue)(Context, Device, std::uint64_t, Status*) = nullptr;
  Status (*release_queue)(Queue) = nullptr;
  Memory (*create_buffer)(Context, std::uint64_t, std::size_t, void*, Status*) = nullptr;
  Status (*release_memory)(Memory) = nullptr;
  Program (*create_program)(Context, unsigned, const char**, const std::size_t*, Status*) = nullptr;
  Status (*build_program)(Program, unsigned, const Device*, const char*, void*, void*) = nullptr;
  Status (*build_info)(Program, Device, unsigned, std::size_t, void*, std::size_t*) = nullptr;
  Status (*release_program)(Program) = nullptr;
  KernelHandle (*create_kernel)(Program, const char*, Status*) = nullptr;
  Status (*release_kernel)(KernelHandle) = nullptr;
  Status (*set_argument)(KernelHandle, unsigned, std::size_t, const void*) = nullptr;
  Status (*write)(Queue, Memory, unsigned, std::size_t, std::size_t, const void*, unsigned,
                  const void*, void*) = nullptr;
  Status (*read)(Queue, Memory, unsigned, std::size_t, std::size_t, void*, unsigned, const void*,
                 Event*) = nullptr;
  Status (*flush)(Queue) = nullptr;
  Status (*event_info)(Event, unsigned, std::size_t, void*, std::size_t*) = nullptr;
  Status (*release_event)(Event) = nullptr;
  Status (*fill)(Queue, Memory, const void*, std::size_t, std::size_t, std::size_t, unsigned,
                 const void*, void*) = nullptr;
  Status (*launch)(Queue, KernelHandle, unsigned, const std::size_t*, const std::size_t*,
                   const std::size_t*, unsigned, const void*, void*) = nullptr;
};

Result<OpenCl> load() {
  const auto library = open_library({"libOpenCL.so.1"});
  if (!library)
    return fail(Code::unsupported, base::format("no OpenCL: {}", library.error().message));
  OpenCl cl;
  const bool is_whole = load_symbol(*library, "clGetPlatformIDs", cl.platforms) &&
                        load_symbol(*library, "clGetDeviceIDs", cl.devices) &&
                        load_symbol(*library, "clGetDeviceInfo", cl.device_info) &&
                        load_symbol(*library, "clCreateContext", cl.create_context) &&
                        load_symbol(*library, "clReleaseContext", cl.release_context) &&
                        load_symbol(*library, "clCreateCommandQueue", cl.create_queue) &&
                        load_symbol(*library, "clReleaseCommandQueue", cl.release_queue) &&
                        load_symbol(*library, "clCreateBuffer", cl.create_buffer) &&
                        load_symbol(*library, "clReleaseMemObject", cl.release_memory) &&
                        load_symbol(*library, "clCreateProgramWithSource", cl.create_program) &&
                        load_symbol(*library, "clBuildProgram", cl.build_program) &&
                        load_symbol(*library, "clGetProgramBuildInfo", cl.build_info) &&
                        load_symbol(*library, "clReleaseProgram", cl.release_program) &&
                        load_symbol(*library, "clCreateKernel", cl.create_kernel) &&
                        load_symbol(*library, "clReleaseKernel", cl.release_kernel) &&
                        load_symbol(*library, "clSetKernelArg", cl.set_argument) &&
                        load_symbol(*library, "clEnqueueWriteBuffer", cl.write) &&
                        load_symbol(*library, "clEnqueueReadBuffer", cl.read) &&
                        load_symbol(*library, "clFlush", cl.flush) &&
                        load_symbol(*library, "clGetEventInfo", cl.event_info) &&
                        load_symbol(*library, "clReleaseEvent", cl.release_event) &&
                        load_symbol(*library, "clEnqueueFillBuffer", cl.fill) &&
                        load_symbol(*library, "clEnqueueNDRangeKernel", cl.launch);
  if (!is_whole) return fail(Code::unsupported, "libOpenCL.so.1 is older than OpenCL 1.2");
  return cl;
}

Result<const OpenCl*> loaded_opencl() {
  static const Result<OpenCl> loaded = load();
  if (!loaded) return fail(loaded.error());
  return &*loaded;
}

Result<std::vector<Device>> all_devices(const OpenCl& cl) {
  std::array<Platform, platforms_max> platforms{};
  unsigned count = 0;
  // It fails when there is none, and lists more than it was given room for.
  if (cl.platforms(platforms_max, platforms.data(), &count) != 0) count = 0;
  std::vector<Device> devices;
  for (unsigned i = 0; i < std::min(count, platforms_max); ++i) {
    std::array<Device, devices_max> here{};
    unsigned found = 0;
    if (cl.devices(platforms[i], type_all, devices_max, here.data(), &found) != 0) continue;
    devices.insert(devices.end(), here.begin(), here.begin() + std::min(found, devices_max));
  }
  if (devices.empty()) return fail(Code::unsupported, "no OpenCL device: no driver lists one");
  return devices;
}

template <class Number>
Number number_of(const OpenCl& cl, Device device, unsigned what) {
  Number value{};
  return cl.device_info(device, what, sizeof value, &value, nullptr) == 0 ? value : Number{};
}

std::string words_of(const OpenCl& cl, Device device, unsigned what) {
  std::array<char, 256> words{};
  if (cl.device_info(device, what, words.size() - 1, words.data(), nullptr) != 0) return "?";
  return words.data();
}

class OpenClDevice : public GpuDevice {
 public:
  OpenClDevice(const OpenCl& cl, std::string name, Device device)
      : cl_(cl), name_(std::move(name)), device_(device) {}
  OpenClDevice(const OpenClDevice&) = delete;
  OpenClDevice& operator=(const OpenClDevice&) = delete;

  ~OpenClDevice() override {
    clear_build();
    if (queue_ != nullptr) cl_.release_queue(queue_);
    if (context_ != nullptr) cl_.release_context(context_);
  }

  Result<void> open() {
    Status status = 0;
    context_ = cl_.create_context(nullptr, 1, &device_, nullptr, nullptr, &status);
    TRY_VOID(check(status, "its context"));
    queue_ = cl_.create_queue(context_, device_, 0, &status);
    return check(status, "a queue");
  }

  std::string_view name() const override { return name_; }

  Result<void> build(const GpuShape& shape,
                     const std::array<std::size_t, gpu_buffers>& bytes) override {
    clear_build();
    TRY_VOID(check_room(shape));
    shape_ = shape;
    const std::string text = gpu_program(shape, GpuLanguage::opencl);
    const char* source = text.c_str();
    const std::size_t length = text.size();
    Status status = 0;
    program_ = cl_.create_program(context_, 1, &source, &length, &status);
    TRY_VOID(check(status, "the kernels"));
    status = cl_.build_program(program_, 1, &device_, "", nullptr, nullptr);
    if (status != 0) {
      return fail(Code::unsupported, base::format("{}: the kernels do not compile: error {}: {}",
                                                  name_, status, log()));
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      buffers_[i] = cl_.create_buffer(context_, memory_read_write, bytes[i], nullptr, &status);
      TRY_VOID(check(status, "memory"));
    }
    for (std::size_t i = 0; i < kernels_.size(); ++i) TRY_VOID(make_kernel(i));
    return {};
  }

  Result<void> write(GpuBuffer buffer, ByteView bytes) override {
    return check(
        cl_.write(queue_, of(buffer), 1, 0, bytes.size(), bytes.data(), 0, nullptr, nullptr),
        "writing");
  }
  Result<void> clear(GpuBuffer buffer, std::size_t bytes) override {
    const std::uint32_t zero = 0;
    return check(cl_.fill(queue_, of(buffer), &zero, sizeof zero, 0, bytes, 0, nullptr, nullptr),
                 "clearing");
  }
  Result<void> launch(GpuEntry entry) override {
    const auto index = static_cast<std::size_t>(entry);
    const std::size_t group = shape_.group;
    const std::size_t threads = group * groups();
    return check(
        cl_.launch(queue_, kernels_[index], 1, nullptr, &threads, &group, 0, nullptr, nullptr),
        gpu_entry_names[index]);
  }
  Result<void> read(GpuBuffer buffer, ByteSpan to) override {
    Event event = nullptr;
    TRY_VOID(check(cl_.read(queue_, of(buffer), 0, 0, to.size(), to.data(), 0, nullptr, &event),
                   "reading"));
    Status status = cl_.flush(queue_);
    Status state = 1;
    while (status == 0 && state > event_complete) {
      status = cl_.event_info(event, info_event_status, sizeof state, &state, nullptr);
      if (state > event_complete) std::this_thread::sleep_for(poll_interval);
    }
    cl_.release_event(event);
    TRY_VOID(check(status, "waiting"));
    return check(state, "computing");
  }

 private:
  Memory of(GpuBuffer buffer) const { return buffers_[static_cast<std::size_t>(buffer)]; }

  Result<void> check(Status status, std::string_view what) const {
    if (status == 0) return {};
    return fail(Code::io, base::format("{}: {}: OpenCL error {}", name_, what, status));
  }

  Result<void> check_room(const GpuShape& shape) const {
    const auto group_max = number_of<std::size_t>(cl_, device_, info_group_max);
    const auto local_bytes = number_of<std::uint64_t>(cl_, device_, info_local_bytes);
    if (shape.group > group_max || table_bytes * shape.copies > local_bytes) {
      return fail(
          Code::unsupported,
          base::format("{}: no room for groups of {} with {} tables: it has {} and {} bytes", name_,
                       shape.group, shape.copies, group_max, local_bytes));
    }
    return {};
  }

  std::size_t groups() const {
    const std::size_t units = std::max(1u, number_of<unsigned>(cl_, device_, info_units));
    const bool is_cpu = (number_of<std::uint64_t>(cl_, device_, info_type) & type_cpu) != 0;
    return units * (is_cpu ? groups_of_processor_unit : threads_of_gpu_unit / shape_.group);
  }

  Result<void> make_kernel(std::size_t index) {
    Status status = 0;
    kernels_[index] = cl_.create_kernel(program_, gpu_entry_names[index].data(), &status);
    TRY_VOID(check(status, gpu_entry_names[index]));
    for (unsigned i = 0; i < gpu_buffers; ++i) {
      TRY_VOID(check(cl_.set_argument(kernels_[index], i, sizeof(Memory), &buffers_[i]),
                     gpu_entry_names[index]));
    }
    return {};
  }

  std::string log() const {
    std::size_t size = 0;
    if (cl_.build_info(program_, device_, info_build_log, 0, nullptr, &size) != 0) return "";
    std::string text(size, '\0');
    if (cl_.build_info(program_, device_, info_build_log, size, text.data(), nullptr) != 0) {
      return "";
    }
    return text.substr(0, log_shown_max);
  }

  void clear_build() {
    for (KernelHandle& kernel : kernels_) {
      if (kernel != nullptr) cl_.release_kernel(kernel);
      kernel = nullptr;
    }
    for (Memory& buffer : buffers_) {
      if (buffer != nullptr) cl_.release_memory(buffer);
      buffer = nullptr;
    }
    if (program_ != nullptr) cl_.release_program(program_);
    program_ = nullptr;
  }

  const OpenCl& cl_;
  std::string name_;
  Device device_;
  Context context_ = nullptr;
  Queue queue_ = nullptr;
  Program program_ = nullptr;
  GpuShape shape_;
  std::array<KernelHandle, gpu_entry_names.size()> kernels_{};
  std::array<Memory, gpu_buffers> buffers_{};
};

}  // namespace

Result<std::vector<GpuInfo>> list_opencl() {
  const OpenCl& cl = *TRY(loaded_opencl());
  const std::vector<Device> devices = TRY(all_devices(cl));
  std::vector<GpuInfo> gpus;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const std::string name = words_of(cl, devices[i], info_name);
    const std::string version = words_of(cl, devices[i], info_driver_version);
    gpus.push_back({GpuApi::opencl, static_cast<std::uint32_t>(i),
                    base::format("opencl:{} {}", i, name),
                    shape_key(base::format("opencl {}, driver {}", name, version)),
                    (number_of<std::uint64_t>(cl, devices[i], info_type) & type_cpu) != 0});
  }
  return gpus;
}

Result<std::unique_ptr<GpuDevice>> open_opencl(const GpuInfo& info) {
  const OpenCl& cl = *TRY(loaded_opencl());
  const std::vector<Device> devices = TRY(all_devices(cl));
  if (info.index >= devices.size()) {
    return fail(Code::not_found, base::format("{} is not here any more", info.name));
  }
  auto opened = std::make_unique<OpenClDevice>(cl, info.name, devices[info.index]);
  TRY_VOID(opened->open());
  return opened;
}

}  // namespace kith::rt
