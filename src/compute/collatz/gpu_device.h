// What the GPU kernels need of a device: six buffers, the text compiled, launches in their order.
// rt/ has it by CUDA and by OpenCL. An error is the device's: it may be gone for good, and whoever
// gets one does the work elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "compute/collatz/gpu_shape.h"

namespace kith::compute::collatz {

/// In the order of the kernels' arguments.
enum class GpuBuffer : std::uint8_t { params, prefixes, leaves, state, records, rest };
inline constexpr std::size_t gpu_buffers = 6;

enum class GpuEntry : std::uint8_t {
  leaves,
  numbers,
  numbers_any,
  wide_leaves,
  follow,
  peak3,
  peak2,
  peak1,
  peak0
};
inline constexpr std::array<std::string_view, 9> gpu_entry_names = {
    "leaves", "numbers", "numbers_any", "wide_leaves", "follow", "peak3", "peak2", "peak1", "peak0",
};

class GpuDevice {
 public:
  virtual ~GpuDevice() = default;
  /// "cuda:0", for sentences.
  virtual std::string_view name() const = 0;
  /// Compiles gpu_program() and makes buffers of these sizes, in place of any that were there.
  virtual Result<void> build(const GpuShape& shape,
                             const std::array<std::size_t, gpu_buffers>& bytes) = 0;
  virtual Result<void> write(GpuBuffer buffer, ByteView bytes) = 0;
  /// Its first `bytes` become 0.
  virtual Result<void> clear(GpuBuffer buffer, std::size_t bytes) = 0;
  /// As many groups of the shape's size as the device holds at once. Does not wait.
  virtual Result<void> launch(GpuEntry entry) = 0;
  /// Waits for all that was asked for before.
  virtual Result<void> read(GpuBuffer buffer, ByteSpan to) = 0;
};

}  // namespace kith::compute::collatz
