// CUDA by its driver's library alone: the kernels are compiled for the card's own architecture, so
// nothing is left to a driver's compiler. Waiting is blocking: a processor that computes too has
// better things to do than to poll.
#include <algorithm>

#include "base/format.h"
#include "compute/collatz/gpu_source.h"
#include "rt/compute_gpu.h"
#include "rt/compute_library.h"
#include "rt/compute_nvrtc.h"

namespace kith::rt {
namespace {

using namespace compute::collatz;

// As cuda.h declares them, in the versions that drivers since CUDA 11 have.
using Status = int;
using Device = int;
using Pointer = unsigned long long;
struct ContextTag;
struct ModuleTag;
struct FunctionTag;
struct StreamTag;
using Context = ContextTag*;
using Module = ModuleTag*;
using Function = FunctionTag*;
using Stream = StreamTag*;

enum Attribute : int {
  multiprocessor_count = 16,
  capability_major = 75,
  capability_minor = 76,
};
constexpr int shared_bytes_attribute = 8;  // of a function: how much it may ask for
constexpr unsigned blocking_sync = 4;      // of a context: threads that wait sleep
constexpr unsigned non_blocking_stream = 1;
constexpr std::size_t shared_bytes_usual = 48 * 1024;
constexpr std::size_t table_bytes = 2048;  // of a copy

struct Cuda {
  Status (*init)(unsigned) = nullptr;
  Status (*version)(int*) = nullptr;
  Status (*count)(int*) = nullptr;
  Status (*device)(Device*, int) = nullptr;
  Status (*name)(char*, int, Device) = nullptr;
  Status (*attribute)(int*, int, Device) = nullptr;
  Status (*retain)(Context*, Device) = nullptr;
  Status (*release)(Device) = nullptr;
  Status (*set_flags)(Device, unsigned) = nullptr;
  Status (*set_current)(Context) = nullptr;
  Status (*load_module)(Module*, const void*) = nullptr;
  Status (*unload_module)(Module) = nullptr;
  Status (*function)(Function*, Module, const char*) = nullptr;
  Status (*set_attribute)(Function, int, int) = nullptr;
  Status (*occupancy)(int*, Function, int, std::size_t) = nullptr;
  Status (*allocate)(Pointer*, std::size_t) = nullptr;
  Status (*free)(Pointer) = nullptr;
  Status (*to_device)(Pointer, const void*, std::size_t, Stream) = nullptr;
  Status (*to_host)(void*, Pointer, std::size_t, Stream) = nullptr;
  Status (*fill)(Pointer, unsigned char, std::size_t, Stream) = nullptr;
  Status (*create_stream)(Stream*, unsigned) = nullptr;
  Status (*synchronize)(Stream) = nullptr;
  Status (*destroy_stream)(Stream) = nullptr;
  Status (*launch)(Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                   Stream, void**, void**) = nullptr;
  Status (*error_name)(Status, const char**) = nullptr;
};

Result<Cuda> load() {
  const auto library = open_library({"libcuda.so.1"});
  if (!library) {
    return fail(Code::unsupported, base::format("no CUDA driver: {}", library.error().message));
  }
  Cuda cuda;
  const bool is_whole =
      load_symbol(*library, "cuInit", cuda.init) &&
      load_symbol(*library, "cuDriverGetVersion", cuda.version) &&
      load_symbol(*library, "cuDeviceGetCount", cuda.count) &&
      load_symbol(*library, "cuDeviceGet", cuda.device) &&
      load_symbol(*library, "cuDeviceGetName", cuda.name) &&
      load_symbol(*library, "cuDeviceGetAttribute", cuda.attribute) &&
      load_symbol(*library, "cuDevicePrimaryCtxRetain", cuda.retain) &&
      load_symbol(*library, "cuDevicePrimaryCtxRelease_v2", cuda.release) &&
      load_symbol(*library, "cuDevicePrimaryCtxSetFlags_v2", cuda.set_flags) &&
      load_symbol(*library, "cuCtxSetCurrent", cuda.set_current) &&
      load_symbol(*library, "cuModuleLoadData", cuda.load_module) &&
      load_symbol(*library, "cuModuleUnload", cuda.unload_module) &&
      load_symbol(*library, "cuModuleGetFunction", cuda.function) &&
      load_symbol(*library, "cuFuncSetAttribute", cuda.set_attribute) &&
      load_symbol(*library, "cuOccupancyMaxActiveBlocksPerMultiprocessor", cuda.occupancy) &&
      load_symbol(*library, "cuMemAlloc_v2", cuda.allocate) &&
      load_symbol(*library, "cuMemFree_v2", cuda.free) &&
      load_symbol(*library, "cuMemcpyHtoDAsync_v2", cuda.to_device) &&
      load_symbol(*library, "cuMemcpyDtoHAsync_v2", cuda.to_host) &&
      load_symbol(*library, "cuMemsetD8Async", cuda.fill) &&
      load_symbol(*library, "cuStreamCreate", cuda.create_stream) &&
      load_symbol(*library, "cuStreamSynchronize", cuda.synchronize) &&
      load_symbol(*library, "cuStreamDestroy_v2", cuda.destroy_stream) &&
      load_symbol(*library, "cuLaunchKernel", cuda.launch) &&
      load_symbol(*library, "cuGetErrorName", cuda.error_name);
  if (!is_whole) return fail(Code::unsupported, "the CUDA driver is older than CUDA 11");
  return cuda;
}

/// `cuda:0: launch: CUDA_ERROR_ILLEGAL_ADDRESS`
Result<void> check(const Cuda& cuda, Status status, std::string_view who, std::string_view what) {
  if (status == 0) return {};
  const char* words = nullptr;
  cuda.error_name(status, &words);
  return fail(Code::io, base::format("{}: {}: {}", who, what,
                                     words == nullptr ? base::format("error {}", status) : words));
}

Result<const Cuda*> driver() {
  static const Result<Cuda> loaded = load();
  if (!loaded) return fail(loaded.error());
  static const Status status = loaded->init(0);
  if (status != 0) {
    return fail(Code::unsupported,
                check(*loaded, status, "no CUDA device", "the driver").error().message);
  }
  return &*loaded;
}

class CudaDevice : public GpuDevice {
 public:
  CudaDevice(const Cuda& cuda, std::string name, Device device)
      : cuda_(cuda), name_(std::move(name)), device_(device) {}
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  ~CudaDevice() override {
    if (context_ == nullptr) return;
    cuda_.set_current(context_);
    clear_build();
    if (stream_ != nullptr) cuda_.destroy_stream(stream_);
    cuda_.release(device_);
  }

  Result<void> open() {
    // Refused when another part of the process holds the context: then it is as it is.
    cuda_.set_flags(device_, blocking_sync);
    TRY_VOID(check(cuda_.retain(&context_, device_), "its context"));
    TRY_VOID(enter());
    int major = 0;
    int minor = 0;
    TRY_VOID(check(cuda_.attribute(&major, capability_major, device_), "its capability"));
    TRY_VOID(check(cuda_.attribute(&minor, capability_minor, device_), "its capability"));
    TRY_VOID(check(cuda_.attribute(&multiprocessors_, multiprocessor_count, device_), "its size"));
    architecture_ = base::format("sm_{}{}", major, minor);
    return check(cuda_.create_stream(&stream_, non_blocking_stream), "a stream");
  }

  std::string_view name() const override { return name_; }

  Result<void> build(const GpuShape& shape,
                     const std::array<std::size_t, gpu_buffers>& bytes) override {
    const Bytes cubin = TRY(compile_cuda(gpu_program(shape, GpuLanguage::cuda), architecture_));
    TRY_VOID(enter());
    clear_build();
    shape_ = shape;
    TRY_VOID(check(cuda_.load_module(&module_, cubin.data()), "loading the kernels"));
    for (std::size_t i = 0; i < functions_.size(); ++i) TRY_VOID(find_function(i));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      TRY_VOID(check(cuda_.allocate(&buffers_[i], bytes[i]), "memory"));
    }
    return {};
  }

  Result<void> write(GpuBuffer buffer, ByteView bytes) override {
    TRY_VOID(enter());
    return check(cuda_.to_device(of(buffer), bytes.data(), bytes.size(), stream_), "writing");
  }
  Result<void> clear(GpuBuffer buffer, std::size_t bytes) override {
    TRY_VOID(enter());
    return check(cuda_.fill(of(buffer), 0, bytes, stream_), "clearing");
  }
  Result<void> launch(GpuEntry entry) override {
    TRY_VOID(enter());
    std::array<void*, gpu_buffers> arguments{};
    for (std::size_t i = 0; i < gpu_buffers; ++i) arguments[i] = &buffers_[i];
    const auto index = static_cast<std::size_t>(entry);
    return check(cuda_.launch(functions_[index], groups_[index], 1, 1, shape_.group, 1, 1,
                              static_cast<unsigned>(shared_bytes(entry)), stream_, arguments.data(),
                              nullptr),
                 gpu_entry_names[index]);
  }
  Result<void> read(GpuBuffer buffer, ByteSpan to) override {
    TRY_VOID(enter());
    // A copy to ordinary memory waits as well, but holds the driver's lock: other workers of this
    // device could ask for nothing meanwhile.
    TRY_VOID(check(cuda_.synchronize(stream_), "computing"));
    TRY_VOID(check(cuda_.to_host(to.data(), of(buffer), to.size(), stream_), "reading"));
    return check(cuda_.synchronize(stream_), "computing");
  }

 private:
  Pointer of(GpuBuffer buffer) const { return buffers_[static_cast<std::size_t>(buffer)]; }
  Result<void> check(Status status, std::string_view what) const {
    return rt::check(cuda_, status, name_, what);
  }
  /// Any thread may call: the context is the thread's before each use.
  Result<void> enter() const { return check(cuda_.set_current(context_), "its context"); }

  std::size_t shared_bytes(GpuEntry entry) const {
    const bool has_table = entry == GpuEntry::numbers || entry == GpuEntry::numbers_any;
    return has_table ? table_bytes * shape_.copies : 0;
  }

  Result<void> find_function(std::size_t index) {
    Function& function = functions_[index];
    const char* const name = gpu_entry_names[index].data();  // a literal: it ends with 0
    TRY_VOID(check(cuda_.function(&function, module_, name), name));
    const std::size_t shared = shared_bytes(static_cast<GpuEntry>(index));
    if (shared > shared_bytes_usual) {
      TRY_VOID(check(
          cuda_.set_attribute(function, shared_bytes_attribute, static_cast<int>(shared)), name));
    }
    int at_once = 0;
    TRY_VOID(
        check(cuda_.occupancy(&at_once, function, static_cast<int>(shape_.group), shared), name));
    if (at_once < 1) {
      return fail(Code::unsupported, base::format("{}: no room for {} threads of {}", name_,
                                                  shape_.group, gpu_entry_names[index]));
    }
    groups_[index] = static_cast<unsigned>(at_once * multiprocessors_);
    return {};
  }

  void clear_build() {
    for (Pointer& buffer : buffers_) {
      if (buffer != 0) cuda_.free(buffer);
      buffer = 0;
    }
    if (module_ != nullptr) cuda_.unload_module(module_);
    module_ = nullptr;
  }

  const Cuda& cuda_;
  std::string name_;
  Device device_;
  Context context_ = nullptr;
  Stream stream_ = nullptr;
  Module module_ = nullptr;
  std::string architecture_;
  int multiprocessors_ = 0;
  GpuShape shape_;
  std::array<Function, gpu_entry_names.size()> functions_{};
  std::array<unsigned, gpu_entry_names.size()> groups_{};
  std::array<Pointer, gpu_buffers> buffers_{};
};

}  // namespace

Result<std::vector<GpuInfo>> list_cuda() {
  const Cuda& cuda = *TRY(driver());
  int count = 0;
  int version = 0;
  TRY_VOID(check(cuda, cuda.count(&count), "CUDA", "counting devices"));
  TRY_VOID(check(cuda, cuda.version(&version), "CUDA", "its version"));
  if (count < 1) return fail(Code::unsupported, "no CUDA device: the driver lists none");
  std::vector<GpuInfo> gpus;
  for (int i = 0; i < count; ++i) {
    Device device = 0;
    std::array<char, 256> words{};
    TRY_VOID(check(cuda, cuda.device(&device, i), "CUDA", "a device"));
    TRY_VOID(check(cuda, cuda.name(words.data(), static_cast<int>(words.size()) - 1, device),
                   "CUDA", "a device's name"));
    const std::string name = words.data();
    gpus.push_back({GpuApi::cuda, static_cast<std::uint32_t>(i),
                    base::format("cuda:{} {}", i, name),
                    shape_key(base::format("cuda {}, driver {}", name, version)), false});
  }
  return gpus;
}

Result<std::unique_ptr<GpuDevice>> open_cuda(const GpuInfo& info) {
  const Cuda& cuda = *TRY(driver());
  Device device = 0;
  TRY_VOID(check(cuda, cuda.device(&device, static_cast<int>(info.index)), info.name, "opening"));
  auto opened = std::make_unique<CudaDevice>(cuda, info.name, device);
  TRY_VOID(opened->open());
  return opened;
}

}  // namespace kith::rt
