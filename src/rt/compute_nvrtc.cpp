#include "rt/compute_nvrtc.h"

#include <array>
#include <cstdlib>

#include "base/format.h"
#include "rt/compute_library.h"

namespace kith::rt {
namespace {

// As nvrtc.h declares them.
using Program = void*;
using Status = int;

constexpr std::size_t log_shown_max = 600;

struct Nvrtc {
  Status (*create)(Program*, const char* source, const char* name, int headers,
                   const char* const* header_sources, const char* const* header_names) = nullptr;
  Status (*destroy)(Program*) = nullptr;
  Status (*compile)(Program, int count, const char* const* options) = nullptr;
  Status (*log_size)(Program, std::size_t*) = nullptr;
  Status (*log)(Program, char*) = nullptr;
  Status (*cubin_size)(Program, std::size_t*) = nullptr;
  Status (*cubin)(Program, char*) = nullptr;
  const char* (*words_of)(Status) = nullptr;
};

Result<Nvrtc> load() {
  const char* const given = std::getenv("KITH_NVRTC");  // before there are threads
  const auto library = given != nullptr
                           ? open_library({given})
                           : open_library({"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so",
                                           "/usr/local/cuda/lib64/libnvrtc.so.13",
                                           "/usr/local/cuda/lib64/libnvrtc.so.12",
                                           "/usr/local/cuda/lib64/libnvrtc.so"});
  if (!library) {
    return fail(Code::not_found, base::format("no CUDA compiler: {}", library.error().message));
  }
  Nvrtc nvrtc;
  const bool is_whole = load_symbol(*library, "nvrtcCreateProgram", nvrtc.create) &&
                        load_symbol(*library, "nvrtcDestroyProgram", nvrtc.destroy) &&
                        load_symbol(*library, "nvrtcCompileProgram", nvrtc.compile) &&
                        load_symbol(*library, "nvrtcGetProgramLogSize", nvrtc.log_size) &&
                        load_symbol(*library, "nvrtcGetProgramLog", nvrtc.log) &&
                        load_symbol(*library, "nvrtcGetCUBINSize", nvrtc.cubin_size) &&
                        load_symbol(*library, "nvrtcGetCUBIN", nvrtc.cubin) &&
                        load_symbol(*library, "nvrtcGetErrorString", nvrtc.words_of);
  if (!is_whole) return fail(Code::unsupported, "libnvrtc is older than 11.1: it makes no CUBINs");
  return nvrtc;
}

std::string log_of(const Nvrtc& nvrtc, Program program) {
  std::size_t size = 0;
  if (nvrtc.log_size(program, &size) != 0 || size == 0) return "";
  std::string log(size, '\0');
  if (nvrtc.log(program, log.data()) != 0) return "";
  return log.substr(0, std::min(size - 1, log_shown_max));
}

Result<Bytes> compile(const Nvrtc& nvrtc, Program program, const std::string& architecture) {
  const std::string option = "--gpu-architecture=" + architecture;
  const std::array<const char*, 1> options = {option.c_str()};
  const Status status = nvrtc.compile(program, 1, options.data());
  if (status != 0) {
    return fail(Code::unsupported,
                base::format("the kernels do not compile for {}: {}: {}", architecture,
                             nvrtc.words_of(status), log_of(nvrtc, program)));
  }
  std::size_t size = 0;
  if (nvrtc.cubin_size(program, &size) != 0 || size == 0) {
    return fail(Code::unsupported, base::format("libnvrtc made no CUBIN for {}", architecture));
  }
  Bytes cubin(size);
  if (nvrtc.cubin(program, reinterpret_cast<char*>(cubin.data())) != 0) {
    return fail(Code::internal, "libnvrtc keeps its CUBIN to itself");
  }
  return cubin;
}

}  // namespace

Result<Bytes> compile_cuda(const std::string& program, const std::string& architecture) {
  static const Result<Nvrtc> loaded = load();
  if (!loaded) return fail(loaded.error());
  const Nvrtc& nvrtc = *loaded;
  Program handle = nullptr;
  if (const Status status =
          nvrtc.create(&handle, program.c_str(), "kith_collatz.cu", 0, nullptr, nullptr);
      status != 0) {
    return fail(Code::internal, base::format("libnvrtc: {}", nvrtc.words_of(status)));
  }
  auto cubin = compile(nvrtc, handle, architecture);
  nvrtc.destroy(&handle);
  return cubin;
}

}  // namespace kith::rt
