// NVIDIA's run-time compiler: CUDA C++ to the machine code of one architecture. It needs no GPU.
#pragma once

#include <string>

#include "base/bytes.h"

namespace kith::rt {

/// A CUBIN for exactly `architecture` ("sm_90"). `not_found` when the compiler is not here; it is
/// looked for at $KITH_NVRTC, then where the loader looks, then below /usr/local/cuda.
Result<Bytes> compile_cuda(const std::string& program, const std::string& architecture);

}  // namespace kith::rt
