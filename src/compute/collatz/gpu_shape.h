// How the GPU kernels are laid out on a device: sizes that change nothing in their results, only
// their speed. rt/ measures which are best and keeps them by hardware in a small text file:
//
//   kith collatz shapes 1
//   cuda NVIDIA H100 80GB HBM3, driver 13000<tab>512 16 1 32 8 910 22
//
// The file is a cache: one that is damaged, or of another version, is measured anew.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace kith::compute::collatz {

struct GpuShape {
  std::uint32_t group = 512;      // threads of a group: 32 to 1024, a power of two
  std::uint32_t copies = 16;      // of the table in shared memory, 2 KiB each: 1 to 32, likewise
  std::uint32_t halves = 1;       // 1: entries are read as two halves; 0: as one word
  std::uint32_t burst = 32;       // turns until a lane looks whether its work is done: 1 to 64
  std::uint32_t unroll = 8;       // of the burst: 1 to 16 (CUDA only)
  std::uint32_t nines = 910;      // numbers that a lane walks in one go: 16 to 2^22
  std::uint32_t items_bits = 22;  // classes a batch: 2^16 to 2^23
  friend bool operator==(const GpuShape&, const GpuShape&) = default;
};

/// `usage` names the field that is out of its bounds.
Result<void> check_shape(const GpuShape& shape);

inline constexpr std::size_t shapes_bytes_max = 65536;
inline constexpr std::size_t shapes_max = 64;
inline constexpr std::size_t shape_key_bytes_max = 200;

/// By the hardware's key: printable ASCII without tabs.
using GpuShapes = std::vector<std::pair<std::string, GpuShape>>;
/// `malformed` for anything that encode_shapes does not make.
Result<GpuShapes> parse_shapes(std::string_view text);
std::string encode_shapes(const GpuShapes& shapes);
/// What a key may hold of a device's own words.
std::string shape_key(std::string_view words);

}  // namespace kith::compute::collatz
