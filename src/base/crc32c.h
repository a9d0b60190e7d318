// CRC-32C (Castagnoli; RFC 3720 appendix B.4), with the processor's instruction where it has one.
// Finds accidents, not forgery.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace kith::base {

/// The checksum of `bytes`; of several pieces: each with the one before as `before`.
std::uint32_t crc32c(ByteView bytes, std::uint32_t before = 0);

/// The same without the instruction: what the fast one is tested by.
std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t before = 0);

}  // namespace kith::base

namespace kith {
using base::crc32c;
}  // namespace kith
